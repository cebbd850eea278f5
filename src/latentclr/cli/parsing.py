"""From dataclasses to command-line options, with the help that tyro writes from their docstrings."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from typing import Annotated, Any, TypeVar, get_args

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from latentclr.cli.console import out
from latentclr.errors import InputError, unknown
from latentclr.limits import Limit

Options = TypeVar("Options")

CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff)
REGISTRY = ConstructorRegistry()
"""The two rules below, which change how options are shown in the help, not how they are read."""
SEEN: Any = object()
"""Among the markers of a type: one of these rules has handed it on to tyro's own."""


def parse(
    options: Callable[..., Options], arguments: Sequence[str], *, prog: str, about: str, **more: Any
) -> Options:
    """Fill a dataclass from the command line. A bad value or `--help` ends the program (2 or 0).

    Args:
        options: the dataclass, or a union of several, of which the first argument chooses one.
        arguments: of the command line.
        prog: name of the command in its help, after "latentclr".
        about: what the command does.
        more: for `tyro.cli`.

    Raises:
        InputError: the dataclass has refused a value.
    """
    messages = io.StringIO()
    try:
        with redirect_stderr(messages):
            filled: Options = tyro.cli(
                options,
                args=list(arguments),
                prog=f"latentclr {prog}".strip(),
                description=about,
                config=CONFIG,
                registry=REGISTRY,
                **more,
            )
    except SystemExit as ended:
        # tyro prints the InputError of a dataclass in a box of its own; `main` prints it as a sentence.
        error: BaseException | None = ended
        while error is not None and not isinstance(error, InputError):
            error = error.__context__
        if error is not None:
            raise error from None
        sys.stderr.write(messages.getvalue())
        raise
    return filled


@REGISTRY.primitive_rule
def _show_optional_by_its_type(info: PrimitiveTypeInfo) -> Any:
    """Show `str | None` as STR rather than {None}|STR."""
    if type(None) not in get_args(info.type) or SEEN in info.markers:
        return None

    def spec(*markers: Any) -> Any:
        marked = replace(info, markers={*info.markers, SEEN, *markers})
        return ConstructorRegistry.get_primitive_spec(marked)

    found, shown = spec(), spec(tyro.conf.DisallowNone)
    return replace(found, metavar=shown.metavar) if isinstance(found, PrimitiveConstructorSpec) else found


@REGISTRY.struct_rule
def _show_no_empty_defaults(info: StructTypeInfo) -> Any:
    """Show no default that says nothing (None, False), and each field's docstring as one paragraph."""
    if SEEN in info.markers:
        return None
    found = ConstructorRegistry.get_struct_spec(replace(info, markers=(*info.markers, SEEN)))
    if not isinstance(found, StructConstructorSpec):
        return found

    def shown(field: StructFieldSpec) -> StructFieldSpec:
        text = field.helptext() if callable(field.helptext) else field.helptext
        kind: Any = Annotated[field.type, tyro.conf.arg(help_behavior_hint=_default)]
        return replace(field, type=kind, helptext=text and " ".join(text.split()))

    return replace(found, fields=tuple(map(shown, found.fields)))


def _default(value: str) -> str:
    return "" if value in ("None", "False", "") else f"(default: {value})"


def chosen(
    arguments: Sequence[str], kind: str, known: Collection[str], overview: Callable[[], str]
) -> tuple[str, Sequence[str]] | None:
    """The first argument of a command that needs a name there, and the arguments after it.

    Args:
        arguments: of the command.
        kind: what is named, for the error ("method").
        known: all names.
        overview: gives the text to print in place of a missing name and for --help.

    Returns:
        None where that text was printed.

    Raises:
        InputError: an unknown name.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        out.print(overview())
        return None
    name, *rest = arguments
    if name not in known:
        raise unknown(kind, name, known)
    return name, rest


def check_options(options: object, **limits: Limit) -> None:
    """Check that options are within their limits; None is allowed.

    Args:
        options: whose fields are checked.
        limits: of the fields.

    Raises:
        InputError: one is not.
    """
    for name, limit in limits.items():
        value = getattr(options, name)
        if value is not None and not limit.allows(value):
            raise InputError(f"--{name} {value:g} must be {limit}.")
