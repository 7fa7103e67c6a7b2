"""Companies and their people: what ties them, what does not, and the parts that titles tell."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from journey_platform.identity.keys import identifier_key
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.profiles.accounts import accounts, role_of
from journey_platform.tables import ORGANIZATION_MEMBERS, ORGANIZATIONS, contacts_table

SECRET = b"a long random text for tests only"
START = datetime(2026, 3, 1, tzinfo=UTC)

Statement = tuple[str, dict[str, str]]


def contacts(statements: Iterable[Statement]) -> pa.Table:
    """(address, further attributes) of one statement each."""
    table = contacts_table("mailchimp")
    rows = [
        {
            "day": START.date(),
            "contact_id": f"mailchimp/members/{n}@0",
            "observed_at": START + timedelta(minutes=n),
            "vendor": "mailchimp",
            "stream": "members",
            "record_key": str(n),
            "identifiers": [{"kind": "email", "value": address}],
            "attributes": [
                {"name": name, "value": value} for name, value in {"email": address, **told}.items()
            ],
        }
        for n, (address, told) in enumerate(statements)
    ]
    return pa.Table.from_pylist(rows, schema=table.schema)


def kept(*bodies: tuple[str, str | None, list[str]]) -> pa.Table:
    """(organisation, name, domains) as a help desk keeps them."""
    rows = [
        {"organization": body, "name": name, "domains": domains, "changed_at": START}
        for body, name, domains in bodies
    ]
    return pa.Table.from_pylist(rows, schema=ORGANIZATIONS.schema)


NOBODY = ORGANIZATION_MEMBERS.empty()


def found(
    statements: Iterable[Statement], organizations: pa.Table | None = None
) -> tuple[list[dict[str, object]], dict[str, dict[str, object]]]:
    """The accounts, and each member by its address."""
    said = contacts(statements)
    identifiers = resolve(observations([], [said]), secret=SECRET).identifiers
    bodies = kept() if organizations is None else organizations
    companies, people = accounts([said], identifiers, bodies, NOBODY, secret=SECRET)
    name_of = {row["account_key"]: row["name"] for row in companies.to_pylist()}
    address_of = {row["person_key"]: row["value"] for row in identifiers.to_pylist()}
    members = {
        address_of[row["person_key"]]: {**row, "account": name_of[row["account_key"]]}
        for row in people.to_pylist()
    }
    return companies.to_pylist(), members


EIK = {"company": "Eik Works"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(
            [("ann@eik.example", EIK), ("bo@eik.example", {"company": "EIK  works B.V."})],
            {"ann@eik.example": "company", "bo@eik.example": "company"},
            id="spellings of one name are one company",
        ),
        pytest.param(
            [("ann@eik.example", EIK), ("cy@eik.example", {})],
            {"ann@eik.example": "company", "cy@eik.example": "email_domain"},
            id="a domain that somebody vouches for",
        ),
        pytest.param(
            [("cy@eik.example", {}), ("di@eik.example", {})], {}, id="a domain that nobody vouches for"
        ),
        pytest.param(
            [("ann@mail.example", EIK), ("cy@mail.example", {}), ("di@mail.example", {})],
            {"ann@mail.example": "company"},
            id="a domain that one of three vouches for",
        ),
        pytest.param(
            [("ann@gmail.com", EIK), ("cy@gmail.com", {})],
            {"ann@gmail.com": "company"},
            id="a mailbox provider's domain",
        ),
        pytest.param(
            [("ann@mail.example", EIK), ("bo@mail.example", {"company": "Fjord"}), ("cy@mail.example", {})],
            {"ann@mail.example": "company", "bo@mail.example": "company"},
            id="a domain of people of several companies",
        ),
        pytest.param(
            [
                ("ann@a.example", {"organization": "zendesk:7"}),
                ("bo@b.example", {"organization": "zendesk:7"}),
            ],
            {"ann@a.example": "organization", "bo@b.example": "organization"},
            id="an organisation without a name",
        ),
        pytest.param(
            [
                ("ann@a.example", {"organization": "zendesk:7", **EIK}),
                ("bo@b.example", {"organization": "zendesk:7"}),
            ],
            {"ann@a.example": "company", "bo@b.example": "organization"},
            id="an organisation whose people name a company",
        ),
    ],
)
def test_what_ties_a_person_to_a_company(statements: list[Statement], expected: dict[str, str]) -> None:
    companies, members = found(statements)
    assert {address: row["rule"] for address, row in members.items()} == expected
    assert sum(account["members"] for account in companies) == len(expected)


def test_an_account_is_named_and_keeps_what_names_it() -> None:
    statements = [("ann@eik.example", {**EIK, "organization": "zendesk:7"}), ("bo@eik.example", EIK)]
    (account,), members = found([*statements, ("cy@eik.example", {"company": "EIK WORKS"})])
    assert account["account_key"] == identifier_key(SECRET, "account", "eik works")
    assert account["account_id"].startswith("A")
    assert (account["name"], account["domains"], account["organizations"]) == (
        "Eik Works",
        ["eik.example"],
        ["zendesk:7"],
    )
    assert members["ann@eik.example"]["contact_id"] == "mailchimp/members/0@0"


def test_an_organisation_of_which_nobody_names_a_company_is_that_of_its_peoples_domain() -> None:
    people = [("ann@eik.example", EIK), ("bo@eik.example", {"organization": "zendesk:7"})]
    (account,), members = found(people)
    assert (account["name"], account["organizations"], len(members)) == ("Eik Works", ["zendesk:7"], 2)


def test_a_domain_whose_people_are_of_an_organisation_without_a_name_is_that_organisations() -> None:
    (account,), members = found([("bo@b.example", {"organization": "zendesk:7"}), ("cy@b.example", {})])
    assert (account["name"], account["domains"], len(members)) == (None, ["b.example"], 2)


IN_7 = {"organization": "zendesk:7"}


@pytest.mark.parametrize(
    ("statements", "bodies", "expected"),
    [
        pytest.param(
            [("bo@b.example", IN_7)],
            [("zendesk:7", "Eik Works B.V.", [])],
            {"bo@b.example": ("Eik Works B.V.", "organization")},
            id="an organisation is the company of its name",
        ),
        pytest.param(
            [("ann@eik.example", EIK), ("bo@b.example", IN_7)],
            [("zendesk:7", "EIK Works BV", [])],
            {
                "ann@eik.example": ("EIK Works BV", "company"),
                "bo@b.example": ("EIK Works BV", "organization"),
            },
            id="however it is spelt",
        ),
        pytest.param(
            [("ann@b.example", {}), ("bo@b.example", {}), ("cy@c.example", {})],
            [("zendesk:7", "Eik Works", ["b.example"])],
            dict.fromkeys(("ann@b.example", "bo@b.example"), ("Eik Works", "email_domain")),
            id="a declared domain needs nobody to vouch for it",
        ),
        pytest.param(
            [("ann@gmail.com", {})],
            [("zendesk:7", "Eik Works", ["gmail.com"])],
            {},
            id="a mailbox provider's domain is nobody's",
        ),
        pytest.param(
            [("ann@b.example", {})],
            [("zendesk:7", "Eik Works", ["b.example"]), ("zendesk:8", "Fjord", ["b.example"])],
            {},
            id="a domain that two companies declare is neither's",
        ),
        pytest.param(
            [("ann@b.example", EIK | IN_7), ("bo@b.example", EIK | IN_7), ("cy@c.example", IN_7)],
            [("zendesk:7", "Eik Works Holding", ["b.example"])],
            {
                "ann@b.example": ("Eik Works", "company"),
                "bo@b.example": ("Eik Works", "company"),
                "cy@c.example": ("Eik Works", "organization"),
            },
            id="most of its people call it otherwise",
        ),
    ],
)
def test_organisations_that_the_help_desk_keeps_name_the_company_and_its_domains(
    statements: list[Statement],
    bodies: list[tuple[str, str | None, list[str]]],
    expected: dict[str, tuple[str, str]],
) -> None:
    _, members = found(statements, kept(*bodies))
    assert {address: (row["account"], row["rule"]) for address, row in members.items()} == expected


def members_of(*records: dict[str, str], versions: bool = False) -> dict[str, dict[str, object]]:
    """Of one person whom the records tell of by a number they share: the row of each account, by name."""
    said = contacts([(f"r{n}@x{n}.example", told) for n, told in enumerate(records)])
    rows = [
        {
            **row,
            "identifiers": [{"kind": "phone", "value": "+31612345678"}],
            "attributes": [of for of in row["attributes"] if of["value"] != f"r{n}@x{n}.example"],
            **({"contact_id": f"mailchimp/members/0@{n}", "record_key": "0"} if versions else {}),
        }
        for n, row in enumerate(said.to_pylist())
    ]
    said = pa.Table.from_pylist(rows, schema=said.schema)
    identifiers = resolve(observations([], [said]), secret=SECRET).identifiers
    bodies = kept(("zendesk:7", "Fjord Foods", []))
    companies, people = accounts([said], identifiers, bodies, NOBODY, secret=SECRET)
    name_of = {row["account_key"]: row["name"] for row in companies.to_pylist()}
    assert all(row["members"] == 1 for row in companies.to_pylist())
    return {name_of[row["account_key"]]: row for row in people.to_pylist()}


def test_a_consultant_is_of_two_companies_with_the_evidence_and_the_role_of_each() -> None:
    found = members_of(
        {**EIK, "job_title": "CFO"}, {**IN_7, "job_title": "Head of Sales"}, {"job_title": "IT Administrator"}
    )
    told = {name: (row["rule"], row["contact_id"], row["is_main"]) for name, row in found.items()}
    assert told == {
        "Eik Works": ("company", "mailchimp/members/0@0", True),
        "Fjord Foods": ("organization", "mailchimp/members/1@0", False),
    }
    assert found["Fjord Foods"]["observed_at"] == START + timedelta(minutes=1)
    # What is told of no company, and later, is told of both.
    assert {row["role"] for row in found.values()} == {"it"}


def test_a_title_in_a_record_of_one_company_tells_nothing_of_the_other() -> None:
    found = members_of({**EIK, "job_title": "CFO"}, IN_7)
    assert {name: row["role"] for name, row in found.items()} == {"Eik Works": "buyer", "Fjord Foods": None}


def test_work_addresses_at_two_companies_make_a_member_of_both() -> None:
    told = [("ann@eik.example", EIK), ("cy@fjord.example", {"company": "Fjord"})]
    said = contacts([*told, ("bo@eik.example", {}), ("bo@fjord.example", {})])
    rows = said.to_pylist()
    for row in rows[2:]:
        row["identifiers"].append({"kind": "phone", "value": "+31612345678"})
    said = pa.Table.from_pylist(rows, schema=said.schema)
    identifiers = resolve(observations([], [said]), secret=SECRET).identifiers
    _, people = accounts([said], identifiers, kept(), NOBODY, secret=SECRET)
    of_two = Counter(row["person_key"] for row in people.to_pylist())
    assert sorted(of_two.values()) == [1, 1, 2]


def test_what_a_record_said_before_no_longer_holds() -> None:
    found = members_of({"company": "Fjord"}, EIK, versions=True)
    assert {name: row["contact_id"] for name, row in found.items()} == {"Eik Works": "mailchimp/members/0@1"}


# Users of a help desk who are in several organisations


def desk(user: int, about: dict[str, str]) -> dict[str, object]:
    """What the desk's own record of a user says."""
    return {
        "day": START.date(),
        "contact_id": f"zendesk/users/{user}@0",
        "observed_at": START,
        "vendor": "zendesk",
        "stream": "users",
        "record_key": str(user),
        "identifiers": [{"kind": "zendesk_user_id", "value": str(user)}],
        "attributes": [{"name": name, "value": value} for name, value in about.items()],
    }


