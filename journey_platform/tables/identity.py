"""Who is who: identifiers, links, decisions and what became of them."""

import pyarrow as pa

from journey_platform.tables.table import DAY, KEYS, PROBABILISTIC_EVIDENCE, UTC_MICROSECONDS, Column, Table

IDENTIFIERS_TABLE = Table(
    key=("customers", "identifiers"),
    grain="identifier ever seen",
    columns=(
        Column("identifier_key", pa.int64(), "keyed hash of kind and normalised value", is_key=True),
        Column("kind", pa.string(), "email, phone, user_id, cookie_id, social_handle, zendesk_user_id, ..."),
        Column("value", pa.string(), "normalised value", is_personal=True),
        Column("first_seen", UTC_MICROSECONDS, "earliest observation"),
        Column("last_seen", UTC_MICROSECONDS, "latest observation"),
        Column("records", pa.int64(), "records that carry it"),
        Column("vendors", pa.list_(pa.string()), "whose records carry it, sorted"),
        Column("status", pa.string(), "active, shared, blocked, placeholder or invalid"),
        Column("reason", pa.string(), "why it does not link, if it does not"),
        Column("person_key", pa.int64(), "the profile it belongs to; null where it belongs to none"),
    ),
    sort_by=("identifier_key",),
    is_daily=False,
)

LINKS_TABLE = Table(
    key=("customers", "links"),
    grain="pair of identifiers that some record or rule ties together",
    columns=(
        Column("left_key", pa.int64(), "identifier_key, the smaller of the two", is_key=True),
        Column("right_key", pa.int64(), "identifier_key, the larger", is_key=True),
        Column(
            "rule",
            pa.string(),
            "decision, co_observed, probabilistic, or a declared rule as ticket_requester",
            is_key=True,
        ),
        Column("weight", pa.float64(), "how strong it is among links of its rule, from 0 to 1"),
        Column("records", pa.int64(), "records behind it"),
        Column("example", pa.string(), "vendor/stream/record_key of the earliest record"),
        Column("first_seen", UTC_MICROSECONDS, "earliest record"),
        Column("last_seen", UTC_MICROSECONDS, "latest record"),
        Column("is_accepted", pa.bool_(), "whether it joins profiles"),
        Column("reason", pa.string(), "the rule that refused it"),
    ),
    sort_by=("left_key", "right_key", "rule"),
    is_daily=False,
)

LINK_MODEL = Table(
    key=("customers", "link_model"),
    grain="trained model by which person records are compared; there is one, or none",
    columns=(
        Column("fingerprint", pa.string(), "names the model", is_key=True),
        Column("records", pa.int64(), "how many records it was trained for"),
        Column("model", pa.string(), "the model as JSON; no value in it is held by fewer than ten records"),
    ),
    sort_by=("fingerprint",),
    is_daily=False,
)

MATCHED_RECORDS = Table(
    key=("customers", "matched_records"),
    grain="person record that was compared with the others",
    columns=(
        Column("record", pa.string(), "vendor/stream/record_key", is_key=True),
        Column("identifier_key", pa.int64(), "the identifier that stands for it; null if none can"),
        Column("observed_at", UTC_MICROSECONDS, "when it was first told"),
        Column("fingerprint", pa.int64(), "keyed hash of what it says: tells whether it changed"),
    ),
    sort_by=("record",),
    is_daily=False,
)

_MATCH = (
    Column("left_record", pa.string(), "vendor/stream/record_key, the smaller of the two", is_key=True),
    Column("right_record", pa.string(), "the larger", is_key=True),
    Column("left_key", pa.int64(), "identifier_key that stands for the left record"),
    Column("right_key", pa.int64(), "the same for the right"),
    Column("probability", pa.float64(), "that both are one person, by the model"),
    Column("weight", pa.float64(), "log2 of its odds"),
    Column("band", pa.string(), "link: sure enough to join; review: for people to decide"),
    Column(
        "evidence",
        PROBABILISTIC_EVIDENCE,
        "per attribute that both fill, how they compare and the bits it adds; no values",
    ),
    Column("first_seen", UTC_MICROSECONDS, "when both records were there"),
)

