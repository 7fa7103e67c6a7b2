"""Values that stand where an identifier should be and tell of nobody.

They never link and never make a profile. The words are those that forms, exports and trackers put in place of
a missing value, the mailboxes those that machines write from; add a rule when a source invents a new one. A
mailbox that several people read, such as info@, is no placeholder: it is found out by being shared.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints

_WORDS = (
    "-",
    "0",
    "anon",
    "anonymous",
    "deleted",
    "empty",
    "false",
    "guest",
    "invalid",
    "n/a",
    "na",
    "nan",
    "nil",
    "no",
    "none",
    "not set",
    "null",
    "removed",
    "test",
    "testuser",
    "true",
    "undefined",
    "unknown",
    "user",
    "xxx",
    "(not set)",
    "(null)",
    "[object object]",
)
_NOBODYS_MAILBOXES = (
    "anonymous",
    "asdf",
    "deleted",
    "fake",
    "invalid",
    "n/a",
    "noemail",
    "no-email",
    "nobody",
    "none",
    "null",
    "removed",
    "test",
    "tester",
    "testuser",
    "undefined",
    "unknown",
)
_MACHINES_MAILBOXES = (
    "abuse",
    "bounce",
    "bounces",
    "donotreply",
    "do-not-reply",
    "hostmaster",
    "mailer-daemon",
    "noreply",
    "no-reply",
    "postmaster",
)


@dataclass(frozen=True)
class PlaceholderRule:
    """Values of `kinds` (None: all) whose lower-case form matches `pattern`, a whole-value RE2 expression."""

    name: str
    pattern: str
    kinds: tuple[str, ...] | None = None


def _any_of(texts: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, texts))


_REPEATED = "|".join(f"{re.escape(chr(code))}{{8,}}" for code in range(33, 127))
_COUNTED = "|".join(
    "01234567890"[start : start + length]
    for start in (0, 1)
    for length in range(6, 12)
    if start + length <= 11
)

RULES: tuple[PlaceholderRule, ...] = (
    PlaceholderRule("a word for nothing", _any_of(_WORDS)),
    PlaceholderRule("a filler", rf"0+|x{{2,}}|[-.?*_]+|{_REPEATED}"),
    PlaceholderRule("nobody's mailbox", rf"(?:{_any_of(_NOBODYS_MAILBOXES)})(?:\+[^@]*)?@.*", ("email",)),
    PlaceholderRule("a machine's mailbox", rf"(?:{_any_of(_MACHINES_MAILBOXES)})(?:\+[^@]*)?@.*", ("email",)),
    PlaceholderRule("one digit again and again", r"\+?|\+?(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)", ("phone",)),
    PlaceholderRule("digits in order", rf"\+?(?:{_COUNTED})", ("phone",)),
)


def placeholder_rules(kind: str, values: pa.Array) -> npt.NDArray[np.object_]:
    """Of each normalised value of one kind: the name of the rule that takes it for a placeholder, or None."""
    found = np.full(len(values), None, dtype=object)
    rules = [rule for rule in RULES if rule.kinds is None or kind in rule.kinds]
    lower = pc.utf8_lower(values)
    suspects = _matching(lower, "|".join(f"(?:{rule.pattern})" for rule in rules))
    lower = lower.take(pa.array(suspects))
    for rule in reversed(rules):
        found[suspects[_matching(lower, rule.pattern)]] = rule.name
    return found


def _matching(texts: pa.Array, pattern: str) -> Ints:
    """The places of texts that match as a whole."""
    is_hit = pc.match_substring_regex(texts, rf"^(?s:{pattern})$")
    return np.flatnonzero(is_hit.to_numpy(zero_copy_only=False))


def is_placeholder(kind: str, value: str) -> bool:
    """Whether a normalised value stands for "nobody": null, anonymous, 0000, test@..., n/a and the like."""
    return placeholder_rules(kind, pa.array([value], pa.string()))[0] is not None
