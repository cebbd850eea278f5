"""Run the numeric tests as other processors would: with other kernels and other numbers of threads.

    python -m tests.kernels

Environment variables choose the instructions that torch, oneDNN and MKL may use. What passes under all
settings rests on the mathematics, not on the order in which one processor adds. Exits with 1 if a test fails.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

OLDEST = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
"""What every 64-bit processor has: sums of two or four numbers at a time, in the same order everywhere."""
SSE4 = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
MIXED = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "MKL_CBWR": "AVX2"}
OWN: dict[str, str] = {}
"""All that this processor has."""

SETTINGS = ((OLDEST, 1), (SSE4, 2), (AVX2, 4), (MIXED, 1), (OWN, 2))
"""Kernels and threads. (`make test` itself has all that this processor has, on one thread.)"""

NUMERIC = (
    *("directions", "discover", "evaluate", "experiments", "generators", "invert", "scenes", "scorers"),
    *("pretrain/test_biggan_deep.py", "pretrain/test_discriminators.py", "pretrain/test_losses.py"),
    *("pretrain/test_training.py", "report/test_comparison.py", "cli/test_edit_latents.py"),
    *("checkpoints/test_biggan_formats.py", "checkpoints/test_progan_formats.py"),
    *("checkpoints/test_stylegan_formats.py", "checkpoints/test_stylegan2_formats.py"),
    *("test_images.py", "test_linalg.py"),
)
"""Tests, under tests/, that compare floating-point numbers."""

LONG = "browser or fuzz or kills or pairs or statistics or training"


def run(kernels: dict[str, str], threads: int) -> bool:
    """Run the numeric tests under one setting, on two workers; returns whether they passed."""
    waiting = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}  # threads > cores
    environment = {**os.environ, **kernels, **waiting, "OMP_NUM_THREADS": str(threads)}
    told = " ".join(f"{name}={value}" for name, value in kernels.items()) or "all kernels of this processor"
    sys.stdout.write(f"{told}, threads: {threads}\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-m", f"not ({LONG})"]
    places = [f"tests/{place}" for place in NUMERIC]
    done = subprocess.run([*command, *places], cwd=ROOT, env=environment, check=False)
    sys.stdout.write(f"{'passed' if done.returncode == 0 else 'FAILED'}\n")
    return done.returncode == 0


def main() -> None:
    """Run all settings, the others too where one fails."""
    passed = [run(kernels, threads) for kernels, threads in SETTINGS]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
