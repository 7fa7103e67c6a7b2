"""Scales of satisfaction and effort: what a coded answer is worth, with the highest number for the best.

Here is how a question's choices tell its scale and its direction, in English. Which question asks so, and how
its vendor writes choices down, is in that vendor's mapping.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Measure = Literal["csat", "ces"]

_SIZES: Mapping[Measure, tuple[int, ...]] = {"csat": (5, 7), "ces": (7,)}
_GOOD_AND_BAD: Mapping[Measure, tuple[str, str]] = {
    "csat": (
        r"\b(satisf|happy|good|great|excellent)",
        r"\b(dissatisf|unsatisf|unhappy|bad|poor|terrible)",
    ),
    "ces": (r"\b(easy|easier|easily)\b", r"\b(difficult|hard)\b"),
}
_FOR_AND_AGAINST = r"\bagree", r"\bdisagree"
_NOT = re.compile(r"\bnot\b|n't\b")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Scale:
    """`unit`: csat_5, csat_7 or ces_7. `values`: code of a choice -> 1 to the scale's size, high for good."""

    unit: str
    values: Mapping[str, int]


class UnknownScale(ValueError):  # noqa: N818
    """The choices do not tell what an answer is worth; the message says why."""


def scale_of(measure: Measure, question: str, choices: Mapping[str, str]) -> Scale:
    """The scale of a question with these choices (code -> label); `question`: its words.

    The codes must be 1 to 5 or 1 to 7 (effort: 1 to 7). Labels must tell good from bad, or agreement with a
    question that says good or bad; and all good ones must have higher codes than all bad ones, or all lower,
    which turns the scale. Raises `UnknownScale`.
    """
    size = len(choices)
    codes = {str(code): code for code in range(1, size + 1)}
    if size not in _SIZES[measure] or choices.keys() != codes.keys():
        expected = " or ".join(f"1 to {size}" for size in _SIZES[measure])
        raise UnknownScale(f"the choices' codes are not {expected}")
    poles = {codes[code]: _pole_of(measure, question, label) for code, label in choices.items()}
    good, bad = ([code for code, pole in poles.items() if pole == of] for of in (1, -1))
    if not good or not bad:
        raise UnknownScale("the labels do not tell which end is good")
    if max(bad) < min(good):
        values = codes
    elif max(good) < min(bad):
        values = {name: size + 1 - code for name, code in codes.items()}
    else:
        raise UnknownScale("the codes are not in the order of the labels")
    return Scale(f"{measure}_{size}", values)


def _pole_of(measure: Measure, question: str, label: str) -> int:
    """1 for a label that says good, -1 for bad, 0 where it says neither or both."""
    good_and_bad = _GOOD_AND_BAD[measure]
    own = _pole(label, *good_and_bad)
    return own or _pole(label, *_FOR_AND_AGAINST) * _pole(question, *good_and_bad)


def _pole(words: str, good: str, bad: str) -> int:
    said = _TAG.sub("", words).lower()
    pole = bool(re.search(good, said)) - bool(re.search(bad, said))
    return -pole if _NOT.search(said) else pole
