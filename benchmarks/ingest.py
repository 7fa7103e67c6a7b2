"""Landing 200,000 one-kilobyte records from a local paged API: records a second and peak memory.

Three readers of the same pages over the same sockets, each in a process of its own: this project's client,
record splitting and landing; dlt's REST client and pipeline to Parquet; and the floor, which reads the bytes
and parses nothing. `python benchmarks/ingest.py` prints the table; nothing is kept.
"""

import argparse
import json
import multiprocessing
import random
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDS = 200_000
RECORD_BYTES = 1_000
PAGE_SIZES = (100, 1_000)
FIRST_DAY = date(2026, 3, 1)
DAYS = 7


def record(number: int, words: random.Random) -> bytes:
    """One event as an API would send it, padded with words to `RECORD_BYTES`."""
    at = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC) + timedelta(
        seconds=number * DAYS * 86_400 // RECORDS
    )
    fields = {
        "id": 1_000_000 + number,
        "created_at": at.isoformat(),
        "type": words.choice(("page_view", "search", "order", "open", "click")),
        "customer": {"email": f"customer{words.randrange(50_000)}@example.org", "country": "NL"},
        "amount": round(words.random() * 200, 2),
        "is_test": False,
        "tags": [f"tag{words.randrange(40)}" for _ in range(4)],
        "text": "",
    }
    missing = RECORD_BYTES - len(json.dumps(fields))
    text = ""
    while len(text) < missing:
        text += f"{words.getrandbits(words.choice((12, 20, 28))):x} "
    return json.dumps({**fields, "text": text[:missing]}).encode()


def serve(port: "multiprocessing.connection.Connection") -> None:
    """Serve `/events?offset=&limit=` with pages that are cut from rendered records."""
    words = random.Random(7)
    rows = [record(number, words) for number in range(RECORDS)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            offset, limit = int(query["offset"][0]), int(query["limit"][0])
            count = int(query["count"][0])
            end = min(offset + limit, count)
            following = "null" if end >= count else str(end)
            body = b'{"items": [' + b",".join(rows[offset:end]) + b'], "next": ' + following.encode() + b"}"
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        port.send(server.server_address[1])
        server.serve_forever()


def read_floor(url: str, count: int, page_size: int, _: Path) -> Callable[[], int]:
    """Bytes only."""
    import requests

    def run() -> int:
        with requests.Session() as session:
            for offset in range(0, count, page_size):
                page = {"offset": offset, "limit": page_size, "count": count}
                answer = session.get(f"{url}/events", params=page, timeout=60)
                assert answer.content
        return count

    return run


def read_here(url: str, count: int, page_size: int, folder: Path) -> Callable[[], int]:
    """The connectors' client and record splitting, landing in a Delta table by the day."""
    import msgspec
    import pandas  # noqa: F401 - pyarrow would import it at its first conversion, once a process

    from connectors.base import Page
    from connectors.http import HttpClient
    from connectors.pagination import Part, by_token
    from connectors.records import RowReader, joined
    from journey_platform.lake import Lake
    from journey_platform.landing import land_events
    from journey_platform.tables import raw_table

    class Keys(msgspec.Struct):
        id: int
        created_at: datetime

    class Envelope(msgspec.Struct):
        items: list[msgspec.Raw]
        next: int | None

    table = raw_table("bench", "events", "event", is_entity=False)
    reader = RowReader(Keys, lambda row: joined(row.id), lambda row: row.created_at)
    decoder = msgspec.json.Decoder(Envelope)

    def pages() -> Iterator[Page]:
        client = HttpClient(url, None, vendor="bench")

        def fetch(token: str | None) -> Part[Page]:
            answer = client.get("/events", {"offset": token or "0", "limit": page_size, "count": count})
            envelope = answer.decode(decoder)
            following = None if envelope.next is None else str(envelope.next)
            return Part(reader.page(envelope.items), len(envelope.items), next=following)

        yield from by_token(fetch)

    def run() -> int:
        report = land_events(
            Lake(str(folder)),
            table,
            pages(),
            [FIRST_DAY + timedelta(days=n) for n in range(DAYS)],
            zone="UTC",
            run_id="bench",
            extracted_at=datetime(2026, 4, 1, tzinfo=UTC),
        )
        return report.landed

    return run


def read_dlt(url: str, count: int, page_size: int, folder: Path) -> Callable[[], int]:
    """dlt's REST client and pipeline, to Parquet files in a folder, with its defaults."""
    import os

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.helpers.rest_client.client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

    def run() -> int:
        client = RESTClient(url)
        paginator = OffsetPaginator(limit=page_size, total_path=None, maximum_offset=count)

        @dlt.resource(name="events", primary_key="id", write_disposition="append")
        def events() -> Iterator[object]:
            yield from client.paginate(
                "/events", params={"count": count}, paginator=paginator, data_selector="items"
            )

        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=str(folder / "state"),
            destination=dlt.destinations.filesystem(bucket_url=str(folder / "out")),
            dataset_name="bench",
        )
        pipeline.run(events(), loader_file_format="parquet")
        trace: Any = pipeline.last_trace
        return int(trace.last_normalize_info.row_counts["events"])

    return run


