"""What the platform says of its own runs: verdicts, reconciliation, coverage."""

import pyarrow as pa

from journey_platform.tables.table import DAY, Column, Table

GATE_VERDICTS = Table(
    key=("operations", "gate_verdicts"),
    grain="table, day and rule: what the rule said of the rows that were last offered for the day",
    columns=(
        DAY,
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

CANARIES = Table(
    key=("operations", "canaries"),
    grain="answer that is known of the canaries: a KPI, or who is who",
    columns=(
        Column("answer", pa.string(), "name of the KPI, or profiles", is_key=True),
        Column("compared", pa.int64(), "values that are known"),
        Column("equal", pa.int64(), "of those, that came out so"),
        Column("largest_difference", pa.float64(), "of a part of a value; null for profiles"),
    ),
    sort_by=("answer",),
    is_daily=False,
)

REFERENCES = Table(
    key=("operations", "references"),
    grain="rule between two streams and day: whether the records that are named are there",
    columns=(
        DAY,
        Column("table", pa.string(), "the stream whose rows name others", is_key=True),
        Column("rule", pa.string(), "the rule's name", is_key=True),
        Column("refers_to", pa.string(), "the stream whose records are named"),
        Column("severity", pa.string(), "error or warn"),
        Column("checked", pa.int64(), "rows that name one"),
        Column("waiting", pa.int64(), "of those, newer than the other stream's last answer: not judged yet"),
        Column("failed", pa.int64(), "of those, naming a record that is not there"),
        Column("verdict", pa.string(), "passed, failed or error (not evaluated)"),
    ),
    sort_by=("day", "table", "rule"),
)

RECONCILIATION = Table(
    key=("operations", "reconciliation"),
    grain="figure that a vendor counts itself, or that a pull brought, beside ours",
    columns=(
        DAY,
        Column("source", pa.string(), "vendor/stream that our figure is counted from", is_key=True),
        Column("measure", pa.string(), "what is counted", is_key=True),
        Column("subject", pa.string(), "all, or the mailing", is_key=True),
        Column("theirs", pa.int64(), "as the vendor counts it; of records, how many the last pull received"),
        Column("ours", pa.int64(), "as the records say that we may use"),
        Column("quarantined", pa.int64(), "records that we received and may not use"),
        Column("duplicates", pa.int64(), "records that came again, and count once here"),
        Column("tolerance", pa.int64(), "largest rest that is no finding"),
        Column("explained", pa.int64(), "part of the difference that quarantine and duplicates account for"),
        Column("unexplained", pa.int64(), "the rest where it is beyond the tolerance; 0: reconciled"),
    ),
    sort_by=("day", "source", "measure", "subject"),
)

COVERAGE = Table(
    key=("operations", "coverage"),
    grain="stream of events and day: what arrived of it and may be used",
    columns=(
        DAY,
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
