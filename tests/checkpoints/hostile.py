"""Hostile checkpoint files: every way that we know to make a reader run code, take memory or never end.

`files()` makes them by name: what is in the file, and which of the two errors must refuse it.
"""

import io
import pickle  # noqa: TID251  (some of the attacks are honest pickles of hostile objects)
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tests.checkpoints.samples import Call, Module, archive, legacy, modules, pickled, state, torch_zip

from latentclr.checkpoints.torch_file import MAGIC, PROTOCOL
from latentclr.errors import InputError, UnsafeFileError

CANARY = "latentclr-canary"
"""The file, in the working directory, that every gadget which can would make."""
TOUCH = f"touch {CANARY}"
CODE = f"open({CANARY!r}, 'w')"


@dataclass(frozen=True)
class Attack:
    """One hostile file, and which error must refuse it, exactly."""

    data: bytes
    error: type[InputError] = UnsafeFileError


GADGETS: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("os", "system", (TOUCH,)),
    ("posix", "open", (CANARY, 0o101)),
    ("subprocess", "Popen", (["touch", CANARY],)),
    ("builtins", "exec", (CODE,)),
    ("builtins", "eval", (CODE,)),
    ("builtins", "__import__", ("antigravity",)),
    ("builtins", "getattr", ("", "__class__")),
    ("builtins", "open", (CANARY, "w")),
    ("builtins", "list", ("ab",)),
    ("builtins", "bytearray", (1 << 40,)),
    ("builtins", "range", (1 << 40,)),
    ("__builtin__", "eval", (CODE,)),
    ("sys", "exit", (3,)),
    ("importlib", "import_module", ("antigravity",)),
    ("pickle", "loads", (b"cos\nsystem\n(S'" + TOUCH.encode() + b"'\ntR.",)),
    ("_pickle", "loads", (b"N.",)),
    ("torch", "load", (CANARY,)),
    ("torch.serialization", "load", (CANARY,)),
    ("torch.storage", "_load_from_bytes", (b"cos\nsystem\n(S'" + TOUCH.encode() + b"'\ntR.",)),
    ("torch._utils", "_rebuild_device_tensor_from_numpy", (None, None, "cpu", False)),
    ("torch.utils._config_module", "load_config", (b"",)),
    ("numpy", "load", (CANARY,)),
    ("numpy.core.multiarray", "fromfile", (CANARY,)),
    ("ctypes", "CDLL", ("libc.so.6",)),
    ("socket", "create_connection", (("localhost", 9),)),
    ("shutil", "rmtree", (CANARY,)),
    ("pathlib", "Path.touch", (CANARY,)),
    ("functools", "partial", ("",)),
    ("operator", "attrgetter", ("system",)),
    ("types", "FunctionType", (None, {})),
    ("copyreg", "_reconstructor", (None, None, None)),
    ("copyreg", "add_extension", ("os", "system", 1)),
    ("collections", "defaultdict", (None,)),
    ("collections", "OrderedDict.fromkeys", ([],)),
    ("__main__", "Generator", ()),
)
"""Real functions that a careless reader would call: (module, name, arguments)."""


# An assembler of pickles


