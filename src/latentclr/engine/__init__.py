"""How work is spread over processes, the same way for training, evaluation and sampling."""

from typing import TYPE_CHECKING

from latentclr.lazy import lazy

if TYPE_CHECKING:
    from latentclr.engine.public import *  # noqa: F403
else:
    __getattr__, __dir__ = lazy(__name__)
