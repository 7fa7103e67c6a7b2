"""What is left of somebody: in bytes and in decoded columns, as given, as plain hashes, in base64."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

_HASHES = ("md5", "sha1", "sha256", "sha512")


class Traces:
    """Words in every form that must not be left: as they are, their hashes in hex, and both in base64."""

    def __init__(self, words: Iterable[str]) -> None:
        self._forms: dict[bytes, str] = {}
        for word in words:
            for spelled in {word, word.lower(), word.upper()}:
                plain = spelled.encode()
                self._forms[plain.lower()] = word
                self._forms[base64.b64encode(plain).rstrip(b"=")[:-1]] = word
                for name in _HASHES:
                    digest = hashlib.new(name, plain)
                    self._forms[digest.hexdigest().encode()] = word
                    self._forms[base64.b64encode(digest.digest()).rstrip(b"=")[:-1]] = word

    def in_bytes(self, content: bytes) -> set[str]:
        """The words of which some form stands there; texts and hex in any case."""
        lower = content.lower()
        return {word for form, word in self._forms.items() if form in lower or form in content}

    def in_folder(self, folder: Path) -> set[tuple[str, str]]:
        """(word, file) in every file under a folder, its name included: in its bytes, and Parquet decoded."""
        return {
            (word, str(path.relative_to(folder)))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            for content in (path.name.encode(), path.read_bytes(), *_decoded(path))
            for word in self.in_bytes(content)
        }


def _decoded(path: Path) -> Iterator[bytes]:
    if path.suffix != ".parquet":
        return
    rows = pq.read_table(path)
    yield "\n".join(map(str, (rows.schema.metadata or {}).items())).encode()
    for column in rows.columns:
        yield "\n".join(map(str, column.to_pylist())).encode()
