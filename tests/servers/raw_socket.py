"""A server that says exactly the given bytes, also those that no HTTP library would send.

For framing that is broken on purpose: short bodies, resets, drips. Well-formed APIs do not belong here.
"""

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType


class Reset:
    """As a step: the connection is torn down with RST instead of being closed."""


# What happens on one connection after a request was read: bytes are sent, a number is a pause in seconds.
Step = bytes | float | Reset
Answer = Sequence[Step]


def answer(
    body: bytes = b"",
    status: str = "200 OK",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> list[Step]:
    """A response with a Content-Length: the body's own, or the one that it should claim."""
    lines = {"Content-Type": "application/json", **(headers or {})}
    lines["Content-Length"] = str(len(body) if length is None else length)
    lines["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return [f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body]


def gzipped(content: bytes) -> list[Step]:
    """A response whose body is sent as it is and said to be gzip."""
    return answer(content, headers={"Content-Encoding": "gzip"})


def compressed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


class RawServer:
    """Gives the first answer to the first request, and so on; the last one again to all that follow.

    Every answer ends its connection. `asked` holds each request's head as it came. Use as a context manager.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "RawServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # The client may hang up while we drip; that is what some tests want.
            with contextlib.suppress(OSError), connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as request:
            lines = list(iter(request.readline, b"\r\n"))
            head = b"".join(lines).decode("latin-1")
            length = next(
                (int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0
            )
            self.bodies.append(request.read(length))
        number = len(self.asked)
        self.asked.append(head)
        for step in self._answers[min(number, len(self._answers) - 1)]:
            if isinstance(step, Reset):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                threading.Event().wait(step)
