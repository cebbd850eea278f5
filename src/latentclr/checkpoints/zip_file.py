"""Zip archives as torch writes them: stored, never compressed, each byte in at most one member.

Less is understood than zip allows, on purpose: an archive that different programs may read differently is
refused.
"""

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from latentclr.errors import InputError, UnsafeFileError

MAX_MEMBERS = 20_000
"""Maximum number of members: one for each tensor and a few more. The largest have some thousands."""

_END = struct.Struct("<4s4H2IH")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_ZIP64_ENDS = 56 + 20
"""Bytes of zip64's end record and its locator; torch always writes them, beside complete ordinary ones."""
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_SIZES_FOLLOW = 0x8
_DAMAGED = "its zip directory is damaged; the file is not whole."


@dataclass(frozen=True, slots=True)
class ZipMember:
    """One file in an archive.

    Attributes:
        data: its bytes.
        checksum: CRC-32 that they should have; 0: none was made.
    """

    data: memoryview
    checksum: int

    def read(self) -> memoryview:
        """The bytes, refused unless they have the checksum."""
        # torch can be told to make no checksums, and writes 0 then.
        if self.checksum and zlib.crc32(self.data) != self.checksum:
            raise InputError("a part of it does not have its checksum; the file is damaged.")
        return self.data


def read_zip(data: memoryview) -> dict[str, ZipMember]:
    """The members of an archive by name; nothing is copied or unpacked.

    Raises:
        UnsafeFileError: it is compressed, encrypted, ambiguous, or names paths outside itself.
        InputError: it is damaged.
    """
    signature, disk, disk_of_start, here, count, size, start, comment = _unpack(
        _END, data, len(data) - _END.size
    )
    if signature != b"PK\5\6" or comment or disk or disk_of_start or here != count:
        raise InputError(_DAMAGED)
    if count > MAX_MEMBERS:
        raise UnsafeFileError(f"it is a zip archive of {count:,} entries; at most {MAX_MEMBERS:,} are read.")
    if len(data) - _END.size - start - size not in (0, _ZIP64_ENDS):
        raise InputError(_DAMAGED)
    members: dict[str, ZipMember] = {}
    ranges: list[tuple[int, int]] = []
    place = start
    for _ in range(count):
        fields = _unpack(_CENTRAL, data, place)
        place += _CENTRAL.size
        raw = bytes(data[place : place + fields[10]])
        place += fields[10] + fields[11] + fields[12]
        name = _name(raw)
        if name in members:
            raise UnsafeFileError("it is a zip archive with two entries of one name.")
        member, extent = _member(data, raw, fields)
        members[name] = member
        ranges.append(extent)
    if place != start + size:
        raise InputError(_DAMAGED)
    if any(end > after for (_, end), (after, _) in pairwise([*sorted(ranges), (start, start)])):
        raise UnsafeFileError("it is a zip archive whose entries overlap.")
    return members


def _member(data: memoryview, raw: bytes, fields: tuple[Any, ...]) -> tuple[ZipMember, tuple[int, int]]:
    """A member, and the range of the file that it takes with its header."""
    _, _, _, flags, method, _, _, checksum, packed, size, *_, offset = fields
    if flags & _ENCRYPTED:
        raise UnsafeFileError("it is an encrypted zip archive; torch writes none.")
    if method or packed != size:
        raise UnsafeFileError(
            "it is a compressed zip archive; torch writes none, and they may unpack without end."
        )
    if 0xFFFFFFFF in (size, offset):
        raise InputError("it is a zip archive of more than 4 GiB; that is not supported.")
    signature, _, flags_here, method_here, _, _, _, packed_here, size_here, length, extra = _unpack(
        _LOCAL, data, offset
    )
    begin = offset + _LOCAL.size + length + extra
    sizes = {size} | ({0, 0xFFFFFFFF} if flags_here & _SIZES_FOLLOW else set())
    if signature != b"PK\3\4" or begin + size > len(data):
        raise InputError(_DAMAGED)
    if (
        bytes(data[offset + _LOCAL.size : offset + _LOCAL.size + length]) != raw
        or method_here
        or flags_here & _ENCRYPTED
        or not {packed_here, size_here} <= sizes
    ):
        raise UnsafeFileError("it is a zip archive that says different things of one entry in two places.")
    return ZipMember(data[begin : begin + size], checksum), (offset, begin + size)


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(_DAMAGED) from error
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or ":" in name or "" in parts[:-1] or ".." in parts:
        raise UnsafeFileError("it is a zip archive with a name that is no plain path inside it.")
    return name


def _unpack(layout: struct.Struct, data: memoryview, place: int) -> tuple[Any, ...]:
    if not 0 <= place <= len(data) - layout.size:
        raise InputError(_DAMAGED)
    return layout.unpack_from(data, place)
