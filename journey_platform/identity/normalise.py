"""One spelling for each identifier, so that equal ones are equal text; and why a value is none of its kind.

Which values tell of nobody is in `placeholders`. Values in plain spelling, nearly all, are recognised
together by an Arrow expression; only the others are looked at one by one, with email-validator and
phonenumbers.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Codes, Flags, Ints, Texts, encoded, rank_of
from journey_platform.identity.policy import POLICIES

KINDS: tuple[str, ...] = tuple(sorted(POLICIES))
"""Kinds by their code in `Distinct`."""

_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_MAILBOX = r"[a-z0-9_%-]+(?:\.[a-z0-9_%-]+)*"
_PLAIN = {
    "email": rf"^{_PLAIN_MAILBOX}@(?:{_LABEL}\.)+(?:com|org|net|io|example|nl|de|fr|be|eu|uk|it|es)$",
    "social_handle": r"^[a-z0-9_.-]+@[a-z0-9.-]+$",
}
_PLAIN_ID = r"^[!-~](?:[ -~]*[!-~])?$"
_LONGEST_PLAIN_EMAIL = 64


@dataclass(frozen=True)
class MailboxRule:
    """What a mail domain ignores in the part before the @."""

    ignores_tags: bool = False
    ignores_dots: bool = False


_GOOGLE = MailboxRule(ignores_tags=True, ignores_dots=True)


@dataclass(frozen=True)
class Spelling:
    """How values are read. `phone_region`: the country (ISO, two letters) of numbers without one; "" if none
    may be assumed. `mailboxes`: by mail domain, what it ignores."""

    phone_region: str = ""
    mailboxes: Mapping[str, MailboxRule] = field(
        default_factory=lambda: {"gmail.com": _GOOGLE, "googlemail.com": _GOOGLE}
    )


DEFAULT_SPELLING = Spelling()


def normalise(kind: str, value: str, spelling: Spelling = DEFAULT_SPELLING) -> str:
    """The canonical spelling of a value. Pure, and normalising twice changes nothing.

    Every kind: unicode compatibility form, stripped. email: lower case, less what its domain ignores. phone:
    E.164; what is no number keeps its digits. social_handle: lower case, without "@" in front. promo_code,
    which is typed by hand: lower case.
    """
    text = unicodedata.normalize("NFKC", value).strip()
    return _BY_KIND[kind](text, spelling) if kind in _BY_KIND else text


def malformation(kind: str, value: str) -> str | None:
    """Why a normalised value cannot be what its kind says; None where it can. Tells nothing of the value."""
    if not value:
        return f"{kind}: empty"
    why = None
    if kind == "email":
        why = _no_email(value)
    elif kind == "phone":
        why = _no_phone(value)
    elif kind == "social_handle" and any(map(str.isspace, value)):
        why = "a space in a handle"
    return f"{kind}: {why}" if why else None


def is_well_formed(kind: str, value: str) -> bool:
    return malformation(kind, value) is None


def _email(text: str, spelling: Spelling) -> str:
    mailbox, at, domain = text.lower().rpartition("@")
    rule = spelling.mailboxes.get(domain)
    if not at or rule is None:
        return f"{mailbox}{at}{domain}"
    kept = mailbox.partition("+")[0] if rule.ignores_tags else mailbox
    kept = kept.replace(".", "") if rule.ignores_dots else kept
    return f"{kept or mailbox}@{domain}"


def _phone(text: str, spelling: Spelling) -> str:
    digits = _NOT_A_DIGIT.sub("", text)
    is_prefixed = not text.startswith("+") and digits.startswith("00")
    international = f"+{digits[2:] if is_prefixed else digits}"
    if spelling.phone_region and not text.startswith("+") and not is_prefixed:
        found = _e164(digits, spelling.phone_region)
        if found and _e164(found, "") == found:
            return found
    found = _e164(international, "")
    return found if found and _e164(found, "") == found else international


def _e164(text: str, region: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _handle(text: str, _: Spelling) -> str:
    return text.lower().lstrip("@").strip()


_BY_KIND: dict[str, Callable[[str, Spelling], str]] = {
    "email": _email,
    "phone": _phone,
    "social_handle": _handle,
    "promo_code": lambda text, _: text.lower(),
}


def _no_email(value: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        # What follows a colon quotes the value.
        return str(error).partition(":")[0].rstrip(".")
    return None


def _no_phone(value: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        no_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        return "no country code, and no region is set" if no_country else "not a number"
    verdict = phonenumbers.is_possible_number_with_reason(number)
    results = phonenumbers.ValidationResult
    if verdict in (results.IS_POSSIBLE, results.IS_POSSIBLE_LOCAL_ONLY):
        return None
    return {results.TOO_SHORT: "too short", results.TOO_LONG: "too long"}.get(
        verdict, "not of a known length"
    )


@dataclass(frozen=True)
class Distinct:
    """Distinct identifiers, normalised, in the order of their kinds.

    `kind`: codes of `KINDS`; `malformed`: why, or None; `of_row`: each row's place here.
    """

    kind: Codes
    values: pa.Array
    malformed: Texts
    of_row: Codes

    def is_kind(self, kind: str) -> Flags:
        is_such: Flags = self.kind == KINDS.index(kind)
        return is_such

    def kinds(self) -> pa.Array:
        return pa.array(KINDS).take(pa.array(self.kind))

    def alphabet(self) -> Codes:
        """The rank of each by kind, then value."""
        borders = np.searchsorted(self.kind, np.arange(len(KINDS) + 1))
        orders = [
            first + pc.sort_indices(self.values.slice(first, end - first)).to_numpy().astype(np.int64)
            for first, end in itertools.pairwise(borders.tolist())
        ]
        return rank_of(np.concatenate(orders))

    def sorted_by(self, order: Ints) -> "Distinct":
        """The same in another order, of kinds too."""
        return Distinct(
            kind=self.kind[order],
            values=self.values.take(pa.array(order)),
            malformed=self.malformed[order],
            of_row=rank_of(order)[self.of_row],
        )

    def without_rows(self) -> "Distinct":
        return replace(self, of_row=np.empty(0, np.int32))


def distinct(
    kinds: pa.ChunkedArray | pa.Array,
    values: pa.ChunkedArray | pa.Array,
    spelling: Spelling = DEFAULT_SPELLING,
) -> Distinct:
    """Normalise many identifiers; each distinct spelling is looked at once.

    Raises `ValueError` for a kind that `policy` does not declare.
    """
    kind_of_row, kind_array = encoded(kinds)
    names = kind_array.to_pylist()
    if unknown := set(names) - set(POLICIES):
        raise ValueError(f"undeclared kinds of identifier: {', '.join(sorted(unknown))}")
    codes = [code for code, kind in enumerate(KINDS) if kind in names]
    rows = [kind_of_row == names.index(KINDS[code]) for code in codes]
    # Two threads: nearly all of it is done by Arrow, outside Python's lock.
    with ThreadPoolExecutor(2) as threads:
        found = list(
            threads.map(lambda code, own: _of_kind(code, values.filter(pa.array(own)), spelling), codes, rows)
        )
    of_row, count = np.empty(len(kind_of_row), dtype=np.int32), 0
    for own, some in zip(rows, found, strict=True):
        of_row[own] = some.of_row + np.int32(count)
        count += len(some.values)
    return Distinct(
        kind=np.concatenate([np.empty(0, np.int32), *(some.kind for some in found)]),
        values=pa.concat_arrays([pa.array([], pa.string()), *(some.values for some in found)]),
        malformed=np.concatenate([np.empty(0, object), *(some.malformed for some in found)]),
        of_row=of_row,
    )


def _of_kind(code: int, values: pa.ChunkedArray | pa.Array, spelling: Spelling) -> Distinct:
    """The distinct identifiers of one kind; `of_row`: of its own rows."""
    kind = KINDS[code]
    place, sent = encoded(values)
    cleaned, odd = _cleaned(kind, sent, spelling)
    if not cleaned.equals(sent):
        again, cleaned = encoded(cleaned)
        place, odd = again[place], again[odd].astype(np.int64)
    suspects = np.unique(odd)
    malformed = np.full(len(cleaned), None, dtype=object)
    texts = cleaned.take(pa.array(suspects)).to_pylist()
    malformed[suspects] = [malformation(kind, text) for text in texts]
    return Distinct(np.full(len(cleaned), code, dtype=np.int32), cleaned, malformed, place)


def _cleaned(kind: str, texts: pa.Array, spelling: Spelling) -> tuple[pa.Array, Ints]:
    """Normalised texts, and the places of those that are not known to be well-formed."""
    tidy = pc.utf8_lower(pc.utf8_trim_whitespace(texts)) if kind in _PLAIN else texts
    is_plain = pc.and_(pc.string_is_ascii(texts), pc.match_substring_regex(tidy, _PLAIN.get(kind, _PLAIN_ID)))
    if kind == "phone":
        is_plain = pa.repeat(pa.scalar(False), len(texts))
    elif kind == "email":
        is_plain = pc.and_(is_plain, pc.less_equal(pc.binary_length(tidy), _LONGEST_PLAIN_EMAIL))
        for start in ("--", *(f"@{domain}" for domain in spelling.mailboxes)):
            is_plain = pc.and_not(is_plain, pc.match_substring(tidy, start))
    odd = np.flatnonzero(~is_plain.to_numpy(zero_copy_only=False))
    if not len(odd):
        return tidy, odd
    changed = [normalise(kind, text, spelling) for text in texts.take(pa.array(odd)).to_pylist()]
    cleaned = pc.replace_with_mask(tidy, pc.invert(is_plain), pa.array(changed, pa.string()))
    return cleaned, odd
