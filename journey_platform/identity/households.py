"""Households: people whom their user ids tell apart, and who share a mailbox or a number.

What they share links nobody (`resolve` calls it shared); here it is read as what it often is. A company's
mailbox is no household's, and a screen may stand in a shop: devices tell nothing here.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.cut import components
from journey_platform.identity.policy import USER_ID
from journey_platform.tables import HOUSEHOLDS_TABLE

MOST_MEMBERS = 6
_KINDS = ("email", "phone")
_ROLES = (
    "admin",
    "billing",
    "contact",
    "finance",
    "hello",
    "help",
    "hr",
    "info",
    "it",
    "marketing",
    "office",
    "orders",
    "post",
    "reception",
    "sales",
    "service",
    "support",
    "team",
)
"""Mailboxes that are a role's: these before the @ tell of a company."""


def households(identifiers: pa.Table, links: pa.Table) -> pa.Table:
    """`tables.HOUSEHOLDS_TABLE` from the resolved identifiers and their links.

    Two to `MOST_MEMBERS` people seen in records with one shared identifier; those who share several are one
    household, and one that comes to more people than that is none.
    """
    shared = identifiers.filter(
        pc.and_(pc.equal(identifiers["status"], "shared"), pc.is_in(identifiers["kind"], pa.array(_KINDS)))
    )
    roles = rf"^(?:{'|'.join(_ROLES)})(?:[._+-][^@]*)?@"
    shared = shared.filter(pc.invert(pc.match_substring_regex(shared["value"], roles)))
    beside = _beside(identifiers, links, shared)
    thing, person = beside["thing"].to_numpy(), beside["person"].to_numpy()
    members = np.bincount(np.searchsorted(np.unique(thing), thing)) if len(thing) else np.empty(0, np.int64)
    is_small = np.isin(thing, np.unique(thing)[(members >= 2) & (members <= MOST_MEMBERS)])
    thing, person = thing[is_small], person[is_small]
    things, of_thing = np.unique(thing, return_inverse=True)
    people, of_person = np.unique(person, return_inverse=True)
    label = components(len(things) + len(people), of_thing.ravel(), len(things) + of_person.ravel())
    sizes = np.bincount(label[len(things) :], minlength=label.max(initial=-1) + 1)
    names = np.full(len(sizes), np.iinfo(np.int64).max)
    np.minimum.at(names, label[: len(things)], things)
    kept = np.flatnonzero(sizes[label[len(things) :]] <= MOST_MEMBERS)
    household = label[len(things) + kept]
    rows = pa.table([names[household], people[kept], sizes[household]], schema=HOUSEHOLDS_TABLE.schema)
    return rows.sort_by([(name, "ascending") for name in HOUSEHOLDS_TABLE.sort_by])


def _beside(identifiers: pa.Table, links: pa.Table, shared: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    """Distinct (shared identifier, person with a user id seen with it)."""
    is_user = pc.equal(identifiers["kind"], USER_ID)
    known = pc.unique(identifiers.filter(is_user)["person_key"].drop_null())
    found = [pa.table({"thing": pa.array([], pa.int64()), "person": pa.array([], pa.int64())})]
    for one, other in (("left_key", "right_key"), ("right_key", "left_key")):
        mine = links.filter(pc.is_in(links[one], shared["identifier_key"].combine_chunks()))
        place = pc.index_in(mine[other], identifiers["identifier_key"].combine_chunks())
        person = identifiers["person_key"].combine_chunks().take(place.combine_chunks())
        rows = pa.table({"thing": mine[one], "person": person})
        found.append(rows.filter(pc.is_in(rows["person"], known)))
    distinct: pa.Table = pa.concat_tables(found).group_by(["thing", "person"]).aggregate([])
    return {name: distinct[name] for name in distinct.column_names}
