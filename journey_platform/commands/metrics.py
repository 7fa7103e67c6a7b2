"""`journey metrics`: figures for Prometheus, printed once (a text file for the node exporter) or served."""

import argparse
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from journey_platform import settings
from journey_platform.lake import Lake
from journey_platform.operating.metrics import collect, exposition

HELP = "figures for Prometheus, printed or served"

# Asked more often, the same figures are told again.
_FRESH_S = 15.0


def add_commands(parser: argparse.ArgumentParser) -> None:
    serve = "serve them at http://HOST:PORT/metrics until stopped; default: print them once"
    parser.add_argument("--serve", metavar="HOST:PORT", help=serve)
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> Iterator[str]:
    if not chosen.serve:
        yield figures().rstrip("\n")
        return
    host, _, port = chosen.serve.rpartition(":")
    if not port.isdecimal():
        raise ValueError("--serve takes HOST:PORT")
    with ThreadingHTTPServer((host, int(port)), _Answer) as server:
        server.serve_forever()


def figures() -> str:
    """All figures as of now, in Prometheus' text format."""
    import dagster as dg

    known = settings.load()
    lake = Lake(known.root, known.storage_options)
    with dg.DagsterInstance.get() as instance:
        return exposition(collect(lake, known, instance, now=settings.now()))


class _Answer(BaseHTTPRequestHandler):
    """GET /metrics, and nothing else."""

    _lock = Lock()
    _told: tuple[float, bytes] = (-_FRESH_S, b"")

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        with self._lock:
            at, body = _Answer._told
            if time.monotonic() - at > _FRESH_S:
                try:
                    body = figures().encode()
                except Exception:
                    self.send_error(503)
                    raise
                _Answer._told = (time.monotonic(), body)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A scrape is no news."""
