"""One spelling for each identifier, so that equal ones are equal text.

Which values tell of nobody is in `placeholders`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from journey_platform.identity.columns import encoded
from journey_platform.identity.policy import POLICIES

_NOT_A_DIGIT = re.compile(r"\D+")


def normalise(kind: str, value: str) -> str:
    """The canonical spelling of a value. Pure, and normalising twice changes nothing.

    email: stripped, lower case. phone: "+" and its digits ("00" in front means "+"). social_handle: lower
    case, without "@" in front. Every other kind: stripped.
    """
    return _BY_KIND.get(kind, str.strip)(value)


def is_well_formed(kind: str, value: str) -> bool:
    """Whether a normalised value can be what its kind says."""
    if kind == "email":
        name, at, host = value.rpartition("@")
        return bool(name and at and host) and "@" not in name and not any(map(str.isspace, value))
    if kind == "phone":
        return 7 <= len(value) - 1 <= 15
    if kind == "social_handle":
        return bool(value) and not any(map(str.isspace, value))
    return bool(value)


def _email(value: str) -> str:
    return value.strip().lower()


def _phone(value: str) -> str:
    digits = _NOT_A_DIGIT.sub("", value)
    is_prefixed = not value.strip().startswith("+") and digits.startswith("00")
    return f"+{digits[2:] if is_prefixed else digits}"


def _handle(value: str) -> str:
    return value.strip().lower().lstrip("@")


_BY_KIND: dict[str, Callable[[str], str]] = {"email": _email, "phone": _phone, "social_handle": _handle}


@dataclass(frozen=True)
class Distinct:
    """Distinct identifiers, normalised, in the order of (kind, value); `of_row`: each row's place there."""

    kinds: list[str]
    values: list[str]
    of_row: npt.NDArray[np.int64]


def distinct(kinds: pa.ChunkedArray | pa.Array, values: pa.ChunkedArray | pa.Array) -> Distinct:
    """Normalise many identifiers; each distinct spelling is looked at once.

    Raises `ValueError` for a kind that `policy` does not declare.
    """
    kind_of_row, kind_array = encoded(kinds)
    value_of_row, value_array = encoded(values)
    kind_names, value_texts = kind_array.to_pylist(), value_array.to_pylist()
    if unknown := set(kind_names) - set(POLICIES):
        raise ValueError(f"undeclared kinds of identifier: {', '.join(sorted(unknown))}")
    spellings, of_row = np.unique(kind_of_row * len(value_texts) + value_of_row, return_inverse=True)
    place: dict[tuple[str, str], int] = {}
    of_spelling = np.empty(len(spellings), dtype=np.int64)
    for i, spelling in enumerate(spellings.tolist()):
        kind = kind_names[spelling // len(value_texts)]
        value = normalise(kind, value_texts[spelling % len(value_texts)])
        of_spelling[i] = place.setdefault((kind, value), len(place))
    ordered = sorted(place)
    rank = np.empty(len(place), dtype=np.int64)
    rank[[place[pair] for pair in ordered]] = np.arange(len(place))
    return Distinct(
        kinds=[kind for kind, _ in ordered],
        values=[value for _, value in ordered],
        of_row=rank[of_spelling[of_row.ravel()]],
    )