def text(value: str) -> bytes:
    """Push a text."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def value(content: object) -> bytes:
    """Push a plain value: a text, bytes, a number, None, or a list, tuple or dict of them."""
    match content:
        case None:
            return b"N"
        case bool():
            return b"\x88" if content else b"\x89"
        case str():
            return text(content)
        case bytes():
            return b"B" + struct.pack("<I", len(content)) + content
        case int():
            data = content.to_bytes(content.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case list():
            return b"](" + b"".join(map(value, content)) + b"e"
        case tuple():
            return b"(" + b"".join(map(value, content)) + b"t"
        case dict():
            return b"}(" + b"".join(value(k) + value(v) for k, v in content.items()) + b"u"
    raise AssertionError(content)


def name(module: str, attribute: str) -> bytes:
    """Push what a name stands for (GLOBAL)."""
    return b"c" + f"{module}\n{attribute}\n".encode()


def stack_name(module: str, attribute: str) -> bytes:
    """Push what a name stands for (STACK_GLOBAL)."""
    return text(module) + text(attribute) + b"\x93"


def call(function: bytes, *args: object) -> bytes:
    """Push what a function gives."""
    return function + value(args) + b"R"


STORAGE = value(legacy(torch.ones(2)._typed_storage()))
"""Push the bytes of a storage of two numbers."""
REBUILD = name("torch._utils", "_rebuild_tensor_v2")
RECONSTRUCT = name("numpy.core.multiarray", "_reconstruct")
ARRAY = RECONSTRUCT + name("numpy", "ndarray") + value((0,)) + value(b"b") + b"\x87R"
"""Push an empty array."""
RECORD = name("torch_utils.persistence", "_reconstruct_persistent_obj")


def view(offset: object, shape: object, strides: object) -> bytes:
    """Push a tensor over a storage of two numbers."""
    storage = name("torch.storage", "_load_from_bytes") + STORAGE + b"\x85R"
    return REBUILD + b"(" + storage + b"".join(map(value, (offset, shape, strides, False, None))) + b"tR"


def reference_to(key: str, length: int) -> bytes:
    """Push what torch's files have in the place of a storage."""
    return (
        b"("
        + value("storage")
        + name("torch", "FloatStorage")
        + b"".join(map(value, (key, "cpu", length)))
        + b"t"
    )


# Where a hostile piece of a pickle may be


def in_pickle(piece: bytes) -> bytes:
    """A bare pickle, the piece beside an honest generator."""
    return b"\x80\x04}(" + text("G_ema") + piece + b"u."


def in_zip(piece: bytes) -> bytes:
    """The pickle of a torch file."""
    body = b"\x80\x02}(" + text("weight") + piece + b"u."
    return archive({"archive/data.pkl": body, "archive/version": b"3\n"})


def in_legacy(piece: bytes) -> bytes:
    """The fourth pickle of an old torch file."""
    start = b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {"little_endian": True}))
    return start + b"\x80\x02}(" + text("weight") + piece + b"u." + pickle.dumps([], 2)


def in_first(piece: bytes) -> bytes:
    """The first pickle of an old torch file, before its number."""
    return b"\x80\x02" + piece + b"0" + pickle.dumps(MAGIC, 2)[2:] + legacy(state())[15:]


def in_storage(piece: bytes) -> bytes:
    """The nested torch file that is a storage in NVIDIA's pickle."""
    blob = in_legacy(piece)
    nested = name("torch.storage", "_load_from_bytes") + value(blob) + b"\x85R"
    return in_record(REBUILD + b"(" + nested + value(0) + b"))" + b"\x89NtR")


def in_record(piece: bytes) -> bytes:
    """A parameter of NVIDIA's generator, whose source text is hostile too."""
    parameters = b"}(" + text("weight") + piece + b"u"
    inner = b"}(" + text("_parameters") + parameters + b"u"
    meta = b"}(" + text("state") + inner
    for key, entry in (("type", "class"), ("class_name", "Generator"), ("module_src", CODE), ("version", 6)):
        meta += text(key) + value(entry)
    return b"\x80\x04}(" + text("G_ema") + RECORD + meta + b"u\x85Ru."


def in_array(piece: bytes) -> bytes:
    """The content of a numpy array of objects in a TensorFlow network."""
    kind = call(name("numpy", "dtype"), "O8", False, True)
    built = ARRAY + b"(" + value(1) + value((1,)) + kind + b"\x89](" + piece + b"etb"
    variables = b"](" + text("weight") + built + b"\x86e"
    return (
        b"\x80\x03"
        + name("dnnlib.tflib.network", "Network")
        + b")\x81}("
        + text("variables")
        + variables
        + b"ub."
    )


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "pickle": in_pickle,
    "zip": in_zip,
    "legacy": in_legacy,
    "first": in_first,
    "storage": in_storage,
    "record": in_record,
    "array": in_array,
}


# Families of attacks


