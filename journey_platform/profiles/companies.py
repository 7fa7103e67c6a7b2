"""Which company a name, a vendor's organisation or a mail domain stands for.

Where a vendor keeps its organisations, these say their names and which domains are theirs. Another domain
counts only where half of its people are told to be of that company: no list of mailbox providers is ever
complete. Those that everybody knows are listed all the same, and are nobody's, whoever declares them. Who is
a member of what follows, with which role, is in `accounts`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

COMPANY, ORGANIZATION, EMAIL_DOMAIN = "company", "organization", "email_domain"
EVIDENCE = (COMPANY, ORGANIZATION, EMAIL_DOMAIN)
"""What ties a person to a company, the strongest first."""

_PROVIDERS = """
aol.com gmail.com gmx.de gmx.net googlemail.com hotmail.com icloud.com kpnmail.nl live.com me.com msn.com
outlook.com proton.me protonmail.com t-online.de web.de yahoo.com ymail.com ziggo.nl zoho.com
"""
MAILBOX_PROVIDERS = frozenset(_PROVIDERS.split())
"""Domains that are never a company's, whoever is on them."""
_LEGAL_FORMS = re.compile(r"[ ,]+(?:b\.?v\.?|n\.?v\.?|gmbh|ltd\.?|limited|inc\.?|llc|s\.?a\.?|ag|plc)$")

Said = dict[str, Any]
"""A statement about a person: person_key, `rule` (kind of evidence), `about` (the value, as compared), and
`is_default`: false for a further organisation, where the person may be a guest and vouches for nothing."""
Ties = Mapping[tuple[str, str], str]
"""(kind of evidence, value) -> the company it stands for, by its compared name."""


def compared(name: str) -> str:
    """A company's name without case, spaces and legal form."""
    return _LEGAL_FORMS.sub("", " ".join(name.lower().split()))


def ties(said: list[Said], organizations: list[Said]) -> Ties:
    """What each value in the statements, and in rows of `tables.ORGANIZATIONS`, stands for.

    A name stands for itself, an organisation and the domains that it declares for the company of its name.
    Any other organisation, and then domain, stands for the company that more than half of its people are told
    to be of who are told of any; of a domain, that must be half of all its people. An organisation whose
    people are told of none stands for the company of their domains, else for itself.
    """
    tied = {(COMPANY, row["about"]): row["about"] for row in said if row["rule"] == COMPANY}
    vouching = [row for row in said if row["is_default"]]
    tied |= _declared(vouching, organizations)
    for rule in (ORGANIZATION, EMAIL_DOMAIN, ORGANIZATION):
        tied |= _tied_by_people(vouching, rule, tied)
    for row in said:
        if row["rule"] == ORGANIZATION:
            tied.setdefault((ORGANIZATION, row["about"]), f"{ORGANIZATION} {row['about']}")
    return tied | _tied_by_people(vouching, EMAIL_DOMAIN, tied)


def _declared(said: list[Said], organizations: list[Said]) -> dict[tuple[str, str], str]:
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
        name, theirs = compared(body["name"]), people[body["organization"]]
        counts = Counter(company for person in theirs for company in named[person])
        elsewhere, most = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if most >= 2 and most * 2 > len(theirs) and not counts[name]:
            name = elsewhere
        tied[ORGANIZATION, body["organization"]] = name
        for domain in set(body["domains"]) - MAILBOX_PROVIDERS:
            declaring[domain].add(name)
    return tied | {(EMAIL_DOMAIN, domain): min(of) for domain, of in declaring.items() if len(of) == 1}


def _tied_by_people(
    said: list[Said], rule: str, tied: Mapping[tuple[str, str], str]
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
