"""Made-up people with misspellings and gaps, as contacts and as person records; seeded."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from journey_platform.tables import contacts_table

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
FIRST = (
    "Anouk",
    "Bram",
    "Carla",
    "Daan",
    "Eva",
    "Femke",
    "Gijs",
    "Hanna",
    "Ivo",
    "Jelle",
    "Karin",
    "Lotte",
    "Mees",
)
LAST = (
    "Bakker",
    "de Boer",
    "Dekker",
    "Jansen",
    "Kuipers",
    "Mulder",
    "Peters",
    "Smit",
    "Visser",
    "Vos",
    "van Dijk",
)
CITIES = ("Delft", "Ede", "Gouda", "Hoorn", "Leiden", "Venlo", "Zeist")

Attributes = dict[str, str]


def people(count: int, seed: int) -> list[tuple[int, Attributes]]:
    """(person, what one record says of it): two persons to three records."""
    rng = random.Random(seed)
    persons = []
    for number in range(count * 2 // 3):
        first, last = rng.choice(FIRST), rng.choice(LAST)
        born = date(1940, 1, 1) + timedelta(days=rng.randrange(24_000))
        persons.append(
            {
                "name": f"{first} {last}",
                "email": f"{first}.{last.replace(' ', '')}{number}@mail.example".lower(),
                "phone": f"+316{10_000_000 + 7919 * number}",
                "date_of_birth": born.isoformat(),
                "city": rng.choice(CITIES),
                "postcode": str(1000 + rng.randrange(400)),
            }
        )
    told = []
    for place in range(count):
        person = place if place < len(persons) else rng.randrange(len(persons))
        said = {}
        for kind, value in persons[person].items():
            if kind == "name" or rng.random() < 0.8:
                said[kind] = _misspelled(value, rng) if rng.random() < 0.08 and kind != "phone" else value
        told.append((person, said))
    return told


def contacts(
    told: Iterable[Attributes], *, start: int = 0, minutes: int = 0, keys: Sequence[int] | None = None
) -> pa.Table:
    """A help desk's statements, one per record: its user id is the record's identifier."""
    rows = []
    for place, said in enumerate(told):
        key = keys[place] if keys else start + place
        moment = START + timedelta(minutes=minutes + place)
        rows.append(
            {
                "day": START.date(),
                "contact_id": f"zendesk/users/{key}@{moment.isoformat()}",
                "observed_at": moment,
                "vendor": "zendesk",
                "stream": "users",
                "record_key": str(key),
                "identifiers": [{"kind": "zendesk_user_id", "value": str(1_000_000 + key)}],
                "attributes": [{"name": name, "value": value} for name, value in said.items()],
            }
        )
    return pa.Table.from_pylist(rows, schema=contacts_table("zendesk").schema)


def _misspelled(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
