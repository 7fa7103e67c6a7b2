"""Matches: the scored pairs that are kept, brought up to date, handed to `resolve`, and listed for people.

How a pair is weighed is in `scoring`; what becomes of a link, in `identity.resolve`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.identity.keys import profile_ids
from journey_platform.identity.links import EVIDENCE
from journey_platform.identity.policy import PROBABILISTIC
from journey_platform.identity.probabilistic.model import Model
from journey_platform.identity.probabilistic.scoring import LINK, SCORED_PAIRS, score
from journey_platform.tables import LINK_REVIEW, PROBABILISTIC_LINKS


def scored_again(
    records: pa.Table, matched: pa.Table, model: Model, kept: pa.Table, known: pa.Table
) -> pa.Table:
    """`tables.PROBABILISTIC_LINKS` of all records, where only new or changed ones are scored.

    `matched`: `tables.MATCHED_RECORDS` of `records`; `kept` and `known`: both tables as the same model left
    them, or empty. Equal to scoring everything.
    """
    before = pa.table({"record": known["record"], "before": known["fingerprint"]})
    place = pc.index_in(matched["record"], before["record"].combine_chunks())
    is_same = pc.fill_null(pc.equal(before["before"].take(place), matched["fingerprint"]), False)
    new = matched["record"].filter(pc.invert(is_same)).combine_chunks()
    same = matched["record"].filter(is_same).combine_chunks()
    both_same = pc.and_(pc.is_in(kept["left_record"], same), pc.is_in(kept["right_record"], same))
    pairs = kept.filter(both_same).select(SCORED_PAIRS.names).cast(SCORED_PAIRS)
    if len(new):
        pairs = pa.concat_tables([pairs, score(records, model, new=new if len(same) else None)])
    return _between_identifiers(
        pairs.sort_by([("left_record", "ascending"), ("right_record", "ascending")]), matched
    )


def evidence(matches: pa.Table) -> pa.Table:
    """The matches of the band "link" (`tables.PROBABILISTIC_LINKS`) as `links.EVIDENCE`, for `resolve`.

    A link's weight is the probability of its surest pair of records.
    """
    sure = matches.filter(pc.equal(matches["band"], LINK))
    sure = sure.filter(pc.not_equal(sure["left_key"], sure["right_key"]))
    if not sure.num_rows:
        return EVIDENCE.empty_table()
    ends = np.sort(np.stack([sure[f"{side}_key"].to_numpy() for side in ("left", "right")]), axis=0)
    moment = sure["first_seen"].cast(pa.int64()).to_numpy()
    order = np.lexsort((np.arange(len(moment)), moment, ends[1], ends[0]))
    _, starts = np.unique(ends[:, order], axis=1, return_index=True)
    counts = np.diff(np.append(starts, len(order)))
    earliest = sure.take(pa.array(order[starts]))
    given = {
        "left_key": pa.array(ends[0, order[starts]]),
        "right_key": pa.array(ends[1, order[starts]]),
        "rule": pa.repeat(pa.scalar(PROBABILISTIC), len(starts)),
        "weight": pa.array(np.maximum.reduceat(sure["probability"].to_numpy()[order], starts)),
        "records": pa.array(counts.astype(np.int64)),
        "example": earliest["left_record"],
        "first_seen": earliest["first_seen"],
        "last_seen": pa.array(np.maximum.reduceat(moment[order], starts)).cast(earliest["first_seen"].type),
    }
    return pa.table([given[name] for name in EVIDENCE.names], schema=EVIDENCE)


def review(matches: pa.Table, identifiers: pa.Table) -> pa.Table:
    """`tables.LINK_REVIEW`: the matches whose records belong to two profiles.

    `identifiers`: `tables.IDENTIFIERS_TABLE`, as resolved with these matches. A match of the band "link" that
    is listed was refused by a limit or a decision.
    """
    persons = [_person(matches[f"{side}_key"], identifiers) for side in ("left", "right")]
    is_open = pc.fill_null(pc.not_equal(*persons), False)
    shown = matches.filter(is_open)
    left, right = (person.filter(is_open).to_pylist() for person in persons)
    given = {
        **{name: shown[name] for name in shown.schema.names},
        "left_profile": pa.array(profile_ids(left), pa.string()),
        "right_profile": pa.array(profile_ids(right), pa.string()),
    }
    schema = LINK_REVIEW.schema
    return pa.table([given[name] for name in schema.names], schema=schema)


def _between_identifiers(pairs: pa.Table, matched: pa.Table) -> pa.Table:
    """Scored pairs with the identifiers of both records; pairs without on either side are left out."""
    records = matched["record"].combine_chunks()
    places = [pc.index_in(pairs[f"{side}_record"], records) for side in ("left", "right")]
    keys = [matched["identifier_key"].take(place) for place in places]
    seen = [matched["observed_at"].take(place) for place in places]
    given = {
        **{name: pairs[name] for name in SCORED_PAIRS.names},
        "left_key": keys[0],
        "right_key": keys[1],
        "first_seen": pc.if_else(pc.greater(*seen), *seen),
    }
    schema = PROBABILISTIC_LINKS.schema
    rows = pa.table([given[name] for name in schema.names], schema=schema)
    is_usable = pc.and_(pc.is_valid(rows["left_key"]), pc.is_valid(rows["right_key"]))
    return rows.filter(is_usable).combine_chunks()


def _person(keys: pa.ChunkedArray, identifiers: pa.Table) -> pa.ChunkedArray:
    place = pc.index_in(keys, identifiers["identifier_key"].combine_chunks())
    return identifiers["person_key"].take(place)
