"""The definition set: as reviewed, described, and cheap to load."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from connectors.config import settings_of
from connectors.registry import CONNECTORS
from tests.runs.definition_set import definitions, described
from tests.runs.running import PROJECT

REVIEWED = Path(__file__).with_name("definitions.txt")
DECLARED = [s for connector in CONNECTORS.values() for s in settings_of(connector.config_class).values()]

# What loading may do is watched from inside: modules, sockets, child processes, and every use of a secret
# but asking whether it is there.
WATCHED_LOAD = """
import os, sys
import dagster
before = set(sys.modules)
touched = []
watched = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen")
sys.addaudithook(lambda event, arguments: touched.append(event) if event in watched else None)

class Sealed(str):
    def _read(self, *_, **__):
        touched.append("a secret was read")
        return ""
    encode = __str__ = __repr__ = __format__ = __getitem__ = __iter__ = __eq__ = __add__ = __mod__ = _read
    strip = split = partition = rpartition = startswith = endswith = lower = _read
    __hash__ = str.__hash__

os.environ = {n: Sealed(v) if n in SECRETS else v for n, v in os.environ.items()}
from journey_platform.definitions import defs
assert len(list(defs.assets)) > 30
print(",".join(touched))
print(",".join(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two lines of a fresh process that loaded the definitions: what it touched, modules beyond dagster."""
    folder = tmp_path_factory.mktemp("load")
    secrets = {s.env for s in DECLARED if s.is_secret} | {"JOURNEY_PSEUDONYM_KEY"}
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "JOURNEY_ROOT": str(folder / "lake"),
        "JOURNEY_START_DATE": "2026-01-01",
        "JOURNEY_PSEUDONYM_KEY": "sealed",
        **{s.env: "sealed" for s in DECLARED},
    }
    program = f"SECRETS = {secrets!r}\n{WATCHED_LOAD}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_definition_set_is_the_reviewed_one() -> None:
    assert described(definitions()) == REVIEWED.read_text(), (
        "the graph changed; if that is meant, run: "
        "python -m tests.runs.definition_set > tests/runs/definitions.txt"
    )


def test_every_table_says_what_one_row_is_and_has_a_group_and_a_column_schema() -> None:
    specs = [spec for asset in definitions().assets or [] for spec in asset.specs]  # type: ignore[union-attr]
    assert len(specs) >= 38
    sites = [spec for spec in specs if {"html", "svg"} & spec.kinds]
    assert [spec.key.to_user_string() for spec in sites] == ["kpis/overview", "operations/data_docs"]
    for spec in specs:
        if spec in sites:
            continue
        assert (spec.description or "").startswith("One row per "), spec.key
        assert spec.group_name
        assert isinstance(spec.metadata["dagster/column_schema"], dg.TableSchema)


def test_loading_reads_no_secret_and_asks_no_network(loaded: list[str]) -> None:
    assert loaded[0] == ""


@pytest.mark.parametrize(
    "module",
    [
        *("great_expectations", "ibis", "duckdb", "pandas", "scipy", "sklearn", "pyspark", "networkx"),
        *("sqlglot", "matplotlib"),
    ],
)
def test_loading_does_not_import(loaded: list[str], module: str) -> None:
    modules = loaded[1].split(",")
    assert "journey_platform" in modules
    assert module not in modules
