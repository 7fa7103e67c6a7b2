"""A mail server on loopback: SMTP as RFC 5321 has it, with STARTTLS and AUTH where a test asks for them.

It keeps what was sent and refuses on demand. Relaying and parsing of addresses do not belong here.
"""

import base64
import contextlib
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import IO


@dataclass
class Mailbox:
    """A running server: use as a context manager. `credentials`: the only user and password it takes, after
    STARTTLS. `refusal`: what it answers to a message, if not 250."""

    tls: ssl.SSLContext | None = None
    credentials: tuple[str, str] | None = None
    refusal: str = ""
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_tls: list[bool] = field(default_factory=list)

    def __enter__(self) -> "Mailbox":
        box = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    _Conversation(box, self.request).hold()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Conversation:
    def __init__(self, box: Mailbox, connection: "ssl.SSLSocket") -> None:
        self._box = box
        self._connection = connection
        self._lines: IO[bytes] = connection.makefile("rb")
        self._is_tls = False
        self._is_known = box.credentials is None
        self._to: list[str] = []

    def hold(self) -> None:
        self._say("220 mailbox")
        while line := self._lines.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    offers = ["mailbox"]
                    offers += ["STARTTLS"] if self._box.tls and not self._is_tls else []
                    offers += ["AUTH PLAIN"] if self._box.credentials and self._is_tls else []
                    self._say(*(f"250-{offer}" for offer in offers), "250 8BITMIME")
                case "STARTTLS" if self._box.tls:
                    self._say("220 go on")
                    self._connection = self._box.tls.wrap_socket(self._connection, server_side=True)
                    self._lines, self._is_tls = self._connection.makefile("rb"), True
                case "AUTH":
                    _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                    self._is_known = self._is_tls and (user, password) == self._box.credentials
                    self._say("235 welcome" if self._is_known else "535 no")
                case "MAIL":
                    self._to = []
                    self._say("250 ok" if self._is_known else "530 who are you")
                case "RCPT":
                    self._to.append(rest.partition(":")[2].strip("<>"))
                    self._say("250 ok")
                case "DATA":
                    self._take()
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok" if verb.upper() in {"RSET", "NOOP"} else "502 what")

    def _take(self) -> None:
        self._say("354 go on")
        body = b"".join(iter(self._lines.readline, b".\r\n"))
        if self._box.refusal:
            self._say(self._box.refusal)
            return
        message = message_from_bytes(body, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._box.messages.append(message)
        self._box.recipients.append(self._to)
        self._box.was_tls.append(self._is_tls)
        self._say("250 kept")

    def _say(self, *lines: str) -> None:
        self._connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