def calls() -> Iterator[tuple[str, Attack]]:
    """Every gadget by every opcode that names or calls something, in all containers in turn."""
    places = list(CONTAINERS.items())
    for number, (module, attribute, args) in enumerate(GADGETS):
        pushed = value(args)
        ways = {
            "GLOBAL": name(module, attribute),
            "STACK_GLOBAL": stack_name(module, attribute),
            "REDUCE": name(module, attribute) + pushed + b"R",
            "STACK_GLOBAL REDUCE": stack_name(module, attribute) + pushed + b"R",
            "INST": b"(" + b"".join(map(value, args)) + b"i" + f"{module}\n{attribute}\n".encode(),
            "OBJ": b"(" + name(module, attribute) + b"".join(map(value, args)) + b"o",
            "NEWOBJ": name(module, attribute) + pushed + b"\x81",
            "NEWOBJ_EX": name(module, attribute) + pushed + b"}\x92",
            "BUILD": name(module, attribute) + value({"__setstate__": 1}) + b"b",
            "dotted": stack_name(module.partition(".")[0], f"{attribute}.__call__") + pushed + b"R",
            "hidden": stack_name("torch", f"storage.{module}.{attribute}") + pushed + b"R",
        }
        if (module, attribute) == ("torch.storage", "_load_from_bytes"):
            # A name of the list: only what is done with it is hostile.
            del ways["GLOBAL"], ways["STACK_GLOBAL"]
        for offset, (way, piece) in enumerate(ways.items()):
            place, into = places[(number + offset) % len(places)]
            yield f"{way} {module} {attribute} in {place}", Attack(into(piece))


def spellings() -> Iterator[tuple[str, Attack]]:
    """Names that are nearly those of the list."""
    for module, attribute in (
        ("collections", "OrderedDict.__init__"),
        ("collections ", "OrderedDict"),
        ("collections", "Ordered\u0414ict"),
        ("collections", "OrderedDict\x00"),
        ("", "OrderedDict"),
        ("collections.OrderedDict", ""),
        ("torch", "storage._load_from_bytes"),
        ("torch.storage", "os.system"),
        ("torch._utils", "torch._utils._rebuild_tensor_v2"),
        ("torch._utils", "sys.modules"),
        ("numpy", "dtype.__new__"),
        ("dnnlib.util", "EasyDict.__class__"),
        ("torch_utils.persistence", "_src_to_module"),
        ("os\r", "system"),
        ("os", "\x1b[31msystem"),
        ("os", "system" * 60),
        ("x" * 500, "y"),
    ):
        shown = ascii(f"{module[:30]} {attribute[:40]}")
        for place in ("pickle", "zip", "legacy"):
            yield f"name {shown} in {place}", Attack(CONTAINERS[place](stack_name(module, attribute)))
    yield "name that is a number", Attack(in_pickle(value(1) + value(2) + b"\x93"))
    yield "name that is bytes", Attack(in_pickle(value(b"os") + value(b"system") + b"\x93"))
    yield "name with a line feed", Attack(in_pickle(stack_name("os\nsystem", "collections\nOrderedDict")))
    yield "name that is no text", Attack(in_pickle(b"c\xff\xfe\nsystem\n"), InputError)
    yield "name without end", Attack(in_pickle(b"c" + b"o" * 100_000 + b"\nsystem\n"), InputError)


