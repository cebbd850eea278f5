"""Limits of settings: what they allow, what they say."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from latentclr import InputError
from latentclr.limits import NOT_NEGATIVE, POSITIVE, Limit, Limits, at_least, check_limits, check_settings


@dataclass(frozen=True)
class Base:
    limits: ClassVar[Limits] = {"count": at_least(1), "rate": POSITIVE}
    count: int = 1
    rate: float = 0.1


@dataclass(frozen=True)
class Derived(Base):
    limits: ClassVar[Limits] = {"count": at_least(2), "share": Limit(least=0, below=1)}
    count: int = 2
    share: float = 0.0
    kind: Literal["linear", "global"] = "linear"
    some: int | None = None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Base(count=0), "count=0 must be at least 1."),
        (Base(rate=0.0), "rate=0.0 must be above 0 and finite."),
        (Base(rate=float("nan")), "rate=nan must be above 0 and finite."),
        (Base(rate=float("inf")), "rate=inf must be above 0 and finite."),
        (Derived(count=1), "count=1 must be at least 2."),
        (Derived(rate=-1.0), "rate=-1.0 must be above 0 and finite."),
        (Derived(share=1.0), "share=1.0 must be at least 0 and below 1."),
        (Derived(kind="cubic"), "kind='cubic' must be one of linear, global."),  # type: ignore[arg-type]
    ],
)
def test_a_value_out_of_its_limits_is_refused_with_what_is_allowed(settings: Base, message: str) -> None:
    with pytest.raises(InputError) as error:
        check_settings(settings)
    assert str(error.value) == message


def test_values_at_their_limits_are_allowed() -> None:
    check_settings(Base(count=1, rate=1e-300))
    check_settings(Derived(count=2, share=0.999))
    check_limits({"a": 0.0, "b": None, "other": -1}, {"a": NOT_NEGATIVE, "b": POSITIVE, "absent": POSITIVE})
