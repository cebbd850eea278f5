"""Checkpoints: generators by name, and files that others wrote.

Where a file comes from:

- `zoo` (the table of generators by name) and `names` (names that the user gave);
- `cache` (fetch a file once, and keep it whole), `downloads` (web addresses), `packages` (archives on package
  indexes).

How it is read, in the order in which it is best read:

1. `containers` recognises the kind of a file by its content; `torch_file` (with `zip_file`) and `nvidia_file`
   read it.
2. `unpickle` is a pickle machine of our own, with its state in `machine`. It looks names up in closed tables
   of stand-ins: `inert` (plain data, and the budget of reading) and `arrays` (tensors and numpy's arrays).
3. `state_dict` and `nvidia_file` find the generator in the content, with the counted walks of `walk`. The
   result is a `network.Network`: tensors by the file's own names, settings and notes.

What is in it: `load` asks each published layout (`stylegan2`, `stylegan`, `progan`, `biggan`, `biggan_deep`,
`dcgan`) whether it recognises the network. A layout is a table from our names to those of the file;
`renaming` fills a generator by it, so that every tensor is used once. `native` reads and writes the generator
files of this program.
"""

from latentclr.checkpoints.cache import cache_folder
from latentclr.checkpoints.load import Checkpoint, cropped, load_generator, read_checkpoint
from latentclr.checkpoints.names import give_name, imported_names
from latentclr.checkpoints.native import save_generator
from latentclr.checkpoints.zoo import ZOO, ZooEntry, pull

__all__ = [
    "ZOO",
    "Checkpoint",
    "ZooEntry",
    "cache_folder",
    "cropped",
    "give_name",
    "imported_names",
    "load_generator",
    "pull",
    "read_checkpoint",
    "save_generator",
]
