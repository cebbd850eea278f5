"""GANSpace: known covariances are found, and the stream gives what all samples at once would."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
import torch
from tests.conftest import small_dcgan
from tests.generators.small_biggan import small_biggan, small_biggan_deep
from tests.generators.small_stylegan import small_progan
from tests.generators.small_stylegan2 import small_stylegan2
from tests.toy import Toy
from torch import Tensor
from torch.testing import assert_close

from latentclr import Generator, InputError
from latentclr.directions import Directions
from latentclr.discover import ganspace
from latentclr.discover.ganspace import GANSpace, _chunk_rng, _Stream
from latentclr.discover.moments import principal, signed
from latentclr.discover.sefa import SeFa
from latentclr.engine.world import ALONE, World

SMALL = GANSpace(k=3, samples=500, regression_samples=300)


@pytest.fixture
def chunks_of_64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ganspace, "CHUNK", 64)


def rows_of(directions: Directions) -> Tensor:
    rows: Tensor = directions.model(torch.zeros(1, directions.dim))[:, 0]
    return rows


def all_latents(generator: Generator, n: int, seed: int, stream: int) -> Tensor:
    """What the method samples, drawn at once."""
    size = ganspace.CHUNK
    z = [
        torch.randn(min(size, n - i * size), generator.z_dim, generator=_chunk_rng(seed, stream, i))
        for i in range(-(-n // size))
    ]
    return generator.map(torch.cat(z))[:, 0]


def features_of(generator: Generator, latents: Tensor, layer: str) -> Tensor:
    slots = latents.unsqueeze(1).repeat(1, generator.num_slots, 1)
    return generator.features(slots, layer).permute(0, 2, 3, 1).flatten(1).double()


class Shared(World):
    """One of some threads that stand for processes."""

    def __init__(self, rank: int, size: int, barrier: Barrier, board: dict[int, list[Tensor]]) -> None:
        self.rank, self.size, self._barrier, self._board = rank, size, barrier, board

    def sum(self, tensors: Sequence[Tensor]) -> None:
        self._board[self.rank] = [tensor.clone() for tensor in tensors]
        self._barrier.wait()
        for i, tensor in enumerate(tensors):
            tensor.copy_(torch.stack([self._board[rank][i] for rank in range(self.size)]).sum(0))
        self._barrier.wait()


def fit_in_threads(method: GANSpace, generator: Generator, size: int) -> list[Directions]:
    barrier, board = Barrier(size, timeout=60), dict[int, list[Tensor]]()
    with ThreadPoolExecutor(size) as pool:
        worlds = [Shared(rank, size, barrier, board) for rank in range(size)]
        return list(pool.map(lambda world: method.fit(generator, world=world), worlds))


def test_planted_covariance_of_w_is_found(toy: Toy) -> None:
    # w = M z, so its covariance is M M^T.
    directions = GANSpace(k=5, samples=200_000).fit(toy)
    variances, axes = principal((toy.mapping @ toy.mapping.T).double(), 6)
    assert (rows_of(directions) * axes[:5].float()).sum(1).min() > 0.99
    assert_close(directions.scale, variances[:5].sqrt().float(), rtol=0.01, atol=0)
    assert_close(directions.scores, (variances / variances.sum())[:5].float(), rtol=0.02, atol=0)
    assert_close(
        torch.tensor(directions.origin["explained_variance"]), variances[:5].float(), rtol=0.02, atol=0
    )
    assert directions.origin["layer"] is None
    assert directions.slots == (0, 1)


@pytest.mark.usefixtures("chunks_of_64")
def test_stream_equals_the_singular_vectors_of_all_samples() -> None:
    generator = small_stylegan2()
    directions = replace(SMALL, seed=4).fit(generator)
    w = all_latents(generator, 500, 4, ganspace.SAMPLING).double()
    _, lengths, vectors = torch.linalg.svd(w - w.mean(0), full_matrices=False)
    assert_close(rows_of(directions), signed(vectors[:3]).float(), atol=1e-4, rtol=0)
    assert_close(directions.scale, (lengths[:3] / 499**0.5).float(), rtol=1e-4, atol=0)
    assert_close(directions.scores, (lengths.square() / lengths.square().sum())[:3].float())
    mean = torch.tensor(directions.origin["mean_coordinate"])
    assert_close(mean, rows_of(directions) @ w.mean(0).float(), atol=1e-4, rtol=0)


@pytest.mark.usefixtures("chunks_of_64")
@pytest.mark.parametrize(
    ("make", "layer"), [(small_stylegan2, "b8.conv1"), (small_progan, "layer0"), (small_dcgan, "b8")]
)
@pytest.mark.parametrize("exact", [True, False])
def test_regression_equals_least_squares_with_all_samples(
    make: Any, layer: str, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exact:
        monkeypatch.setattr(ganspace, "EXACT", 10)
        monkeypatch.setattr(ganspace, "SPARE", 120)  # so that the basis loses next to nothing
    generator: Generator = make()
    directions = replace(SMALL, layer=layer).fit(generator)
    rows = features_of(generator, all_latents(generator, 500, 0, ganspace.SAMPLING), layer)
    mean = rows.mean(0)
    _, lengths, vectors = torch.linalg.svd(rows - mean, full_matrices=False)
    latents = all_latents(generator, 300, 0, ganspace.REGRESSION)
    coordinates = (features_of(generator, latents, layer) - mean) @ vectors[:3].T / lengths[:3] * 499**0.5
    design = torch.cat([coordinates, torch.ones(300, 1, dtype=torch.float64)], 1)
    fitted = torch.linalg.lstsq(design, latents.double()).solution[:3]
    expected = signed(fitted / fitted.norm(dim=1, keepdim=True))
    assert_close(rows_of(directions), expected.float(), atol=2e-3, rtol=0)
    assert_close(
        directions.scores, (lengths.square() / lengths.square().sum())[:3].float(), rtol=1e-3, atol=0
    )
    along = (latents.double() @ expected.T).std(0).float()
    assert_close(directions.scale, along if generator.space == "w" else torch.ones(3), rtol=2e-3, atol=0)


def test_components_of_a_linear_layer_are_its_singular_vectors() -> None:
    # gen_z is A z + b and z is the same in all directions: the components are A's singular vectors, and the
    # regression turns each into the right singular vector of z. So does SeFa.
    generator = small_biggan_deep()
    generator.gen_z.weight.data[:, :6] *= 1.5 ** -torch.arange(6.0)  # singular values well apart
    directions = GANSpace(k=4, samples=100_000, regression_samples=20_000).fit(generator)
    assert directions.origin["layer"] == "gen_z"
    closed = SeFa(k=4, layers=("gen_z",), normalize=False).fit(generator)
    assert (rows_of(directions) * rows_of(closed)).sum(1).min() > 0.995
    assert_close(directions.scores, closed.scores, rtol=0.03, atol=0)
    assert directions.scale.tolist() == [1] * 4
    other = GANSpace(k=4, samples=100_000, regression_samples=20_000).fit(generator.for_class(2))
    assert_close(rows_of(other), rows_of(directions), atol=1e-3, rtol=0)  # classes differ by a summand


def test_pieces_of_z_that_the_layer_does_not_read_are_not_moved() -> None:
    generator = small_biggan()
    rows = rows_of(SMALL.fit(generator))
    assert (rows[:, 3:] == 0).all()
    assert (rows[:, :3] != 0).all()
    with pytest.raises(InputError, match="k=4 is too many: layer 'linear' varies in 3 dimensions only"):
        replace(SMALL, k=4).fit(generator)
    assert (rows_of(replace(SMALL, layer="blocks.0").fit(generator))[:, 6:] == 0).all()


def test_scale_is_the_deviation_of_fresh_latents() -> None:
    generator = small_stylegan2()
    for layer in (None, "b8.conv0"):
        directions = GANSpace(k=3, samples=20_000, layer=layer).fit(generator)
        fresh = generator.sample(20_000, rng=torch.Generator().manual_seed(8))[:, 0]
        coordinates = fresh @ rows_of(directions).T
        assert_close(coordinates.std(0), directions.scale, rtol=0.03, atol=0)
        mean = torch.tensor(directions.origin["mean_coordinate"])
        assert_close(coordinates.mean(0), mean, rtol=0, atol=0.05 * float(directions.scale[0]))


def test_truncation_scales_w_and_nothing_else() -> None:
    generator = small_stylegan2()
    full, half = SMALL.fit(generator), replace(SMALL, truncation=0.5).fit(generator)
    assert_close(rows_of(half), rows_of(full), atol=1e-4, rtol=0)
    assert_close(half.scale, full.scale / 2, rtol=1e-4, atol=0)
    assert_close(half.scores, full.scores, rtol=1e-4, atol=0)
    # The setting decides, not the view that is given: an artefact then says what it was made with.
    assert torch.equal(SMALL.fit(generator.at(0.5)).scale, full.scale)


@pytest.mark.parametrize("layer", [None, "b8.conv0"])
def test_batches_change_nothing(layer: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(SMALL, layer=layer)
    monkeypatch.setattr(ganspace, "CHUNK", 256)
    whole = settings.fit(small_stylegan2())
    monkeypatch.setattr(ganspace, "ACTIVATIONS", 40 * 12 * 8 * 8)
    parts = settings.fit(small_stylegan2())
    assert_close(rows_of(parts), rows_of(whole), atol=1e-4, rtol=0)
    assert_close(parts.scores, whole.scores)


@pytest.mark.usefixtures("chunks_of_64")
@pytest.mark.parametrize(
    ("layer", "size"),  # 9 processes for 8 chunks: one has nothing to do
    [(None, 2), (None, 9), ("b8.conv0", 2), ("b16.conv0", 3)],
)
def test_number_of_processes_changes_nothing(
    layer: str | None, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ganspace, "EXACT", 1000)  # b16.conv0 has 2048: a sketch
    generator, settings = small_stylegan2(), replace(SMALL, layer=layer)
    alone = settings.fit(generator)
    shared = fit_in_threads(settings, generator, size)
    for directions in shared:
        assert_close(rows_of(directions), rows_of(alone), atol=1e-5, rtol=0)
        assert_close(directions.scale, alone.scale)
        assert torch.equal(rows_of(directions), rows_of(shared[0]))


def test_chunks_and_streams_and_seeds_have_numbers_of_their_own() -> None:
    keys = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (2**32, 0, 0), (-1, 0, 0)]
    drawn = [tuple(torch.randn(4, generator=_chunk_rng(*key)).tolist()) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[1] == tuple(torch.randn(4, generator=_chunk_rng(0, 0, 1)).tolist())


@pytest.mark.usefixtures("chunks_of_64")
def test_more_samples_keep_those_that_there_were(toy: Toy) -> None:
    few, many = (_Stream(toy, None, n, 0, ALONE) for n in (128, 500))
    assert torch.equal(few.latents(0, 1), many.latents(0, 1))
    assert many.latents(0, 7).shape == (500 - 7 * 64, 6)


@pytest.mark.usefixtures("chunks_of_64")
def test_log_is_told_the_chunks(toy: Toy) -> None:
    told: list[int] = []
    SMALL.fit(toy, log=lambda step, values: told.append(step))
    assert told == list(range(1, SMALL.steps + 1)) == list(range(1, 9))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": 0}, "k=0 must be in 1 .. 12"),
        ({"k": 13}, "k=13 must be in 1 .. 12"),
        ({"samples": 15}, "samples=15 must be more than 15"),
        ({"regression_samples": 1}, "regression_samples=1 must be more than 15"),
        ({"layer": "b9"}, "no layer 'b9'"),
        ({"slots": (6,)}, r"slots \[6\] are not possible"),
        ({"truncation": 1.5}, "truncation=1.5"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(SMALL, **changes).fit(small_stylegan2())
