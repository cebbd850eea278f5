"""An explorer over HTTP for the tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.explorer.shelves import bent, plain, toys
from tests.explorer.visiting import Visitor, client_of


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A connection to the explorer of a toy with two runs, and of another one; `shelf` is what it opens."""
    shelf = toys(plain(), bent(), generators=("toy", "other"))
    with client_of(shelf) as client:
        client.shelf = shelf
        yield client


@pytest.fixture
def visitor(client: Any, request: pytest.FixtureRequest) -> Visitor:
    """Somebody who has just opened the page."""
    visitor = Visitor(client, request.node.name)
    visitor.open()
    return visitor
