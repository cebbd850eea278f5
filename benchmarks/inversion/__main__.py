"""How well photos are inverted, and how well what was found can be edited.

    OMP_NUM_THREADS=1 python -m benchmarks.inversion generated --out benchmarks/results/inversion.json

Parts, as many as are named (all, if none is):
- generated: samples of the four small generators, whose latents exist: the encoder alone, optimisation and
  in-domain.
- renders: pictures of scenes that no GAN made: reconstruction, and what the oracle reads before and after.
- edits: the same renders, edited: leakage and slopes beside those of generated pictures, at equal visible
  change.
- faces: pictures of one GAN of faces inverted in the other; edits of light and colour should keep the person.
- tuning: pivotal tuning on renders: size of the file, photos before and after, what becomes of others.
- large: steps in a StyleGAN2 of 1024 x 1024 with random weights: seconds, memory; stopped and gone on with.

What is in the file already is not measured again, and each batch of inverted photos is kept in --runs.
Seconds are the processor's own (of one thread), which other programs on the machine lengthen less than those
of the clock; both are in the file. Intervals hold 95 % over photos.
"""

from pathlib import Path

from benchmarks.inversion.bench import MOST, Bench
from benchmarks.inversion.edits import edits
from benchmarks.inversion.reconstruction import faces, generated, renders
from benchmarks.inversion.tuning import large, large_steps, tuning
from benchmarks.machine import answer
from benchmarks.runner import Parser, Rows

from latentclr.files import make_folder
from latentclr.scorers.lpips import load_lpips

PARTS = {part.__name__: part for part in (generated, renders, edits, faces, tuning, large)}


def main() -> None:
    parser = Parser(__doc__, threads=1)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--runs", type=Path, default=Path("runs/inversion"))
    parser.add_argument("--n", type=int, default=64, help="photos")
    options = parser.options()
    if not 0 < options.n <= MOST:
        parser.error(f"--n {options.n}: give 1 to {MOST}")
    bench = Bench(
        Rows(options.out, threads=options.threads), make_folder(options.runs), options.n, load_lpips()
    )
    for part in options.parts:
        PARTS[part](bench)


if __name__ == "__main__" and not answer(large_steps):
    main()
