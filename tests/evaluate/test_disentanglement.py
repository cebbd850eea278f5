"""Planted codes have the scores that are known of them, and numbers are those of other implementations."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from jaxtyping import Float
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.metrics import mutual_info_score
from tests.evaluate.tables import rng
from torch import Tensor
from torch.testing import assert_close

from latentclr import InputError
from latentclr.evaluate.attributes import Kind
from latentclr.evaluate.disentanglement import (
    Dci,
    FactorVae,
    classes,
    dci,
    factor_vae,
    mig,
    mutual_information,
    of_table,
)
from latentclr.evaluate.intervals import Bootstrap

KINDS: tuple[Kind, ...] = ("interval", "circular", "category")
QUICK = Bootstrap(draws=20)
SAME = 1e-9
"""Between two computations in float64 of a few hundred operations: four digits above what rounding does."""


def factors_of(n: int = 600, seed: int = 0) -> Float[Tensor, "n 3"]:
    """Ten values, ten arcs, four categories; independent."""
    numbers = rng(seed)
    ten, arc, four = (torch.randint(count, (n,), generator=numbers) for count in (10, 10, 4))
    return torch.stack([ten / 3.0, arc / 10.0, four.float()], dim=1)


def noise(n: int, d: int) -> Float[Tensor, "n d"]:
    return torch.randn(n, d, generator=rng(99))


def gap(codes: Tensor, factors: Tensor, kinds: Sequence[Kind] = KINDS) -> float:
    return mig(codes, factors, kinds, bootstrap=QUICK).score.value


def voted(codes: Float[Tensor, "n d"], factors: Float[Tensor, "n f"], **settings: int | float) -> FactorVae:
    few = {"training": 200, "testing": 200, "batch": 32} | settings
    draw = of_table(codes, factors, KINDS)
    return factor_vae(draw, codes.std(0), factors=factors.shape[1], **few)  # type: ignore[arg-type]


def forest(codes: Tensor, factors: Tensor, kinds: Sequence[Kind] = KINDS, **settings: int) -> Dci:
    """With fewer rows and trees than one would measure with."""
    return dci(codes[:300], factors[:300], kinds, **{"trees": 25} | settings)  # type: ignore[arg-type]


FULL = torch.tensor([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)]).repeat(8, 1)
"""Two bits, every combination equally often."""
BITS: tuple[Kind, ...] = ("category", "category")


def test_information_is_the_closed_form() -> None:
    a, b = FULL.unbind(1)
    flipped = torch.where(torch.arange(len(a)) % 16 < 4, 1 - a, a)  # a quarter of each value
    codes = torch.stack([a, (a != b).float(), flipped], dim=1)
    of_quarters = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    found = mutual_information(codes, FULL, BITS)[0]
    wanted = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1 - of_quarters, 0.0]], dtype=torch.float64)
    # Among the rows 0 .. 3 of each 16, every (a, b) is once, so that one in four of each is flipped.
    assert_close(found, wanted, atol=SAME, rtol=0.0)


def test_information_is_that_of_scikit_learn() -> None:
    codes, factors = noise(90, 2), torch.cat([factors_of(90), noise(90, 3)[:, 2:]], dim=1)
    factors[:, 0] += 0.5 * codes[:, 0]  # many values, which are cut into bins
    kinds: tuple[Kind, ...] = (*KINDS, "interval")
    weights = QUICK.weights(90)[:2]
    found = mutual_information(codes, factors, kinds, weights=weights)
    for row, times in enumerate(weights.long().numpy()):
        rows = np.repeat(np.arange(90), times)
        for d, code in enumerate(codes.double().numpy().T):
            # numpy's bins are those between 20 + 1 edges, the last of which is part of the last bin.
            bins = np.digitize(code, np.linspace(code.min(), code.max(), 21)[1:-1])[rows]
            for f, kind in enumerate(kinds):
                of_factor = classes(factors[:, f], kind).numpy()[rows]
                expected = mutual_info_score(bins, of_factor) / entropy(np.bincount(of_factor))
                assert float(found[row, d, f]) == pytest.approx(expected, abs=SAME)


def test_the_gap_of_xor_is_a_half() -> None:
    a, b = FULL.unbind(1)
    found = mig(torch.stack([(a != b).float(), a], dim=1), FULL, BITS, bootstrap=QUICK)
    assert_close(found.gaps, torch.tensor([1.0, 0.0], dtype=torch.float64), atol=SAME, rtol=0.0)
    assert found.score.value == pytest.approx(0.5, rel=SAME)


def test_the_interval_of_the_gap_is_moved_to_the_score() -> None:
    factors = factors_of(80)
    codes = factors + 0.5 * noise(80, 3)
    bootstrap = Bootstrap(draws=30, level=0.8, seed=2)
    found = mig(codes, factors, KINDS, bootstrap=bootstrap)
    drawn = []
    for weights in bootstrap.weights(80):
        ordered = mutual_information(codes, factors, KINDS, weights=weights[None])[0].sort(dim=0).values
        drawn.append(float((ordered[-1] - ordered[-2]).mean()))
    moved = found.score.value - np.mean(drawn)
    ends = np.quantile(drawn, (0.1, 0.9)) + moved
    assert (found.score.low, found.score.high) == pytest.approx(tuple(ends), abs=SAME)
    assert moved > 0.01
    assert found.score.level == 0.8
    assert found.score.value == pytest.approx(float(found.gaps.mean()), abs=SAME)
    usual = mig(codes, factors, KINDS).score
    assert usual == mig(codes, factors, KINDS, bootstrap=Bootstrap(draws=200)).score
    # It does not leave what a gap can be.
    certain = mig(FULL, FULL, BITS, bootstrap=QUICK).score
    assert certain.value == certain.high == pytest.approx(1.0, abs=SAME)
    assert mig(torch.cat([codes, codes], 1), factors, KINDS, bootstrap=QUICK).score.low == 0.0


def test_a_single_code_has_its_information_as_gap() -> None:
    assert gap(FULL[:, :1], FULL, BITS) == pytest.approx(0.5, rel=SAME)


def test_codes_that_are_factors_have_all_scores_one() -> None:
    factors = factors_of()
    found = mig(factors, factors, KINDS, bootstrap=QUICK)
    known = mutual_information(factors, factors, KINDS)[0]
    others = (known - 2 * torch.eye(3, dtype=torch.float64)).amax(0)  # what chance lets the second code know
    assert_close(found.gaps, 1 - others)
    assert found.score.value > 0.95
    trees = forest(factors, factors, trees=60)
    assert trees.disentanglement == pytest.approx(1.0, abs=1e-3)
    assert trees.completeness == pytest.approx(1.0, abs=1e-3)
    assert trees.informativeness == pytest.approx(1.0, abs=1e-2)
    assert voted(factors, factors).score.value == 1.0


def test_order_sign_and_scale_change_nothing() -> None:
    factors = factors_of()
    codes = factors + 0.3 * noise(len(factors), 3)
    other = codes[:, [2, 0, 1]] * torch.tensor([-0.5, 3.0, -20.0]) + 7
    assert gap(other, factors) == pytest.approx(gap(codes, factors), abs=0.02)  # bins have other borders
    one, two = forest(codes, factors), forest(other, factors)
    assert_close(two.importance, one.importance[[2, 0, 1]], atol=0.02, rtol=0.0)
    assert voted(other, factors).score.value == voted(codes, factors).score.value


def test_codes_that_know_nothing_score_nothing() -> None:
    factors, codes = factors_of(), noise(600, 5)
    assert gap(codes, factors) < 0.05
    found = forest(codes, factors)
    assert found.disentanglement < 0.15
    assert found.completeness < 0.15
    assert found.predicted[:2].max() < 0.1
    # Of 200 votes a third is right by chance, with a standard error of .033: five of them are .167.
    assert voted(codes, factors).score.value == pytest.approx(1 / 3, abs=0.167)


def test_two_codes_for_each_factor_cost_gap_and_completeness_only() -> None:
    factors = factors_of()
    codes = torch.cat([factors, factors], dim=1)
    assert gap(codes, factors) == pytest.approx(0.0, abs=SAME)
    found = forest(codes, factors)
    assert found.disentanglement == pytest.approx(1.0, abs=1e-3)
    # Trees may take either copy: shared equally, completeness is 1 - log 2 / log 6.
    assert 1 - math.log(2) / math.log(6) - 1e-3 <= found.completeness <= 1.0
    assert voted(codes, factors).score.value == 1.0


def test_copies_with_noise_of_their_own_share_the_importance() -> None:
    factors = factors_of()
    spread = 0.2 * factors.std(0)
    codes = torch.cat([factors + spread * noise(600, 3), factors + spread * noise(1200, 3)[600:]], dim=1)
    found = forest(codes, factors)
    assert found.disentanglement > 0.9
    assert found.completeness == pytest.approx(1 - math.log(2) / math.log(6), abs=0.15)


def test_a_rotation_by_an_eighth_turn_has_no_gap_and_no_disentanglement() -> None:
    factors = torch.rand(1500, 2, generator=rng(3))
    kinds: tuple[Kind, ...] = ("interval", "interval")
    turned = factors @ (torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2))
    # By symmetry both codes know equally much of both factors.
    assert gap(turned, factors, kinds) < 0.03
    found = forest(turned, factors, kinds, trees=40)
    assert found.disentanglement < 0.05
    assert found.informativeness > 0.9
    assert_close(found.importance, torch.full((2, 2), 0.5, dtype=torch.float64), atol=0.1, rtol=0.0)


@pytest.mark.parametrize("as_classes", [False, True])
def test_importances_and_shares_are_those_of_scikit_learn(as_classes: bool) -> None:
    """By the definitions, from trees that are grown here."""
    factors = factors_of(90)
    codes = torch.cat([factors + 0.1 * noise(90, 3), noise(90, 1)], dim=1)
    found = dci(codes, factors, KINDS, as_classes=as_classes, trees=6, seed=3)
    x, settings = codes.double().numpy(), {"n_estimators": 6, "random_state": 3}
    columns, predicted = [], []
    for factor, kind in zip(factors.double().unbind(1), KINDS, strict=True):
        if as_classes or kind == "category":
            y = classes(factor, kind).numpy()
            trees = GradientBoostingClassifier(**settings).fit(x[:60], y[:60])
            columns.append(trees.feature_importances_)
            predicted.append((trees.predict(x[60:]) == y[60:]).mean())
            continue
        angle = 2 * math.pi * factor
        targets = torch.stack([angle.cos(), angle.sin()] if kind == "circular" else [factor], dim=1).numpy()
        grown = [GradientBoostingRegressor(**settings).fit(x[:60], y[:60]) for y in targets.T]
        columns.append(np.mean([trees.feature_importances_ for trees in grown], axis=0))
        away = targets[60:] - np.stack([trees.predict(x[60:]) for trees in grown], axis=1)
        spread = targets[60:] - targets[60:].mean(0)
        predicted.append(1 - np.square(away).sum() / np.square(spread).sum())
    matrix = np.stack(columns, axis=1)
    by_code, by_factor = 1 - entropy(matrix, axis=1, base=3), 1 - entropy(matrix, axis=0, base=4)
    expected = (
        (found.importance, matrix),
        (found.by_code, by_code),
        (found.by_factor, by_factor),
        (found.predicted, predicted),
        (found.disentanglement, np.average(by_code, weights=matrix.sum(1))),
        (found.completeness, by_factor.mean()),
        (found.informativeness, np.mean(predicted)),
    )
    for ours, theirs in expected:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=SAME)
    assert not torch.equal(found.importance, dci(codes, factors, KINDS, trees=7, seed=3).importance)


def test_a_factor_that_does_not_vary_needs_no_code() -> None:
    """Nothing to predict: no importance and no gap, and it costs no other score."""
    factors = torch.cat([factors_of(60)[:, :1], torch.ones(60, 1)], dim=1)
    found = dci(noise(60, 2) + factors, factors, ("interval", "category"), trees=3)
    assert found.importance[:, 1].tolist() == [0.0, 0.0]
    assert float(found.by_factor[1]) == 0.0
    assert found.completeness == pytest.approx(float(found.by_factor[0]), abs=SAME)
    assert float(found.predicted[1]) == 1.0
    assert float(mig(factors_of(60), factors, ("interval", "category"), bootstrap=QUICK).gaps[1]) == 0.0
    nothing = dci(noise(60, 2), torch.ones(60, 2), ("category", "category"), trees=3)
    assert (nothing.disentanglement, nothing.completeness) == (0.0, 0.0)


def test_what_cannot_be_predicted_is_not_worse_than_nothing() -> None:
    factors = torch.stack([noise(30, 1)[:, 0], noise(60, 1)[30:, 0]], dim=1)
    found = dci(noise(90, 2)[60:], factors, ("interval", "interval"), trees=20)
    assert found.predicted.tolist() == [0.0, 0.0]


def test_what_a_circle_can_reach() -> None:
    turns = torch.arange(1000) / 1000
    angle = 2 * math.pi * turns
    circle: tuple[Kind, ...] = ("circular",)
    round_once = mutual_information(turns.unsqueeze(1), turns.unsqueeze(1), circle)[0, 0, 0]
    assert float(round_once) == pytest.approx(1.0, abs=0.01)
    # The mirror image of an arc has the same cosine; arcs 0 and 9, 1 and 8, and so on.
    cosine = mutual_information(angle.cos().unsqueeze(1), turns.unsqueeze(1), circle)[0, 0, 0]
    assert float(cosine) < math.log(5) / math.log(10) + 0.01
    assert float(cosine) > 0.5
    both = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert gap(both, turns.unsqueeze(1), circle) < 0.1


def test_classes_are_values_arcs_or_bins() -> None:
    many = torch.arange(1000) / 1000
    assert classes(many, "circular").bincount().tolist() == [100] * 10
    assert classes(many + 0.95, "circular")[:60].tolist() == [9] * 50 + [0] * 10
    assert classes(100 - many, "interval").bincount().tolist() == pytest.approx([100] * 10, abs=1)
    assert classes(many, "interval", 4).unique().tolist() == [0, 1, 2, 3]
    assert classes(many, "circular", 4).unique().tolist() == [0, 1, 2, 3]
    assert classes(torch.tensor([3.0, -1.0, 3.0]), "circular").tolist() == [1, 0, 1]
    # Twenty values are few, twenty-one are many.
    assert classes(torch.arange(20.0), "interval").tolist() == list(range(20))
    assert classes(torch.arange(21.0), "interval").unique().tolist() == list(range(10))
    assert classes(torch.arange(50.0), "category").tolist() == list(range(50))


def test_votes_are_for_the_code_that_is_still() -> None:
    factors = factors_of()
    found = voted(factors[:, [1, 2, 0]], factors)
    assert found.votes.argmax(0).tolist() == [2, 0, 1]
    assert int(found.votes.sum()) == 200
    assert found.score.low <= found.score.value <= found.score.high


def test_votes_are_told_to_the_letter() -> None:
    """Whoever draws the codes decides the votes: of factor 0 code 1 is still, of factor 1 both are."""
    asked: list[int] = []

    def draw(factor: int, size: int, numbers: torch.Generator) -> Float[Tensor, "batch d"]:
        asked.append(factor)
        spread = torch.linspace(-1, 1, size).unsqueeze(1)
        # Twice as wide as usual, and as usual: in units of its deviation the second one varies less.
        return spread * torch.tensor([[2.0, 3.0], [1.0, 0.0]][factor]) * (1 + len(asked) % 2)

    found = factor_vae(
        draw, torch.tensor([1.0, 2.0]), factors=2, batch=5, training=50, testing=70, bootstrap=QUICK
    )
    assert len(asked) == 120
    assert found.votes.tolist() == [[0, 0], [asked[:50].count(0), asked[:50].count(1)]]
    # The second code stands for the factor that it got most votes for.
    taken = int(found.votes[1].argmax())
    assert found.score.value == pytest.approx(asked[50:].count(taken) / 70, rel=1e-6)
    assert (
        found.score
        == factor_vae(
            draw, torch.tensor([1.0, 2.0]), factors=2, training=50, testing=70, bootstrap=QUICK
        ).score
    )


def test_a_batch_of_a_table_shares_a_factors_class() -> None:
    factors = factors_of(100)
    draw, numbers = of_table(factors, factors, KINDS), rng()
    for factor in range(3):
        batches = [draw(factor, 40, numbers) for _ in range(20)]
        assert all(batch.shape == (40, 3) for batch in batches)
        assert all(len(batch[:, factor].unique()) == 1 for batch in batches)
        assert len({float(batch[0, factor]) for batch in batches}) > 2
        assert min(len(batch[:, (factor + 1) % 3].unique()) for batch in batches) > 2


def test_dead_codes_get_no_votes() -> None:
    factors = factors_of()
    codes = torch.cat([torch.full((600, 1), 5.0), factors, 1e-3 * noise(600, 1)], dim=1)
    found = voted(codes, factors, dead=0.01)
    assert found.alive == (False, True, True, True, False)
    assert found.score.value == 1.0
    nothing = voted(codes[:, :1], factors)
    assert (nothing.score.value, nothing.score.low, nothing.score.high) == (0.0, 0.0, 0.0)
    assert nothing.votes.tolist() == [[0, 0, 0]]
    assert nothing.alive == (False,)


def test_same_seed_same_score() -> None:
    factors = factors_of()
    codes = factors + noise(600, 3)
    one, two = (voted(codes, factors, seed=4) for _ in range(2))
    assert torch.equal(one.votes, two.votes)
    assert not torch.equal(one.votes, voted(codes, factors, seed=5).votes)


def test_what_cannot_be_scored_is_refused() -> None:
    factors = factors_of(60)
    with pytest.raises(InputError, match="a kind for each"):
        mig(factors, factors, KINDS[:2])
    with pytest.raises(InputError, match="19 pictures are too few for a score: give 20"):
        dci(factors[:19], factors[:19], KINDS)
    assert mig(factors[:20], factors[:20], KINDS, bootstrap=QUICK).score.value > 0
    for codes, values in ((factors / 0, factors), (factors, factors / 0)):
        with pytest.raises(InputError, match="not finite"):
            mig(codes, values, KINDS)
    for codes, values in ((factors[:, :1], factors), (factors, factors[:, :1])):
        with pytest.raises(InputError, match="two or more of both"):
            dci(codes, values, KINDS[: values.shape[1]])
    for settings in ({"batch": 1}, {"training": 0}, {"testing": 0}):
        with pytest.raises(InputError, match="two or more pictures"):
            voted(factors, factors, **settings)


def test_many_categories_are_not_cut_into_bins() -> None:
    many = torch.arange(25.0).repeat(8).unsqueeze(1)[torch.randperm(200, generator=rng())]
    factors = torch.cat([many, factors_of(200)[:, 2:]], dim=1)
    codes = torch.cat([factors, noise(200, 1)], dim=1)
    # A code of twenty bins tells fifteen categories for certain, and of ten others only which pair it is.
    known = math.log(25) - 10 / 25 * math.log(2)
    assert float(mutual_information(codes, factors, BITS)[0, 0, 0]) == pytest.approx(
        known / math.log(25), abs=SAME
    )
    batch = of_table(codes, factors, BITS)(0, 30, rng())
    assert len(batch[:, 0].unique()) == 1
    y = many[:, 0].long().numpy()
    trees = GradientBoostingClassifier(n_estimators=2, random_state=0).fit(codes[:133].double(), y[:133])
    found = dci(codes, factors, BITS, trees=2)
    assert float(found.predicted[0]) == pytest.approx(trees.score(codes[133:].double(), y[133:]), abs=SAME)


def test_two_categories_are_something_to_tell_apart() -> None:
    found = dci(FULL, FULL, BITS, trees=3)
    assert_close(found.importance, torch.eye(2, dtype=torch.float64), atol=SAME, rtol=0.0)
    nothing = dci(FULL, torch.ones(32, 2), BITS, trees=3)
    assert nothing.importance.dtype == torch.float64


def test_the_unit_of_a_factor_changes_nothing() -> None:
    factors = factors_of(90)[:, :1] * torch.tensor([1e-3, 1.0])
    codes = factors * torch.tensor([1.0, -1.0]) + torch.tensor([1e-3, 1.0]) * noise(90, 2)
    found = dci(codes, factors, ("interval", "interval"), trees=5)
    assert 0 < float(found.predicted.min()) < 1
    small = dci(codes, factors * torch.tensor([1.0, 1e-3]), ("interval", "interval"), trees=5)
    assert_close(small.predicted, found.predicted, atol=1e-4, rtol=0.0)  # factors are float32


def test_an_arc_just_before_the_start_is_the_last() -> None:
    # In float32 the remainder of a tiny negative number is 1.
    assert classes(torch.cat([torch.arange(50) / 50, torch.tensor([-1e-9])]), "circular").tolist()[-1] == 9


def test_kinds_must_be_as_many_as_factors() -> None:
    for call in (mutual_information, of_table):
        with pytest.raises(ValueError, match="shorter"):
            call(FULL, FULL, BITS[:1])


def test_what_is_told_of_information() -> None:
    found = mig(FULL, FULL, BITS, bootstrap=QUICK)
    once = mutual_information(FULL, FULL, BITS)
    assert once.shape == (1, 2, 2)
    assert torch.equal(found.information, once[0])
    still = mutual_information(FULL, torch.ones(32, 1), ("category",))
    assert not still.any()


def test_usual_sizes_are_those_that_are_documented() -> None:
    codes, kinds = factors_of(60)[:, :2] + noise(60, 2), KINDS[:2]
    trees = GradientBoostingRegressor().n_estimators
    usual_trees, told = (
        dci(codes, factors_of(60)[:, :2], kinds),
        dci(codes, factors_of(60)[:, :2], kinds, trees=trees),
    )
    assert torch.equal(usual_trees.importance, told.importance)
    sizes: list[int] = []

    def draw(factor: int, size: int, numbers: torch.Generator) -> Float[Tensor, "batch d"]:
        sizes.append(size)
        return torch.rand(size, 2, generator=numbers)

    usual = factor_vae(draw, torch.ones(2), factors=2)
    assert sizes == [64] * (800 + 2000)
    assert torch.equal(usual.votes, factor_vae(draw, torch.ones(2), factors=2, testing=1, seed=0).votes)
    least = factor_vae(draw, torch.ones(2), factors=1, batch=2, training=1, testing=1)
    assert (int(least.votes.sum()), least.votes.dtype) == (1, torch.int64)
    dead = factor_vae(draw, torch.ones(2), factors=1, dead=2.0)
    assert dead.votes.dtype == torch.int64


def test_sentences_are_whole() -> None:
    sizes = r"codes \(32, 2\), factors \(32, 2\) and 1 kinds"
    with pytest.raises(
        InputError, match=rf"^{sizes}: give a row of both for each picture and a kind for each factor\.$"
    ):
        mig(FULL, FULL, BITS[:1])
    with pytest.raises(InputError, match=r"^a code or a factor is not finite: leave out such pictures\.$"):
        mig(FULL / 0, FULL, BITS)
