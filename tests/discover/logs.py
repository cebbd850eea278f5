"""A `log` for trainings that keeps what it is told."""

from collections.abc import Callable, Mapping


class Recorder:
    """Keeps everything."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, dict[str, float]]] = []

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        self.calls.append((step, dict(values)))

    def of(self, name: str) -> dict[int, float]:
        """What was told under a name, by step."""
        return {step: values[name] for step, values in self.calls if name in values}

    def at(self, step: int) -> Callable[[], bool]:
        """A `stop` for when so many steps were told of."""
        return lambda: (self.calls[-1][0] if self.calls else 0) >= step
