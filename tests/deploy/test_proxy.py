"""What the proxy lets through to Dagster's webserver, which itself lets anything through."""

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.production import until
from tests.deploy.servers import proxy

UI, VIEW = "journey.test", "view.journey.test"
JSON = {"Content-Type": "application/json"}
QUESTION = b'{"query": "{ version }"}'


class Echo(BaseHTTPRequestHandler):
    """Answers with which webserver it stands for and the headers that reached it."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"at": self.server.server_port, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Asking:
    """Requests to the proxy, as a browser or a command would make them."""

    def __init__(self, port: int, ui: int, view: int, folder: Path) -> None:
        self.port, self.ui, self.view, self.folder = port, ui, view, folder

    def ask(
        self,
        method: str,
        path: str,
        *,
        host: str = UI,
        login: str | None = "ann",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        context = ssl.create_default_context(cafile=str(self.folder / "certificate"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if login:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{login}:{login}-password".encode()).decode()
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Echo) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ui, view = (server.server_port for server in servers)
    folder = tmp_path_factory.mktemp("proxy")
    with proxy(folder, {"PROXY_UI": f"127.0.0.1:{ui}", "PROXY_VIEW": f"127.0.0.1:{view}"}) as port:
        yield Asking(port, ui, view, folder)
    for server in servers:
        server.shutdown()


MUTATION = "/graphql?query=mutation%7Bx%7D"


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        pytest.param("GET", "/", {}, 200, id="a page"),
        pytest.param("POST", "/graphql", {"Content_Type": "application/json"}, 200, id="a question"),
        pytest.param(
            "POST",
            "/graphql",
            {"Content_Type": "application/json", "Origin": f"https://{UI}"},
            200,
            id="a question of its own page",
        ),
        pytest.param("GET", "/", {"login": None}, 401, id="no password"),
        pytest.param("GET", "/", {"login": "vic"}, 401, id="a viewer at the editors' door"),
        pytest.param("GET", "/", {"host": VIEW}, 401, id="an editor at the viewers' door"),
        pytest.param("GET", "/", {"host": VIEW, "login": "vic"}, 200, id="a viewer"),
        pytest.param("GET", MUTATION, {}, 403, id="a change by a link"),
        pytest.param("GET", "/%67raphql?query=mutation%7Bx%7D", {}, 403, id="a change by a disguised link"),
        pytest.param("GET", "//graphql?query=mutation%7Bx%7D", {}, 403, id="a change by a doubled slash"),
        pytest.param(
            "GET", "/graphql", {"Upgrade": "websocket", "Connection": "Upgrade"}, 403, id="a socket"
        ),
        pytest.param("POST", "/graphql", {"Content_Type": "text/plain"}, 415, id="a form of text"),
        pytest.param(
            "POST", "/graphql", {"Content_Type": "application/x-www-form-urlencoded"}, 415, id="a form"
        ),
        pytest.param(
            "POST",
            "/graphql",
            {"Content_Type": "application/json", "Origin": "https://evil.test"},
            403,
            id="a foreign page",
        ),
        pytest.param(
            "POST",
            "/graphql",
            {"Content_Type": "application/json", "Origin": f"http://{UI}"},
            403,
            id="its own name without encryption",
        ),
        pytest.param(
            "POST", "/graphql", {"Content_Type": "application/json", "Origin": "null"}, 403, id="a sandbox"
        ),
        pytest.param("GET", "/", {"Origin": "https://evil.test"}, 403, id="a foreign page that reads"),
        pytest.param("GET", "/", {"host": "evil.test"}, 421, id="a foreign name"),
        pytest.param("GET", "/", {"host": "127.0.0.1"}, 421, id="an address instead of the name"),
        pytest.param("POST", "/report_asset_materialization/kpis/late", {}, 403, id="an invented event"),
        pytest.param("POST", "/", {}, 403, id="a POST elsewhere"),
        pytest.param("DELETE", "/graphql", {}, 403, id="another method"),
    ],
)
def test_the_proxy_answers(
    asking: Asking, method: str, path: str, options: dict[str, str], status: int
) -> None:
    body = QUESTION if method == "POST" else None
    assert asking.ask(method, path, body=body, **options)[0] == status


def test_editors_and_viewers_come_to_their_own_webserver_and_no_password_goes_on(asking: Asking) -> None:
    for host, login, expected in ((UI, "ann", asking.ui), (VIEW, "vic", asking.view)):
        _, body, headers = asking.ask("GET", "/", host=host, login=login)
        told = json.loads(body)
        assert told["at"] == expected
        assert "Authorization" not in told["headers"]
        assert told["headers"]["Host"] == host
        assert headers["X-Frame-Options"] == "DENY"


def test_who_asked_is_logged_and_what_was_asked_is_not(asking: Asking) -> None:
    asking.ask("GET", "/assets/asked-once?search=ann%40x.example")
    log = asking.folder / "access.log"

    def told() -> list[dict[str, object]]:
        # A line is written once the answer has gone out, and may be half there.
        whole = log.read_text().rpartition("\n")[0].splitlines()
        return [line for line in map(json.loads, whole) if line["path"] == "/assets/asked-once"]

    lines = until("a line of the log", told, patience_s=10)
    assert {"user": "ann", "status": 200}.items() <= lines[-1].items()
    assert "x.example" not in log.read_text()
