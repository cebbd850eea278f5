"""Trainings of a few steps: against a plain transcription, resumed, exported."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.pretrain.toy_training import KINDS, small, stripes
from tests.rounding import assert_rounded
from torch import Tensor
from torch.nn.functional import softplus
from torch.testing import assert_close

from latentclr import Generator, InputError, load_generator
from latentclr.files import read_tensors
from latentclr.generators.resample import binomial, upsample2d
from latentclr.pretrain import ARCHITECTURES, BigGANDeepSettings, StyleGAN2Settings, train, trainer
from latentclr.pretrain.average import ema_decay
from latentclr.pretrain.settings import Settings
from latentclr.pretrain.spectral import normalized_weights
from latentclr.pretrain.state import State
from latentclr.pretrain.stylegan2 import StyleGAN2Game, _style_mixing
from latentclr.pretrain.trainer import _uses_bfloat16, train_step


def blank(n: int, rng: torch.Generator) -> tuple[Tensor, None]:
    return torch.randn(n, 3, 16, 16, generator=rng), None


def stop_after(steps: int) -> Callable[[], bool]:
    """The `stop` of a training that does so many steps more. (It is asked before each.)"""
    asked = iter(range(steps + 1))
    return lambda: next(asked) == steps


class Logged(list[tuple[int, dict[str, float]]]):
    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        self.append((step, dict(values)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_leaves_a_generator_samples_and_curves(kind: str, tmp_path: Path) -> None:
    state, log = torch.get_rng_state(), Logged()
    settings = small(kind, pictures=40, export_every=20, checkpoint_every=16)
    seen: list[Generator] = []

    def measure(generator: Generator) -> dict[str, float]:
        seen.append(generator)
        return {"fid": float(len(seen))}

    generator = train(settings, stripes, tmp_path, log=log, measure=measure, source={"data": "stripes"})
    assert bool((torch.get_rng_state() == state).all())
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    samples = {"samples/000000020.png", "samples/000000040.png"}
    kept = {"checkpoint.safetensors", "checkpoint-before.safetensors"}
    assert names == samples | kept | {"generator.safetensors", "training.json"}
    with Image.open(tmp_path / "samples/000000040.png") as sheet:
        assert sheet.size == (128, 128)

    loaded = load_generator(str(tmp_path / "generator.safetensors"))
    assert loaded.fingerprint() == generator.fingerprint()
    if loaded.num_classes:
        loaded, generator = loaded.for_class(1), generator.for_class(1)
    latents = loaded.sample(3, rng=torch.Generator().manual_seed(0))
    assert_close(loaded(latents), generator(latents))
    assert bool(loaded(latents).isfinite().all())
    assert loaded.resolution == 16
    assert not any(parameter.requires_grad for parameter in generator.parameters())

    record = json.loads((tmp_path / "training.json").read_text())
    assert record["pictures"] == 40
    assert record["settings"]["kind"] == kind
    assert [at for at, _ in record["curves"]["loss_d"]] == [8, 16, 24, 32, 40]
    assert record["curves"]["fid"] == [[20, 1.0], [40, 2.0]]
    assert [step for step, values in log if "loss_g" in values] == [2, 4, 6, 8, 10]
    assert all(values["pictures"] == 4 * step for step, values in log)
    assert all(values["pictures_per_second"] > 0 for _, values in log if "loss_g" in values)
    assert ("r1" in record["curves"]) == (kind == "stylegan2")


@pytest.mark.parametrize("kind", KINDS)
def test_the_average_follows_and_the_networks_learn(kind: str) -> None:
    settings = small(kind)
    state = State.new(settings)
    start = copy.deepcopy(state.game)
    for _ in range(3):
        train_step(state, stripes)
    for before, after in ((start.generator, state.game.generator), (start.average, state.game.average)):
        for name, parameter in after.named_parameters():
            unused = "attention" in name
            assert unused or bool((parameter != before.get_parameter(name)).any()), name
    for name, parameter in state.game.discriminator.named_parameters():
        assert bool((parameter != start.discriminator.get_parameter(name)).any()), name
        assert parameter.grad is None


def test_steps_of_stylegan2_equal_a_plain_transcription() -> None:
    """Separate passes, gradients of everything, Adam's equations: as the papers write it."""
    settings = small("stylegan2", r1_gamma=0.3, mixing=0.5)
    state = State.new(settings)
    assert isinstance(state.game, StyleGAN2Game)
    g, d = copy.deepcopy(state.game.generator).double(), copy.deepcopy(state.game.discriminator).double()
    average = copy.deepcopy(state.game.average).double()
    rng = torch.Generator()
    rng.set_state(state.rng.get_state())
    c = 4 / 5
    adam_g = PlainAdam(list(g.parameters()), 2.5e-3, 0.99)
    adam_d = PlainAdam(list(d.parameters()), 2.5e-3 * c, 0.99**c)

    for step in range(6):
        train_step(state, stripes)
        real, _ = stripes(4, rng)
        real = real.double()
        z = torch.randn(8, 6, generator=rng).double()
        second = _style_mixing(4, g.num_slots, 0.5, rng)

        def fakes(z: Tensor, second: Tensor) -> Tensor:
            w = g.mapped(z)
            rows = [
                torch.stack([w[4 + i] if second[i, slot] else w[i] for slot in range(g.num_slots)])
                for i in range(4)
            ]
            pictures: Tensor = g(torch.stack(rows))
            return pictures

        loss = softplus(-d(real)).mean() + softplus(d(fakes(z, second))).mean()
        adam_d.step(torch.autograd.grad(loss, list(d.parameters())))
        if step % 4 == 0:
            x = real.requires_grad_()
            (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
            penalty = 0.3 / 2 * gradient.square().sum() / 4 * 4  # mean over 4 pictures, every 4 steps
            gradients = torch.autograd.grad(penalty, list(d.parameters()), allow_unused=True)
            adam_d.step(gradients)
        with torch.no_grad():
            w_avg = 0.995 * g.mapping.w_avg + 0.005 * g.mapped(z).mean(0)
        adam_g.step(torch.autograd.grad(softplus(-d(fakes(z, second))).mean(), list(g.parameters())))
        g.mapping.w_avg.copy_(w_avg)
        kept = ema_decay(4, 4 * (step + 1), half_life=10_000.0, ramp=0.05)
        for slow, value in zip(average.parameters(), g.parameters(), strict=True):
            slow.copy_(kept * slow + (1 - kept) * value.detach())

    # Six steps through two layers of 10 products, averaged over 8.
    assert_rounded(
        dict(state.game.generator.mapping.named_buffers())["w_avg"], w_avg, terms=170, condition=10
    )
    for mine, plain in (
        (state.game.generator, g),
        (state.game.discriminator, d),
        (state.game.average, average),
    ):
        for name, parameter in plain.named_parameters():
            # Adam moves by the sign of tiny gradients, so float32 and float64 part here and there: by up to
            # twice the rate, 5e-3. The mean allows that of one entry of 250.
            difference = (mine.get_parameter(name).double() - parameter).abs()
            assert float(difference.detach().mean()) < 2e-5, name


class PlainAdam:
    def __init__(self, parameters: list[Any], lr: float, beta2: float) -> None:
        self.parameters, self.lr, self.beta2 = parameters, lr, beta2
        self.squares = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = [0] * len(parameters)

    @torch.no_grad()
    def step(self, gradients: Any) -> None:
        for i, (parameter, square) in enumerate(zip(self.parameters, self.squares, strict=True)):
            gradient = gradients[i]
            if gradient is None:  # the last bias has no part in the R1 penalty: Adam passes it over
                continue
            self.steps[i] += 1
            square.mul_(self.beta2).add_((1 - self.beta2) * gradient**2)
            root = (square / (1 - self.beta2 ** self.steps[i])).sqrt()
            parameter.sub_(self.lr * gradient / (root + 1e-8))


def test_r1_comes_every_so_many_steps_with_that_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def constant(discriminator: Callable[[Tensor], Tensor], real: Tensor, gamma: float) -> Tensor:
        called.append(gamma)
        return discriminator(real).sum() * 0 + 2.0

    monkeypatch.setattr(trainer, "r1_penalty", constant)
    log = Logged()
    settings = replace(small("stylegan2", pictures=32, r1_gamma=0.7), log_every=4)
    train(settings, stripes, tmp_path, log=log)
    assert called == [0.7, 0.7]  # at steps 0 and 4
    assert [values["r1"] for _, values in log] == [2.0, 2.0]  # the mean over steps: twice, 4 times as heavy


def test_style_mixing() -> None:
    rng = torch.Generator().manual_seed(0)
    second = _style_mixing(4000, 6, 0.25, rng)
    assert not bool(second[:, 0].any())
    assert 800 < int(second[:, -1].sum()) < 1200
    first = second.int().argmax(1)[second.any(1)]
    assert set(first.tolist()) == {1, 2, 3, 4, 5}
    assert bool((second.int().diff(dim=1) >= 0).all())
    assert not bool(_style_mixing(100, 6, 0.0, rng).any())
    assert bool(_style_mixing(100, 6, 1.0, rng)[:, -1].all())


@pytest.mark.parametrize(("kind", "at"), [("stylegan2", 1), ("stylegan2", 5), ("biggan-deep", 5)])
def test_stopped_and_resumed_is_as_if_never_stopped(kind: str, at: int, tmp_path: Path) -> None:
    between = 16 if kind == "stylegan2" else 28  # an export of a BigGAN-deep takes longer than its steps
    settings = small(kind, pictures=28, export_every=between, checkpoint_every=1000)
    whole = train(settings, stripes, tmp_path / "whole")
    first = train(settings, stripes, tmp_path / "parts", stop=stop_after(at))
    assert first.fingerprint() != whole.fingerprint()
    second = train(settings, stripes, tmp_path / "parts", resume=True)
    assert second.fingerprint() == whole.fingerprint()
    for name in ("checkpoint.safetensors", "generator.safetensors", "training.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    last = "samples/000000028.png"
    assert (tmp_path / "parts" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_starts_from_another_has_its_networks(kind: str, tmp_path: Path) -> None:
    train(small(kind, pictures=8), stripes, tmp_path)
    before, _ = read_tensors(tmp_path / "checkpoint.safetensors", kind="a checkpoint")
    settings = small(kind, pictures=8, seed=5)
    state = State.new(settings)
    state.begin_with(tmp_path)
    for name, value in state.game.tensors().items():
        assert bool((value == before[name]).all()), name
    assert state.step == 0


def test_a_training_that_starts_from_another_is_resumed(tmp_path: Path) -> None:
    train(small("stylegan2", pictures=12), stripes, tmp_path / "first")
    settings = small("stylegan2", pictures=8, seed=5)
    second = train(settings, stripes, tmp_path / "second", start=tmp_path / "first")
    part = train(settings, stripes, tmp_path / "parts", start=tmp_path / "first", stop=stop_after(1))
    assert part.fingerprint() != second.fingerprint()
    resumed = train(settings, stripes, tmp_path / "parts", start=tmp_path / "first", resume=True)
    assert resumed.fingerprint() == second.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_starts_from_a_generator(kind: str, tmp_path: Path) -> None:
    before = train(small(kind, pictures=24), stripes, tmp_path / "first")
    file = tmp_path / "first/generator.safetensors"
    settings = small(kind, seed=5, head_start=8)
    state = State.new(settings)
    first = copy.deepcopy(state.game)
    state.game.take_over(load_generator(file))
    assert state.game.average.fingerprint() == before.fingerprint()
    for name, value in state.game.discriminator.named_parameters():
        assert bool((value == first.discriminator.get_parameter(name)).all()), name
    rng = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 2, 0])
    drawn = state.game.generate(labels, 4, rng)
    expected = first.generate(labels, 4, torch.Generator().manual_seed(0))
    assert drawn.shape == expected.shape
    assert float((drawn - expected).detach().abs().mean()) > 0.01
    names = [name for name, _ in state.game.average.named_parameters()]
    for name, used in zip(names, normalized_weights(state.game.generator, names), strict=True):
        kept = before.get_parameter(name)  # spectral norm divides anew, by one number for each layer
        assert_rounded((used * kept.norm()).detach(), kept * used.detach().norm(), terms=kept.numel() + 2)
    if kind == "stylegan2":
        z = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
        # Seven layers of up to 144 products.
        assert_rounded(drawn.detach(), before(before.map(z)), terms=1000)
    after = train(replace(settings, pictures=12), stripes, tmp_path / "second", start=file)
    assert after.fingerprint() != before.fingerprint()


def test_growing_to_twice_the_resolution(tmp_path: Path) -> None:
    train(small("stylegan2", pictures=12), stripes, tmp_path)
    larger = small("stylegan2", resolution=32, channels=(16, 12, 8, 4))
    state = State.new(larger)
    fresh = {name: value.clone() for name, value in state.game.tensors().items()}
    state.begin_with(tmp_path)

    before = load_generator(str(tmp_path / "generator.safetensors"))
    after = state.game.exported(0)
    latents = after.from_seeds(range(3))
    doubled = upsample2d(before(latents[:, : before.num_slots]), binomial())
    assert_rounded(after(latents), doubled, terms=1000)  # seven layers of up to 144 products

    old, _ = read_tensors(tmp_path / "checkpoint.safetensors", kind="a checkpoint")
    d = state.game.discriminator
    moved = {"blocks.1": "blocks.0", "blocks.2": "blocks.1", "conv": "conv", "out": "out"}
    for mine, theirs in moved.items():
        for name, value in d.get_submodule(mine).named_parameters():
            assert bool((value == old[f"discriminator.{theirs}.{name}"]).all())
    for name in ("from_rgb.weight", "blocks.0.conv1.weight"):
        assert bool((d.get_parameter(name) == fresh[f"discriminator.{name}"]).all())


def test_starts_that_are_not_possible(tmp_path: Path) -> None:
    for kind in KINDS:
        train(small(kind, pictures=4), stripes, tmp_path / kind)

    def start(settings: Settings, folder: Path) -> None:
        train(settings, stripes, tmp_path / "new", start=folder)

    with pytest.raises(InputError, match=r"at 16 x 16: start a training at 16 or 32 .*, not at 64"):
        start(small("stylegan2", resolution=64, channels=(16, 12, 8, 4, 4)), tmp_path / "stylegan2")
    with pytest.raises(InputError, match="other networks"):
        start(small("stylegan2", resolution=32, channels=(16, 12, 6, 4)), tmp_path / "stylegan2")
    with pytest.raises(InputError, match="other networks"):
        start(small("stylegan2", w_dim=12), tmp_path / "stylegan2")
    with pytest.raises(InputError, match="of a biggan-deep"):
        start(small("biggan-deep"), tmp_path / "stylegan2")
    with pytest.raises(InputError, match="cannot grow"):
        start(small("biggan-deep", resolution=32, d_channels=(16, 12, 8, 4)), tmp_path / "biggan-deep")
    deeper = {"resolution": 32, "channels": (16, 12, 8, 4), "mapping_layers": 3}
    with pytest.raises(InputError, match="other networks"):
        start(small("stylegan2", **deeper), tmp_path / "stylegan2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="does not hold the checkpoint of a training of a stylegan2"):
        start(small("stylegan2"), tmp_path / "empty")
    with pytest.raises(InputError, match="there is no generator"):
        start(small("stylegan2"), tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"a StyleGAN2 with .*'resolution': 16.*; these settings describe"):
        start(small("stylegan2", w_dim=12), tmp_path / "stylegan2/generator.safetensors")
    assert not list((tmp_path / "new").rglob("*.safetensors"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_start_leaves_the_generator_alone(kind: str) -> None:
    settings = small(kind, head_start=8)
    state = State.new(settings)
    first = copy.deepcopy(state.game)
    for step in range(3):
        train_step(state, stripes)
        moved = any(
            bool((value != first.generator.get_parameter(name)).any())
            for name, value in state.game.generator.named_parameters()
        )
        assert moved == (step == 2)
        learned = state.game.discriminator.get_parameter("out.bias")
        assert bool((learned != first.discriminator.get_parameter("out.bias")).all())


def test_a_training_can_be_prolonged(tmp_path: Path) -> None:
    long = train(small("stylegan2", pictures=16), stripes, tmp_path / "long")
    train(small("stylegan2", pictures=8), stripes, tmp_path / "short")
    again = train(small("stylegan2", pictures=16), stripes, tmp_path / "short", resume=True)
    assert again.fingerprint() == long.fingerprint()


@pytest.mark.parametrize("moment", [0, 1])
def test_stopped_before_the_generator_has_learned_anything(tmp_path: Path, moment: int) -> None:
    settings = small("stylegan2", pictures=16, head_start=8)
    whole = train(settings, stripes, tmp_path / "whole")
    steps: list[bool] = []

    def stop() -> bool:
        steps.append(True)
        return len(steps) > moment

    train(settings, stripes, tmp_path / "parts", stop=stop)
    again = train(settings, stripes, tmp_path / "parts", resume=True)
    assert again.fingerprint() == whole.fingerprint()


def test_resuming_a_finished_training_changes_nothing(tmp_path: Path) -> None:
    settings = small("stylegan2", pictures=8)
    one = train(settings, stripes, tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    two = train(settings, stripes, tmp_path, resume=True)
    assert one.fingerprint() == two.fingerprint()
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_another_training_is_not_resumed(tmp_path: Path) -> None:
    settings = small("stylegan2", pictures=4)
    train(settings, stripes, tmp_path)
    with pytest.raises(InputError, match="holds a training already"):
        train(settings, stripes, tmp_path)
    with pytest.raises(InputError, match=r"lr_g=0.0025, now lr_g=0.1"):
        train(replace(settings, lr_g=0.1), stripes, tmp_path, resume=True)
    with pytest.raises(InputError, match="of a stylegan2, not of a biggan-deep"):
        train(small("biggan-deep"), stripes, tmp_path, resume=True)
    (tmp_path / "checkpoint.safetensors").write_bytes((tmp_path / "generator.safetensors").read_bytes())
    with pytest.raises(InputError, match="that this version can read"):
        train(settings, stripes, tmp_path, resume=True)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match="not a whole safetensors file"):
        train(settings, stripes, tmp_path, resume=True)


def test_no_checkpoint_of_other_networks(tmp_path: Path) -> None:
    settings = small("stylegan2", pictures=4)
    assert isinstance(settings, StyleGAN2Settings)
    other = replace(settings, w_dim=12)
    replace(State.new(settings), settings=other).save(tmp_path)
    with pytest.raises(InputError, match="other networks"):
        State.new(other).load(tmp_path)


def test_equal_seeds_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(small("stylegan2", pictures=8, seed=seed), stripes, tmp_path / name)
    a, b, c = ((tmp_path / name / "generator.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    def broken(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        pictures, labels = stripes(n, rng)
        return pictures * float("nan"), labels

    with pytest.raises(InputError, match="diverged before step 2"):
        train(small("stylegan2", pictures=40), broken, tmp_path)


def test_data_of_another_size_or_without_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pictures \(4, 3, 16, 16\); \(4, 3, 32, 32\)"):
        train(small("stylegan2", resolution=32, channels=(8, 8, 8, 8)), stripes, tmp_path)
    with pytest.raises(InputError, match="have no classes"):
        train(small("biggan-deep"), blank, tmp_path)


def test_gradients_are_on_whatever_the_caller_has(tmp_path: Path) -> None:
    with torch.no_grad():
        train(small("stylegan2", pictures=4), blank, tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("stylegan2", "resolution", 48),
        ("stylegan2", "resolution", 4),
        ("stylegan2", "batch", 0),
        ("stylegan2", "lr_g", -1.0),
        ("stylegan2", "r1_gamma", -1.0),
        ("stylegan2", "betas", (0.0, 1.0)),
        ("stylegan2", "channels", (16, 8)),
        ("stylegan2", "mixing", 1.5),
        ("stylegan2", "head_start", -1),
        ("stylegan2", "mapping_layers", 0),
        ("biggan-deep", "num_classes", 0),
        ("biggan-deep", "width", 6),
        ("biggan-deep", "d_channels", (16,)),
        ("biggan-deep", "standing", 0),
    ],
)
def test_settings_that_are_not_possible(kind: str, name: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=name):
        train(small(kind, **{name: value}), stripes, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_possible(kind: str) -> None:
    settings: Settings = ARCHITECTURES[kind]()
    if isinstance(settings, BigGANDeepSettings):
        settings = replace(settings, num_classes=4)
    settings.check()


def test_bfloat16_only_where_the_processor_computes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in ({}, {"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_bf16": False}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able, raising=False)
        assert _uses_bfloat16("auto", "cpu") == any(able.values())
        assert _uses_bfloat16("bfloat16", "cpu")
        assert not _uses_bfloat16("float32", "cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_trains(kind: str, tmp_path: Path) -> None:
    log = Logged()
    generator = train(small(kind, pictures=16, precision="bfloat16"), stripes, tmp_path, log=log)
    assert len(log) == 2
    assert all(parameter.dtype == torch.float32 for parameter in generator.parameters())
