"""HTML pages from templates in which every value is escaped, and the style that all pages share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*packages: str) -> "Environment":
    """Templates whose values are escaped, and in which a name without a value is an error.

    Args:
        packages: whose folders `templates` are searched in this order; the files of this package come last.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # takes a while to load

    folders = [*(PackageLoader(package) for package in packages), PackageLoader(__name__, ".")]
    return Environment(
        loader=ChoiceLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def source(environment: "Environment", *names: str) -> str:
    """The text of files beside the templates, one after the other."""
    assert environment.loader is not None
    return "".join(environment.loader.get_source(environment, name)[0] for name in names)
