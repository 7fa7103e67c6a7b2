"""Matching by probability: a function of the set of records, growing without a trace, and free of values."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.observations import observations
from journey_platform.identity.probabilistic.comparisons import pairs_within, reason_to_compare
from journey_platform.identity.probabilistic.matches import evidence, review, scored_again
from journey_platform.identity.probabilistic.model import Model, duckdb_memory
from journey_platform.identity.probabilistic.records import matched_records, person_records, spelled
from journey_platform.identity.probabilistic.scoring import score
from journey_platform.identity.probabilistic.training import is_outgrown, train
from journey_platform.identity.resolve import resolve
from journey_platform.tables import IDENTIFIERS_TABLE, MATCHED_RECORDS, PROBABILISTIC_LINKS
from tests.identity.matching_people import contacts, people

SECRET = b"a long random text for tests only"
SEED = 20_260_303
COUNT = 600


@pytest.fixture(scope="module")
def told() -> pa.Table:
    print(f"seed {SEED}")
    return contacts([said for _, said in people(COUNT, SEED)])


@pytest.fixture(scope="module")
def model(told: pa.Table) -> Model:
    found = train(person_records([told]))
    assert found is not None
    return found


def everything(told: pa.Table, model: Model) -> pa.Table:
    return brought_up_to_date(told, model, PROBABILISTIC_LINKS.empty(), MATCHED_RECORDS.empty())[0]


def brought_up_to_date(
    told: pa.Table, model: Model, kept: pa.Table, known: pa.Table
) -> tuple[pa.Table, pa.Table]:
    records = person_records([told])
    matched = matched_records([told], records, secret=SECRET)
    return scored_again(records, matched, model, kept, known), matched


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))


def test_most_true_pairs_are_linked_and_hardly_a_false_one(told: pa.Table, model: Model) -> None:
    truth = {f"zendesk/users/{place}": person for place, (person, _) in enumerate(people(COUNT, SEED))}
    pairs = everything(told, model)
    linked = pairs.filter(pc.equal(pairs["band"], "link")).select(["left_record", "right_record"])
    is_true = [truth[row["left_record"]] == truth[row["right_record"]] for row in linked.to_pylist()]
    persons = list(truth.values())
    sizes = [persons.count(person) for person in set(persons)]
    assert np.mean(is_true) > 0.99
    assert sum(is_true) > 0.9 * sum(size * (size - 1) / 2 for size in sizes)


@pytest.mark.parametrize("seed", [1, 2])
def test_order_and_batches_of_the_contacts_change_no_byte(told: pa.Table, model: Model, seed: int) -> None:
    mixed = shuffled(told, seed)
    records = person_records([mixed.slice(0, 200), mixed.slice(200)])
    again = train(records)
    assert again is not None
    assert again.to_json() == model.to_json()
    assert everything(mixed, again).equals(everything(told, model))


def test_a_kept_model_gives_the_same_scores(told: pa.Table, model: Model) -> None:
    records = person_records([told])
    assert score(records, Model.from_json(model.to_json())).equals(score(records, model))


def test_growth_in_steps_equals_scoring_everything_at_once(told: pa.Table, model: Model) -> None:
    print(f"seed {SEED}")
    ends = [*sorted(random.Random(SEED).sample(range(100, COUNT), 3)), COUNT]
    kept, known = PROBABILISTIC_LINKS.empty(), MATCHED_RECORDS.empty()
    mixed = shuffled(told, SEED)
    for end in ends:
        kept, known = brought_up_to_date(mixed.slice(0, end), model, kept, known)
    assert kept.num_rows > 100
    assert kept.equals(everything(told, model))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda told: told.slice(0, COUNT - 150), id="records that are gone"),
        pytest.param(
            lambda told: pa.concat_tables(
                [
                    told,
                    contacts(
                        [{"name": "Someone Else"}] * 100, minutes=10_000, keys=range(COUNT - 100, COUNT)
                    ),
                ]
            ),
            id="records that now say something else",
        ),
    ],
)
def test_changed_records_leave_no_stale_pair(told: pa.Table, model: Model, changed) -> None:
    kept, known = brought_up_to_date(told, model, PROBABILISTIC_LINKS.empty(), MATCHED_RECORDS.empty())
    after = changed(told)
    expected = everything(after, model)
    assert brought_up_to_date(after, model, kept, known)[0].equals(expected)
    assert expected.num_rows < kept.num_rows


def test_only_pairs_with_a_new_record_are_scored(told: pa.Table, model: Model) -> None:
    records = person_records([told])
    new = records["record"].combine_chunks().take(pa.array([5, 50, 500]))
    whole = score(records, model)
    is_new = pc.or_(pc.is_in(whole["left_record"], new), pc.is_in(whole["right_record"], new))
    assert score(records, model, new=new).equals(whole.filter(is_new).combine_chunks())


def test_neither_model_nor_evidence_holds_what_a_few_records_say(told: pa.Table, model: Model) -> None:
    records = person_records([told])
    written = model.to_json().decode() + json.dumps(everything(told, model)["evidence"].to_pylist())
    for kind in ("email", "phone", "date_of_birth"):
        values = set(records[kind].drop_null().to_pylist())
        assert len(values) > 100
        assert not [value for value in values if value in written]


def test_what_very_many_share_is_no_reason_to_compare() -> None:
    shared = [{"record": f"{n:05}", "email": "info@shop.example", "city": "Ede's"} for n in range(1_200)]
    pair = [{"record": f"x{n}", "email": "ann@shop.example", "city": "Gouda"} for n in range(2)]
    with duckdb_memory() as connection:
        connection.register("everybody", spelled(pa.Table.from_pylist(shared + pair)))
        assert pairs_within(connection, "everybody", ("email",)) == 1
        for rule in (("email",), ("email", "city")):
            reason = reason_to_compare(connection, "everybody", rule)
            (count,) = connection.execute(
                f"select count(*) from everybody l join everybody r on {reason} where l.record < r.record"
            ).fetchall()[0]
            assert count == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            {"name": " José  van den Berg "}, {"first_name": "jose", "last_name": "van den berg"}, id="name"
        ),
        pytest.param({"name": "Cher"}, {"first_name": "cher", "last_name": None}, id="one name"),
        pytest.param({"date_of_birth": "1970-03-04T00:00:00Z"}, {"date_of_birth": "19700304"}, id="date"),
        pytest.param({"date_of_birth": "03-04-1970"}, {"date_of_birth": None}, id="ambiguous date"),
        pytest.param(
            {"email": "Ann@Shop.Example", "phone": "n/a"},
            {"email": "ann@shop.example", "phone": None},
            id="identifiers",
        ),
        pytest.param(
            {"city": "unknown", "postcode": "1234 ab"}, {"city": None, "postcode": "1234ab"}, id="placeholder"
        ),
    ],
)
def test_attributes_have_one_spelling(said, expected) -> None:
    (row,) = person_records([contacts([said])]).to_pylist() or [{}]
    assert {kind: row[kind] for kind in expected} == expected


def test_the_latest_filled_value_counts() -> None:
    first = contacts([{"city": "Ede", "postcode": "1000"}])
    later = contacts([{"city": "Gouda", "postcode": " "}], minutes=5)
    (row,) = person_records([later, first]).to_pylist()
    assert (row["city"], row["postcode"]) == ("gouda", "1000")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="nobody"),
        pytest.param([{"name": "Ann Lee"}], id="one"),
        pytest.param([{"city": f"City {n % 9}"} for n in range(50)], id="one attribute"),
        pytest.param(
            [{"email": f"{n}@mail.example", "phone": f"+3161000{n:04}"} for n in range(50)], id="all differ"
        ),
    ],
)
def test_records_that_tell_too_little_give_no_model(said) -> None:
    assert train(person_records([contacts(said)])) is None


def test_a_model_is_outgrown_by_twice_the_records_or_other_attributes(told: pa.Table, model: Model) -> None:
    records = person_records([told])
    twice = pa.concat_tables([records, records])
    without = records.set_column(records.schema.get_field_index("city"), "city", pa.nulls(COUNT, pa.string()))
    assert [is_outgrown(model, table) for table in (records, twice, without)] == [False, True, True]


def test_links_join_profiles_and_doubtful_pairs_are_listed(told: pa.Table, model: Model) -> None:
    matches = everything(told, model)
    links = evidence(matches)
    assert links.schema == EVIDENCE
    seen = observations([], [told])
    apart, joined = (resolve(seen, secret=SECRET, evidence=given).identifiers for given in (None, links))
    counts = [pc.count_distinct(table["person_key"]).as_py() for table in (apart, joined)]
    assert counts[0] == COUNT
    assert counts[1] < 0.75 * COUNT
    listed = review(matches, joined)
    assert set(listed["band"].to_pylist()) <= {"review", "link"}
    assert 0 < listed.num_rows < matches.num_rows
    person = dict(zip(joined["identifier_key"].to_pylist(), joined["person_key"].to_pylist(), strict=True))
    for row in listed.to_pylist():
        assert person[row["left_key"]] != person[row["right_key"]]
        assert row["left_profile"] != row["right_profile"]
    assert review(matches, IDENTIFIERS_TABLE.empty()).num_rows == 0


def test_splink_is_imported_only_where_it_works() -> None:
    code = (
        "import sys; import journey_platform.identity.probabilistic.matches, journey_platform.defs.matching,"
        " journey_platform.identity.probabilistic.training;"
        "print(sorted({'splink', 'duckdb', 'sqlglot'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert said.stdout.strip() == "[]"