READERS = {"floor": read_floor, "here": read_here, "dlt": read_dlt}


def measure(reader: str, url: str, count: int, page_size: int) -> None:
    """Run one reader in this process and print seconds and megabytes as JSON. Imports are not timed."""
    with tempfile.TemporaryDirectory() as folder:
        run = READERS[reader](url, count, page_size, Path(folder))
        start = time.perf_counter()
        landed = run()
        seconds = time.perf_counter() - start
    assert landed == count, f"{reader} landed {landed} of {count}"
    print(json.dumps({"seconds": seconds, "mb": peak_mb()}))


def peak_mb() -> float:
    """Most resident memory this program had: of the process since exec, unlike getrusage."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@dataclass
class Figures:
    """What the runs of one reader showed."""

    seconds: list[float] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)

    def rate(self, count: int) -> float:
        """Median records a second."""
        return count / statistics.median(self.seconds)


def compare(url: str, page_size: int, rounds: int) -> None:
    """Measure the readers by turns, so that a busy machine is busy for all of them, and print the figures."""
    jobs = {"floor": ("floor", RECORDS), "here": ("here", RECORDS), "dlt": ("dlt", RECORDS)}
    jobs["a quarter here"] = ("here", RECORDS // 4)
    figures = {name: Figures() for name in jobs}
    for _ in range(rounds):
        for name, (reader, count) in jobs.items():
            command = [sys.executable, __file__, "--one", reader, "--url", url]
            command += ["--records", str(count), "--page", str(page_size)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            result = json.loads(done.stdout.splitlines()[-1])
            figures[name].seconds.append(result["seconds"])
            figures[name].mb.append(result["mb"])
    print(f"{RECORDS:,} records of {RECORD_BYTES:,} bytes, pages of {page_size:,}, {rounds} rounds")
    for name, (_, count) in jobs.items():
        found = figures[name]
        print(f"  {name:<15}{found.rate(count):>10,.0f} records/s{max(found.mb):>7.0f} MB at most")
    here = figures["here"].rate(RECORDS)
    print(f"  {here / figures['dlt'].rate(RECORDS):.1f} times dlt (aim 8)")
    print(f"  {here / figures['floor'].rate(RECORDS):.2f} of the floor (aim 0.33 at pages of 1,000)")
    print(f"  {max(figures['here'].mb):.0f} MB (aim: under 300)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=READERS, help="measure one reader against --url, for this script")
    parser.add_argument("--url")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--page", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.one:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        measure(arguments.one, arguments.url, arguments.records, arguments.page)
        return
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}"
        for page_size in PAGE_SIZES:
            compare(url, page_size, arguments.rounds)
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
