"""Training generators from scratch: small ones, whose every direction can be checked."""

from typing import TYPE_CHECKING

from latentclr.lazy import lazy

if TYPE_CHECKING:
    from latentclr.pretrain.public import *  # noqa: F403
else:
    __getattr__, __dir__ = lazy(__name__)
