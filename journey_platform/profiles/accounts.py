"""Business customers: companies, which profiles are their people, and the part each plays there.

What of people's records ties them to which company is in `companies`. Which words of a title tell which role
is declared here, once.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.assign import person_keys
from journey_platform.identity.keys import identifier_key, profile_id
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling
from journey_platform.profiles.companies import (
    COMPANY,
    EMAIL_DOMAIN,
    EVIDENCE,
    MAILBOX_PROVIDERS,
    ORGANIZATION,
    Said,
    Ties,
    compared,
    ties,
)
from journey_platform.profiles.survivorship import statements
from journey_platform.tables import ACCOUNT_MEMBERS_TABLE, ACCOUNTS_TABLE, Table

_TITLE = "job_title"
_RULE_OF = {"company": COMPANY, "organization": ORGANIZATION, "email": EMAIL_DOMAIN, _TITLE: _TITLE}


@dataclass(frozen=True)
class Role:
    """A part in buying and using: played by whom a word of the title, whole and in any case, says so."""

    role: str
    words: tuple[str, ...]


ROLES: tuple[Role, ...] = (
    Role("buyer", ("procurement", "purchasing", "purchaser", "buyer", "sourcing", "finance", "cfo")),
    Role("it", ("it", "cto", "cio", "system", "systems", "sysadmin", "security", "devops", "infrastructure")),
    Role("sponsor", ("chief", "ceo", "coo", "head", "director", "vp", "president", "owner", "founder")),
)
"""The first that fits counts. Any other title is an end user's."""
END_USER, _OTHER = "end_user", "other"
_WORD = re.compile(r"[a-z0-9]+")

_Evidence = dict[str, Said]
"""By account, the strongest statement that ties a person to it, the latest of equally strong."""


def role_of(title: str) -> tuple[str, str]:
    """(role, the word that gave it) of a job title; `other` where no declared word stands in it."""
    words = set(_WORD.findall(title.lower()))
    for role in ROLES:
        for word in role.words:
            if word in words:
                return role.role, word
    return END_USER, _OTHER


