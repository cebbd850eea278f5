"""The pickle machine: what pickle gives for plain values, and every opcode and limit on its own."""

import pickle  # noqa: TID251  (the machine is compared with it)
import pickletools
import random
import struct
import sys
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentclr.checkpoints import inert, machine
from latentclr.checkpoints import unpickle as unpickler
from latentclr.checkpoints.inert import PLAIN, Budget, Global, Namespace, shown, table
from latentclr.checkpoints.nvidia_file import GLOBALS
from latentclr.checkpoints.unpickle import FORBIDDEN, OPCODES, unpickle
from latentclr.errors import InputError, UnsafeFileError


def read(data: bytes, names: inert.Globals = PLAIN) -> Any:
    value, end = unpickle(memoryview(data), names, Budget(len(data)))
    assert end == len(data)
    return value


def owned(value: Any) -> Any:
    """The value with bytes in the place of views, to be compared."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, dict):
        return {key: owned(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(owned(entry) for entry in value)
    return value


def refused(data: bytes, reason: str | None, error: type[InputError] = UnsafeFileError) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        read(data)
    assert type(caught.value) is error


whole = st.integers(-(2**250), 2**250)
keys = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(allow_nan=False)
plain = st.none() | st.booleans() | whole | st.floats(allow_nan=False) | st.text() | st.binary()
trees = st.recursive(
    plain | st.sets(keys) | st.frozensets(keys),
    lambda parts: (
        st.lists(parts)
        | st.tuples(parts, parts)
        | st.tuples(parts, parts, parts, parts)
        | st.dictionaries(keys | st.tuples(keys, keys), parts)
    ),
    max_leaves=30,
)


@settings(max_examples=80)
@given(value=trees, protocol=st.integers(2, 5))
def test_plain_values_are_read_as_pickle_reads_them(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    if frozen(value) and protocol < 4:
        refused(data, "builtin__? frozenset|builtins frozenset")
        return
    found = owned(read(data))
    assert found == pickle.loads(data) == value
    assert repr(found) == repr(value) or has_sets(value)


def frozen(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(frozen, value.values()))
    return isinstance(value, frozenset) or (isinstance(value, list | tuple) and any(map(frozen, value)))


def has_sets(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_sets, value.values()))
    return isinstance(value, set | frozenset) or (
        isinstance(value, list | tuple) and any(map(has_sets, value))
    )


old_plain = st.none() | st.booleans() | whole | st.floats(allow_nan=False) | st.text()
old_trees = st.recursive(
    old_plain,
    lambda parts: st.lists(parts) | st.tuples(parts, parts) | st.dictionaries(keys, parts),
    max_leaves=30,
)


@settings(max_examples=40)
@given(value=old_trees, protocol=st.integers(0, 1))
def test_the_oldest_protocols_too(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert read(data) == pickle.loads(data) == value


@given(data=st.binary(max_size=200), protocol=st.sampled_from([0, 1, 2]))
def test_strings_of_python_2_are_a_character_for_each_byte(data: bytes, protocol: int) -> None:
    if protocol == 0:
        written = b"S" + repr(data)[1:].encode() + b"\n."
    elif len(data) < 256 and protocol == 1:
        written = b"U" + bytes([len(data)]) + data + b"."
    else:
        written = b"T" + struct.pack("<i", len(data)) + data + b"."
    assert read(written) == pickle.loads(written, encoding="latin1") == data.decode("latin1")


@settings(max_examples=40)
@given(value=trees)
def test_shared_parts_and_python_s_own_pickler(value: Any) -> None:
    if not frozen(value):
        shared = {"a": value, "b": [value, value]}
        found = read(pickle._dumps(shared, 2))  # type: ignore[attr-defined]
        assert owned(found) == shared
        if isinstance(value, list):
            assert found["b"][0] is found["b"][1] is found["a"]


def test_the_usual_classes_become_plain() -> None:
    ordered: Any = OrderedDict(b=1, a=[2])
    ordered._metadata = OrderedDict(x={"version": 1})
    for protocol in range(2, 6):
        data = pickle.dumps({"o": ordered, "c": Counter(aab=2), "s": {1}}, protocol)
        found = read(data)
        assert list(found["o"].items()) == [("b", 1), ("a", [2])]
        assert not hasattr(found["o"], "_metadata")
        assert found["c"] == {"aab": 2}
        assert found["s"] == {1}
    two = b"ccollections\nOrderedDict\n(](](S'k'\nI1\neetR."  # as Python 2 wrote it
    assert read(two) == {"k": 1}
    names = PLAIN | table([Global("argparse Namespace", new=Namespace)])
    assert read(b"cargparse\nNamespace\n)\x81}(U\x04sizeK\x08ub.", names).values == {"size": 8}


def test_bytes_are_views_of_the_file() -> None:
    data = memoryview(pickle.dumps(b"x" * 1000, 4))
    value, _ = unpickle(data, PLAIN, Budget(len(data)))
    assert isinstance(value, memoryview)
    assert value.obj is data.obj


def test_what_follows_is_left_alone() -> None:
    assert unpickle(memoryview(b"K\x05.K\x06."), {}, Budget(6)) == (5, 3)


SAID = {opcode.name: opcode.code.encode("latin1") for opcode in pickletools.opcodes}


def test_every_opcode_is_known() -> None:
    ours = {name: code for name, (code, _) in OPCODES.items()} | FORBIDDEN | {"STOP": b"."}
    assert ours == SAID


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_forbidden_opcodes_are_named(name: str) -> None:
    refused(b"]" + FORBIDDEN[name] + b"a\nb\n0000.", f"opcode {name},")


@pytest.mark.parametrize("name", sorted(SAID))
def test_no_opcode_fails_in_another_way(name: str) -> None:
    rng = random.Random(name)
    before = (b"", b"N", b"(", b"(NN", b"]N", b"}NN", b"]](", b"ccollections\nOrderedDict\n)")
    for start in before:
        for size in range(12):
            data = start + SAID[name] + rng.randbytes(size)
            try:
                unpickle(memoryview(data), PLAIN, Budget(len(data)))
            except InputError:
                continue


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut off"),
        (b"N", "cut off"),
        (b".", "more values than it has"),
        (b"0.", "more values than it has"),
        (b"N(0.", "more values than it has"),
        (b"a.", "more values than it has"),
        (b"Na.", "more values than it has"),
        (b"\x94.", "more values than it has"),
        (b"NN.", "leaves values behind"),
        (b"(N.", "leaves values behind"),
        (b"t.", "mark that it has not set"),
        (b"h\x00.", "does not hold"),
        (b"g1\n.", "does not hold"),
        (b"}(Nu.", "key without a value"),
        (b"(Nd.", "key without a value"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\xff.", "byte 0xff"),
        (b"K", "cut off"),
        (b"J123", "cut off"),
        (b"X\x05\x00\x00\x00ab", "cut off"),
        (b"X\x02\x00\x00\x00\xc3\x28.", "cannot be decoded"),
        (b"X\x03\x00\x00\x00\xed\xa0\x80.", "cannot be decoded"),  # half of a pair of UTF-16
        (b"V\\u12\n.", "cannot be decoded"),
        (b"T\xff\xff\xff\xff.", "cut off"),
        (b"\x8b\xff\xff\xff\xff.", "cut off"),
        (b"\x95\x05\x00\x00\x00\x00\x00\x00\x00N.", "cut off"),
        (b"Iabc\n.", "number that is none"),
        (b"I1_0\n.", "number that is none"),
        (b"I\xd9\xa1\n.", "number that is none"),
        (b"I1", "cut off"),
        (b"Fabc\n.", "number that is none"),
        (b"F\xff\n.", "number that is none"),
        (b"Sabc\n.", "quotation marks"),
        (b"S'\n.", "quotation marks"),
        (b"S'a\\q'\n.", "unknown escape"),
        (b"S'a\\'\n.", "unknown escape"),
        (b"S'\\x1'\n.", "unknown escape"),
        (b"I" + b"1" * 1000 + b"\n.", "more than 400 characters"),
    ],
)
def test_damage_is_told_from_malice(data: bytes, reason: str) -> None:
    refused(data, reason, InputError)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"cos\nsystem\n.", "asks for 'os system'"),
        (b"cos\nsy\xd0\xb5tem\n.", r"asks for 'os sy\\u0435tem'"),
        (b"U\x02os(\x86\x93.", "name that is no text|more values"),
        (b"NN\x93.", "name that is no text"),
        (b"NNR.", "calls a value of type NoneType"),
        (b"](NtR.", "calls a list of 0"),
        (b"NQ.", "outside itself"),
        (b"]K\x01b.", "sets attributes of a list"),
        (b"]" * 70 + b"a" * 69 + b".", "levels deep"),
        (b"]\x94h\x00a.", "into itself"),
        (b"]\x94\x85h\x00Na.", "already in another container"),
        (b"\x8a\x21" + b"1" * 33 + b".", "number of 33 bytes"),
        (b"I" + b"1" * 100 + b"\n.", "more than 80 digits"),
    ],
)
def test_malice_is_told_from_damage(data: bytes, reason: str) -> None:
    if b"\x86\x93" in data:
        with pytest.raises(InputError, match=reason):
            read(data)
    else:
        refused(data, reason)


LIMITS = [
    (inert, "MAX_OPCODES", 12, b"N0" * 6 + b"N."),
    (inert, "MAX_CONTAINERS", 5, b"]0" * 6 + b"N."),
    (inert, "MAX_TUPLE_KEYS", 5, b"}" + b"".join(b"K%c\x85Ns" % i for i in range(6)) + b"."),
    (inert, "MAX_TUPLE_KEY_LENGTH", 5, b"}(NNNNNNtNs."),
    (inert, "MAX_KEY_LENGTH", 5, b"}U\x06abcdefNs."),
    (machine, "MAX_MEMO", 5, b"N" + b"\x94" * 6 + b"."),
    (machine, "MAX_DEPTH", 5, b"]" * 6 + b"a" * 5 + b"."),
    (unpickler, "MAX_STACK", 5, b"(NNNNNNt."),
    (machine, "MAX_STACK", 5, b"(" * 6 + b"l" * 6 + b"."),
    (unpickler, "MAX_INT_BYTES", 5, b"\x8a\x06123456."),
    (unpickler, "MAX_DIGITS", 5, b"I123456\n."),
]


@pytest.mark.parametrize(("module", "limit", "value", "data"), LIMITS)
def test_limits_are_where_they_are_said_to_be(
    module: Any, limit: str, value: int, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine counts a step for STOP too, the stack a mark and what is above it.
    read(data)
    for kept, allowed in ((value, False), (value + 2, True)):
        monkeypatch.setattr(module, limit, kept)
        if allowed:
            read(data)
        else:
            refused(data, None)


def test_depth_is_bounded_however_it_is_built() -> None:
    limit = machine.MAX_DEPTH
    for fits, open_, close in (
        (limit, b"]", b"a"),
        (limit, b"(", b"l"),
        (limit, b"(", b"t"),
        (limit, b"}N", b"s"),
    ):
        for depth in (fits, fits + 1):
            if close in b"as":
                data = open_ * (depth - 1) + open_[:1] + close * (depth - 1) + b"."
            else:
                data = open_ * depth + (close if close == b"l" else b"N" + close) + close * (depth - 1) + b"."
            if depth == fits:
                read(data)
            else:
                refused(data, "levels deep")


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dnnlib.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    assert read(b"\x80\x02cdnnlib\nEasyDict\n)\x81.", GLOBALS) is not None
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("text", "plain_text"),
    [
        ("os system", "os system"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u0435", "\\u0435"),
        ("a" * 300, "a" * 200 + "..."),
    ],
)
def test_texts_of_files_are_shown_harmlessly(text: str, plain_text: str) -> None:
    assert shown(text) == plain_text
