"""JSON bodies, strictly: what is not the JSON that was expected is a typed error in clear words.

NaN, a byte order mark, bytes that are not UTF-8 and endless nesting are refused. One record with half a
surrogate pair in a text must not cost its page: such a page is decoded around it, and the record keeps its
bytes. Turning rows into records is in `records`.
"""

import re
from typing import Any, TypeVar

import msgspec

from connectors.errors import ConnectorError, Truncated, UnexpectedResponse

T = TypeVar("T")

_SURROGATES = re.compile(
    rb"\\\\"  # an escaped backslash: what follows it is no escape
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_MASK = rb"\ufffd"  # as long as the escape that it stands for


def decode(content: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode a body.

    Raises `Truncated` where the JSON stops early, and `UnexpectedResponse` where it is not JSON, nested too
    deeply, or not of the decoder's type. Neither repeats any of the content.
    """
    failure: ConnectorError
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        reason, path = shape_error(error)
        failure = UnexpectedResponse(f"{reason} at {path}")
    except RecursionError:
        failure = UnexpectedResponse("the JSON is nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if (masked := _without_halves(content)) != content:
            return _unmasked(decode(masked, decoder), content, masked)
        failure = _not_json(content, str(error))
    raise failure


def shape_error(error: msgspec.ValidationError) -> tuple[str, str]:
    """(reason, field path) of what msgspec says, without what it may quote of the data."""
    text = str(error)
    path = re.search(r" - at `([^`]*)`$", text)
    if missing := re.match(r"Object missing required field `([^`]*)`", text):
        return "a required field is missing", f"{path[1] if path else '$'}.{missing[1]}"
    expected = re.match(r"Expected `([^`]*)`", text)
    return f"not {expected[1]}" if expected else "not of the expected form", path[1] if path else "$"


def has_half_surrogate(content: bytes) -> bool:
    """Whether a text in this JSON holds half a surrogate pair, which is not Unicode."""
    return any(found["half"] for found in _SURROGATES.finditer(content))


def _not_json(content: bytes, told: str) -> ConnectorError:
    if not content:
        return UnexpectedResponse("an empty body where JSON was expected")
    if content.startswith(b"\xef\xbb\xbf"):
        return UnexpectedResponse("a byte order mark before the JSON")
    if content.lstrip()[:1] == b"<":
        return UnexpectedResponse("HTML or XML where JSON was expected")
    if told == "Input data was truncated":
        return Truncated("the JSON ends early")
    return UnexpectedResponse("the body is not JSON in UTF-8")


def _without_halves(content: bytes) -> bytes:
    return _SURROGATES.sub(lambda found: _MASK if found["half"] else found[0], content)


def _unmasked(decoded: T, content: bytes, masked: bytes) -> T:
    """The decoded page with its raw records as they were sent, halves included."""
    offsets: dict[bytes, int] = {}

    def restored(value: Any) -> Any:
        if isinstance(value, msgspec.Raw):
            sent = bytes(value)
            start = masked.index(sent, offsets.get(sent, 0))
            offsets[sent] = start + len(sent)
            return msgspec.Raw(content[start : start + len(sent)])
        if isinstance(value, list):
            return [restored(item) for item in value]
        if isinstance(value, msgspec.Struct):
            return msgspec.structs.replace(
                value, **{name: restored(getattr(value, name)) for name in value.__struct_fields__}
            )
        return value

    page: T = restored(decoded)
    return page