def misuses() -> Iterator[tuple[str, Attack]]:
    """Known names, used as no checkpoint uses them."""
    ordered = name("collections", "OrderedDict")
    easy = name("dnnlib.util", "EasyDict")
    net = name("dnnlib.tflib.network", "Network")
    dtype = name("numpy", "dtype")
    pieces = {
        "BUILD on a class": ordered + value({"__init__": 1}) + b"b",
        "BUILD on a function": REBUILD + value({"__defaults__": 1, "__code__": 2}) + b"b",
        "BUILD on a dict": value({}) + value({"a": 1}) + b"b",
        "BUILD on None": b"N" + value({"a": 1}) + b"b",
        "BUILD on a tensor": view(0, (2,), (1,)) + value({"__class__": 1}) + b"b",
        "BUILD OrderedDict with a tuple": ordered + b")R" + value((None, {"a": 1})) + b"b",
        "BUILD EasyDict with a tuple": easy + b")\x81" + value((None, {"a": 1})) + b"b",
        "BUILD Network with a text": net + b")\x81" + value("state") + b"b",
        "BUILD dtype with fields": call(dtype, "f4", False, True)
        + value((3, "|", None, ("a",), {"a": 1}, 8, 1, 16))
        + b"b",
        "BUILD dtype with an array": call(dtype, "f4", False, True)
        + value((3, "|", ("f4", (9,)), None, None, 8, 1, 0))
        + b"b",
        "SETITEM on a class": ordered + value("a") + value(1) + b"s",
        "SETITEM on a list": value([1]) + value(0) + value(2) + b"s",
        "SETITEM on a tensor": view(0, (2,), (1,)) + value(0) + value(1) + b"s",
        "SETITEMS on a name": ordered + b"(" + value("a") + value(1) + b"u",
        "APPEND to a tuple": value((1,)) + value(1) + b"a",
        "APPENDS to a tensor": view(0, (2,), (1,)) + b"(" + value(1) + b"e",
        "ADDITEMS to a list": value([]) + b"(" + value(1) + b"\x90",
        "REDUCE a text": call(value("os.system"), TOUCH),
        "REDUCE with a list": ordered + value([]) + b"R",
        "REDUCE a tensor": view(0, (2,), (1,)) + b")R",
        "REDUCE what cannot be called": call(name("numpy", "ndarray"), (1 << 40,)),
        "REDUCE a result": call(call(ordered), 1),
        "NEWOBJ with arguments": easy + value(({"a": 1},)) + b"\x81",
        "NEWOBJ of a function": REBUILD + b")\x81",
        "NEWOBJ of OrderedDict": ordered + b")\x81",
        "NEWOBJ_EX": easy + b")}\x92",
        "EXT1": b"\x82\x01",
        "PERSID": b"Pos.system\n",
        "NEXT_BUFFER": b"\x97",
        "READONLY_BUFFER": value(b"a") + b"\x98",
        "DUP": value([]) + b"20",
        "a dict as a key": value({}) + value({}) + value(1) + b"s",
        "bytes as a key": value({}) + value(b"a") + value(1) + b"s",
        "a tensor as a key": value({}) + view(0, (2,), (1,)) + value(1) + b"s",
        "a tuple in a tuple as a key": value({}) + value(((1,),)) + value(1) + b"s",
        "a huge number as a key": value({}) + value(1 << 100) + value(1) + b"s",
        "a long text as a key": value({}) + value("a" * 100_000) + value(1) + b"s",
        "a list in a set": b"\x8f(" + value([]) + b"\x90",
        "a set of lists": call(name("builtins", "set"), [[]]),
        "a set of a text": call(name("builtins", "set"), "abc"),
        "OrderedDict of a text": call(ordered, "ab"),
        "OrderedDict of bad keys": call(ordered, [([], 1)]),
        "Counter of a list": call(name("collections", "Counter"), [1]),
        "encode as rot13": call(name("_codecs", "encode"), "a", "rot13"),
        "bytes of a number": call(name("__builtin__", "bytes"), 1 << 40),
        "encode bytes": call(name("_codecs", "encode"), b"a", "latin1"),
        "encode with an error handler": call(name("_codecs", "encode"), "a", "latin1", "x"),
        "a dtype of a list": call(dtype, [("a", "O")], False, True),
        "an array of another class": RECONSTRUCT + ordered + value((0,)) + value(b"b") + b"\x87R",
        "an array of a huge start": RECONSTRUCT
        + name("numpy", "ndarray")
        + value((1 << 40,))
        + value(b"b")
        + b"\x87R",
        "a number of a list": call(name("numpy.core.multiarray", "scalar"), [], b"a"),
        "a tensor of a text": call(REBUILD, "storage", 0, (1,), (1,), False, None),
        "a tensor of nothing": call(REBUILD),
        "a parameter of a list": call(name("torch._utils", "_rebuild_parameter"), [], True, None),
        "a storage of a text": call(name("torch.storage", "_load_from_bytes"), "abc"),
        "a record of nothing": call(RECORD),
        "a record without a state": call(RECORD, {"type": "class", "class_name": "Generator"}),
        "a record of another type": call(RECORD, {"type": "function", "class_name": "a", "state": {}}),
    }
    for title, piece in pieces.items():
        yield title, Attack(in_pickle(piece))
    for title in list(pieces)[:10]:
        if "tensor" not in title and "record" not in title:
            yield f"{title} in zip", Attack(in_zip(pieces[title]))
            yield f"{title} in legacy", Attack(in_legacy(pieces[title]))
            yield f"{title} in a storage", Attack(in_storage(pieces[title]))
    yield "BINPERSID in a pickle", Attack(in_pickle(value(("storage",)) + b"Q"))
    for title, reference in {
        "a text": value("os.system"),
        "a module": value(("module", "os", "a", "cpu", 1)),
        "no class": value(("storage", "FloatStorage", "0", "cpu", 1)),
        "another class": b"(" + value("storage") + ordered + value("0") + value("cpu") + value(1) + b"t",
        "a negative length": reference_to("0", -1),
        "a huge length": reference_to("0", 1 << 60),
    }.items():
        yield f"storage of {title} in zip", Attack(in_zip(reference + b"Q"))
        yield f"storage of {title} in legacy", Attack(in_legacy(reference + b"Q"))
    outside = reference_to("../../../etc/passwd", 1)
    yield "storage outside the archive", Attack(in_zip(outside + b"Q"), InputError)


