"""Where eyes and mouth are in the pictures of the small GANs that draw faces: how photos are cut for them.

    OMP_NUM_THREADS=1 python -m benchmarks.face_points

Each picture of 512 seeds is read as a photo would be (`latentclr.invert.align`). Printed are the mean places
in shares of the picture's sides, with the mirrored ones, so that they are symmetric, their standard
deviations, and in how many pictures a face could be read. The means are kept in
`latentclr.checkpoints.crops`.
"""

import torch

from latentclr import load_generator
from latentclr.invert.align import read_anchors
from latentclr.scorers.face_detector import Face
from latentclr.scorers.faces import CROPS, load_landmarks

SEEDS = range(512)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    network = load_landmarks()
    for name, ((top, bottom), (left, right)) in CROPS.items():
        generator = load_generator(name)
        box = Face(float(left), float(top), float(right - left), float(bottom - top), 1.0)
        found = []
        for part in torch.arange(len(SEEDS)).split(64):
            for picture in generator(generator.from_seeds(part.tolist())):
                anchors = read_anchors(((picture.clamp(-1, 1) + 1) * 127.5).round().byte(), box, network)
                if anchors is not None:
                    found.append(anchors.three / generator.resolution)
        places = torch.stack(found)
        mirrored = places[:, [1, 0, 2]] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        mean, spread = ((places + mirrored) / 2).mean(0), places.std(0)
        print(f"{name}: {len(found)} of {len(SEEDS)} pictures")
        for what, place, deviation in zip(("left eye", "right eye", "mouth"), mean, spread, strict=True):
            x, y = (f"{value:.4f} (s.d. {sd:.4f})" for value, sd in zip(place, deviation, strict=True))
            print(f"  {what}: x {x}, y {y}")


if __name__ == "__main__":
    main()
