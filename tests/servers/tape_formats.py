"""Reads recordings in the formats they were published in; nothing in them is changed.

Betamax (JSON), nock (a JSON list), VCR (YAML; Ruby, R and Python shapes) and raw HTTP text. Each exchange
becomes a `replay.Recorded`.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml

from tests.servers.replay import Asked, Recorded

_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> list[Recorded]:
    """The exchanges of one tape, in recorded order. The suffix and the shape tell the format."""
    if path.suffix == ".http":
        return [_raw_http(path.read_bytes())]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        told = json.loads(text)
        return [_nock(entry) for entry in told] if isinstance(told, list) else _cassette(told)
    return _cassette(yaml.load(text, Loader=_YamlLoader))


def load_all(folder: Path, pattern: str = "*") -> list[Recorded]:
    """All tapes of a folder, by file name."""
    files = sorted(p for p in folder.glob(pattern) if p.suffix in {".json", ".yml", ".yaml", ".http"})
    return [exchange for path in files for exchange in load(path)]


def _cassette(told: Mapping[str, Any]) -> list[Recorded]:
    return [_interaction(entry) for entry in told.get("http_interactions") or told["interactions"]]


def _interaction(entry: Mapping[str, Any]) -> Recorded:
    request, response = entry["request"], entry["response"]
    status = response["status"]
    if isinstance(status, Mapping):
        status = status.get("code") or status["status_code"]
    uri = request.get("uri") or request["url"]
    return Recorded(
        Asked.of(request["method"], uri, _body(request.get("body"))),
        int(status),
        _headers(response.get("headers") or {}),
        _body(response.get("body")),
        _origin(uri),
    )


def _body(told: Any) -> bytes:
    """Bytes of a body: a string, or an object with `string` or `base64_string`, perhaps still gzipped."""
    if told is None:
        return b""
    if isinstance(told, Mapping):
        if encoded := told.get("base64_string"):
            content = base64.b64decode(encoded)
            return _inflated(content)
        told = told.get("string") or b""
    content = told if isinstance(told, bytes) else str(told).encode()
    return _inflated(content)


def _inflated(content: bytes) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content


def _headers(told: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, str(value))
        for name, values in told.items()
        for value in (values if isinstance(values, list) else [values])
        if value is not None
    )


def _nock(entry: Mapping[str, Any]) -> Recorded:
    uri = entry["url"].replace(":443", "")
    query: Iterable[tuple[str, str]] = (entry["query"] or {}).items()
    # nock keeps the values as they stood in the URL, percent-encoded once.
    target = uri + "?" + "&".join(f"{name}={quote(unquote(value))}" for name, value in query)
    body = entry["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    sent = json.dumps(entry["request_body"]).encode() if entry["request_body"] else b""
    return Recorded(
        Asked.of(entry["method"], target, sent),
        entry["status"],
        _headers(entry["headers"]),
        content,
        _origin(uri),
    )


def _raw_http(content: bytes) -> Recorded:
    request, _, response = content.partition(b"\n\nHTTP/1.1 ")
    head, _, body = response.partition(b"\n\n")
    status, *headers = head.decode().splitlines()
    lines = request.decode().splitlines()
    method, target, *_ = lines[0].split()
    host = next(line.partition(": ")[2] for line in lines if line.lower().startswith("host:"))
    pairs = tuple((name, value) for name, _, value in (line.partition(": ") for line in headers))
    return Recorded(Asked.of(method, target), int(status.split()[0]), pairs, body, f"https://{host}")


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
