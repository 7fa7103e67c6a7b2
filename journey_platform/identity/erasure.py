"""Who was erased, as keyed hashes; and how anything is recognised that carries one of their identifiers.

Deciding an erasure is in `decisions`; carrying it out is in `stewardship.erasing`, keeping the erased out of
what vendors send again in `landing`.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.keys import identifier_key
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling, normalise
from journey_platform.identity.observations import REFERENCES
from journey_platform.identity.policy import PASSED_ON
from journey_platform.touchpoints.carried import fields_of, spelled

_PIECE = re.compile(r"[^\s\"'<>()\[\]{},;:|/\\?&=#]+")
_PROFILE_PAGE = re.compile(r"https?://([^/\s\"'<>]+)/@([^/\s\"'<>?#@]+)")
_NUMBER = re.compile(r"(?:\+|tel:|(?<![\w.:/+-])\(?)\d[\d ().-]{5,22}\d(?![\w:])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{4,}")
_QUOTED = re.compile(r'"([^"\\]{5,64})"')
_ITEM = re.compile(r'[^\s",\[\]]+')
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_IDS = ("user_id", "cookie_id", "mailchimp_email_id", "zendesk_user_id", "click_id", "loyalty_id")
_SHORTEST_ID, _LONGEST_ID = 5, 64
_REMEMBERED = 1 << 16


class Erased:
    """The identifiers of erased people: (kind, key) pairs. False where there are none.

    Addresses, numbers and handles are found wherever they stand, in whatever spelling `spelling` knows; ids
    of at least five characters that are not digits only, too; other ids in the fields named for them; a code
    that may be passed on, in a record that names nobody at all.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, int]],
        *,
        secret: bytes,
        spelling: Spelling = DEFAULT_SPELLING,
        declared: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`declared`: by files/feed, the columns that carry an identifier, with its kind."""
        self._keys: dict[str, set[int]] = {}
        for kind, key in pairs:
            self._keys.setdefault(kind, set()).add(key)
        self._secret, self._spelling, self._declared = secret, spelling, declared or {}
        self.keys = frozenset(key for keys in self._keys.values() for key in keys)
        self._all_keys = pa.array(sorted(self.keys), pa.int64())
        self.is_named = lru_cache(_REMEMBERED)(self._is_named)
        self._is_id = lru_cache(_REMEMBERED)(self._is_id_of_theirs)
        self._is_number = lru_cache(_REMEMBERED)(self._is_number_of_theirs)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def fields_of(self, source: str, stream: str) -> Mapping[str, str]:
        """The fields of a stream's records that carry an identifier or a reference, with its kind."""
        return self._declared.get(f"{source}/{stream}") or fields_of(source, stream)

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
        text = _plain(body)
        if self._is_named(text):
            return True
        carried = [*_carried(text, body, fields)]
        if any(self.is_one(*pair) for pair in carried if pair[0] not in PASSED_ON):
            return True
        return all(kind in REFERENCES for kind, _ in carried) and any(self.is_one(*pair) for pair in carried)

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
                    is_naming = ~np.asarray(pc.is_in(names, pa.array(REFERENCES)))
                    is_code = np.asarray(pc.is_in(names, pa.array(PASSED_ON)))
                    is_theirs &= ~is_code | ~np.isin(owner, owner[is_naming])
                found[owner[is_theirs]] = True
        if {"campaign", "person_key"} <= {*rows.column_names}:
            found |= self._of_nobody_with_their_code(rows)
        return found

    def _of_nobody_with_their_code(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """A code that was redeemed stands as the campaign of what no identifier tells whose it is."""
        told = pc.unique(rows["campaign"]).drop_null().to_pylist()
        codes = [code for code in told if any(self.is_one(kind, code) for kind in PASSED_ON)]
        is_code = pc.is_in(rows["campaign"], pa.array(codes, pa.string()))
        return np.asarray(pc.and_(is_code, rows["person_key"].is_null()))

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
        return any(
            any(map(self._is_id, _words(one)))
            or any(map(self._is_address, _addresses(one)))
            or any(
                self.is_one("social_handle", f"{name}@{host}") for host, name in _PROFILE_PAGE.findall(one)
            )
            or ("phone" in self._keys and any(map(self._is_number, _NUMBER.findall(one))))
            for one in texts
        )

    def _is_id_of_theirs(self, word: str) -> bool:
        return any(self.is_one(kind, word) for kind in _IDS)

    def _is_address(self, address: str) -> bool:
        trimmed = address.rstrip(".!")
        return self.is_one("email", trimmed) or self.is_one("social_handle", trimmed)

    def _is_number_of_theirs(self, number: str) -> bool:
        """A bare row of digits is looked at as it is: reading it as a number of some country is slow."""
        digits = "".join(filter(str.isdecimal, number))
        if not 7 <= len(digits) <= 17 or _DATE.match(number):
            return False
        if number[0].isdecimal() and number[0] != "0" and not self._spelling.phone_region:
            return identifier_key(self._secret, "phone", f"+{digits}") in self._keys["phone"]
        return self.is_one("phone", number.removeprefix("tel:"))


def _plain(body: str) -> str:
    """The text of a body: escapes resolved, and what the quarantine keeps in base64 as text."""
    if body.startswith('{"base64"'):
        try:
            return base64.b64decode(_decoded(body).get("base64", "")).decode(errors="replace")
        except binascii.Error:
            return body
    if "\\" not in body:
        return body
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), body).replace("\\/", "/").replace('\\"', '"')


def _decoded(body: str) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return record if isinstance(record, dict) else {}


def _carried(text: str, body: str, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, value) of what stands in a record's fields; no blanks."""
    names = tuple(name for name in fields if not name.startswith("."))
    for name, value in _field_pattern(names).findall(text) if names else ():
        yield from ((fields[name], item) for item in _ITEM.findall(value))
    at_top = [name for name in fields if name.startswith(".")]
    record = _decoded(body) if at_top else {}
    for name in at_top:
        if value := _at(record, name[1:].split(".")):
            yield fields[name], value


def _at(value: Any, steps: list[str]) -> str:
    for step in steps:
        if isinstance(value, list):
            notes = [note for note in value if isinstance(note, dict) and spelled(note.get("name")) == step]
            value = notes[0].get("value") if notes else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else str(value).strip()


@cache
def _field_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """A field of one of these names, with its text, number or list of these."""
    return re.compile(rf'"({"|".join(map(re.escape, names))})"\s*:\s*(\[[^\]]*\]|"[^"]*"|-?\d+)')


def _addresses(text: str) -> list[str]:
    return [piece for piece in _PIECE.findall(text) if "@" in piece] if "@" in text else []


def _words(text: str) -> set[str]:
    """What could be an id: words of a text, what stands in quotes, and a short text as a whole."""
    words = {*_WORD.findall(text), *_QUOTED.findall(text)}
    if len(text) <= _LONGEST_ID:
        words.add(text.strip())
    return {word for word in words if len(word) >= _SHORTEST_ID and not word.isdecimal()}
