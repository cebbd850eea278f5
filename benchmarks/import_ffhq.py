"""Import of a file of FFHQ's size: an NVIDIA pickle of StyleGAN2 at 1024 x 1024 (config F), random weights.

    python -m benchmarks.import_ffhq --folder runs/import-ffhq

The file holds G, D and G_ema, as the published ones do. In a process of its own, the import is timed, a
picture drawn, and the peak of memory read from the system.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from latentclr.files import make_folder, write_bytes

MEASURE = "measure"


def write(path: Path) -> None:
    """The pickle."""
    from benchmarks.generators import stylegan2
    from tests.checkpoints.published import nvidia_torch
    from tests.checkpoints.test_stylegan2_formats import as_nvidia_torch

    write_bytes(path, nvidia_torch(as_nvidia_torch(stylegan2()), 4))


def measure(path: Path) -> dict[str, float]:
    """Seconds and memory of the import, of a picture, and of the import of our own file."""
    from latentclr.checkpoints import read_checkpoint, save_generator

    def peak() -> float:
        # Not getrusage: its figure is inherited from the process that started this one.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    found: dict[str, float] = {"file_mb": round(path.stat().st_size / 2**20), "before_mb": round(peak())}
    started = time.perf_counter()
    generator = read_checkpoint(path).generator
    found |= {"import_seconds": round(time.perf_counter() - started, 2), "import_peak_mb": round(peak())}
    latents = generator.from_seeds([0])
    started = time.perf_counter()
    with torch.no_grad():
        generator(latents)
    found |= {"picture_seconds": round(time.perf_counter() - started, 2), "picture_peak_mb": round(peak())}
    native = path.with_suffix(".safetensors")
    save_generator(generator, native, source={})
    started = time.perf_counter()
    again = read_checkpoint(native).generator
    found["native_seconds"] = round(time.perf_counter() - started, 2)
    assert again.fingerprint() == generator.fingerprint()
    return found


def main() -> None:
    """Write the file, measure in another process, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/import-ffhq"))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    path = make_folder(arguments.folder) / "ffhq-sized.pkl"
    if not path.exists():
        write(path)
    command = [sys.executable, "-m", "benchmarks.import_ffhq", "--measure", str(path)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    print(f"the file stays at {path}")


if __name__ == "__main__":
    main()
