"""Zip and gzip exports, read as streams and bounded in entries, decoded bytes, ratio and names.

Nothing is ever unpacked to a path: members are read out of the downloaded file, which `spool` keeps in memory
while it is small. What is inside a member is in the vendor's file.
"""

import gzip
import io
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from connectors.errors import ConnectorError, TooLarge, Truncated, UnexpectedResponse

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
# Small files may be very repetitive; the ratio counts from here on.
_RATIO_FREE_BYTES = 10 * 1024 * 1024
_LONGEST_DIRECTORY_ENTRY = 1024
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_END = struct.Struct(
    "<4s4H2LH"
)  # signature, disks and entries, directory's size and offset, comment's length
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_LOCATOR = (b"PK\x06\x07", 20)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`max_bytes`: decoded, all members together. `max_ratio`: decoded to compressed bytes."""

    max_entries: int = 1_000
    max_bytes: int = 4 * 1024**3
    max_ratio: int = 200


def spool() -> BinaryIO:
    """A temporary file for a download: in memory while small, gone when closed."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))


def zip_members(file: BinaryIO, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[tuple[str, BinaryIO]]:
    """Yield (name, stream) of each file in a zip, one at a time, in the archive's order.

    Each stream is closed when the next is asked for. Raises `UnexpectedResponse` (no zip, a name that is
    absolute or climbs, a link, encryption), `Truncated` (it ends early or a checksum differs) and `TooLarge`.
    """
    _check_directory(file, limits)
    budget = _Budget(limits, _size(file))
    with _opened(file) as archive:
        entries = archive.infolist()
        if len(entries) > limits.max_entries:
            raise TooLarge(f"the archive has more than {limits.max_entries} entries")
        for entry in entries:
            _check_entry(entry)
        budget.expect(sum(entry.file_size for entry in entries))
        for entry in entries:
            if not entry.is_dir():
                with _entered(archive, entry) as source, _stream(source, budget) as member:
                    yield entry.filename, member


def gunzip(file: BinaryIO, limits: ArchiveLimits = ArchiveLimits()) -> BinaryIO:
    """The decoded bytes of a gzip file as a stream; errors, while reading, as in `zip_members`."""
    budget = _Budget(limits, _size(file))
    file.seek(0)
    return _stream(cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb")), budget)


class _Budget:
    """Decoded bytes of one archive, counted as they are read."""

    def __init__(self, limits: ArchiveLimits, compressed: int) -> None:
        self._most = min(limits.max_bytes, compressed * limits.max_ratio + _RATIO_FREE_BYTES)
        self._read = 0

    def expect(self, decoded: int) -> None:
        """Refuse before reading what the directory already says is too much."""
        if decoded > self._most:
            raise TooLarge(f"the archive decodes to more than {self._most} bytes")

    def spend(self, decoded: int) -> None:
        self._read += decoded
        self.expect(self._read)


class _Bounded(io.RawIOBase):
    """A decompressing stream whose bytes are counted and whose faults are ours."""

    def __init__(self, source: BinaryIO, budget: _Budget) -> None:
        self._source = source
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        failure: ConnectorError
        try:
            data = self._source.read(len(buffer))
        except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile):
            failure = Truncated("the archive is cut or damaged")
        except (NotImplementedError, RuntimeError):
            failure = UnexpectedResponse("the archive is encrypted or packed in an unknown way")
        else:
            self._budget.spend(len(data))
            buffer[: len(data)] = data
            return len(data)
        raise failure


def _stream(source: BinaryIO, budget: _Budget) -> BinaryIO:
    return io.BufferedReader(_Bounded(source, budget), _CHUNK_BYTES)


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _check_directory(file: BinaryIO, limits: ArchiveLimits) -> None:
    """Bound the directory before `zipfile` loads it whole."""
    size = _size(file)
    file.seek(0)
    if file.read(2) != b"PK":
        raise UnexpectedResponse("the download is not a zip archive")
    tail_bytes = min(size, _END.size + 0xFFFF + _ZIP64_LOCATOR[1])
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END.size > len(tail):
        raise Truncated("the zip archive ends before its directory")
    entries, directory_bytes = _END.unpack_from(tail, at)[4:6]
    is_zip64 = tail[max(0, at - _ZIP64_LOCATOR[1]) : at].startswith(_ZIP64_LOCATOR[0])
    most = limits.max_entries * _LONGEST_DIRECTORY_ENTRY
    if is_zip64 or entries > limits.max_entries or directory_bytes > most:
        raise TooLarge(f"the archive has more than {limits.max_entries} entries or a zip64 directory")


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, struct.error, ValueError, NotImplementedError):
        pass
    raise Truncated("the zip archive's directory is cut or damaged")


def _entered(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    failure: ConnectorError
    try:
        return cast(BinaryIO, archive.open(entry))
    except (zipfile.BadZipFile, EOFError, struct.error):
        failure = Truncated("the archive is cut or damaged")
    except (NotImplementedError, RuntimeError):
        failure = UnexpectedResponse("the archive is encrypted or packed in an unknown way")
    raise failure


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
        raise UnexpectedResponse("an archive entry's name leaves the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UnexpectedResponse("an archive entry is a link")
    if entry.flag_bits & 0x1:
        raise UnexpectedResponse("an archive entry is encrypted")
