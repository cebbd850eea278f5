"""Import of a file of FFHQ's size: an NVIDIA pickle of StyleGAN2 at 1024 x 1024 (config F), random weights.

    python -m benchmarks.import_ffhq --folder runs/import-ffhq

The file holds G, D and G_ema, as the published ones do. In a process of its own, the import is timed, a
picture drawn, and the peak of memory read from the system.
"""

import json
import time
from pathlib import Path

import torch
from benchmarks.machine import answer, in_child, resident_peak
from benchmarks.runner import Parser

from latentclr.files import make_folder, write_bytes


def write(path: Path) -> None:
    from benchmarks.generators import stylegan2
    from tests.checkpoints.published import nvidia_torch
    from tests.checkpoints.test_stylegan2_formats import as_nvidia_torch

    write_bytes(path, nvidia_torch(as_nvidia_torch(stylegan2()), 4))


def measure(file: str) -> dict[str, float]:
    """Seconds and memory of the import, of a picture, and of the import of our own file."""
    from latentclr.checkpoints import read_checkpoint, save_generator

    def peak() -> int:
        return round(resident_peak() / 2**20)

    path = Path(file)
    found: dict[str, float] = {"file_mb": round(path.stat().st_size / 2**20), "before_mb": peak()}
    started = time.perf_counter()
    generator = read_checkpoint(path).generator
    found |= {"import_seconds": round(time.perf_counter() - started, 2), "import_peak_mb": peak()}
    latents = generator.from_seeds([0])
    started = time.perf_counter()
    with torch.no_grad():
        generator(latents)
    found |= {"picture_seconds": round(time.perf_counter() - started, 2), "picture_peak_mb": peak()}
    native = path.with_suffix(".safetensors")
    save_generator(generator, native, source={})
    started = time.perf_counter()
    again = read_checkpoint(native).generator
    found["native_seconds"] = round(time.perf_counter() - started, 2)
    assert again.fingerprint() == generator.fingerprint()
    return found


def main() -> None:
    parser = Parser(__doc__, threads=0, out=False)
    parser.add_argument("--folder", type=Path, default=Path("runs/import-ffhq"))
    options = parser.options()
    path = make_folder(options.folder) / "ffhq-sized.pkl"
    if not path.exists():
        write(path)
    print(json.dumps(in_child("benchmarks.import_ffhq", {"file": str(path)}, threads=options.threads)))
    print(f"the file stays at {path}")


if __name__ == "__main__" and not answer(measure):
    main()
