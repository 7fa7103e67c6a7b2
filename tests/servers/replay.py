"""A local HTTP server that answers from recordings: what was asked once is answered as it was then.

Here: matching and serving. How a tape file is read is in `tape_formats`; which tapes a vendor has, and by
which rule a request that was never recorded may still be answered from them, is in `tests.recorded.tapes`.
"""

import gzip
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

import msgspec

_OF_THE_CONNECTION = {"content-length", "transfer-encoding", "connection", "keep-alive", "set-cookie"}
_NAMING_HOSTS = {"link", "location"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is matched: the query is sorted; `body` holds the fields of a form or a JSON object."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, method: str, target: str, content: bytes = b"") -> "Asked":
        """From a request line's target (or a whole URL) and the body's bytes."""
        parts = urlsplit(target)
        query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        return cls(method.upper(), parts.path, query, _fields(content))

    @property
    def params(self) -> dict[str, str]:
        return dict(self.query)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded exchange: `content` decoded, `origin` the scheme and host that the tape was made with."""

    asked: Asked
    status: int
    headers: tuple[tuple[str, str], ...]
    content: bytes
    origin: str = ""

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.content, type=dict[str, object])

    def with_json(self, told: object) -> "Recorded":
        """The same answer with another body."""
        return replace(self, content=msgspec.json.encode(told))


Rule = Callable[[Asked], Asked | Recorded]


class Replay:
    """Serves `tape` on a loopback port while its `with` block runs; `url` is its address.

    A request is matched by method, path and sorted query, and by its body where several recorded requests
    differ in nothing else. The same request asked again gets the next recording of it, the last one from then
    on. `rule` sees a request first: it may put a recorded request in its place, or give the answer. What
    nothing matches is answered 500, naming method and path only. Hosts are mapped in Link and Location;
    bodies are sent as recorded. `asked` and `headers` hold what came, in order.
    """

    def __init__(self, tape: Sequence[Recorded], rule: Rule | None = None) -> None:
        self._tape = tape
        self._rule = rule
        self._answered: dict[int, int] = {}
        self._first: list[Recorded] = []
        self._lock = threading.Lock()
        self.asked: list[Asked] = []
        self.headers: list[Mapping[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Replay":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def first(self, *answers: Recorded) -> None:
        """Give these answers, one each, to the next requests, whatever they ask."""
        self._first += answers

    def answer(self, asked: Asked, headers: Mapping[str, str] | None = None) -> Recorded | None:
        """The recording that answers; None where there is none."""
        with self._lock:
            self.asked.append(asked)
            self.headers.append(headers or {})
            if self._first:
                return self._first.pop(0)
            found = self._rule(asked) if self._rule else asked
            return found if isinstance(found, Recorded) else self._next(found)

    def _next(self, asked: Asked) -> Recorded | None:
        same = [r for r in self._tape if _same_address(r.asked, asked)]
        if len({msgspec.json.encode(r.asked.body) for r in same}) > 1:
            same = [r for r in same if r.asked.body == asked.body]
        if not same:
            return None
        turn = self._answered.get(id(same[0]), 0)
        self._answered[id(same[0])] = turn + 1
        return same[min(turn, len(same) - 1)]


def _same_address(left: Asked, right: Asked) -> bool:
    return (left.method, left.path, left.query) == (right.method, right.path, right.query)


def _fields(content: bytes) -> Mapping[str, object]:
    if not content:
        return {}
    try:
        told = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    return told if isinstance(told, dict) else {"": told}


def _handler(replay: Replay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked.of(self.command, self.path, content)
            found = replay.answer(asked, dict(self.headers.items()))
            if found is None:
                found = Recorded(asked, 500, (), f"nothing recorded for {asked.method} {asked.path}".encode())
            self._send(found)

        def _send(self, found: Recorded) -> None:
            body = found.content
            self.send_response_only(found.status)
            for name, value in found.headers:
                if name.lower() in _OF_THE_CONNECTION:
                    continue
                if name.lower() == "content-encoding":
                    if value.lower() != "gzip":
                        continue
                    body = gzip.compress(body, mtime=0)
                if name.lower() in _NAMING_HOSTS and found.origin:
                    value = value.replace(found.origin, replay.url)
                self.send_header(name, value)
            if found.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and found.status != 204:
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
