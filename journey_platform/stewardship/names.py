"""Whether a text names somebody by the name that vendors give: free text, as short or odd as people type it.

Identifiers in texts are found by `identity.erasure`.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SIGN = re.compile(f"[{_HAN}]")
_UNSPACED = re.compile(f"[{_HAN}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\uac00-\ud7af]")
"""Scripts that put no space between words, or add endings to them."""
_FEWEST_LETTERS = 3


def is_named(name: str, text: str) -> bool:
    """Whether the name's words stand in the text, whole and in their order, whatever their case and whatever
    divides them.

    A name of fewer than three letters tells of nobody: too many words have it. A Chinese sign counts for two.
    """
    folded = _folded(name)
    letters = sum(map(str.isalpha, folded)) + len(_SIGN.findall(folded))
    words = _WORD.findall(folded)
    if letters < _FEWEST_LETTERS or not words:
        return False
    before = "" if _UNSPACED.match(words[0][0]) else r"(?<![^\W_])"
    after = "" if _UNSPACED.match(words[-1][-1]) else r"(?![^\W_])"
    return re.search(before + r"[\W_]+".join(words) + after, _folded(text)) is not None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