PROBABILISTIC_LINKS = Table(
    key=("customers", "probabilistic_links"),
    grain="pair of person records that are probably, or perhaps, one person",
    columns=_MATCH,
    sort_by=("left_record", "right_record"),
    is_daily=False,
)

LINK_REVIEW = Table(
    key=("customers", "link_review"),
    grain="pair of person records that may be one person, yet stand in two profiles",
    columns=(
        *_MATCH,
        Column("left_profile", pa.string(), "profile of the left record"),
        Column("right_profile", pa.string(), "profile of the right record"),
    ),
    sort_by=("left_record", "right_record"),
    is_daily=False,
)

DECISIONS = Table(
    key=("customers", "decisions"),
    grain="decision of a person about identifiers; never changed, only followed by another",
    columns=(
        DAY,
        Column("decision_id", pa.string(), "names the decision", is_key=True),
        Column("decided_at", UTC_MICROSECONDS, "when"),
        Column("action", pa.string(), "link, unlink, block, unblock or erase"),
        Column("left_key", pa.int64(), "identifier_key; of a pair, the smaller; null for erase"),
        Column("right_key", pa.int64(), "the pair's other; null but for link and unlink"),
        Column("who", pa.string(), "who decided"),
        Column("why", pa.string(), "the reason given", is_personal=True),
        Column("erased", KEYS, "of an erasure: kind and identifier_key of all that named the person"),
    ),
    sort_by=("day", "decided_at", "decision_id"),
)

ERASURES = Table(
    key=("customers", "erasures"),
    grain="table that an erasure went through, and day from which it removed rows; no personal data",
    columns=(
        Column("decision_id", pa.string(), "the decision that was carried out", is_key=True),
        Column("table", pa.string(), "the table", is_key=True),
        Column("of_day", pa.string(), "local day of the rows; all: the whole table", is_key=True),
        Column("rows_removed", pa.int64(), "rows that carried an identifier of the person"),
        Column("files_removed", pa.int64(), "data files of earlier versions; null on the row of a day"),
        Column("log_entries_removed", pa.int64(), "entries of the table's log; null on the row of a day"),
        Column("finished_at", UTC_MICROSECONDS, "when it was done; null: not finished, run it again"),
    ),
    sort_by=("decision_id", "table", "of_day"),
    is_daily=False,
)

PROFILE_REDIRECTS = Table(
    key=("customers", "profile_redirects"),
    grain="profile id that was given once and is no more, with the profile to look at instead",
    columns=(
        Column("person_key", pa.int64(), "the profile that is no more", is_key=True),
        Column("profile_id", pa.string(), "the same bits, as shown outside"),
        Column("to_person_key", pa.int64(), "the profile that holds the identifier it is named after"),
        Column("to_profile_id", pa.string(), "the same bits, as shown outside"),
        Column("since", UTC_MICROSECONDS, "when it was found to be no more"),
    ),
    sort_by=("person_key",),
    is_daily=False,
)

IDENTITY_EVENTS = Table(
    key=("customers", "identity_events"),
    grain="merge, split, renaming or release of profiles, per pair of profiles",
    columns=(
        DAY,
        Column("version", pa.int64(), "version of the identifiers that was left behind", is_key=True),
        Column("event", pa.string(), "merge, split, rename, or release: to nobody", is_key=True),
        Column("from_key", pa.int64(), "the profile before", is_key=True),
        Column("to_key", pa.int64(), "the profile after; the same as before where released", is_key=True),
        Column("happened_at", UTC_MICROSECONDS, "when it was found"),
        Column("identifiers", pa.int64(), "how many moved this way"),
        Column("cause", pa.string(), "the link that joined, or the rule that refused one"),
    ),
    sort_by=("day", "version", "event", "from_key", "to_key"),
)

IDENTITY_HEALTH = Table(
    key=("customers", "identity_health"),
    grain="measure of the identity graph, as it was on a day",
    columns=(
        DAY,
        Column("metric", pa.string(), "what is measured", is_key=True),
        Column("of", pa.string(), "of which kind, rule, reason or vendor; all", is_key=True),
        Column("value", pa.float64(), "the number"),
    ),
    sort_by=("day", "metric", "of"),
)
