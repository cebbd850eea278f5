"""How well codes separate factors: MIG, DCI and FactorVAE score, from a table of codes and one of factors.

A code is a number that is read off a picture (n pictures have n rows of d codes); factors are the known
properties of the picture. All three scores are 1 for codes that are the factors, in any order and scale.

Circular factors are cut into arcs where a metric needs classes, and are points of a circle where it needs
targets. No code of one real number can follow a circle without a jump; `Mig` and `Dci` say which scores such
a factor can reach.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentclr.errors import InputError
from latentclr.evaluate.attributes import Kind
from latentclr.evaluate.intervals import Bootstrap, Interval, quantile, weighted_means

CODE_BINS = 20
"""Number of bins of equal width into which a code is cut for MIG (disentanglement_lib's)."""
FACTOR_BINS = 10
"""Number of classes into which a factor with many values is cut: that of the hues in 3D Shapes."""
FEW = 20
"""Largest number of different values that are classes themselves; a factor with more values is cut."""
LEAST = 20
"""Smallest number of rows for a score."""

Codes = Float[Tensor, "n d"]
Batch = Callable[[int, int, torch.Generator], Float[Tensor, "batch d"]]
"""From (number of a factor, size, random numbers) to codes of pictures that share its value."""


@dataclass(frozen=True)
class Mig:
    """Mutual information gap (Chen et al., NeurIPS 2018, equation 6).

    A circular factor reaches 1 with a code that follows it once round and jumps at one place. A code that is
    a projection of the circle (such as its cosine) cannot distinguish two halves and reaches
    log 5 / log 10 = .70 for ten arcs; a second projection with as much information makes the gap 0.

    Attributes:
        score: mean of the gaps.
        gaps: (f,), differences between the two largest mutual informations of each factor.
        information: (d, f), mutual information of code and factor as a share of the factor's entropy. It is
            estimated from counts, which overestimates it by about cells / 2n nats (equally for all codes).
    """

    score: Interval
    gaps: Float[Tensor, " f"]
    information: Float[Tensor, "d f"]


@dataclass(frozen=True)
class Dci:
    """Disentanglement, completeness, informativeness (Eastwood and Williams, ICLR 2018, section 2).

    A circular factor that two codes share as cosine and sine lowers completeness, not disentanglement.

    Attributes:
        disentanglement: 1 where every code is important for one factor only; mean over codes, weighted by
            importance.
        completeness: 1 where for every factor only one code is important.
        informativeness: how well factors are predicted from all codes, on test rows: accuracy of classes,
            R^2 (at least 0) of numbers; mean over factors.
        importance: (d, f), of each code for predicting each factor; columns sum to 1.
        by_code: (d,), disentanglement of each code.
        by_factor: (f,), completeness of each factor.
        predicted: (f,), informativeness of each factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Float[Tensor, "d f"]
    by_code: Float[Tensor, " d"]
    by_factor: Float[Tensor, " f"]
    predicted: Float[Tensor, " f"]


@dataclass(frozen=True)
class FactorVae:
    """Score of Kim and Mnih (ICML 2018, section 4): which factor did not vary?

    Attributes:
        score: accuracy on test votes.
        votes: (d, f), training votes.
        alive: (d,), whether each code varies enough to be voted for.
    """

    score: Interval
    votes: Int[Tensor, "d f"]
    alive: tuple[bool, ...]


def classes(values: Float[Tensor, " n"], kind: Kind, bins: int = FACTOR_BINS) -> Int[Tensor, " n"]:
    """A factor as classes: its values where these are few, else bins of equal width (arcs, if circular).

    Args:
        values: of the factor.
        kind: of the factor.
        bins: number of bins or arcs.

    >>> classes(torch.tensor([0.0, 0.5, 2.0]), "interval").tolist()
    [0, 1, 2]
    """
    numbers: Int[Tensor, " n"]
    different, numbers = values.unique(return_inverse=True)
    if kind == "category" or len(different) <= FEW:
        return numbers
    if kind == "circular":
        arcs: Int[Tensor, " n"] = (values % 1 * bins).long().clamp(max=bins - 1)
        return arcs
    return _cut(values.unsqueeze(1), bins)[:, 0]


def mutual_information(
    codes: Codes,
    factors: Float[Tensor, "n f"],
    kinds: Sequence[Kind],
    *,
    weights: Float[Tensor, "b n"] | None = None,
) -> Float[Tensor, "b d f"]:
    """Mutual information of each code (in `CODE_BINS` bins) and factor (in classes), over factors' entropies.

    Args:
        codes: of n pictures.
        factors: of the same pictures; for one that does not vary, and has no entropy, the result is 0.
        kinds: of the factors.
        weights: how often each picture counts, in each of b resamples; None: once.
    """
    weights = torch.ones(1, len(codes), dtype=torch.float64) if weights is None else weights
    cut = _cut(codes, CODE_BINS)
    columns = []
    for factor, kind in zip(factors.unbind(1), kinds, strict=True):
        of_factor = classes(factor, kind)
        count = int(of_factor.max()) + 1
        entropy = _entropy(_tally(of_factor, count, weights))
        column = []
        for code in cut.unbind(1):
            joint = _entropy(_tally(code * count + of_factor, CODE_BINS * count, weights))
            known = _entropy(_tally(code, CODE_BINS, weights)) + entropy - joint
            column.append(torch.where(entropy > 1e-9, known / entropy.clamp(min=1e-9), 0.0).clamp(0, 1))
        columns.append(torch.stack(column, dim=1))
    found: Float[Tensor, "b d f"] = torch.stack(columns, dim=2)
    return found


def mig(
    codes: Codes,
    factors: Float[Tensor, "n f"],
    kinds: Sequence[Kind],
    *,
    bootstrap: Bootstrap | None = None,
) -> Mig:
    """Mutual information gap of codes and factors.

    Args:
        codes: (n, d), any unit.
        factors: (n, f); circular ones in turns.
        kinds: of the factors.
        bootstrap: over pictures; None: 200 resamples. The interval is shifted so that the mean of the
            resamples is the score: their counts are more uneven than those of the pictures, which biases
            them. It does not cover the variance between encoders or runs.

    Raises:
        InputError: tables that do not fit each other, too few rows, or values that are not finite.
    """
    _check(codes, factors, kinds)
    known = mutual_information(codes, factors, kinds)
    found = _gaps(known)[0]
    boot, score = bootstrap or Bootstrap(draws=200), float(found.mean())
    drawn = _gaps(mutual_information(codes, factors, kinds, weights=boot.weights(len(codes)))).mean(1)
    ends = (quantile(drawn, torch.tensor((1 + sign * boot.level) / 2, dtype=drawn.dtype)) for sign in (-1, 1))
    low, high = (min(1.0, max(0.0, score + float(end - drawn.mean()))) for end in ends)
    return Mig(Interval(score, low, high, boot.level), found, known[0])


def dci(
    codes: Codes,
    factors: Float[Tensor, "n f"],
    kinds: Sequence[Kind],
    *,
    as_classes: bool = False,
    trees: int = 100,
    seed: int = 0,
) -> Dci:
    """Disentanglement, completeness and informativeness, by the importances of boosted trees.

    Two thirds of the rows are for training. The trees are scikit-learn's GradientBoosting with its defaults,
    as in disentanglement_lib, which makes classes of all factors. Here numbers are predicted as numbers (as
    in the paper) and a circular factor as its cosine and sine, with the mean of their importances: this is
    faster, and with ten classes of few rows each, codes seem important that are not. Random forests would be
    faster still, but they give importance to every code, and to pure noise too much.

    Args:
        codes: (n, d), any unit.
        factors: (n, f); circular ones in turns.
        kinds: of the factors.
        as_classes: predict classes of all factors, as disentanglement_lib does; `predicted` is accuracy then.
            The scores are lower (on `scenes` .37 instead of .54); only these, with 10,000 training rows, are
            comparable with results of that library.
        trees: number for each number or class that is predicted.
        seed: of the trees.

    Raises:
        InputError: tables that do not fit each other, fewer than two codes or factors, too few rows, or
            values that are not finite.
    """
    _check(codes, factors, kinds)
    if min(codes.shape[1], factors.shape[1]) < 2:
        raise InputError(
            f"DCI of {codes.shape[1]} codes and {factors.shape[1]} factors: give two or more of both."
        )
    x = codes.double().cpu().numpy()
    found = [
        _predicted(x, factor.double().cpu(), kind, as_classes, {"n_estimators": trees, "random_state": seed})
        for factor, kind in zip(factors.unbind(1), kinds, strict=True)
    ]
    importance = torch.stack([column for column, _ in found], dim=1).clamp(min=0)  # rounding goes below
    predicted = torch.tensor([score for _, score in found], dtype=torch.float64)
    by_code, by_factor = _purity(importance), _purity(importance.T)
    shares = importance.sum(1) / importance.sum().clamp(min=1e-12)
    columns = importance.sum(0) / importance.sum().clamp(min=1e-12)
    return Dci(
        float((shares * by_code).sum()),
        float((columns * by_factor).sum()),
        float(predicted.mean()),
        importance,
        by_code,
        by_factor,
        predicted,
    )


def factor_vae(
    draw: Batch,
    deviations: Float[Tensor, " d"],
    *,
    factors: int,
    dead: float = 0.0,
    batch: int = 64,
    training: int = 800,
    testing: int = 2000,
    seed: int = 0,
    bootstrap: Bootstrap | None = None,
) -> FactorVae:
    """Score by votes: in pictures that share one factor, which code varies least, relative to its variance?

    Each code predicts the factor for which it got most votes in training; the score is the accuracy on new
    votes. (The authors train with 800 votes; disentanglement_lib with 10,000 of 64 pictures, and 5,000 for
    the test.)

    Args:
        draw: gives codes of pictures that share a value of one factor, another random value in each call.
        deviations: standard deviations of the codes over all pictures.
        factors: number of factors.
        dead: codes with this standard deviation or a smaller one get no votes; in the unit of the codes.
        batch: number of pictures of a vote.
        training: number of training votes.
        testing: number of test votes.
        seed: of everything random.
        bootstrap: over test votes; None: the usual one.

    Raises:
        InputError: fewer than two pictures a vote, or no votes.
    """
    if batch < 2 or training < 1 or testing < 1 or factors < 1:
        raise InputError(
            f"batch={batch}, training={training}, testing={testing}, factors={factors}: a vote needs two or "
            "more pictures, and there must be one vote and one factor at least."
        )
    rng = torch.Generator().manual_seed(seed)
    deviations = deviations.double().cpu()
    alive = deviations > dead
    if not bool(alive.any()):
        none = torch.zeros(len(deviations), factors, dtype=torch.int64)
        return FactorVae(Interval(0.0, 0.0, 0.0), none, tuple(alive.tolist()))

    def vote() -> tuple[int, int]:
        factor = int(torch.randint(factors, (), generator=rng))
        spread = draw(factor, batch, rng).double().cpu().var(0) / deviations.square()
        return factor, int(torch.where(alive, spread, torch.inf).argmin())

    votes = torch.zeros(len(deviations), factors, dtype=torch.int64)
    for _ in range(training):
        factor, code = vote()
        votes[code, factor] += 1
    taken_for = votes.argmax(1)
    right = torch.tensor(
        [float(taken_for[code] == factor) for factor, code in (vote() for _ in range(testing))]
    )
    score = (bootstrap or Bootstrap()).of(lambda w: weighted_means(right, w), testing).at()
    return FactorVae(score, votes, tuple(alive.tolist()))


def of_table(codes: Codes, factors: Float[Tensor, "n f"], kinds: Sequence[Kind]) -> Batch:
    """Batches for `factor_vae` from a table: rows (drawn with replacement) that share a factor's class.

    A factor with few values is constant in a batch; one with many values, whose classes are bins, keeps a
    hundredth of its variance.

    Args:
        codes: of n pictures.
        factors: of the same pictures.
        kinds: of the factors.
    """
    of_factor = [classes(factor, kind) for factor, kind in zip(factors.unbind(1), kinds, strict=True)]
    rows = [[(each == value).nonzero()[:, 0] for value in range(int(each.max()) + 1)] for each in of_factor]

    def draw(factor: int, size: int, rng: torch.Generator) -> Float[Tensor, "batch d"]:
        first = int(torch.randint(len(codes), (), generator=rng))
        alike = rows[factor][int(of_factor[factor][first])]
        return codes[alike[torch.randint(len(alike), (size,), generator=rng)]]

    return draw


def _predicted(
    x: Float[np.ndarray, "n d"],
    factor: Float[Tensor, " n"],
    kind: Kind,
    as_classes: bool,
    settings: dict[str, int],
) -> tuple[Float[Tensor, " d"], float]:
    """Importances of the codes for one factor, and how well it is predicted."""
    # Imported only here, since it takes a second.
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    learnt = len(x) * 2 // 3
    if kind == "category" or as_classes:
        y = classes(factor, kind).numpy()
        classifier = GradientBoostingClassifier(**settings)
        if len(np.unique(y[:learnt])) < 2:  # there is nothing to predict
            return torch.zeros(x.shape[1], dtype=torch.float64), 1.0
        classifier.fit(x[:learnt], y[:learnt])
        score = float(classifier.score(x[learnt:], y[learnt:]))
        return torch.from_numpy(classifier.feature_importances_), score
    angle = 2 * math.pi * factor
    targets = torch.stack([angle.cos(), angle.sin()]) if kind == "circular" else factor.unsqueeze(0)
    importance, left = torch.zeros(x.shape[1], dtype=torch.float64), 0.0
    for target in targets.numpy():
        regressor = GradientBoostingRegressor(**settings).fit(x[:learnt], target[:learnt])
        importance += torch.from_numpy(regressor.feature_importances_) / len(targets)
        left += float(np.square(regressor.predict(x[learnt:]) - target[learnt:]).sum())
    rest = targets[:, learnt:]
    total = float((rest - rest.mean(1, keepdim=True)).square().sum())
    return importance, max(0.0, 1 - left / max(total, 1e-12))


def _purity(importance: Float[Tensor, "rows columns"]) -> Float[Tensor, " rows"]:
    """1 - entropy of each row's shares / entropy of equal shares; 0 for a row of zeros."""
    total = importance.sum(1, keepdim=True)
    shares = importance / total.clamp(min=1e-12)
    pure = 1 + torch.xlogy(shares, shares).sum(1) / math.log(importance.shape[1])
    return torch.where(total[:, 0] > 0, pure, 0.0)


def _gaps(information: Float[Tensor, "b d f"]) -> Float[Tensor, "b f"]:
    """Difference between the best code and the second; the information of a single code itself."""
    best = information.topk(min(2, information.shape[1]), dim=1).values
    gaps: Tensor = best[:, 0] - best[:, 1:].sum(1)
    return gaps


def _cut(codes: Codes, bins: int) -> Int[Tensor, "n d"]:
    """The number of each value's bin, of equal bins between the smallest and largest value of its column."""
    codes = codes.double()
    low, high = codes.amin(0), codes.amax(0)
    width = torch.where(high > low, high - low, 1.0)
    return ((codes - low) / width * bins).long().clamp(max=bins - 1)


def _tally(numbers: Int[Tensor, " n"], count: int, weights: Float[Tensor, "b n"]) -> Float[Tensor, "b count"]:
    zeros = torch.zeros(len(weights), count, dtype=torch.float64)
    return zeros.scatter_add_(1, numbers.expand(len(weights), -1), weights)


def _entropy(tally: Float[Tensor, "b count"]) -> Float[Tensor, " b"]:
    shares = tally / tally.sum(1, keepdim=True)
    return -torch.xlogy(shares, shares).sum(1)


def _check(codes: Tensor, factors: Tensor, kinds: Sequence[Kind]) -> None:
    if len(codes) != len(factors) or factors.shape[1] != len(kinds):
        raise InputError(
            f"codes {tuple(codes.shape)}, factors {tuple(factors.shape)} and {len(kinds)} kinds: give a row "
            "of both for each picture and a kind for each factor."
        )
    if len(codes) < LEAST:
        raise InputError(f"{len(codes)} pictures are too few for a score: give {LEAST} or more.")
    if not bool(codes.isfinite().all() and factors.isfinite().all()):
        raise InputError("a code or a factor is not finite: leave out such pictures.")
