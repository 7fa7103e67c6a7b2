"""Every scenario of docs/faults.md is held by tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", (ROOT / "docs" / "faults.md").read_text(), re.MULTILINE)
NAMED = [(number, *test) for number, row in ROWS for test in re.findall(r"`(tests/[^`:]+)::(\w+)`", row)]


@cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_there_are_25_scenarios_and_each_names_a_test() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 26))
    assert {number for number, _, _ in NAMED} == {number for number, _ in ROWS}


@pytest.mark.parametrize(("number", "file", "name"), NAMED, ids=[f"{n} {name}" for n, _, name in NAMED])
def test_a_named_test_is_there(number: str, file: str, name: str) -> None:
    if not (ROOT / file).parent.exists():
        pytest.skip(f"{Path(file).parent} is not in this tree")
    assert name in names_in(ROOT / file), f"scenario {number}"
