"""GANSpace's published edits, and its notation."""

import pytest

from latentclr import InputError
from latentclr.directions.published import GANSPACE, PublishedEdit, published_edit


def test_the_notation_includes_both_ends_and_the_code_does_not() -> None:
    assert published_edit("E(10, 7-8):-3") == PublishedEdit(10, (7, 8), -3.0)
    assert published_edit("E(34,10):+20") == GANSPACE["ffhq/lipstick"] == PublishedEdit(34, (10,), 20.0)
    assert published_edit(" E(6) ") == GANSPACE["biggan/zoom"]


def test_what_is_neither_name_nor_notation_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'ffhq/bald'"):
        published_edit("ffhq/bold")
    for text in ("E(1, 2-)", "E(-1)", "E(1):x", "", "10, [7, 9)"):
        with pytest.raises(InputError, match="no edit of GANSpace"):
            published_edit(text)
    with pytest.raises(InputError, match="slots 8 to 7 are none"):
        published_edit("E(1, 8-7)")
