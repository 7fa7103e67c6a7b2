"""Every table, declared once: grain, columns, types, keys and personal-data flags.

The writer, the quality suites, the column schema in the UI and the docs are made from these
declarations. How tables are stored is in `lake`; how rows are made is in the domain packages.
"""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
IDENTIFIERS = pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())]))
ATTRIBUTES = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
PROBABILISTIC_EVIDENCE = pa.list_(
    pa.struct([("attribute", pa.string()), ("comparison", pa.string()), ("weight", pa.float64())])
)


@dataclass(frozen=True)
class Column:
    """One column. `is_key` columns are never null; `is_personal` ones never reach metadata or statistics."""

    name: str
    type: pa.DataType
    meaning: str
    is_key: bool = False
    is_personal: bool = False


@dataclass(frozen=True)
class Table:
    """One table, one asset, one key.

    `grain` completes "One row per ...". `sort_by` is a total order of the rows within a day (it ends with the
    primary key), so that equal content gives equal bytes. A daily table has a `day` column and is
    partitioned by it. `fingerprint_without` names columns that say when we asked, not what was said.
    """

    key: tuple[str, ...]
    grain: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    is_daily: bool = True
    fingerprint_without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "/".join(self.key)

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [pa.field(c.name, c.type, nullable=not (c.is_key or c.name == "day")) for c in self.columns]
        )

    def empty(self) -> pa.Table:
        return self.schema.empty_table()


_DAY = Column("day", pa.date32(), "local day in the reporting zone")


def raw_table(vendor: str, stream: str, grain: str, *, is_entity: bool) -> Table:
    """The archive of one stream: what the vendor said, when we asked.

    An event stream has one row per key and day. An entity stream has one row per version: the same key may
    stand under several change times, and again when the vendor changed a record without saying so.
    """
    key = (
        Column("record_key", pa.string(), "the vendor's primary key, parts joined with ':'", is_key=True),
        Column(
            "occurred_at",
            UTC_MICROSECONDS,
            "when the vendor last changed the record; when we first saw it, if the vendor does not say"
            if is_entity
            else "when the event happened",
            is_key=is_entity,
        ),
        Column("extracted_at", UTC_MICROSECONDS, "when we asked"),
        Column("body", pa.string(), "the record as JSON, as sent", is_key=is_entity, is_personal=True),
    )
    return Table(
        key=("raw", vendor, stream),
        grain=grain,
        columns=(_DAY, *key),
        sort_by=("day", "record_key", "occurred_at", "body"),
        fingerprint_without=("extracted_at",),
    )


QUARANTINE = Table(
    key=("operations", "quarantine"),
    grain="row that failed a rule, per reason",
    columns=(
        Column("day", pa.date32(), "local day of the row; 1970-01-01 where its time cannot be read"),
        Column("table", pa.string(), "the table the row was meant for", is_key=True),
        Column("record_key", pa.string(), "the row's key, or a hash of its bytes", is_key=True),
        Column("reason", pa.string(), "the rule it failed", is_key=True),
        Column("field", pa.string(), "the field the rule looked at"),
        Column(
            "severity",
            pa.string(),
            "error: not used downstream; warn: used and listed here; excluded: sound, but never counted; "
            "held: sound, of a day that was not published",
        ),
        Column("run_id", pa.string(), "the run that put it here"),
        Column("body", pa.string(), "the whole row as JSON", is_personal=True),
        Column("occurred_at", UTC_MICROSECONDS, "the raw row's own time, where it has one"),
        Column("extracted_at", UTC_MICROSECONDS, "when the vendor was asked for the raw row"),
    ),
    sort_by=("day", "table", "record_key", "reason"),
    fingerprint_without=("run_id", "extracted_at"),
)

GATE_VERDICTS = Table(
    key=("operations", "gate_verdicts"),
    grain="table, day and rule: what the rule said of the rows that were last offered for the day",
    columns=(
        _DAY,
        Column("table", pa.string(), "the guarded table", is_key=True),
        Column("rule", pa.string(), "the rule's name", is_key=True),
        Column("field", pa.string(), "the check column or figure it looks at"),
        Column("severity", pa.string(), "error or warn"),
        Column(
            "checked", pa.int64(), "rows checked; for a rule about the day 1, or 0 where it has no history"
        ),
        Column("failed", pa.int64(), "rows, or days, that failed"),
        Column(
            "verdict", pa.string(), "passed, failed, error (not evaluated), held or accepted (by somebody)"
        ),
        Column("observed", pa.string(), "figures behind a rule about the day, as JSON"),
        Column("error", pa.string(), "why the rule could not be evaluated"),
        Column("fingerprint", pa.string(), "of the rows that were offered"),
        Column("suite", pa.string(), "version of the table's rules"),
        Column("run_id", pa.string(), "the run in which it was judged"),
    ),
    sort_by=("day", "table", "rule"),
    fingerprint_without=("run_id",),
)

