"""The plain text of a post that a network gives as HTML: what a reader sees, without markup.

Only the small vocabulary of posts: paragraphs, line breaks, lists, quotes, links, mentions, hashtags, and the
spans by which Mastodon shortens a link on the screen. Not a general HTML converter.
"""

import re
from html.parser import HTMLParser

_BLOCKS = {"p", "blockquote", "ul", "ol", "pre", "div", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"br", "li"}
_SILENT = {"script", "style"}
_VOID = {"br", "img", "hr", "wbr", "input"}


def plain_text(html: str) -> str:
    """Paragraphs are parted by an empty line, `<br>` is a new line, `ellipsis` spans end in "…"; text of
    `invisible` spans is left out. Malformed HTML gives the text that can be made out, never an error."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")
        if tag not in _VOID:
            classes = (dict(attrs).get("class") or "").split()
            kind = "invisible" if "invisible" in classes or tag in _SILENT else ""
            self._open.append((tag, kind or ("ellipsis" if "ellipsis" in classes else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                if self._open[place][1] == "ellipsis":
                    self.parts.append("…")
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        if not any(kind == "invisible" for _, kind in self._open):
            self.parts.append(data.replace("\n", " "))
