"""Memory stays bounded whatever a server sends: measured in processes of their own."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.servers.raw_socket import RawServer, gzipped

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024

READER = """
import io, resource, sys
from connectors.errors import ConnectorError
from connectors.http import HttpClient, Policy
http = HttpClient(sys.argv[1], None, vendor="vendor", policy=Policy(max_bytes=1 << 24, max_attempts=1))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    http.get("bomb")
except ConnectorError as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def bomb(mib: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join(deflate.compress(b" " * MIB) for _ in range(mib)) + deflate.flush()


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "302 Found"])
def test_a_gzip_bomb_costs_no_more_than_the_limit(status: str) -> None:
    [whole] = gzipped(bomb(400))
    assert isinstance(whole, bytes)
    assert len(whole) < MIB
    reply = whole.replace(b"200 OK", status.encode(), 1)
    with RawServer([reply]) as server:
        command = [sys.executable, "-c", READER, server.url]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kind, grown_kib = said.split()
    assert kind == {"2": "TooLarge", "4": "NotFound", "3": "UnexpectedResponse"}[status[0]]
    assert int(grown_kib) < 48 * 1024