def listed(*memberships: tuple[int, int, bool]) -> pa.Table:
    """(user, organisation, whether it is their default), each a minute after the one before."""
    rows = [
        {
            "contact_id": f"zendesk/organization_memberships/{user}#{n}@{n}",
            "vendor": "zendesk",
            "record": f"zendesk/users/{user}",
            "organization": f"zendesk:{of}",
            "identifiers": [{"kind": "zendesk_user_id", "value": str(user)}],
            "is_default": is_default,
            "observed_at": START + timedelta(minutes=n),
        }
        for n, (user, of, is_default) in enumerate(memberships)
    ]
    return pa.Table.from_pylist(rows, schema=ORGANIZATION_MEMBERS.schema)


def of_users(
    users: list[dict[str, object]], memberships: pa.Table, *bodies: tuple[str, str | None, list[str]]
) -> dict[tuple[str, str], dict[str, object]]:
    """The row of each member, by user and account's name."""
    said = pa.Table.from_pylist(users, schema=contacts_table("zendesk").schema)
    identifiers = resolve(observations([], [said]), secret=SECRET).identifiers
    user_of = {row["person_key"]: row["value"] for row in identifiers.to_pylist()}
    companies, people = accounts([said], identifiers, kept(*bodies), memberships, secret=SECRET)
    name_of = {row["account_key"]: row["name"] for row in companies.to_pylist()}
    return {(user_of[row["person_key"]], name_of[row["account_key"]]): row for row in people.to_pylist()}