VIEWS: tuple[tuple[object, object, object], ...] = (
    (0, (3,), (1,)),
    (1, (2,), (1,)),
    (0, (1 << 40,), (0,)),
    (0, (1 << 20, 1 << 20), (0, 0)),
    (0, (3,), (0,)),
    (-1, (1,), (1,)),
    (0, (-1,), (1,)),
    (0, (2,), (-1,)),
    (1 << 70, (1,), (1,)),
    (0, (1,), (1, 1)),
    (0, (1,) * 17, (1,) * 17),
    (0, (0, 1 << 40), (1, 1)),
    (0, ("a",), (1,)),
    (0, (True,), (1,)),
    ("0", (1,), (1,)),
    (0, [1], [1]),
    (0, "a", "b"),
    (0, (1 << 200,), (1,)),
)
"""(offset, sizes, strides) of tensors that cannot be, over two numbers."""


ARRAYS: tuple[tuple[object, object, type[InputError]], ...] = (
    ((3,), b"1234", InputError),
    ((1 << 62,), b"1234", UnsafeFileError),
    ((1 << 30, 1 << 30), b"1234", InputError),
    ((-1,), b"1234", UnsafeFileError),
    ((0, 1 << 60), b"", UnsafeFileError),
    (("a",), b"1234", UnsafeFileError),
    ((1,) * 20, b"1234", UnsafeFileError),
    ((1,), [1], UnsafeFileError),
    ((1,), None, UnsafeFileError),
)
"""(sizes, content, error) of arrays of float32 that cannot be."""


def tensors() -> Iterator[tuple[str, Attack]]:
    """Views that reach beyond their storage or blow it up."""
    for offset, shape, strides in VIEWS:
        yield f"tensor {offset} {shape} {strides}"[:80], Attack(in_record(view(offset, shape, strides)))
    dtype = call(name("numpy", "dtype"), "f4", False, True)
    for shape, data, error in ARRAYS:
        built = ARRAY + b"(" + value(1) + value(shape) + dtype + b"\x89" + value(data) + b"tb"
        yield f"array {shape} {data!r}"[:80], Attack(in_pickle(built), error)
    shared = b"\x80\x04}(" + name("torch.storage", "_load_from_bytes")
    big = legacy(torch.zeros(200_000)._typed_storage())
    shared += value(big) + b"\x85R\x940" + text("a") + REBUILD + b"(h\x00" + value(0)
    shared += value((200_000,)) + value((1,)) + b"\x89NtR\x94"
    shared += b"".join(text(f"b{index}") + b"h\x01" for index in range(1000)) + b"u."
    yield "one storage, a thousand tensors", Attack(shared)


