"""Credentials go to the configured scheme, host and port, and nowhere else."""

import pytest

from connectors.auth import Auth, BasicAuth, BearerAuth, FormTokenAuth, HeaderAuth
from connectors.config import Secret
from connectors.errors import ConfigurationError, HostMismatch, UnexpectedResponse
from connectors.hosts import BaseUrl
from connectors.http import HttpClient
from tests.connectors.controlled_clock import ControlledClock
from tests.servers.raw_socket import RawServer, answer

GOOD = answer(b"{}")
TOKEN = Secret("token-canary")


def client(url: str, auth: Auth | None = None) -> HttpClient:
    return HttpClient(url, auth or BearerAuth(TOKEN), vendor="vendor", clock=ControlledClock())


def redirect(location: str, status: str = "302 Found") -> list[bytes | float]:
    return [*answer(b"", status, {"Location": location})]  # type: ignore[list-item]


@pytest.mark.parametrize("way", ["link", "redirect"])
@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param("http://127.0.0.2:{other}/steal", id="another host"),
        pytest.param("http://127.0.0.1:{other}/steal", id="another port"),
        pytest.param("https://127.0.0.1:{own}/steal", id="another scheme"),
        pytest.param("//127.0.0.1:{other}/steal", id="no scheme, another port"),
        pytest.param("http://user@127.0.0.1:{own}/steal", id="a user before our host"),
        pytest.param("http://127.0.0.1:{own}@127.0.0.1:{other}/steal", id="our host as a user"),
        pytest.param("http://127.0.0.1:{other}\\@127.0.0.1:{own}/steal", id="a backslash between two hosts"),
        pytest.param("http://127.0.0.1:{own}\\@127.0.0.1:{other}/steal", id="the other way round"),
        pytest.param("http://127.0.0.1:{own}.example/steal", id="our host as a prefix"),
        pytest.param("file:///etc/hostname", id="a file"),
        pytest.param("http://[::1/steal", id="no URL"),
    ],
)
def test_nothing_is_sent_to_another_host(foreign: str, way: str) -> None:
    with RawServer(GOOD) as other, RawServer(GOOD) as own:
        target = foreign.format(other=other.port, own=own.port)
        with RawServer(redirect(target)) as first:
            http = client(own.url) if way == "link" else client(first.url)
            with pytest.raises(HostMismatch, match="configured host") as caught:
                http.follow(target, stream="tickets") if way == "link" else http.get(
                    "items", stream="tickets"
                )
        assert str(caught.value).startswith("vendor/tickets: ")
        assert "steal" not in str(caught.value)
        assert other.asked == own.asked == []


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("{url}/api/items?cursor=a%2Bb&n=1", id="absolute"),
        pytest.param("/api/items?cursor=a%2Bb&n=1", id="path"),
        pytest.param("items?cursor=a%2Bb&n=1", id="relative to the base URL"),
    ],
)
def test_a_link_to_our_own_host_is_followed_as_it_is(link: str) -> None:
    with RawServer(GOOD) as server:
        client(f"{server.url}/api/").follow(link.format(url=server.url))
        assert server.asked[0].startswith("GET /api/items?cursor=a%2Bb&n=1 HTTP/1.1")
        assert "Authorization: Bearer token-canary" in server.asked[0]


def test_redirects_on_our_own_host_are_followed_a_bounded_number_of_times() -> None:
    with RawServer(redirect("/b"), redirect("c", "307 Temporary Redirect"), GOOD) as server:
        assert client(server.url).get("a").path == "/c"
    with RawServer(redirect("/again")) as server:
        with pytest.raises(UnexpectedResponse, match="redirect"):
            client(server.url).get("a")
        assert len(server.asked) == 4


def test_a_post_is_never_redirected() -> None:
    with RawServer(redirect("/b", "307 Temporary Redirect"), GOOD) as server:
        with pytest.raises(UnexpectedResponse, match="redirect"):
            client(server.url).post("a", form={"x": "1"})
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        pytest.param(BasicAuth("me", TOKEN), "Authorization: Basic bWU6dG9rZW4tY2FuYXJ5", id="basic"),
        pytest.param(BearerAuth(TOKEN), "Authorization: Bearer token-canary", id="bearer"),
        pytest.param(HeaderAuth("X-API-TOKEN", TOKEN), "X-API-TOKEN: token-canary", id="header"),
    ],
)
def test_each_kind_of_credential_reaches_the_vendor(auth: Auth, header: str) -> None:
    with RawServer(GOOD) as server:
        client(server.url, auth).get("items")
        client(server.url, auth).post("items", json={"a": 1})
    assert all(header in head.split("\r\n") for head in server.asked)
    assert server.bodies[1] == b'{"a":1}'


def test_a_form_token_travels_in_the_body_only() -> None:
    with RawServer(GOOD) as server:
        client(server.url, FormTokenAuth("token_auth", TOKEN)).post(
            "index.php", form={"a": "b c", "none": None}
        )
    assert server.bodies == [b"a=b+c&token_auth=token-canary"]
    assert "token-canary" not in server.asked[0]


def test_the_environment_adds_no_proxy_and_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stranger password stranger\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer(GOOD) as proxy, RawServer(GOOD) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        HttpClient(server.url, None, vendor="vendor").get("items")
        assert proxy.asked == []
        assert "Authorization" not in server.asked[0]


def test_cookies_are_not_kept() -> None:
    with RawServer(answer(b"{}", headers={"Set-Cookie": "session=1; Path=/"}), GOOD) as server:
        http = client(server.url)
        http.get("a")
        http.get("b")
    assert "Cookie" not in server.asked[1]


def test_an_id_in_a_path_cannot_become_a_query() -> None:
    with RawServer(GOOD) as server:
        client(server.url).get("lists/a?b#c d/members", {"x": 1, "none": None})
    assert server.asked[0].startswith("GET /lists/a%3Fb%23c%20d/members?x=1 HTTP/1.1")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://vendor.example", "https", id="http to another machine"),
        pytest.param("http://127.0.0.1.example", "https", id="a name that looks like loopback"),
        pytest.param("ftp://127.0.0.1", "https", id="another scheme"),
        pytest.param("vendor.example", "not a URL", id="no scheme"),
        pytest.param("https://", "not a URL", id="no host"),
        pytest.param("https://vendor.example:port", "not a URL", id="a port that is no number"),
        pytest.param("https://vendor.example/a b", "not a URL", id="a space"),
        pytest.param("https://me:url-canary@vendor.example", "no user", id="a user"),
        pytest.param("https://vendor.example?token=url-canary", "query", id="a query"),
    ],
)
def test_a_base_url_that_is_not_safe_stops_at_once_naming_its_setting(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        HttpClient(url, None, vendor="zendesk")
    assert "ZENDESK_BASE_URL" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert url not in str(caught.value)


@pytest.mark.parametrize("url", ["https://vendor.example/api", "http://localhost:8080", "http://[::1]:8080/"])
def test_a_safe_base_url_is_taken(url: str) -> None:
    assert BaseUrl(url, "vendor").text == url.rstrip("/")
