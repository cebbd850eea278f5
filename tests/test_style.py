"""What ruff cannot say of the code: docstrings that a stranger understands, and no circles of imports."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"
FEWEST_WORDS = 5
"""Of a docstring; of a property, which is a thing and not an action: 3."""
NOT_YET = {"explorer"}
"""Packages whose docstrings are not held to this yet."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def modules() -> dict[str, Path]:
    """The path of every module, by its name."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def definitions(node: ast.AST, public: bool = True) -> Iterator[tuple[Definition, bool]]:
    """Classes and functions, not those inside of functions, and whether they are public."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            shown = public and not child.name.startswith("_")
            yield child, shown
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, shown)
        else:
            yield from definitions(child, public)


def imports(tree: ast.AST, known: dict[str, Path]) -> set[str]:
    """Modules that a module imports when it runs, also inside of functions."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        found |= imports(node, known)
    return found & set(known)


def test_docstrings_are_sentences_and_describe_arguments() -> None:
    wrong = []
    for name, path in modules().items():
        if NOT_YET & set(name.split(".")):
            continue
        for node, public in definitions(ast.parse(path.read_text())):
            text = ast.get_docstring(node) or ""
            where = f"{name}.{node.name} (line {node.lineno})"
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            fewest = 3 if "property" in decorators else FEWEST_WORDS
            if text.startswith("See `"):
                continue  # a method that another class describes
            if text and len(text.split()) < fewest:
                wrong.append(f"{where}: {text!r} says too little")
            if public and not isinstance(node, ast.ClassDef):
                own = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                given = [argument for argument in own if argument not in ("self", "cls")]
                if len(given) > 1 and "Args:" not in text:
                    wrong.append(f"{where}: no Args")
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = modules()
    graph = {name: imports(ast.parse(path.read_text()), known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None