def many_calls(known: str, args: bytes) -> bytes:
    """Call a function of the list many times with the same arguments."""
    return name(*known.split()) + b"\x940" + args + b"\x940" + b"h\x00h\x01R0" * 50_000


def bombs() -> Iterator[tuple[str, Attack]]:
    """Small files that ask for much memory, many steps or deep recursion."""
    entries = b"".join(value(i) + b"N" for i in range(40_000))
    for title, piece, error in (
        ("LONG4", b"\x8b\xff\xff\xff\x7f", UnsafeFileError),
        ("LONG4 in the file", b"\x8b" + struct.pack("<i", 1 << 20) + b"\xff" * (1 << 20), UnsafeFileError),
        ("LONG4 negative", b"\x8b\xff\xff\xff\xff", InputError),
        ("LONG1", b"\x8a\xff" + b"\x7f" * 255, UnsafeFileError),
        ("INT without end", b"I" + b"9" * 1_000_000 + b"\n", InputError),
        ("LONG", b"L" + b"9" * 300 + b"L\n", UnsafeFileError),
        ("BINBYTES", b"B\xff\xff\xff\xff", InputError),
        ("BINBYTES8", b"\x8e" + b"\xff" * 7 + b"\x7f", InputError),
        ("BINUNICODE", b"X\xff\xff\xff\xff", InputError),
        ("BINSTRING negative", b"T\xff\xff\xff\xff", InputError),
        ("FRAME", b"\x95" + b"\xff" * 7 + b"\x7f", InputError),
        ("a long text of emoji", text("\U0001f600" * 400_000), UnsafeFileError),
        ("PUT of a huge index", b"N" + b"p" + b"9" * 100 + b"\n", UnsafeFileError),
        ("steps", b"N0" * 2_000_000, UnsafeFileError),
        ("stack", b"N" * 2_000_000, UnsafeFileError),
        ("memo", b"N" + b"\x94" * 2_000_000, UnsafeFileError),
        ("entries", b"}" + b"K\x01Ns" * 1_000_000, UnsafeFileError),
        ("instances", name("dnnlib", "EasyDict") + b"\x940" + b"h\x00)\x810" * 500_000, UnsafeFileError),
        ("nested tuples", b")" + b"\x85" * 1_000_000, UnsafeFileError),
        ("nested lists", b"]" * 90_000 + b"a" * 89_999, UnsafeFileError),
        ("nested dicts", b"}" + b"K\x00}" * 30_000 + b"s" * 30_000, UnsafeFileError),
        ("nested states", (name("dnnlib", "EasyDict") + b")\x81") * 1000 + b"b" * 999, UnsafeFileError),
        ("doubling", b"]\x94" + b"".join(b"](h%ch%ce\x94" % (i, i) for i in range(100)), UnsafeFileError),
        ("a list in itself", b"]\x94h\x00a", UnsafeFileError),
        ("a dict in itself", b"}\x94" + text("a") + b"h\x00s", UnsafeFileError),
        ("a state in itself", name("dnnlib", "EasyDict") + b")\x81\x94h\x00b", UnsafeFileError),
        ("changed later", b"]\x94\x85h\x00" + value(1) + b"a", UnsafeFileError),
        ("tuple keys", b"}" + b"".join(value((i,)) + b"Ns" for i in range(2_000)), UnsafeFileError),
        (
            "copies of a text",
            many_calls("_codecs encode", text("a" * 1_000_000) + text("latin1") + b"\x86"),
            UnsafeFileError,
        ),
        ("copies of a list", many_calls("builtins set", b"](" + b"N" * 90_000 + b"e\x85"), UnsafeFileError),
        ("copies of a dict", many_calls("collections Counter", b"}(" + entries + b"u\x85"), UnsafeFileError),
        (
            "sizes of a long tuple",
            many_calls("torch Size", b"(" + b"K\x01" * 90_000 + b"t\x85"),
            UnsafeFileError,
        ),
        (
            "copies of a storage",
            many_calls("torch.storage _load_from_bytes", STORAGE + b"\x85"),
            UnsafeFileError,
        ),
    ):
        yield f"bomb: {title}", Attack(in_pickle(piece), error)
    nested = STORAGE
    for _ in range(20):
        nested = value(in_legacy(name("torch.storage", "_load_from_bytes") + nested + b"\x85R"))
    yield (
        "storages in storages",
        Attack(in_pickle(name("torch.storage", "_load_from_bytes") + nested + b"\x85R")),
    )
    yield "modules of one module", Attack(_doubled_modules())
    yield "components of one component", Attack(_doubled_components())