RECONCILIATION = Table(
    key=("operations", "reconciliation"),
    grain="figure that a vendor counts itself, beside ours",
    columns=(
        _DAY,
        Column("source", pa.string(), "vendor/stream that our figure is counted from", is_key=True),
        Column("measure", pa.string(), "what is counted", is_key=True),
        Column("subject", pa.string(), "all, or the mailing", is_key=True),
        Column("theirs", pa.int64(), "as the vendor counts it"),
        Column("ours", pa.int64(), "as the records say that we may use"),
        Column("quarantined", pa.int64(), "records that we received and may not use"),
        Column("tolerance", pa.int64(), "largest difference that is no finding"),
        Column("unexplained", pa.int64(), "difference beyond quarantine and tolerance; 0: reconciled"),
    ),
    sort_by=("day", "source", "measure", "subject"),
)

COVERAGE = Table(
    key=("operations", "coverage"),
    grain="stream of events and day: what arrived of it and may be used",
    columns=(
        _DAY,
        Column("source", pa.string(), "vendor/stream", is_key=True),
        Column("status", pa.string(), "ok, open (rows may still come), held or missing"),
        Column("is_arrived", pa.bool_(), "the day was read, rows or none"),
        Column("settles_on", pa.date32(), "first day on which no more rows are expected"),
        Column("rows_offered", pa.int64(), "different records that the vendor gave last"),
        Column("rows_usable", pa.int64(), "of those that the day holds"),
        Column("usable_share", pa.float64(), "rows_usable per rows_offered; null where nothing was offered"),
        Column("persons", pa.int64(), "profiles whose touchpoints of this stream stand on the day"),
        Column("persons_known", pa.int64(), "of those with an identifier that a person gave"),
        Column("known_share", pa.float64(), "persons_known per persons; null where there are none"),
    ),
    sort_by=("day", "source"),
)


def touchpoints_table(vendor: str) -> Table:
    """One vendor's interactions in the canonical shape."""
    return Table(
        key=("touchpoints", vendor),
        grain=f"interaction of one person with the brand, as {vendor} recorded it",
        columns=(
            _DAY,
            Column(
                "touchpoint_id",
                pa.string(),
                "vendor/stream/record_key[#part]: leads back to the raw row",
                True,
            ),
            Column("occurred_at", UTC_MICROSECONDS, "when it happened"),
            Column("vendor", pa.string(), "who told us"),
            Column("stream", pa.string(), "the raw stream"),
            Column("record_key", pa.string(), "the raw record"),
            Column("channel", pa.string(), "web, email, ticket, survey or social"),
            Column("type", pa.string(), "what happened: page_view, order, email_open, ticket_created, ..."),
            Column(
                "identifiers",
                IDENTIFIERS,
                "who, and what about, as (kind, value) pairs as sent",
                is_personal=True,
            ),
            Column("visit_id", pa.string(), "the vendor's own visit"),
            Column("subject_id", pa.string(), "what was acted on: campaign, ticket, survey, post or order"),
            Column("page", pa.string(), "path of the page, without its query"),
            Column("traffic_channel", pa.string(), "channel group of the visit's source"),
            Column("source", pa.string(), "utm source or referrer"),
            Column("medium", pa.string(), "utm medium"),
            Column("campaign", pa.string(), "campaign name or id"),
            Column("reason", pa.string(), "stated reason: a ticket's topic, a survey's question"),
            Column("value", pa.float64(), "score, or money in `unit`"),
            Column("unit", pa.string(), "unit of `value`: nps, csat, a currency code"),
            Column("dwell_s", pa.float64(), "seconds spent, where measured"),
            Column("is_bot", pa.bool_(), "made by a declared robot"),
            Column("is_machine", pa.bool_(), "made by a machine for a person: a prefetched open"),
            Column("text", pa.string(), "what the person wrote", is_personal=True),
        ),
        sort_by=("day", "occurred_at", "touchpoint_id"),
    )