BOTH = ("zendesk:7", "Eik Works", []), ("zendesk:8", "Fjord Foods", [])


def test_a_user_in_two_organisations_is_a_member_of_both_and_mainly_of_the_default_one() -> None:
    user = desk(81, {"organization": "zendesk:7", "job_title": "CFO"})
    members = of_users([user], listed((81, 7, True), (81, 8, False)), *BOTH)
    told = {
        name: (row["rule"], row["contact_id"], row["observed_at"], row["is_main"], row["role"])
        for (_, name), row in members.items()
    }
    assert told == {
        "Eik Works": ("organization", "zendesk/users/81@0", START, True, "buyer"),
        "Fjord Foods": (
            "organization",
            "zendesk/organization_memberships/81#1@1",
            START + timedelta(minutes=1),
            False,
            "buyer",
        ),
    }


def test_a_further_organisation_that_only_the_list_names_is_an_account_of_its_own() -> None:
    members = of_users(
        [desk(81, {"organization": "zendesk:7"})], listed((81, 7, True), (81, 9, False)), *BOTH
    )
    assert members.keys() == {("81", "Eik Works"), ("81", None)}


def test_guests_from_another_company_do_not_rename_an_organisation() -> None:
    """Two of its three people are of Eik Works, and only its guests."""
    users = [desk(n, {"organization": "zendesk:7", "company": "Eik Works"}) for n in (81, 82)]
    memberships = listed((81, 7, True), (82, 7, True), (81, 8, False), (82, 8, False), (83, 8, True))
    members = of_users([*users, desk(83, {"organization": "zendesk:8"})], memberships, *BOTH)
    assert {name for user, name in members if user == "83"} == {"Fjord Foods"}
    assert {name for user, name in members if user == "81"} == {"Eik Works", "Fjord Foods"}


