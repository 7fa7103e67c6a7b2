"""The shape of a record without what it says: field names, kinds, lengths; letters as a, digits as 9."""

import json
import re
from typing import Any

_NAME = re.compile(r"[A-Za-z_$][\w$-]{0,40}")
_MOST_FIELDS = 12
_LONGEST = 24


def masked(body: str) -> str:
    """The masked shape of a quarantined body, short enough for metadata."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return f"not JSON, {len(body)} characters"
    return json.dumps(_shape(value), ensure_ascii=False)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        # A name that is data (an address as a key, say) is not repeated.
        named = {name if _NAME.fullmatch(name) else "[...]": item for name, item in value.items()}
        return {name: _leaf(named[name]) for name in list(named)[:_MOST_FIELDS]}
    return _leaf(value)


def _leaf(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case int() | float():
            return re.sub(r"\d", "9", f"{value}")[:_LONGEST]
        case str():
            shape = "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value[:_LONGEST])
            return shape + ("..." if len(value) > _LONGEST else "")
        case list():
            return f"list of {len(value)}"
        case _:
            return f"object of {len(value)}"
