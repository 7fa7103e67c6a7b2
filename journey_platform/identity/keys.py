"""Keys of identifiers and persons: 64 bits of a keyed hash, so that they tell nothing without the secret.

The same identifier has the same key in every rebuild under the same secret.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_BYTES = 8
_BETWEEN = "\x1f"
_AT_ONCE = 65_536


class KeyCollision(Exception):  # noqa: N818 - says what happened
    """Two identifiers have one 64-bit key. Nothing is wrong with the data: choose another secret."""


def identifier_key(secret: bytes, kind: str, value: str) -> int:
    """64 bits of keyed BLAKE2b (RFC 7693) of kind and normalised value, as a signed integer."""
    return int(_keys(secret, [f"{kind}{_BETWEEN}{value}".encode()])[0])


def identifier_keys(secret: bytes, kinds: pa.Array, values: pa.Array) -> npt.NDArray[np.int64]:
    """The keys of distinct (kind, normalised value) pairs. Raises `KeyCollision`."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(kinds), _AT_ONCE):
        some = kinds.slice(start, _AT_ONCE), values.slice(start, _AT_ONCE)
        texts = pc.binary_join_element_wise(*some, _BETWEEN).cast(pa.binary())
        found.append(_keys(secret, texts.to_pylist()))
    keys = np.concatenate(found)
    check_distinct(keys)
    return keys


def _keys(secret: bytes, texts: Sequence[bytes]) -> npt.NDArray[np.int64]:
    keyed = hashlib.blake2b(key=hashlib.blake2b(secret).digest(), digest_size=_BYTES)
    digests = []
    for text in texts:
        state = keyed.copy()
        state.update(text)
        digests.append(state.digest())
    return np.frombuffer(b"".join(digests), dtype=">i8").astype(np.int64)


def check_distinct(keys: npt.NDArray[np.int64]) -> None:
    """Raises `KeyCollision` where two of the keys are equal."""
    ordered = np.sort(keys)
    if (ordered[1:] == ordered[:-1]).any():
        raise KeyCollision("two identifiers have one 64-bit key: change JOURNEY_PSEUDONYM_KEY and rebuild")


def profile_id(person_key: int) -> str:
    """The id shown outside: "P" and the same 64 bits in 13 characters."""
    return "P" + base64.b32encode(person_key.to_bytes(_BYTES, "big", signed=True)).decode().rstrip("=")


def profile_ids(person_keys: Iterable[int]) -> list[str]:
    return [profile_id(key) for key in person_keys]


def person_key(profile: str) -> int:
    """The key behind a profile id. Raises `ValueError` where it is none."""
    if len(profile) != 14 or not profile.startswith("P"):
        raise ValueError("a profile id is P and 13 characters")
    return int.from_bytes(base64.b32decode(profile[1:] + "==="), "big", signed=True)