def contacts_table(vendor: str) -> Table:
    """What one vendor's person records say about people."""
    return Table(
        key=("contacts", vendor),
        grain=f"statement of {vendor} about a person: its identifiers and attributes at a time",
        columns=(
            _DAY,
            Column(
                "contact_id", pa.string(), "vendor/stream/record_key@time: leads back to the raw row", True
            ),
            Column("observed_at", UTC_MICROSECONDS, "when the vendor said so"),
            Column("vendor", pa.string(), "who told us"),
            Column("stream", pa.string(), "the raw stream"),
            Column("record_key", pa.string(), "the raw record"),
            Column("identifiers", IDENTIFIERS, "(kind, value) pairs as sent", is_personal=True),
            Column("attributes", ATTRIBUTES, "(name, value) pairs as sent", is_personal=True),
        ),
        sort_by=("day", "observed_at", "contact_id"),
    )


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
        Column("rule", pa.string(), "decision, co_observed, ticket_requester or probabilistic", is_key=True),
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
        _DAY,
        Column("decision_id", pa.string(), "names the decision", is_key=True),
        Column("decided_at", UTC_MICROSECONDS, "when"),
        Column("action", pa.string(), "link, unlink, block or unblock"),
        Column("left_key", pa.int64(), "identifier_key; of a pair, the smaller"),
        Column("right_key", pa.int64(), "the pair's other; null for block and unblock"),
        Column("who", pa.string(), "who decided"),
        Column("why", pa.string(), "the reason given", is_personal=True),
    ),
    sort_by=("day", "decided_at", "decision_id"),
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
        _DAY,
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
        _DAY,
        Column("metric", pa.string(), "what is measured", is_key=True),
        Column("of", pa.string(), "of which kind, rule, reason or vendor; all", is_key=True),
        Column("value", pa.float64(), "the number"),
    ),
    sort_by=("day", "metric", "of"),
)

PROFILES_TABLE = Table(
    key=("customers", "profiles"),
    grain="customer: a person, or an anonymous device that no record ties to a person yet",
    columns=(
        Column("person_key", pa.int64(), "64-bit key used inside", is_key=True),
        Column("profile_id", pa.string(), "stable id shown outside; the same bits as person_key"),
        Column("is_known", pa.bool_(), "has an identifier that a person gave: not only cookies"),
        Column("name", pa.string(), "survivor of the names seen", is_personal=True),
        Column("email", pa.string(), "survivor of the addresses seen", is_personal=True),
        Column("phone", pa.string(), "survivor of the numbers seen", is_personal=True),
        Column("country", pa.string(), "survivor of the countries seen"),
        Column("company", pa.string(), "survivor of the companies seen"),
        Column("plan", pa.string(), "survivor of the plans seen"),
        Column("email_status", pa.string(), "subscribed, unsubscribed, cleaned or null"),
        Column("may_email", pa.bool_(), "false where any address said no; null where none said anything"),
        Column("identifiers", pa.int64(), "how many identifiers it holds"),
        Column("vendors", pa.list_(pa.string()), "who knows this person, sorted"),
        Column("first_seen", UTC_MICROSECONDS, "earliest observation"),
        Column("last_seen", UTC_MICROSECONDS, "latest observation"),
    ),
    sort_by=("person_key",),
    is_daily=False,
)

HOUSEHOLDS_TABLE = Table(
    key=("customers", "households"),
    grain="member of a household: people told apart who share a mailbox or a number",
    columns=(
        Column("household_key", pa.int64(), "the smallest identifier_key of what they share", is_key=True),
        Column("person_key", pa.int64(), "the profile of a member", is_key=True),
        Column("members", pa.int64(), "how many profiles the household has"),
    ),
    sort_by=("household_key", "person_key"),
    is_daily=False,
)

PROFILE_ATTRIBUTES_TABLE = Table(
    key=("customers", "profile_attributes"),
    grain="attribute of a profile, with where its value comes from",
    columns=(
        Column("person_key", pa.int64(), "the profile", is_key=True),
        Column("attribute", pa.string(), "the profile's column", is_key=True),
        Column("value", pa.string(), "the value that survived", is_personal=True),
        Column("rule", pa.string(), "the survivorship rule that chose it"),
        Column("vendor", pa.string(), "who said so"),
        Column("contact_id", pa.string(), "the statement: leads back to the raw row"),
        Column("observed_at", UTC_MICROSECONDS, "when it was said"),
        Column("candidates", pa.int64(), "distinct values that were in the running"),
    ),
    sort_by=("person_key", "attribute"),
    is_daily=False,
)

