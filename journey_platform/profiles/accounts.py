"""Business customers: companies, which profiles are their people, and the part each plays there.

What ties a person to a company, and which words of a title tell which role, is declared here, once. A company
is named by what people's records say: a company's name, a vendor's organisation, a mail domain. Where the
vendor keeps its organisations, these say their names and which domains are theirs. Another domain counts only
where half of its people are told to be of that company: no list of mailbox providers is ever complete. Those
that everybody knows are listed all the same, and are nobody's, whoever declares them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.keys import identifier_key, profile_id
from journey_platform.identity.normalise import DEFAULT_SPELLING, Spelling
from journey_platform.profiles.survivorship import statements
from journey_platform.tables import ACCOUNT_MEMBERS_TABLE, ACCOUNTS_TABLE

COMPANY, ORGANIZATION, EMAIL_DOMAIN = "company", "organization", "email_domain"
EVIDENCE = (COMPANY, ORGANIZATION, EMAIL_DOMAIN)
"""What ties a person to a company, the strongest first."""

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

_PROVIDERS = """
aol.com gmail.com gmx.de gmx.net googlemail.com hotmail.com icloud.com kpnmail.nl live.com me.com msn.com
outlook.com proton.me protonmail.com t-online.de web.de yahoo.com ymail.com ziggo.nl zoho.com
"""
MAILBOX_PROVIDERS = frozenset(_PROVIDERS.split())
"""Domains that are never a company's, whoever is on them."""
_LEGAL_FORMS = re.compile(r"[ ,]+(?:b\.?v\.?|n\.?v\.?|gmbh|ltd\.?|limited|inc\.?|llc|s\.?a\.?|ag|plc)$")
_WORD = re.compile(r"[a-z0-9]+")

_Said = dict[str, Any]


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
    *,
    secret: bytes,
    spelling: Spelling = DEFAULT_SPELLING,
) -> tuple[pa.Table, pa.Table]:
    """`tables.ACCOUNTS_TABLE` and `tables.ACCOUNT_MEMBERS_TABLE` from contacts, resolved identifiers and
    `tables.ORGANIZATIONS`.

    A profile belongs to one account at most: that of its strongest evidence, the latest of equally strong.
    """
    said = _about_companies(statements(contacts, identifiers, secret, spelling))
    bodies = organizations.to_pylist()
    company_of = _tied(said, bodies)
    members: dict[str, dict[int, _Said]] = defaultdict(dict)
    latest: dict[int, _Said] = {}
    for row in said:
        person, name = row["person_key"], company_of.get((row["rule"], row["about"]))
        if name is not None and _rank(row) > _rank(latest.get(person)):
            latest[person] = {**row, "account": name}
    for person, row in latest.items():
        members[row["account"]][person] = row
    titles = {row["person_key"]: row for row in sorted(said, key=_when) if row["rule"] == _TITLE}
    rows, people = [], []
    for name, of_account in members.items():
        key = identifier_key(secret, "account", name)
        rows.append(_account(key, name, said, bodies, company_of, of_account))
        people += [_member(key, row, titles.get(person)) for person, row in of_account.items()]
    found = [
        pa.Table.from_pylist(part, schema=table.schema).sort_by([(c, "ascending") for c in table.sort_by])
        for part, table in ((rows, ACCOUNTS_TABLE), (people, ACCOUNT_MEMBERS_TABLE))
    ]
    return found[0], found[1]


def _about_companies(said: pa.Table) -> list[_Said]:
    """Statements that tell of a company or title: `rule` what kind, `about` the company, as compared."""
    rows = said.filter(pc.is_in(said["attribute"], pa.array(list(_RULE_OF)))).to_pylist()
    found = []
    for row in rows:
        about = row["value"]
        if row["attribute"] == "email":
            about = about.rpartition("@")[2]
            if about in MAILBOX_PROVIDERS:
                continue
        elif row["attribute"] == "company":
            about = _compared(about)
        found.append({**row, "rule": _RULE_OF[row["attribute"]], "about": about})
    return found


def _compared(name: str) -> str:
    """A company's name without case, spaces and legal form."""
    return _LEGAL_FORMS.sub("", " ".join(name.lower().split()))


