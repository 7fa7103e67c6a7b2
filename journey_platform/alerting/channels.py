"""The ways to tell: a webhook's JSON, Slack's incoming-webhook format, e-mail over SMTP.

One call is one message and one attempt within a deadline; who calls tries again. A webhook's address is a
secret as a whole (its path is the key), so errors say what happened and never where.
"""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal, Protocol

import msgspec

from connectors.config import Secret
from connectors.errors import ConnectorError
from connectors.transport import Limits, Transport
from journey_platform.alerting.alert import Notice

_LIMITS = Limits(connect_s=5, read_s=10, total_s=10, max_bytes=64 * 1024)
_SMTP_TIMEOUT_S = 10
# Slack refuses longer messages; e-mail and webhook readers do not need more either.
_MOST_LINES = 40
_SLACK_SPECIAL = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Security = Literal["starttls", "tls", "none"]


class Undelivered(Exception):  # noqa: N818 - the state, not an accident
    """The receiver did not take the message. The text holds no address and no credential."""


class Channel(Protocol):
    """A way to tell."""

    def send(self, notices: Sequence[Notice]) -> None:
        """Send one message with all notices. Raises `Undelivered`."""


class Webhook:
    """Posts `{"alerts": [...]}`; each has id, happening, key, title, facts, at, since and link.

    A receiver may get a message twice where its answer was lost: `id` and `happening` tell.
    """

    def __init__(self, url: Secret, ui_url: str = "") -> None:
        self._url = url
        self._ui_url = ui_url

    def send(self, notices: Sequence[Notice]) -> None:
        alerts = [{"id": n.id, **msgspec.to_builtins(n), "link": n.link(self._ui_url)} for n in notices]
        _post(self._url, {"alerts": alerts})


class Slack:
    """Posts what Slack's incoming webhooks take, and those of Mattermost and Rocket.Chat too."""

    def __init__(self, url: Secret, ui_url: str = "") -> None:
        self._url = url
        self._ui_url = ui_url

    def send(self, notices: Sequence[Notice]) -> None:
        lines = []
        for notice in notices[:_MOST_LINES]:
            link = notice.link(self._ui_url)
            lines.append(_escaped(notice.line) + (f" <{link}|Open>" if link else ""))
        _post(self._url, {"text": "\n".join(_shortened(lines, len(notices)))})


class Mail:
    """Sends one plain-text message to all recipients, of whom one at least must be taken.

    Credentials are sent over TLS only.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        recipients: Sequence[str],
        *,
        security: Security = "starttls",
        user: str = "",
        password: Secret | None = None,
        ui_url: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = (host, port)
        self._sender = sender
        self._recipients = list(recipients)
        self._security = security
        self._login = (user, password) if user and password else None
        self._ui_url = ui_url
        self._tls = tls

    def send(self, notices: Sequence[Notice]) -> None:
        message = self._message(notices)
        failure = ""
        try:
            with self._connection() as connection:
                if self._login:
                    user, password = self._login
                    connection.login(user, password.reveal())
                connection.send_message(message, self._sender, self._recipients)
        except smtplib.SMTPAuthenticationError:
            failure = "the mail server refused the credentials"
        except smtplib.SMTPResponseException as error:
            failure = f"the mail server answered {error.smtp_code}"
        except smtplib.SMTPRecipientsRefused:
            failure = "the mail server refused every recipient"
        except ssl.SSLError:
            failure = "the TLS connection to the mail server failed"
        except (smtplib.SMTPException, OSError):
            failure = "the mail server did not answer as it should"
        if failure:
            raise Undelivered(failure)

    def _connection(self) -> smtplib.SMTP:
        host, port = self._server
        tls = self._tls or ssl.create_default_context()
        if self._security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=_SMTP_TIMEOUT_S, context=tls)
        connection = smtplib.SMTP(host, port, timeout=_SMTP_TIMEOUT_S)
        if self._security == "starttls":
            connection.starttls(context=tls)
        return connection

    def _message(self, notices: Sequence[Notice]) -> EmailMessage:
        first = notices[0]
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(first.at)
        domain = self._sender.rpartition("@")[2]
        message["Message-ID"] = f"<{first.id}.{first.happening}.{len(notices)}@{domain}>"
        more = f" and {len(notices) - 1} more" if len(notices) > 1 else ""
        message["Subject"] = f"{first.line.split(' (')[0]}{more}"
        lines = []
        for notice in notices[:_MOST_LINES]:
            link = notice.link(self._ui_url)
            lines.append(notice.line + (f"\n  {link}" if link else ""))
        message.set_content("\n".join(_shortened(lines, len(notices))) + "\n")
        return message


def _post(url: Secret, content: dict[str, Any]) -> None:
    failure = ""
    try:
        answer = Transport().exchange(
            "POST", url.reveal(), {"Content-Type": "application/json"}, msgspec.json.encode(content), _LIMITS
        )
        if not 200 <= answer.status < 300:
            failure = f"the receiver answered {answer.status}"
    except ConnectorError as error:
        failure = error.message
    if failure:
        raise Undelivered(failure)


def _shortened(lines: list[str], of: int) -> list[str]:
    return lines if len(lines) == of else [*lines, f"... and {of - len(lines)} more"]


def _escaped(text: str) -> str:
    return "".join(_SLACK_SPECIAL.get(character, character) for character in text)
