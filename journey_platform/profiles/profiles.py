"""The unified customer: one row per person, from its identifiers and the attributes that survived.

How a value is chosen is in `survivorship`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.columns import Ints, gathered
from journey_platform.identity.keys import profile_ids
from journey_platform.identity.policy import POLICIES
from journey_platform.profiles.survivorship import RULES
from journey_platform.tables import PROFILES_TABLE

_CONSENT = "subscribed"


def profiles(identifiers: pa.Table, attributes: pa.Table) -> pa.Table:
    """`tables.PROFILES_TABLE` from the resolved identifiers and their `survivors`.

    A person is known when one of its identifiers is more than a device's.
    """
    held = identifiers.filter(identifiers["person_key"].is_valid()).combine_chunks()
    held = held.take(pc.sort_indices(held["person_key"]))
    persons, starts = np.unique(held["person_key"].to_numpy(), return_index=True)
    given_kinds = pa.array([kind for kind, policy in POLICIES.items() if not policy.is_anonymous])
    is_given = pc.is_in(held["kind"], given_kinds).to_numpy(zero_copy_only=False).astype(np.int64)
    moments = {name: held[name].cast(pa.int64()).to_numpy() for name in ("first_seen", "last_seen")}
    given = {
        "person_key": pa.array(persons),
        "profile_id": pa.array(profile_ids(persons.tolist()), pa.string()),
        "is_known": pa.array(_reduced(np.maximum, is_given, starts).astype(bool)),
        "identifiers": pa.array(np.diff(np.append(starts, held.num_rows)).astype(np.int64)),
        "vendors": _vendors(held["vendors"], held["person_key"].to_numpy(), persons),
        "first_seen": _moments(_reduced(np.minimum, moments["first_seen"], starts)),
        "last_seen": _moments(_reduced(np.maximum, moments["last_seen"], starts)),
        **{rule.attribute: _attribute(attributes, rule.attribute, persons) for rule in RULES},
    }
    given["may_email"] = pc.equal(given["email_status"], _CONSENT)
    schema = PROFILES_TABLE.schema
    return pa.Table.from_arrays([given[name] for name in schema.names], schema=schema)


def _attribute(attributes: pa.Table, name: str, persons: Ints) -> pa.Array:
    """The surviving value of each person; null where nobody said any."""
    said = attributes.filter(pc.equal(attributes["attribute"], name))
    place = pc.index_in(pa.array(persons), said["person_key"].combine_chunks())
    return said["value"].combine_chunks().take(place)


def _vendors(lists: pa.ChunkedArray, person_of_row: Ints, persons: Ints) -> pa.Array:
    """Each person's vendors, sorted."""
    whole = lists.combine_chunks()
    rows = pc.list_parent_indices(whole).to_numpy()
    return gathered(np.searchsorted(persons, person_of_row[rows]), pc.list_flatten(whole), len(persons))


def _reduced(function: np.ufunc, values: Ints, starts: Ints) -> Ints:
    return function.reduceat(values, starts) if len(starts) else values


def _moments(values: Ints) -> pa.Array:
    return pa.array(values).cast(PROFILES_TABLE.schema.field("first_seen").type)
