"""A pickle machine of our own, that can build plain data and nothing else.

It knows the opcodes of protocols 0 to 5 that checkpoints are written with (`opcodes`). Names are looked up
in a closed table of stand-ins (`inert`): there is no import, no attribute walk and no fallback, so the worst
that a file can do is to be refused. Bytes are not copied: they are views into the file.
"""

from collections.abc import Callable
from typing import Any

from latentclr.checkpoints.inert import Budget, Table
from latentclr.checkpoints.machine import MAX_STACK, Machine, cut_off
from latentclr.checkpoints.opcodes import FORBIDDEN, OPCODES
from latentclr.errors import InputError, UnsafeFileError

_STOP = b"."[0]
_STEPS = {code[0]: step for code, step in OPCODES.values()}
_FORBIDDEN = {code[0]: name for name, code in FORBIDDEN.items()}


def unpickle(
    data: memoryview,
    names: Table,
    budget: Budget,
    *,
    persistent: Callable[[object], object] | None = None,
) -> tuple[Any, int]:
    """The value of one pickle, and where it ends.

    Dicts, lists, tuples, sets, texts, numbers, None and stand-ins come out; bytes as views into `data`. The
    containers hold no cycles and are of bounded depth, but may be shared: who walks through them must count.

    Args:
        data: starts with a pickle; may go on after it.
        names: all that it may ask for.
        budget: what reading may cost.
        persistent: what stands for a persistent id; None where there are none.

    Raises:
        UnsafeFileError: it asks for more than `names` or breaks a limit.
        InputError: it is damaged or no pickle.
    """
    machine = Machine(data, names, budget, persistent)
    while machine.at < machine.end:
        code = data[machine.at]
        machine.at += 1
        budget.opcodes -= 1  # as budget.step(), in the one place where its speed matters
        if budget.opcodes < 0:
            budget.step(0)
        if code == _STOP:
            value = machine.pop()
            if machine.stack or machine.marks:
                raise InputError("the pickle in it leaves values behind; it is damaged.")
            return value, machine.at
        if (step := _STEPS.get(code)) is None:
            raise _unknown(code)
        step(machine)
        if len(machine.stack) > MAX_STACK:
            raise UnsafeFileError(f"it puts more than {MAX_STACK:,} values on the stack at once.")
    raise cut_off()


def _unknown(code: int) -> InputError:
    if code in _FORBIDDEN:
        return UnsafeFileError(
            f"it uses the pickle opcode {_FORBIDDEN[code]}, which no checkpoint needs; nothing of it was run."
        )
    return InputError(f"the pickle in it has the byte {code:#04x} where an opcode should be; it is damaged.")