def _doubled_modules() -> bytes:
    """Modules that each hold the one before eight times: a thousand million paths to the first."""
    known = {"type": "class", "class_name": "Block"}
    piece = call(RECORD, known | {"state": {}})
    for level in range(10):
        children = b"}(" + b"".join(text(key) + b"h" + bytes([level]) for key in "abcdefgh") + b"u"
        state_of = b"}" + text("_modules") + children + b"s"
        piece += b"\x940" + RECORD + value(known) + text("state") + state_of + b"s\x85R"
    return b"\x80\x04}(" + text("G_ema") + piece + b"u."


def _doubled_components() -> bytes:
    """The same of TensorFlow networks."""
    net = name("dnnlib.tflib.network", "Network") + b")\x81"
    piece = net + b"}b"
    for level in range(12):
        components = b"}(" + b"".join(text(key) + b"h" + bytes([level]) for key in "abcdefgh") + b"u"
        piece += b"\x940" + net + b"}" + text("components") + components + b"sb"
    return b"\x80\x04" + piece + b"."


def archives() -> Iterator[tuple[str, Attack]]:
    """Zip archives that lie, unpack without end, or name paths outside themselves."""
    good = torch_zip(state())
    body = zipfile.ZipFile(io.BytesIO(good)).read("archive/data.pkl")
    for bad in (
        "../../canary",
        "/etc/canary",
        "C:\\canary",
        "archive\\canary",
        "archive//canary",
        "archive/\x1b[31m",
        "archive/\u202egnp",
    ):
        yield f"zip with {bad!r}", Attack(archive({"archive/data.pkl": body, bad: b"a"}))
    yield "compressed zip", Attack(archive({"archive/data.pkl": body}, zipfile.ZIP_DEFLATED))
    yield "zip bomb", Attack(archive({"archive/data.pkl": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED))
    yield "zip bomb by lzma", Attack(archive({"archive/data.pkl": b"\0" * 5_000_000}, zipfile.ZIP_LZMA))
    first, last = good.find(b"PK\3\4"), good.find(b"PK\1\2")
    for title, place, change, error in (
        ("encrypted", last + 8, b"\x01\x00", UnsafeFileError),
        ("encrypted here only", first + 6, b"\x01\x00", UnsafeFileError),
        ("strongly encrypted", last + 8, b"\x41\x00", UnsafeFileError),
        ("compressed here only", first + 8, b"\x08\x00", UnsafeFileError),
        ("of two sizes", first + 18, struct.pack("<I", 7), UnsafeFileError),
        ("of sizes that differ", last + 20, struct.pack("<I", 7), UnsafeFileError),
        ("of two names", first + 30, b"b", UnsafeFileError),
        ("of an offset beyond the end", last + 42, struct.pack("<I", 1 << 30), InputError),
        ("of an offset into data", last + 42, struct.pack("<I", 5), InputError),
        ("of an entry beyond the end", last + 20, struct.pack("<II", 1 << 30, 1 << 30), InputError),
        ("of more than 4 GiB", last + 20, b"\xff" * 8, InputError),
        ("with a wrong checksum", last + 16, b"abcd", InputError),
        ("of several disks", len(good) - 18, b"\x01\x00", InputError),
        ("of another count", len(good) - 14, b"\x01\x00\x01\x00", InputError),
        ("of too many entries", len(good) - 14, b"\xff\xff\xff\xff", UnsafeFileError),
        ("with its directory elsewhere", len(good) - 6, struct.pack("<I", 3), InputError),
        ("with a comment", len(good) - 2, b"\x01\x00", InputError),
    ):
        yield f"zip {title}", Attack(good[:place] + change + good[place + len(change) :], error)
    yield "zip with something behind", Attack(good + b"PK", InputError)
    yield "zip with something before", Attack(b"PK\3\4" + good, InputError)
    yield "zip with two directories", Attack(good + good[good.find(b"PK\1\2") :], InputError)
    double = archive({"archive/data.pkl": body, "archive/data.pkx": body}).replace(b"data.pkx", b"data.pkl")
    yield "zip with one name twice", Attack(double)
    two = archive({"a/data.pkl": body, "b/data.pkl": body})
    yield "zip with two pickles", Attack(two, InputError)
    overlap = bytearray(archive({"archive/data.pkl": body, "archive/data.pkx": body}))
    second = overlap.rfind(b"PK\1\2")
    overlap[second + 42 : second + 46] = struct.pack("<I", 0)
    overlap[second + 46 + 15] = ord("l")
    yield "zip whose entries are one", Attack(bytes(overlap))
    yield "zip whose entries overlap", Attack(_overlapping(body))
    yield "empty zip", Attack(archive({}), InputError)
    yield "zip of something else", Attack(archive({"word/document.xml": b"<a/>"}), InputError)
    yield "TorchScript", Attack(archive({"a/data.pkl": body, "a/constants.pkl": b"N."}), InputError)
    yield "big-endian zip", Attack(archive({"a/data.pkl": body, "a/byteorder": b"big"}), InputError)
    yield "zip without numbers", Attack(archive({"archive/data.pkl": body}), InputError)
    short = archive({"archive/data.pkl": body, **{f"archive/data/{key}": b"1" for key in range(3)}})
    yield "zip with too few numbers", Attack(short, InputError)


def _overlapping(body: bytes) -> bytes:
    """An archive whose first entry reaches into the second."""
    data = bytearray(archive({"archive/data.pkl": body, "archive/data/0": b"a" * 100}))
    start, size = data.find(b"PK\1\2"), len(body) + 20
    data[18:26] = data[start + 20 : start + 28] = struct.pack("<II", size, size)
    return bytes(data)


def sources() -> Iterator[tuple[str, Attack]]:
    """Objects whose honest pickles are hostile, and records in places where none belong."""

    for function, args in (
        (eval, (CODE,)),
        (exec, (CODE,)),
        (open, (CANARY, "w")),
        (__import__, ("antigravity",)),
    ):
        gadget = Call(function, *args)
        for protocol in range(6):
            yield (
                f"{function.__name__} in a dict {protocol}",
                Attack(pickle.dumps({"G_ema": gadget}, protocol)),
            )
        yield f"{function.__name__} in a module", Attack(pickled(modules(G_ema=gadget), 4))
        yield f"{function.__name__} in an array", Attack(pickle.dumps({"w": np.array([gadget])}, 4))
        yield f"{function.__name__} in a torch zip", Attack(torch_zip({"weight": gadget}))
        yield f"{function.__name__} in a legacy file", Attack(legacy({"weight": gadget}))
    yield "a whole model", Attack(torch_zip({"G": torch.nn.Linear(1, 1)}))
    yield (
        "a record that is a tensor",
        Attack(pickled(modules(G_ema=Module("G", modules={"a": 3})), 4), InputError),
    )
    yield "only a source text", Attack(pickle.dumps({"module_src": CODE}, 4), InputError)


FAMILIES = (calls, spellings, misuses, tensors, bombs, archives, sources)


def files() -> dict[str, Attack]:
    """All hostile files by name."""
    found: dict[str, Attack] = {}
    for family in FAMILIES:
        for title, attack in family():
            title = f"{family.__name__}: {title}"
            assert title not in found, title
            found[title] = attack
    return found
