"""Who was erased, as keyed hashes; and how anything is recognised that carries one of their identifiers.

Deciding an erasure is in `decisions`; carrying it out is in `stewardship.erasing`, keeping the erased out of
what vendors send again in `landing`.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.keys import identifier_key
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, normalise

_ADDRESS = re.compile(r"[^\s\"'<>()\[\]{},;:|/\\?&=#]+@[^\s\"'<>()\[\]{},;:|/\\?&=#@]+")
_PROFILE_PAGE = re.compile(r"https?://([^/\s\"'<>]+)/@([^/\s\"'<>?#@]+)")
_NUMBER = re.compile(r"\+?\d[\d ().\-]{5,22}\d")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{4,}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_IDS = ("user_id", "cookie_id", "mailchimp_email_id", "zendesk_user_id")
_SHORTEST_ID = 5
_REMEMBERED = 1 << 16


class Erased:
    """The identifiers of erased people: (kind, key) pairs. False where there are none.

    Addresses, numbers and handles are found wherever they stand, in whatever spelling `spelling` knows; ids
    of at least five characters that are not digits only, too; other ids in the fields named for them.
    """

    def __init__(
        self, pairs: Iterable[tuple[str, int]], *, secret: bytes, spelling: Spelling = DEFAULT_SPELLING
    ) -> None:
        self._keys: dict[str, set[int]] = {}
        for kind, key in pairs:
            self._keys.setdefault(kind, set()).add(key)
        self._secret, self._spelling = secret, spelling
        self.keys = frozenset(key for keys in self._keys.values() for key in keys)
        self._all_keys = pa.array(sorted(self.keys), pa.int64())
        self.is_named = lru_cache(_REMEMBERED)(self._is_named)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def is_one(self, kind: str, value: str) -> bool:
        """Whether an identifier, in any spelling, is one of theirs."""
        known = self._keys.get(kind)
        return bool(known and value) and self.key_of(kind, value) in (known or ())

    def key_of(self, kind: str, value: str) -> int:
        """The keyed hash of an identifier in any spelling."""
        return identifier_key(self._secret, kind, normalise(kind, value, self._spelling))

    def is_in_body(self, body: str, fields: Mapping[str, str]) -> bool:
        """Whether a record's JSON, or what should have been JSON, carries one.

        `fields`: by name the kind that the field carries, at any depth; ".name" at the top only.
        """
        try:
            record = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError):
            return self.is_named(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), body))
        if isinstance(record, dict) and isinstance(record.get("base64"), str) and len(record) == 1:
            try:
                return self.is_named(base64.b64decode(record["base64"]).decode(errors="replace"))
            except binascii.Error:
                return False
        return any(
            (isinstance(value, str) and self.is_named(value))
            or (name in fields and self.is_one(fields[name], str(value)))
            for name, value in _scalars(record)
        )

    def carried_by(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Which rows of one of our tables carry one: in a key, in a text, or in a list of named values."""
        found = np.zeros(rows.num_rows, dtype=bool)
        for field in rows.schema:
            column = rows[field.name].combine_chunks()
            if pa.types.is_int64(field.type) and field.name.endswith("_key"):
                found |= np.asarray(pc.fill_null(pc.is_in(column, self._all_keys), False))
            elif pa.types.is_string(field.type):
                found |= self._naming(column)
            elif pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
                pairs, owner = pc.list_flatten(column), np.asarray(pc.list_parent_indices(column))
                names, values = (pc.struct_field(pairs, place) for place in range(2))
                if not pa.types.is_string(values.type):
                    continue
                is_theirs = self._naming(values)
                if field.type.value_type.field(0).name == "kind":
                    told = zip(names.to_pylist(), values.to_pylist(), strict=True)
                    is_theirs |= np.fromiter((self.is_one(*pair) for pair in told), bool, len(names))
                found[owner[is_theirs]] = True
        return found

    def _naming(self, texts: pa.Array) -> npt.NDArray[np.bool_]:
        codes = texts.dictionary_encode()
        names = np.array([text is not None and self.is_named(text) for text in codes.dictionary.to_pylist()])
        places = codes.indices.fill_null(0).to_numpy(zero_copy_only=False)
        if not len(names):
            return np.zeros(len(texts), dtype=bool)
        is_theirs: npt.NDArray[np.bool_] = names[places] & np.asarray(texts.is_valid())
        return is_theirs

    def _is_named(self, text: str) -> bool:
        """Whether a text mentions one."""
        texts = (text, unquote(text)) if "%" in text else (text,)
        return any(self.is_one(kind, value) for one in texts for kind, value in self._candidates(one))

    def _candidates(self, text: str) -> Iterator[tuple[str, str]]:
        if "@" in text and ("email" in self._keys or "social_handle" in self._keys):
            for address in _ADDRESS.findall(text):
                trimmed = address.rstrip(".!")
                yield "email", trimmed
                yield "social_handle", trimmed
            for host, name in _PROFILE_PAGE.findall(text):
                yield "social_handle", f"{name}@{host}"
        if "phone" in self._keys:
            for number in _NUMBER.findall(text):
                yield "phone", number
        kinds = [kind for kind in _IDS if kind in self._keys]
        if kinds:
            words = {word for word in _WORD.findall(text) if not word.isdecimal()}
            whole = text.strip()
            if len(whole) >= _SHORTEST_ID and not whole.isdecimal():
                words.add(whole)
            for word in words:
                for kind in kinds:
                    yield kind, word


def _scalars(value: Any, name: str = "", *, is_top: bool = True) -> Iterator[tuple[str, Any]]:
    """(name of the field, value) of all texts and numbers; at the top the name also with a dot before it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if is_top and not isinstance(inner, dict | list):
                yield f".{key}", inner
            yield from _scalars(inner, str(key), is_top=False)
            yield "", str(key)
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner, name, is_top=False)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield name, value
