"""A secret, a query string and a response body never leave through a message, a repr or a log."""

import logging
import traceback

import pytest

from connectors.auth import BasicAuth, BearerAuth, FormTokenAuth, HeaderAuth
from connectors.config import Secret
from connectors.errors import ConnectorError
from connectors.http import HttpClient, Policy
from tests.connectors.controlled_clock import ControlledClock
from tests.servers.raw_socket import Answer, RawServer, Reset, answer

SECRET = "secretcanary"
QUERY = "querycanary"
CANARIES = (SECRET, QUERY, "bodycanary", "c2VjcmV0Y2FuYXJ5")
BODY = b'{"error": "bodycanary jane@example.org", "message": "bodycanary"}'


def everything_said(error: BaseException) -> str:
    """What a log of this exception could ever show, its chain included."""
    said = "".join(traceback.format_exception(error, chain=True))
    waiting: list[BaseException | None] = [error]
    while waiting:
        if (found := waiting.pop()) is not None:
            said += f"{found!r} {found} {found.args} {vars(found)}"
            waiting += [found.__cause__, found.__context__]
    return said


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(answer(BODY, "400 Bad"), id="400 with a body"),
        pytest.param(answer(BODY, "401 bodycanary"), id="401 with a telling reason phrase"),
        pytest.param(answer(BODY, "404 No"), id="404"),
        pytest.param(answer(b'{"error": "secretcanary"}', "401 No"), id="the secret echoed as an error code"),
        pytest.param(
            answer(b'{"code": "secretcanar"}', "401 No"), id="a part of the secret as an error code"
        ),
        pytest.param(answer(BODY, "429 No"), id="429"),
        pytest.param(answer(BODY, "500 No"), id="500"),
        pytest.param(answer(b"<p>bodycanary</p>"), id="HTML with 200"),
        pytest.param(answer(b'{"id": "bodycanary"}'), id="another shape with 200"),
        pytest.param(answer(b'"bodycanary'), id="JSON cut"),
        pytest.param(answer(BODY, length=500), id="body cut"),
        pytest.param([b"HTTP/1.1 200 OK\r\nbodycanary", Reset()], id="reset in the head"),
        pytest.param([b"bodycanary\r\n\r\n"], id="no HTTP"),
        pytest.param([b"HTTP/1.1 200 OK\r\nbodycanary\r\nX: y\r\n\r\n"], id="a damaged header"),
        pytest.param(
            answer(b"", "302 Found", {"Location": "https://bodycanary.example/?x"}), id="redirect away"
        ),
        pytest.param(answer(b"", "302 Found", {"Location": "/items?bodycanary"}), id="redirects without end"),
        pytest.param([], id="closed at once"),
    ],
)
def test_no_canary_is_ever_said(reply: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = Secret(SECRET)
    for auth in (BasicAuth("me", secret), BearerAuth(secret), HeaderAuth("X-Key", secret)):
        with RawServer(reply) as server:
            policy = Policy(max_attempts=2)
            http = HttpClient(server.url, auth, vendor="vendor", policy=policy, clock=ControlledClock())
            with pytest.raises(ConnectorError) as caught:
                http.get("items", {"q": QUERY}, stream="stream").json(type=list[int])
        told = everything_said(caught.value) + repr(http) + repr(auth) + str(vars(auth)) + caplog.text
        assert not [canary for canary in CANARIES if canary in told]
        assert "items" in str(caught.value) or "link" in str(caught.value)


def test_a_form_token_is_not_said_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = FormTokenAuth("token_auth", Secret(SECRET))
    with RawServer(answer(BODY, "500 No")) as server:
        http = HttpClient(server.url, auth, vendor="vendor", clock=ControlledClock())
        with pytest.raises(ConnectorError) as caught:
            http.post("index.php", form={"q": QUERY})
    told = everything_said(caught.value) + repr(http) + repr(auth) + caplog.text
    assert not [canary for canary in CANARIES if canary in told]


def test_a_response_does_not_show_its_content() -> None:
    with RawServer(answer(BODY, headers={"X-Told": "bodycanary"})) as server:
        response = HttpClient(server.url, None, vendor="vendor").get("items", {"q": QUERY})
    assert response.content == BODY
    assert "canary" not in repr(response)


def test_retries_are_logged_with_path_and_status_only(caplog: pytest.LogCaptureFixture) -> None:
    with RawServer(answer(BODY, "503 No"), answer(b"{}")) as server:
        http = HttpClient(server.url, None, vendor="vendor", clock=ControlledClock(), jitter=lambda: 0.0)
        http.get("items", {"q": QUERY}, stream="stream")
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("connectors", "vendor/stream: GET /items: 503; attempt 1 of 5, next in 1.0 s")
    ]
