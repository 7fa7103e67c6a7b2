"""Mailchimp's partial responses: the `fields` and `exclude_fields` parameters."""

from collections.abc import Mapping
from typing import Any


def projected(body: Any, query: Mapping[str, str]) -> Any:
    """The body with only `fields`, without `exclude_fields`: dotted paths from its top, through arrays."""
    if fields := query.get("fields"):
        body = _kept(body, [path.split(".") for path in fields.split(",")])
    if excluded := query.get("exclude_fields"):
        body = _dropped(body, [path.split(".") for path in excluded.split(",")])
    return body


def _kept(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_kept(item, paths) for item in value]
    if not isinstance(value, dict) or [] in paths:
        return value
    return {name: _kept(value[name], rest) for name, rest in _by_head(paths).items() if name in value}


def _dropped(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_dropped(item, paths) for item in value]
    if not isinstance(value, dict) or not paths:
        return value
    below = _by_head(paths)
    return {
        name: _dropped(item, below.get(name, []))
        for name, item in value.items()
        if [] not in below.get(name, [])
    }


def _by_head(paths: list[list[str]]) -> dict[str, list[list[str]]]:
    heads: dict[str, list[list[str]]] = {}
    for head, *rest in paths:
        heads.setdefault(head, []).append(rest)
    return heads
