"""`python -m connectors`: list the connectors, check credentials, read one stream as JSON lines.

Records go to stdout, everything else to stderr. Exit codes: 0 done, 1 done but with bad records,
2 configuration or usage, 3 failed and may be tried again, 4 refused for good.
"""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from connectors.base import Connector, Stream, Window, utc_now
from connectors.config import from_environment, settings_of
from connectors.errors import ConfigurationError, ConnectorError, RetryableError
from connectors.registry import connector_of, sources
from connectors.times import utc

DONE, BAD_RECORDS, CONFIGURATION, RETRYABLE, REJECTED = range(5)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(format="%(message)s")
    try:
        if not arguments:
            list_connectors()
            code = DONE
        elif arguments[0] == "check":
            code = check(_check_parser().parse_args(arguments[1:]).vendor)
        else:
            code = _read(_read_parser().parse_args(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away; the interpreter's own flush at exit must not fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except ConnectorError as error:
        _say(str(error))
        if isinstance(error, ConfigurationError):
            return CONFIGURATION
        return RETRYABLE if isinstance(error, RetryableError) else REJECTED
    return code


def list_connectors() -> None:
    """Print every connector with its settings and streams."""
    for vendor in sources():
        connector = connector_of(vendor)
        print(f"{vendor} ({connector.area.replace('_', ' ')})")
        print("  settings")
        for declared in settings_of(connector.config_class).values():
            secret = ", secret" if declared.is_secret else ""
            print(f"    {declared.env} ({'required' if declared.is_required else 'optional'}{secret})")
        print("  streams")
        for stream in connector.streams:
            print(f"    {_described(stream)}")


def check(vendor: str) -> int:
    """Say whether the vendor accepts the configured credentials."""
    _connector(vendor).check()
    _say(f"{vendor}: the credentials work")
    return DONE


def _described(stream: Stream) -> str:
    kind = f"{stream.kind.value}, {'replayable' if stream.is_replayable else 'not replayable'}"
    lookback = f", lookback {stream.lookback_days} days" if stream.lookback_days else ""
    return f"{stream.name}: one row per {stream.grain}; key {', '.join(stream.primary_key)}; {kind}{lookback}"


def _read(options: argparse.Namespace) -> int:
    """Write the stream's records to stdout, one a line; tell the pages, bad records and cursor on stderr."""
    stream, cursor = options.stream, options.cursor
    connector = _connector(options.vendor)
    if stream not in [declared.name for declared in connector.streams]:
        known = ", ".join(declared.name for declared in connector.streams)
        raise ConfigurationError(f"no stream {stream!r}; there are: {known}", where=options.vendor)
    end = options.end or utc_now()
    try:
        window = Window(options.start or end - timedelta(days=1), end)
    except ValueError as error:
        raise ConfigurationError(f"--start and --end: {error}") from None
    records = skipped = 0
    bad: Counter[tuple[str, str]] = Counter()
    for number, page in enumerate(connector.read(stream, window, cursor), start=1):
        for record in page.records:
            # A line break in JSON stands between its tokens, never in a text.
            sys.stdout.buffer.write(record.body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
        records += len(page.records)
        skipped += page.skipped
        bad.update((found.reason, found.field) for found in page.bad)
        cursor = page.cursor or cursor
        _say(f"{options.vendor}/{stream}: page {number}, {records} records, {skipped} outside the window")
    for (reason, field), count in sorted(bad.items()):
        _say(f"{options.vendor}/{stream}: {count} bad records: {reason}, field {field}")
    if cursor:
        _say(f"{options.vendor}/{stream}: next cursor {cursor}")
    return BAD_RECORDS if bad else DONE


def _connector(vendor: str) -> Connector:
    if vendor not in sources():
        raise ConfigurationError(f"no connector {vendor!r}; there are: {', '.join(sources())}")
    try:
        connector = connector_of(vendor)
        return connector(from_environment(connector.config_class, os.environ))
    except ConfigurationError as error:
        raise ConfigurationError(error.message, where=vendor) from None


def _moment(text: str) -> datetime:
    return utc(text, UTC)


def _check_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m connectors check", description=check.__doc__)
    parser.add_argument("vendor")
    return parser


def _read_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m connectors",
        description="Without arguments: list connectors. `check VENDOR`: try the credentials. Otherwise:",
    )
    parser.add_argument("vendor")
    parser.add_argument("stream")
    parser.add_argument("--start", type=_moment, help="UTC, included; default: a day before the end")
    parser.add_argument("--end", type=_moment, help="UTC, not included; default: now")
    parser.add_argument("--cursor", help="where an earlier read of an entity stream ended")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