JOURNEY_TOUCHPOINTS = Table(
    key=("journeys", "touchpoints"),
    grain="interaction, all vendors, with the profile it belongs to",
    columns=(
        _DAY,
        Column("person_key", pa.int64(), "the profile; null where no identifier could be used"),
        Column("occurred_at", UTC_MICROSECONDS, "when it happened"),
        Column("touchpoint_id", pa.string(), "leads back to the raw row", is_key=True),
        Column("device_key", pa.int64(), "identifier_key of the cookie, where there is one"),
        Column(
            "recipient_key", pa.int64(), "identifier_key of the mailing's recipient: two stay two if merged"
        ),
        *(
            column
            for column in touchpoints_table("").columns
            if column.name not in {"day", "touchpoint_id", "occurred_at", "identifiers", "text", "record_key"}
        ),
    ),
    sort_by=("day", "person_key", "occurred_at", "touchpoint_id"),
)

MAILINGS = Table(
    key=("journeys", "mailings"),
    grain="mailing, as its latest report tells it",
    columns=(
        Column("campaign_id", pa.string(), "the sender's id of the mailing", is_key=True),
        Column("day", pa.date32(), "local day on which it was sent"),
        Column("title", pa.string(), "what the sender calls it"),
        Column("sent_at", UTC_MICROSECONDS, "when it was sent"),
        Column("emails_sent", pa.int64(), "recipients"),
        Column("bounces", pa.int64(), "recipients it did not reach, hard and soft"),
        Column("delivered", pa.int64(), "recipients less bounces"),
    ),
    sort_by=("campaign_id",),
    is_daily=False,
)

SESSIONS = Table(
    key=("journeys", "sessions"),
    grain="visit: one device's page actions with no gap over 30 minutes, on the day it began",
    columns=(
        _DAY,
        Column("session_id", pa.string(), "touchpoint_id of its first action", is_key=True),
        Column("person_key", pa.int64(), "the profile"),
        Column("device_key", pa.int64(), "the device"),
        Column("started_at", UTC_MICROSECONDS, "first action"),
        Column("ended_at", UTC_MICROSECONDS, "last action plus its dwell"),
        Column("page_views", pa.int64(), "pages viewed"),
        Column("actions", pa.int64(), "actions of every type"),
        Column("engaged_s", pa.float64(), "seconds with a measured dwell"),
        Column("heartbeats", pa.int64(), "ten-second beats within those dwells"),
        Column("orders", pa.int64(), "orders placed"),
        Column("revenue", pa.float64(), "money of those orders, in the site's currency"),
        Column("is_bounce_single_page", pa.bool_(), "exactly one page view"),
        Column("is_engaged_ga4", pa.bool_(), "over 10 s, or an order, or two page views"),
        Column("is_engaged_snowplow", pa.bool_(), "two page views, or two heartbeats, or an order"),
        Column("is_bot", pa.bool_(), "made by a declared robot"),
        Column("traffic_channel", pa.string(), "channel group of the first action"),
        Column("source", pa.string(), "source of the first action"),
        Column("campaign", pa.string(), "campaign of the first action"),
        Column("landing_page", pa.string(), "first page"),
        Column("exit_page", pa.string(), "last page"),
    ),
    sort_by=("day", "person_key", "started_at", "session_id"),
)


def kpis_table(stage: str) -> Table:
    """KPI values of one stage of the journey. A value is never alone."""
    return Table(
        key=("kpis", stage),
        grain=f"{stage}-stage KPI, period and dimension value",
        columns=(
            _DAY,
            Column("kpi", pa.string(), "name in the catalogue", is_key=True),
            Column("period", pa.string(), "day or week; a week stands on its Monday", is_key=True),
            Column("dimension", pa.string(), "all, or the dimension's name", is_key=True),
            Column("dimension_value", pa.string(), "all, or the dimension's value", is_key=True),
            Column("definition_version", pa.int64(), "version of the definition"),
            Column("numerator", pa.float64(), "part above the line"),
            Column("denominator", pa.float64(), "part below the line; null for a count"),
            Column(
                "squares", pa.float64(), "sum of the units' squares, for the interval of a mean; else null"
            ),
            Column("n", pa.int64(), "units the value rests on"),
            Column("value", pa.float64(), "null where the denominator is zero"),
            Column("lower", pa.float64(), "95 % interval"),
            Column("upper", pa.float64(), "95 % interval"),
            Column("unit", pa.string(), "ratio, count, score or a currency code"),
            Column("coverage", pa.float64(), "share of the sources' days that arrived, 0 to 1"),
            Column("status", pa.string(), "ok, open (may still change), partial, held or missing"),
            Column("matures_on", pa.date32(), "first day on which it no longer changes by itself"),
            Column(
                "identity_revision", pa.string(), "fingerprint of the identity graph it was computed with"
            ),
        ),
        sort_by=("day", "kpi", "period", "dimension", "dimension_value"),
        fingerprint_without=("identity_revision",),
    )
