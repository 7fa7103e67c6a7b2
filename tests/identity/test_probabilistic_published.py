"""Matching by probability on public data with known answers: one configuration, and columns named.

The figures are those published for, or recomputed on, each set (its ABOUT.txt); persons are the components of
the links.
"""

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.identity.cut import components
from journey_platform.identity.probabilistic.records import spelled
from journey_platform.identity.probabilistic.scoring import score
from journey_platform.identity.probabilistic.training import train

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
FEBRL = {
    "given_name": "first_name",
    "surname": "last_name",
    "street_number": "house_number",
    "address_1": "street",
    "address_2": "district",
    "suburb": "city",
    "postcode": "postcode",
    "state": "region",
    "date_of_birth": "date_of_birth",
    "soc_sec_id": "person_number",
}
FAKE = {
    "first_name": "first_name",
    "surname": "last_name",
    "dob": "date_of_birth",
    "city": "city",
    "email": "email",
}
GERMAN = {"fname_c1": "first_name", "lname_c1": "last_name", "born": "date_of_birth"}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public data sets are not beside the project")


class Known(NamedTuple):
    rows: list[dict[str, str]]
    columns: Mapping[str, str]
    truth: list[str]


def read(path: str, delimiter: str = ",") -> list[dict[str, str]]:
    content = (DATA / path).read_bytes()
    text = (gzip.decompress(content) if path.endswith(".gz") else content).decode()
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True, delimiter=delimiter)
    return [{name.strip(): value.strip() for name, value in row.items()} for row in rows]


def fake_1000() -> Known:
    rows = read("identity_fake_1000/fake_1000.csv")
    return Known(rows, FAKE, [row["cluster"] for row in rows])


def febrl(*files: str) -> Known:
    rows = [row for file in files for row in read(f"identity_febrl/febrl_dataset{file}.csv.gz")]
    return Known(rows, FEBRL, [row["rec_id"].split("-")[1] for row in rows])


def rldata_500() -> Known:
    rows = read("identity_rldata/RLdata500.tsv", "\t")
    for row in rows:
        row["born"] = f"{row['by']}-{int(row['bm']):02d}-{int(row['bd']):02d}"
    truth = read("identity_rldata/identity.RLdata500.tsv", "\t")
    return Known(rows, GERMAN, [row["identity.RLdata500"] for row in truth])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("known", "f1", "precision"),
    [
        pytest.param(fake_1000, 0.935, 0.99, id="fake_1000"),
        pytest.param(lambda: febrl("3"), 0.998, 0.998, id="febrl 3"),
        pytest.param(lambda: febrl("4a", "4b"), 0.999, 0.999, id="febrl 4"),
        pytest.param(rldata_500, 0.92, 0.99, id="rldata 500"),
    ],
)
def test_one_configuration_finds_the_persons_of_public_data(known, f1, precision) -> None:
    rows, columns, truth = known()
    given = {"record": [f"public/people/{place:05d}" for place in range(len(rows))]}
    given |= {kind: [row[column] for row in rows] for column, kind in columns.items()}
    records = spelled(pa.table(given))
    model = train(records)
    assert model is not None
    pairs = score(records, model)
    linked = pairs.filter(pc.equal(pairs["band"], "link"))
    ends = [
        pc.index_in(linked[side], records["record"].combine_chunks())
        for side in ("left_record", "right_record")
    ]
    found = components(len(rows), *(end.to_numpy().astype(np.int64) for end in ends))
    reached = pairwise(found, np.unique(truth, return_inverse=True)[1])
    print(f"precision {reached[0]:.4f}, recall {reached[1]:.4f}")
    assert reached[0] >= precision
    assert 2 * reached[0] * reached[1] / sum(reached) >= f1


def pairwise(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Precision and recall over all pairs of records."""

    def pairs(labels: np.ndarray) -> int:
        sizes = np.unique(labels, return_counts=True)[1]
        return int((sizes * (sizes - 1) // 2).sum())

    both = pairs(found * (truth.max() + 1) + truth)
    return both / pairs(found), both / pairs(truth)
