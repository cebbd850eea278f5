"""What edits do to a layer's features, and the gradient of a loss on that, within a memory budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from latentclr.directions import DirectionModel
from latentclr.directions.edits import moved, read
from latentclr.discover.settings.latentclr import Compare as Compare
from latentclr.engine.fusion import fused
from latentclr.errors import InputError
from latentclr.generators import Generator, Latents
from latentclr.linalg import unit

Changes = Float[Tensor, "k n f"]


@dataclass(frozen=True)
class Effects:
    """The effect of edits on one layer of a generator.

    Attributes:
        generator: frozen.
        layer: name of the layer.
        slots: that edits move.
        compare: "unit-features" scales the features to length one first, as the authors' released code does.
        chunk: run the generator on so many edits at a time, and only on these with a graph; None: on all.
        bfloat16: compute the generator's activations so; what is compared is float32 again.
        fuse: compile what a gradient goes through; see `fused`.
    """

    generator: Generator
    layer: str
    slots: Sequence[int]
    compare: Compare = "difference"
    chunk: int | None = None
    bfloat16: bool = False
    fuse: bool = False

    def features(self, latents: Latents) -> Float[Tensor, "n f"]:
        """G_f of some latents, flattened in the order in which it lies in memory (channels last): no copy."""
        with torch.autocast(latents.device.type, torch.bfloat16, enabled=self.bfloat16):
            features = self.generator.features(latents, self.layer)
        rows = features.float().permute(0, 2, 3, 1).flatten(1)
        return unit(rows) if self.compare == "unit-features" else rows

    @torch.no_grad()
    def features_length(self, latents: Latents) -> int:
        """Length of the features of one latent."""
        return self.features(latents[:1]).shape[1]

    def changes(self, model: DirectionModel, latents: Latents, alphas: Float[Tensor, "k n"]) -> Changes:
        """f_i^k = G_f(z_i + alpha_i^k d_k(z_i)) - G_f(z_i), flattened, for all k and i.

        Gradients reach the direction model, not the generator's weights; in chunks, there is no graph.

        Args:
            model: gives the directions d_k.
            latents: the n latents z_i.
            alphas: length and sign of every edit.
        """
        edited, before = self._edited(model, latents, alphas)
        if self.chunk is None:
            return self._change(edited, before, 0).view(*alphas.shape, -1)
        rows = before.new_empty(len(edited), before.shape[1])
        with torch.no_grad():
            self._fill(rows, self._chunks(edited), before)
        return rows.view(*alphas.shape, -1)

    def backward(
        self,
        model: DirectionModel,
        latents: Latents,
        alphas: Float[Tensor, "k n"],
        loss: Callable[[Changes], Float[Tensor, ""]],
    ) -> Float[Tensor, ""]:
        """Add the gradient of loss(changes) to the model's; returns the loss.

        In chunks, by gradient caching (Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory
        Limited Setup", 2021): changes without a graph, the gradient of the loss at these, then each chunk
        again, with a graph that is given its share of that gradient. Only the last chunk has its graph from
        the start. The result is the same; what the other chunks cost more is a second forward pass, and only
        one chunk's activations are held at any time.

        Args:
            model: gives the directions d_k; its gradients grow.
            latents: the n latents z_i.
            alphas: length and sign of every edit.
            loss: a function of all changes.
        """
        if self.chunk is None:
            value = self._to_loss(model, latents, alphas, loss)
            value.backward()
            return value.detach()
        edited, before = self._edited(model, latents, alphas)
        leaf = edited.detach().requires_grad_()
        *again, (start, last) = self._chunks(leaf)
        rows = before.new_empty(len(edited), before.shape[1])
        with torch.no_grad():
            self._fill(rows, again, before)
        kept = self._to_changes(last, before, start)
        rows[start:] = kept.detach()
        changes = rows.view(*alphas.shape, -1).requires_grad_()
        value = loss(changes)
        value.backward()
        assert changes.grad is not None
        gradient = changes.grad.flatten(0, 1)
        del rows, changes
        kept.backward(gradient[start:])
        del kept
        for i, part in again:
            self._to_changes(part, before, i).backward(gradient[i : i + len(part)])
        edited.backward(leaf.grad)
        return value.detach()

    @cached_property
    def _to_loss(self) -> Callable[..., Float[Tensor, ""]]:
        return fused(self._loss) if self.fuse else self._loss

    @cached_property
    def _to_changes(self) -> Callable[..., Float[Tensor, "m f"]]:
        return fused(self._change) if self.fuse else self._change

    def _loss(
        self,
        model: DirectionModel,
        latents: Latents,
        alphas: Float[Tensor, "k n"],
        loss: Callable[[Changes], Float[Tensor, ""]],
    ) -> Float[Tensor, ""]:
        return loss(self.changes(model, latents, alphas))

    def _edited(
        self, model: DirectionModel, latents: Latents, alphas: Float[Tensor, "k n"]
    ) -> tuple[Float[Tensor, "kn seen dim"], Float[Tensor, "n f"]]:
        """Edited latents, direction by direction, and the features of those that are not."""
        shift = alphas.unsqueeze(-1) * model(read(latents, self.slots))  # (k, n, dim)
        until = self.generator.layer(self.layer).slot + 1  # later slots are not read
        seen = latents[:, :until]
        edited = moved(seen, shift, [slot for slot in self.slots if slot < until]).flatten(0, 1)
        with torch.no_grad():
            before = torch.cat([self.features(part) for _, part in self._chunks(seen)])
        return edited, before

    def _chunks(self, latents: Latents) -> list[tuple[int, Tensor]]:
        """(number of the first, latents) of each; the last is a full one."""
        size = min(self.chunk or len(latents), len(latents))
        edges = [0, *range(len(latents) % size or size, len(latents) + 1, size)]
        return [(start, latents[start:end]) for start, end in pairwise(edges)]

    def _fill(
        self, rows: Float[Tensor, "kn f"], chunks: list[tuple[int, Tensor]], before: Float[Tensor, "n f"]
    ) -> None:
        for i, part in chunks:
            rows[i : i + len(part)] = self._to_changes(part, before, i)

    def _change(
        self, edited: Float[Tensor, "m slots dim"], before: Float[Tensor, "n f"], start: int
    ) -> Float[Tensor, "m f"]:
        """Changes of the edits from number `start` on; edit number i is of latent i % n."""
        n, m = len(before), len(edited)
        after = self.features(edited)
        if start % n == 0 and m % n == 0:
            return (after.view(-1, *before.shape) - before).flatten(0, 1)
        return after - before[torch.arange(start, start + m, device=before.device) % n]


def check_visible(changes: Changes, layer: str, slots: Sequence[int]) -> None:
    """Make sure that a layer sees all edits.

    Args:
        changes: of the layer's features.
        layer: the layer's name.
        slots: that the edits move.

    Raises:
        InputError: it does not see one at all.
    """
    if not bool((changes != 0).any(-1).all()):
        moving = "slot" if len(slots) == 1 else "slots"
        raise InputError(
            f"layer {layer!r} does not see edits of {moving} {', '.join(map(str, slots))}: its features do "
            "not change at all; choose a later layer or earlier slots."
        )
