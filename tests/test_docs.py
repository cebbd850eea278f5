"""The table of promises names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(?:Test\w+::)?(test_\w+))?")


def test_promises_name_tests_that_exist() -> None:
    named = NAMED.findall((ROOT / "docs" / "promises.md").read_text())
    assert len(named) > 50
    for path, test in named:
        text = (ROOT / path).read_text()
        assert not test or test.endswith("_") or f"def {test}(" in text, f"{path} has no {test}"
