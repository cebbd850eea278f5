"""What the docs name exists."""

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


def test_the_architecture_names_every_package_and_module_of_the_top() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    words = set(re.findall(r"\w+", tree))
    names = {path.stem for path in (ROOT / "src" / "latentclr").iterdir() if path.suffix in ("", ".py")}
    assert not {name for name in names if not name.startswith("_")} - words - {"lazy", "public"}
