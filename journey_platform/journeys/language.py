"""A light guess at the language of a short text: by its script, then by the small words that it uses.

A text mostly in another script than the Latin one is in another language. Else the most frequent function
words of nine languages are counted; the language with most wins if it is alone in that, and a text with none
of them is told by nobody: `unknown`. It is right for sentences, and says unknown of a few words: a mood is
better not told than told of a language that the model cannot read.
"""

import re

UNKNOWN = "unknown"
VERSION = "function words 1"

_WORDS: dict[str, str] = {
    "en": "the and is are was were to of in on it that this for with not you my your have has had be been "
    "they we he she at from but or as if so no what how when why where who will would can could do does did "
    "don't i i'm it's an there their our me just than more very too about after before out up again by",
    "nl": "de het een en van ik te dat niet die zijn op aan met als voor er maar om hem dan zou wat mijn bij "
    "je naar heb nog wordt ook geen al kan moet jullie uit dit waar hoe wel",
    "de": "der die das und ist nicht ein eine ich zu den mit von auf dem im sie es auch sich wie wird bei "
    "einer für mein haben sind oder aber nur noch wenn kann schon mehr sehr kein",
    "fr": "le la les des et est un une je pas que qui dans ce il pour du sur au avec ne se plus par mais "
    "nous vous cette mon ma mes très à était sont",
    "es": "el la los las de que y en un una es no se por con para su lo como más pero mi muy está son este "
    "al sin también todo",
    "it": "il la che di e non un una per sono mi con si come ma le gli del della questo molto anche ho ha "
    "più nel perché",
    "pt": "o a os as de que e não um uma para com é em do da no na por mais mas meu muito está foi você "
    "isso também",
    "sv": "och att det som en på är av för med den till inte om ett han men var jag har de så från mycket",
    "pl": "i w na z się nie do to że jest jak za po ale co tak przez od jego ich czy bardzo mi już",
}
_OF_WORD: dict[str, tuple[str, ...]] = {}
for _language, _list in _WORDS.items():
    for _word in _list.split():
        _OF_WORD[_word] = (*_OF_WORD.get(_word, ()), _language)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ADDRESSES = re.compile(r"https?://\S+|[#@]\w+")


def language(text: str) -> str:
    """The text's language as two letters, "other" for another script, or `UNKNOWN`."""
    tokens = _TOKEN.findall(_ADDRESSES.sub(" ", text.replace("\u2019", "'")).lower())
    letters = "".join(tokens)
    if not letters:
        return UNKNOWN
    if sum(_is_latin(letter) for letter in letters) * 2 < len(letters):
        return "other"
    found = dict.fromkeys(_WORDS, 0)
    for token in tokens:
        for name in _OF_WORD.get(token, ()):
            found[name] += 1
    best = max(found.values())
    winners = [name for name, count in found.items() if count == best]
    return winners[0] if best and len(winners) == 1 else UNKNOWN


def _is_latin(letter: str) -> bool:
    return letter < "\u0250" or "\u1e00" <= letter < "\u1f00"
