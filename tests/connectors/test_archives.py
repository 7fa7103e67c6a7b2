"""Exports in zip and gzip are read within bounds; hostile and broken ones are refused by kind."""

import gzip
import io
import random
import struct
import tempfile
import tracemalloc
import zipfile
from typing import BinaryIO

import pytest

from connectors.archives import ArchiveLimits, gunzip, spool, zip_members
from connectors.errors import ConnectorError, TooLarge, Truncated, UnexpectedResponse

DEFAULTS = ArchiveLimits()
MIB = 1024 * 1024
TEXT = random.Random(7).randbytes(200_000).hex().encode()


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def zipped_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/hostname")
    return file.getvalue()


def with_flag(content: bytes, flag: int) -> bytes:
    """Set a general purpose flag in the local and the central header of a zip with one entry."""
    central = content.index(b"PK\x01\x02")
    edited = bytearray(content)
    for at in (6, central + 8):
        struct.pack_into("<H", edited, at, flag)
    return bytes(edited)


def damaged(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 0xFF]) + content[101:]


def read_zip(content: bytes, limits: ArchiveLimits = DEFAULTS) -> dict[str, bytes]:
    with spool() as file:
        file.write(content)
        return {name: member.read() for name, member in zip_members(file, limits)}


def test_members_come_in_order_with_their_bytes() -> None:
    entries = {"Survey: 1.csv": TEXT, "folder/": b"", "folder/b.csv": b""}
    assert read_zip(zipped(entries)) == {"Survey: 1.csv": TEXT, "folder/b.csv": b""}


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        pytest.param(zipped({"/etc/x": b""}), UnexpectedResponse, "leaves", id="absolute name"),
        pytest.param(zipped({"../x": b""}), UnexpectedResponse, "leaves", id="name that climbs"),
        pytest.param(zipped({"a/../../x": b""}), UnexpectedResponse, "leaves", id="name that climbs later"),
        pytest.param(
            zipped({"..\\x": b""}), UnexpectedResponse, "leaves", id="name that climbs by backslash"
        ),
        pytest.param(zipped({"C:\\x": b""}), UnexpectedResponse, "leaves", id="name with a drive"),
        pytest.param(zipped_link(), UnexpectedResponse, "link", id="symbolic link"),
        pytest.param(with_flag(zipped({"a": TEXT}), 1), UnexpectedResponse, "encrypted", id="encrypted"),
        pytest.param(b"<html>expired</html>", UnexpectedResponse, "not a zip", id="HTML"),
        pytest.param(b"", UnexpectedResponse, "not a zip", id="empty file"),
        pytest.param(zipped({"a": TEXT})[:-30], Truncated, "directory", id="cut before its end"),
        pytest.param(zipped({"a": TEXT})[:1000], Truncated, "directory", id="cut in the middle"),
        pytest.param(damaged(zipped({"a": TEXT})), Truncated, "damaged", id="a byte changed"),
        pytest.param(
            zipped({str(n): b"" for n in range(1001)}), TooLarge, "1000 entries", id="too many entries"
        ),
        pytest.param(zipped({"a": b"\0" * 100 * MIB}), TooLarge, "decodes to", id="bomb by ratio"),
    ],
)
def test_a_hostile_or_broken_zip_is_refused(content: bytes, error: type[ConnectorError], words: str) -> None:
    with pytest.raises(error, match=words):
        read_zip(content)


def test_decoded_bytes_of_all_members_count_together() -> None:
    content = zipped({"a": TEXT, "b": TEXT})
    assert len(read_zip(content, ArchiveLimits(max_bytes=2 * len(TEXT)))) == 2
    with pytest.raises(TooLarge):
        read_zip(content, ArchiveLimits(max_bytes=2 * len(TEXT) - 1))


def test_a_zip_that_lies_about_its_sizes_is_still_bounded() -> None:
    content = bytearray(zipped({"a": b"\0" * 50 * MIB}))
    for at in (22, content.index(b"PK\x01\x02") + 24):
        struct.pack_into("<I", content, at, 10)
    tracemalloc.start()
    with pytest.raises(Truncated):
        read_zip(bytes(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


def gzip_file(content: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(content)
    return file


def test_gzip_is_read_as_a_stream() -> None:
    with gzip_file(gzip.compress(TEXT) + gzip.compress(b"tail")) as file:
        assert gunzip(file).read() == TEXT + b"tail"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(gzip.compress(TEXT)[:-4], Truncated, id="cut in its trailer"),
        pytest.param(gzip.compress(TEXT)[:500], Truncated, id="cut in the middle"),
        pytest.param(damaged(gzip.compress(TEXT)), Truncated, id="a byte changed"),
        pytest.param(b"<html>expired</html>", Truncated, id="not gzip"),
        pytest.param(gzip.compress(b"\0" * 100 * MIB), TooLarge, id="bomb"),
    ],
)
def test_a_hostile_or_broken_gzip_is_refused_within_bounds(
    content: bytes, error: type[ConnectorError]
) -> None:
    with gzip_file(content) as file:
        stream = gunzip(file)
        tracemalloc.start()
        with pytest.raises(error):
            sum(len(piece) for piece in iter(lambda: stream.read(MIB), b""))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * MIB