def _tied(said: list[_Said], organizations: list[_Said]) -> dict[tuple[str, str], str]:
    """(kind of evidence, value) -> the company it stands for.

    A name stands for itself, an organisation and the domains that it declares for the company of its name.
    Any other organisation, and then domain, stands for the company that more than half of its people are told
    to be of who are told of any; of a domain, that must be half of all its people. An organisation whose
    people are told of none stands for the company of their domains, else for itself.
    """
    tied = {(COMPANY, row["about"]): row["about"] for row in said if row["rule"] == COMPANY}
    tied |= _declared(said, organizations)
    for rule in (ORGANIZATION, EMAIL_DOMAIN, ORGANIZATION):
        tied |= _tied_by_people(said, rule, tied)
    for row in said:
        if row["rule"] == ORGANIZATION:
            tied.setdefault((ORGANIZATION, row["about"]), f"{ORGANIZATION} {row['about']}")
    return tied | _tied_by_people(said, EMAIL_DOMAIN, tied)


def _declared(said: list[_Said], organizations: list[_Said]) -> dict[tuple[str, str], str]:
    """What organisations of a known name stand for, and their domains.

    Of two people or more, where more than half name one other company, that is what the organisation is
    called elsewhere. A domain that two companies declare is neither's.
    """
    people: dict[str, set[int]] = defaultdict(set)
    named: dict[int, set[str]] = defaultdict(set)
    for row in said:
        if row["rule"] == ORGANIZATION:
            people[row["about"]].add(row["person_key"])
        elif row["rule"] == COMPANY:
            named[row["person_key"]].add(row["about"])
    tied: dict[tuple[str, str], str] = {}
    declaring: dict[str, set[str]] = defaultdict(set)
    for body in organizations:
        if body["name"] is None:
            continue
        name, theirs = _compared(body["name"]), people[body["organization"]]
        counts = Counter(company for person in theirs for company in named[person])
        elsewhere, most = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if most >= 2 and most * 2 > len(theirs) and not counts[name]:
            name = elsewhere
        tied[ORGANIZATION, body["organization"]] = name
        for domain in set(body["domains"]) - MAILBOX_PROVIDERS:
            declaring[domain].add(name)
    return tied | {(EMAIL_DOMAIN, domain): min(of) for domain, of in declaring.items() if len(of) == 1}


def _tied_by_people(
    said: list[_Said], rule: str, tied: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    """What of this kind of evidence its people tie to a company, beyond what is `tied`."""
    company: dict[int, set[str]] = defaultdict(set)
    people: dict[str, set[int]] = defaultdict(set)
    for row in said:
        if (name := tied.get((row["rule"], row["about"]))) is not None:
            company[row["person_key"]].add(name)
        if row["rule"] == rule and (rule, row["about"]) not in tied:
            people[row["about"]].add(row["person_key"])
    found = {}
    for about, persons in people.items():
        told = [company[person] for person in persons if person in company]
        counts = Counter(name for names in told for name in names)
        name, most = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        is_enough = rule == ORGANIZATION or most * 2 >= len(persons)
        if most * 2 > len(told) and is_enough:
            found[rule, about] = name
    return found


def _rank(row: _Said | None) -> tuple[int, Any, str]:
    if row is None:
        return -len(EVIDENCE), 0, ""
    return -EVIDENCE.index(row["rule"]), row["observed_at"].timestamp(), row["contact_id"]


def _when(row: _Said) -> tuple[Any, str, str]:
    return row["observed_at"], row["contact_id"], row["value"]


def _account(
    key: int,
    name: str,
    said: list[_Said],
    organizations: list[_Said],
    company_of: Mapping[tuple[str, str], str],
    members: Mapping[int, _Said],
) -> _Said:
    theirs = [row for row in said if company_of.get((row["rule"], row["about"])) == name]
    spellings = Counter(row["value"] for row in theirs if row["rule"] == COMPANY)
    of_kind = {
        rule: sorted(about for (kind, about), of in company_of.items() if (kind, of) == (rule, name))
        for rule in (EMAIL_DOMAIN, ORGANIZATION)
    }
    bodies = set(of_kind[ORGANIZATION])
    spellings.update(
        body["name"] for body in organizations if body["organization"] in bodies and body["name"]
    )
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


def _member(key: int, row: _Said, title: _Said | None) -> _Said:
    role, role_rule = role_of(title["value"]) if title else (None, None)
    return {
        "account_key": key,
        **{name: row[name] for name in ("person_key", "rule", "vendor", "contact_id", "observed_at")},
        "role": role,
        "role_rule": role_rule,
        "role_contact_id": title["contact_id"] if title else None,
    }
