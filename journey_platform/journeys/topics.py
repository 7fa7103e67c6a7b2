"""What a text is about, by its words: a declared dictionary, no model.

The first topic of which a word stands in the text names it; where none does, it is unknown. What is declared
is in journeys.yaml, section `topics`; the dictionary here is for English, and for who declares none.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property

UNKNOWN = "unknown"

ENGLISH: Mapping[str, tuple[str, ...]] = {
    "sign-in": ("password", "log in", "login", "sign in", "locked out", "two-factor", "verification code"),
    "bill": (
        "invoice*",
        "bill",
        "bills",
        "billing",
        "charged",
        "charge",
        "payment*",
        "overcharg*",
        "direct debit",
    ),
    "returns": ("return*", "refund*", "money back", "exchange", "warranty"),
    "delivery": (
        "deliver*",
        "parcel*",
        "package*",
        "shipping",
        "shipment*",
        "courier",
        "arrived",
        "tracking",
    ),
    "connection": ("router*", "wifi", "wi-fi", "internet", "broadband", "signal", "outage*", "disconnect*"),
    "trouble": (
        "error*",
        "bug",
        "bugs",
        "crash*",
        "broken",
        "not working",
        "does not work",
        "doesn't work",
        "export*",
    ),
    "price": ("price*", "expensive", "cheap*", "discount*", "voucher*", "coupon*", "promo*"),
    "cancellation": ("cancel*", "unsubscribe*", "close my account", "terminate"),
    "service": ("support", "helpdesk", "customer service", "agent*", "staff", "on hold"),
}
"""Topic -> words. `*` at the end stands for any ending."""


class Topics:
    """A dictionary of topics, ready to be used."""

    def __init__(self, declared: Mapping[str, tuple[str, ...]]) -> None:
        self._declared = {topic: tuple(words) for topic, words in declared.items()}

    @cached_property
    def version(self) -> str:
        """Eight hexadecimal digits that change with the dictionary."""
        spelled = json.dumps([[topic, *words] for topic, words in self._declared.items()])
        return hashlib.sha256(spelled.encode()).hexdigest()[:8]

    def of(self, text: str) -> str:
        """The topic of a text."""
        return next((topic for topic, words in self._words if words.search(text)), UNKNOWN)

    @cached_property
    def _words(self) -> list[tuple[str, re.Pattern[str]]]:
        return [
            (topic, re.compile(rf"(?<!\w)(?:{'|'.join(map(_spelled, words))})(?!\w)", re.IGNORECASE))
            for topic, words in self._declared.items()
        ]


def _spelled(word: str) -> str:
    return re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "")
