"""The table of promises names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(?:Test\w+::)?(test_\w+))?")


def test_promises_name_tests_that_exist() -> None:
    named = NAMED.findall((ROOT / "docs" / "promises.md").read_text())
    assert len(named) > 50
    for path, test in named:
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not test or test in names or test.endswith("_"), f"{path} has no {test}"