def accounts(
    contacts: Iterable[pa.Table],
    identifiers: pa.Table,
    organizations: pa.Table,
    organization_members: pa.Table,
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> tuple[pa.Table, pa.Table]:
    """`tables.ACCOUNTS_TABLE` and `tables.ACCOUNT_MEMBERS_TABLE` from contacts, resolved identifiers,
    `tables.ORGANIZATIONS` and `tables.ORGANIZATION_MEMBERS`.

    A profile is a member of every account that its records tie it to, as a consultant is; what a record said
    before no longer holds. The main one is that of the strongest evidence; of organisations of the one that
    is the user's default, then the latest of equally strong.
    """
    told = _about_companies(statements(contacts, identifiers, secret, spelling))
    persons = person_keys(organization_members["identifiers"], identifiers, secret=secret, spelling=spelling)
    listed = _of_organizations(organization_members, persons)
    said = [*told, *listed]
    current = [*(row for row in _latest(told) if not _is_of_a_provider(row)), *listed]
    bodies = organizations.to_pylist()
    company_of = ties(current, bodies)
    evidence, speaks_for = _evidence(current, company_of)
    titles: dict[int, list[Said]] = defaultdict(list)
    for row in sorted(current, key=_when):
        if row["rule"] == _TITLE:
            titles[row["person_key"]].append(row)
    members: dict[str, set[int]] = defaultdict(set)
    people = []
    for person, of_person in evidence.items():
        main = max(of_person, key=lambda name: _rank(of_person[name]))
        for name, row in of_person.items():
            members[name].add(person)
            title = _title(titles[person], speaks_for, name)
            people.append(_member(_key(secret, name), row, title, is_main=name == main))
    theirs: dict[str, list[Said]] = defaultdict(list)
    for row in said:
        if (row["rule"], row["about"]) in company_of:
            theirs[company_of[row["rule"], row["about"]]].append(row)
    rows = [
        _account(_key(secret, name), name, theirs[name], bodies, company_of, people_of)
        for name, people_of in members.items()
    ]
    return _table(rows, ACCOUNTS_TABLE), _table(people, ACCOUNT_MEMBERS_TABLE)


def _about_companies(said: pa.Table) -> list[Said]:
    """Statements that tell of a company or title: `rule` what kind, `about` the company, as compared."""
    rows = said.filter(pc.is_in(said["attribute"], pa.array(list(_RULE_OF)))).to_pylist()
    found = []
    for row in rows:
        about = row["value"]
        if row["attribute"] == "email":
            about = about.rpartition("@")[2]
        elif row["attribute"] == "company":
            about = compared(about)
        record, at, _ = row["contact_id"].rpartition("@")
        found.append(
            {
                **row,
                "rule": _RULE_OF[row["attribute"]],
                "about": about,
                "record": record if at else row["contact_id"],
                "is_default": True,
            }
        )
    return found


def _of_organizations(members: pa.Table, persons: pa.Array) -> list[Said]:
    """The same of rows of `tables.ORGANIZATION_MEMBERS`, with the person of each; strangers are left out."""
    rows = members.drop_columns("identifiers").append_column("person_key", persons).to_pylist()
    return [
        {**row, "rule": ORGANIZATION, "about": row["organization"], "value": row["organization"]}
        for row in rows
        if row["person_key"] is not None
    ]


def _latest(said: list[Said]) -> list[Said]:
    """Of each record and kind of statement the latest, in the order of the records."""
    found: dict[tuple[str, str, int], Said] = {}
    for row in sorted(said, key=_when):
        found[row["record"], row["rule"], row["person_key"]] = row
    return [found[key] for key in sorted(found)]


def _is_of_a_provider(row: Said) -> bool:
    return row["rule"] == EMAIL_DOMAIN and row["about"] in MAILBOX_PROVIDERS


def _evidence(said: list[Said], company_of: Ties) -> tuple[dict[int, _Evidence], dict[str, set[str]]]:
    """(by person what ties it to which accounts; by record the accounts that it ties to)."""
    found: dict[int, _Evidence] = defaultdict(dict)
    speaks_for: dict[str, set[str]] = defaultdict(set)
    for row in said:
        name = company_of.get((row["rule"], row["about"]))
        if name is None:
            continue
        speaks_for[row["record"]].add(name)
        of_person = found[row["person_key"]]
        if name not in of_person or _rank(row) > _rank(of_person[name]):
            of_person[name] = row
    return found, speaks_for


def _title(titles: list[Said], speaks_for: Mapping[str, set[str]], name: str) -> Said | None:
    """The latest title that tells of the account: not one in a record of other companies only."""
    told = [row for row in titles if name in (speaks_for.get(row["record"]) or {name})]
    return told[-1] if told else None


def _rank(row: Said) -> tuple[int, bool, Any, str]:
    at = row["observed_at"].timestamp()
    return -EVIDENCE.index(row["rule"]), row["is_default"], at, row["contact_id"]


def _when(row: Said) -> tuple[Any, str, str]:
    return row["observed_at"], row["contact_id"], row["value"]


def _key(secret: bytes, name: str) -> int:
    return identifier_key(secret, "account", name)


def _account(
    key: int,
    name: str,
    theirs: list[Said],
    organizations: list[Said],
    company_of: Ties,
    members: set[int],
) -> Said:
    spellings = Counter(row["value"] for row in theirs if row["rule"] == COMPANY)
    of_kind = {
        rule: sorted(about for (kind, about), of in company_of.items() if (kind, of) == (rule, name))
        for rule in (EMAIL_DOMAIN, ORGANIZATION)
    }
    bodies = [body["name"] for body in organizations if body["organization"] in of_kind[ORGANIZATION]]
    spellings.update(filter(None, bodies))
    moments = [row["observed_at"] for row in theirs if row["person_key"] in members]
    return {
        "account_key": key,
        "account_id": "A" + profile_id(key)[1:],
        "name": min(spellings, key=lambda text: (-spellings[text], text)) if spellings else None,
        "domains": of_kind[EMAIL_DOMAIN],
        "organizations": of_kind[ORGANIZATION],
        "members": len(members),
        "first_seen": min(moments),
        "last_seen": max(moments),
    }


def _member(key: int, row: Said, title: Said | None, *, is_main: bool) -> Said:
    role, role_rule = role_of(title["value"]) if title else (None, None)
    return {
        "account_key": key,
        **{name: row[name] for name in ("person_key", "rule", "vendor", "contact_id", "observed_at")},
        "is_main": is_main,
        "role": role,
        "role_rule": role_rule,
        "role_contact_id": title["contact_id"] if title else None,
    }


def _table(rows: list[Said], table: Table) -> pa.Table:
    found = pa.Table.from_pylist(rows, schema=table.schema)
    return found.sort_by([(name, "ascending") for name in table.sort_by])
