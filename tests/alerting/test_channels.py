"""Every channel against a receiver on loopback: what arrives, and what is said when it does not."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.config import Secret
from connectors.errors import ConfigurationError
from journey_platform.alerting.alert import Notice
from journey_platform.alerting.channels import Channel, Mail, Slack, Undelivered, Webhook
from journey_platform.alerting.config import channels
from tests.servers.mailbox import Mailbox
from tests.servers.raw_socket import RawServer, Reset, answer

AT = datetime(2026, 11, 21, 3, 5, tzinfo=UTC)
RAISED = Notice(
    "raised",
    "check/raw/matomo/visits/key_present",
    "check key_present of raw/matomo/visits failed <error> & more",
    "/assets/raw/matomo/visits",
    AT,
    AT,
    {"rows_checked": 900, "rows_failed": 3},
)
RECOVERED = Notice("recovered", "held/raw/zendesk/users", "raw/zendesk/users holds days back", "/x", AT, AT)
UI = "https://ui.example"
CANARY = "hook-canary-7731"


def test_a_webhook_gets_every_notice_with_its_link_in_one_request() -> None:
    with RawServer(answer(b"{}")) as receiver:
        Webhook(Secret(f"{receiver.url}/hook?key={CANARY}"), UI).send([RAISED, RECOVERED])
    assert receiver.asked[0].startswith(f"POST /hook?key={CANARY} ")
    first, second = json.loads(receiver.bodies[0])["alerts"]
    assert len(receiver.bodies) == 1
    assert first == {
        "id": RAISED.id,
        "happening": "raised",
        "key": "check/raw/matomo/visits/key_present",
        "title": RAISED.title,
        "path": "/assets/raw/matomo/visits",
        "at": "2026-11-21T03:05:00Z",
        "since": "2026-11-21T03:05:00Z",
        "facts": {"rows_checked": 900, "rows_failed": 3},
        "link": "https://ui.example/assets/raw/matomo/visits",
    }
    assert (second["happening"], second["facts"]) == ("recovered", {})


def test_slack_gets_text_with_its_special_characters_escaped_and_a_link_a_line() -> None:
    with RawServer(answer(b"ok")) as receiver:
        Slack(Secret(f"{receiver.url}/services/T/B/{CANARY}"), UI).send([RAISED, RECOVERED])
    assert json.loads(receiver.bodies[0]) == {
        "text": "Raised: check key_present of raw/matomo/visits failed &lt;error&gt; &amp; more"
        " (rows checked 900, rows failed 3) <https://ui.example/assets/raw/matomo/visits|Open>\n"
        "Recovered: raw/zendesk/users holds days back <https://ui.example/x|Open>"
    }


def test_a_message_over_many_troubles_is_cut_and_says_so() -> None:
    with RawServer(answer(b"ok")) as receiver:
        Slack(Secret(receiver.url)).send([RAISED] * 90)
    lines = json.loads(receiver.bodies[0])["text"].splitlines()
    assert (len(lines), lines[-1]) == (41, "... and 50 more")


def test_mail_without_tls_reaches_every_recipient() -> None:
    with Mailbox() as box:
        mail = Mail("127.0.0.1", box.port, "a@x.example", ["b@y.example", "c@y.example"], security="none")
        mail.send([RAISED, RECOVERED])
    message = box.messages[0]
    assert box.recipients == [["b@y.example", "c@y.example"]]
    assert (
        message["Subject"]
        == "Raised: check key_present of raw/matomo/visits failed <error> & more and 1 more"
    )
    assert message["Message-ID"].startswith(f"<{RAISED.id}.raised.")
    assert message.get_content().splitlines() == [RAISED.line, RECOVERED.line]


@pytest.mark.parametrize(
    ("password", "said"),
    [pytest.param("right", "", id="taken"), pytest.param(CANARY, "credentials", id="refused")],
)
def test_mail_credentials_go_over_tls(tmp_path: Path, password: str, said: str) -> None:
    server, client = certificates(tmp_path)
    with Mailbox(tls=server, credentials=("user", "right")) as box:
        mail = Mail(
            "localhost",
            box.port,
            "a@x.example",
            ["b@y.example"],
            user="user",
            password=Secret(password),
            tls=client,
        )
        if said:
            with pytest.raises(Undelivered, match=said) as refused:
                mail.send([RAISED])
            assert CANARY not in str(refused.value)
        else:
            mail.send([RAISED])
    assert box.was_tls == ([] if said else [True])


def test_mail_is_not_sent_to_a_server_that_cannot_prove_its_name(tmp_path: Path) -> None:
    server, _ = certificates(tmp_path)
    with Mailbox(tls=server) as box, pytest.raises(Undelivered, match="TLS"):
        Mail("localhost", box.port, "a@x.example", ["b@y.example"]).send([RAISED])
    assert box.messages == []


def test_mail_is_not_sent_in_the_clear_where_the_server_offers_no_tls() -> None:
    with Mailbox() as box, pytest.raises(Undelivered):
        Mail("localhost", box.port, "a@x.example", ["b@y.example"]).send([RAISED])
    assert box.messages == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        pytest.param(answer(b"no", status="500 Oops"), "answered 500", id="server error"),
        pytest.param(answer(b"no", status="404 Gone"), "answered 404", id="wrong address"),
        pytest.param(answer(status="302 Found", headers={"Location": "https://x.test"}), "302", id="moved"),
        pytest.param([Reset()], "reset", id="reset"),
    ],
)
@pytest.mark.parametrize("channel", [Webhook, Slack])
def test_what_is_not_taken_is_said_without_the_address(
    channel: Callable[[Secret, str], Channel], steps: list[bytes], said: str
) -> None:
    with RawServer(steps) as receiver, pytest.raises(Undelivered, match=said) as refused:
        channel(Secret(f"{receiver.url}/{CANARY}"), UI).send([RAISED])
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert len(receiver.asked) == 1


def test_a_mail_server_that_refuses_the_message_is_named_by_its_code() -> None:
    with Mailbox(refusal="552 too big") as box, pytest.raises(Undelivered, match="552"):
        Mail("127.0.0.1", box.port, "a@x.example", ["b@y.example"], security="none").send([RAISED])


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        pytest.param({"WEBHOOK_URL": f"http://x.example/{CANARY}"}, "WEBHOOK_URL", id="plain http"),
        pytest.param({"SLACK_URL": CANARY}, "SLACK_URL", id="no url"),
        pytest.param({"MAIL_TO": "b@y.example"}, "MAIL_FROM", id="no sender"),
        pytest.param({"MAIL_TO": "b", "MAIL_FROM": "a", "SMTP_PORT": "x"}, "SMTP_PORT", id="port"),
        pytest.param({"MAIL_TO": "b", "MAIL_FROM": "a", "SMTP_SECURITY": "ssl"}, "SECURITY", id="security"),
        pytest.param(
            {"MAIL_TO": "b", "MAIL_FROM": "a", "SMTP_SECURITY": "none", "SMTP_USER": "u"},
            "SECURITY",
            id="password in the clear",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(settings: dict[str, str], wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=wrong) as refused:
        channels({f"JOURNEY_ALERT_{name}": value for name, value in settings.items()})
    assert CANARY not in str(refused.value)


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for localhost, and a client's that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    alternative = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [*command.split(), "-addext", alternative, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
