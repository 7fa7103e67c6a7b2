"""Values that stand where an identifier should be and tell of nobody.

They never link and never make a profile. The words are those that forms, exports and trackers put in place of
a missing value; add one here when a source invents a new one.
"""

import re

_WORDS = frozenset(
    [
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
        "null",
        "(null)",
        "removed",
        "test",
        "testuser",
        "true",
        "undefined",
        "unknown",
        "user",
        "xxx",
    ]
) | {"not set", "(not set)", "[object object]"}
_MAILBOXES = frozenset(
    [
        "anonymous",
        "asdf",
        "deleted",
        "donotreply",
        "do-not-reply",
        "fake",
        "invalid",
        "n/a",
        "noemail",
        "no-email",
        "nobody",
        "none",
        "no-reply",
        "noreply",
        "null",
        "removed",
        "test",
        "tester",
        "testuser",
        "undefined",
        "unknown",
    ]
)
_FILLER = re.compile(r"0+|x{2,}|[-.?*_]+|(.)\1{7,}")
_ONE_DIGIT = re.compile(r"(\d)\1*")
_COUNTING = "01234567890"


def is_placeholder(kind: str, value: str) -> bool:
    """Whether a normalised value stands for "nobody": null, anonymous, 0000, test@..., n/a and the like."""
    word = value.lower()
    if word in _WORDS or _FILLER.fullmatch(word):
        return True
    if kind == "email":
        mailbox = word.partition("@")[0].partition("+")[0]
        return mailbox in _MAILBOXES
    if kind == "phone":
        digits = value.removeprefix("+")
        is_counting = len(digits) > 5 and _COUNTING.find(digits) in (0, 1)
        return not digits or is_counting or _ONE_DIGIT.fullmatch(digits) is not None
    return False