def test_who_is_listed_but_nobody_known_is_a_member_of_nothing() -> None:
    user = desk(81, {"organization": "zendesk:7"})
    assert of_users([user], listed((99, 8, True)), *BOTH).keys() == {("81", "Eik Works")}


@pytest.mark.parametrize(
    ("title", "role"),
    [
        pytest.param("Procurement Manager", ("buyer", "procurement"), id="buyer"),
        pytest.param("Head of Operations", ("sponsor", "head"), id="sponsor"),
        pytest.param("IT Administrator", ("it", "it"), id="it"),
        pytest.param("CFO", ("buyer", "cfo"), id="whose money it is"),
        pytest.param("Head of IT", ("it", "it"), id="the first that fits"),
        pytest.param("Data Analyst", ("end_user", "other"), id="any other"),
        pytest.param("Editor", ("end_user", "other"), id="a word within a word"),
    ],
)
def test_a_title_tells_the_role(title: str, role: tuple[str, str]) -> None:
    assert role_of(title) == role


def test_the_latest_title_counts_and_is_named() -> None:
    told = [("ann@eik.example", {**EIK, "job_title": title}) for title in ("Data Analyst", "CFO")]
    _, members = found([*told, ("bo@eik.example", EIK)])
    ann, bo = members["ann@eik.example"], members["bo@eik.example"]
    assert (ann["role"], ann["role_rule"], ann["role_contact_id"]) == (
        "buyer",
        "cfo",
        "mailchimp/members/1@0",
    )
    assert (bo["role"], bo["role_rule"], bo["role_contact_id"]) == (None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_order_changes_nothing(seed: int) -> None:
    statements = [
        (f"p{n % 7}@d{n % 3}.example", {"company": f"C{n % 2}", "organization": f"zendesk:{n % 4}"})
        for n in range(20)
    ]
    said = contacts(statements)
    turned = said.take(random.Random(seed).sample(range(20), 20))
    identifiers = resolve(observations([], [said]), secret=SECRET).identifiers
    both = [accounts([rows], identifiers, kept(), NOBODY, secret=SECRET) for rows in (said, turned)]
    assert both[0][0].equals(both[1][0])
    assert both[0][1].equals(both[1][1])
