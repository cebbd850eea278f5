#!/usr/bin/env bash
# Every measurement and training that wants a GPU, in one call; results go to benchmarks/results (or $OUT).
# Needs an environment with torch for CUDA and this package: pip install -e .
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-benchmarks/results}
mkdir -p "$out"
python - "$out/machine.json" <<'PYTHON'
import json
import sys
from pathlib import Path

import torch

gpu = torch.cuda.get_device_properties(0)
facts = {"gpu": gpu.name, "memory": gpu.total_memory, "torch": torch.__version__, "cuda": torch.version.cuda}
Path(sys.argv[1]).write_text(json.dumps(facts, indent=2))
PYTHON
# The same discovery on both devices: seconds, accuracy and curves stand in each run.json.
for device in cuda cpu; do
  latentclr discover latentclr --generator faces --seed 0 --device "$device" --out "$out/faces-$device" --overwrite
done
python benchmarks/defaults.py --device cuda --out "$out/defaults-cuda.json"
python -m benchmarks.layouts --device cuda | tee "$out/layouts-cuda.txt"
python -m benchmarks.generators --device cuda --out "$out/generators-cuda.json"
