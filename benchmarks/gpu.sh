#!/usr/bin/env bash
# Every measurement and training that wants a GPU, in one call; results go to benchmarks/results (or $OUT).
#
#   benchmarks/gpu.sh measurements          about 8 minutes on an H200
#   benchmarks/gpu.sh measurements scenes   these parts
#   benchmarks/gpu.sh                       all parts: hours
#
# Parts: measurements; defaults (the search for the defaults); scenes (StyleGAN2, five seeds for the
# disentanglement protocol), scenes-biggan, scenes-128.
# A training that was cut off goes on when its part is called again with the same $OUT.
# Needs an environment with torch for CUDA and this package: pip install -e '.[dev,bench]'
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-benchmarks/results}
mkdir -p "$out"
parts=${*:-measurements defaults scenes scenes-biggan scenes-128}
wanted() { [[ " $parts " == *" $1 "* ]]; }
# A larger batch than on a CPU: the networks are small, so a step's time is that of its launches.
large=(--device cuda --batch 64 --pool 100000 --checkpoint-every 200000 --export-every 500000 --resume)

if wanted scenes; then
  for seed in 0 1 2 3 4; do
    latentclr pretrain stylegan2 --data scenes --seed "$seed" --pictures 3000000 "${large[@]}" \
      --out "$out/runs/scenes-$seed"
  done
  python -m benchmarks.ship_scenes scenes "$out/runs/scenes-0" --out "$out" --sheet "$out/scenes.png" \
    --machine "$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)"
fi
if wanted scenes-biggan; then
  latentclr pretrain biggan-deep --data scenes-biggan --pictures 3000000 --lr-g 5e-4 --lr-d 5e-4 "${large[@]}" \
    --out "$out/runs/scenes-biggan"
  python -m benchmarks.ship_scenes scenes-biggan "$out/runs/scenes-biggan" --out "$out" \
    --sheet "$out/scenes-biggan.png" --machine "$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)"
fi
if wanted scenes-128; then
  latentclr pretrain stylegan2 --data scenes --resolution 128 --channels 128 128 64 32 16 16 --pictures 3000000 \
    "${large[@]}" --out "$out/runs/scenes-128"
fi
if wanted defaults; then
  python benchmarks/defaults.py --device cuda --out "$out/defaults-cuda.json"
fi
wanted measurements || exit 0

failed=()
measure() {  # one that fails does not keep the others from running
  local started=$SECONDS
  "$@" || failed+=("$*")
  echo "$((SECONDS - started)) s: $*"
}
measure python -m benchmarks.step --device cuda --out "$out/step-cuda.json"
measure python -m benchmarks.scaling --device cuda --out "$out/scaling-cuda.json"
# The same discovery on both devices: seconds, accuracy and curves stand in each run.json.
for device in cuda cpu; do
  measure latentclr discover latentclr --generator faces --seed 0 --device "$device" --out "$out/faces-$device" \
    --overwrite
done
measure python -m benchmarks.generators --device cuda --out "$out/generators-cuda.json"
measure python -m benchmarks.layouts --device cuda > "$out/layouts-cuda.txt"
measure python -m pytest -q tests/gpu
((${#failed[@]} == 0)) || { printf 'failed: %s\n' "${failed[@]}" && exit 1; }
