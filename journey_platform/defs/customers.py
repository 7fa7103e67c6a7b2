"""The assets of `customers`: the identity graph and the profiles. Whole tables, rewritten on change."""

from collections.abc import Sequence

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.defs import checks
from journey_platform.defs.describe import report_table, spec, whole_step
from journey_platform.defs.partitions import RANGE_POLICY
from journey_platform.defs.platform import Platform
from journey_platform.identity.observations import observations
from journey_platform.identity.resolve import resolve
from journey_platform.landing.ledger import gate_of
from journey_platform.landing.publish import publish_whole
from journey_platform.profiles.profiles import profiles
from journey_platform.profiles.survivorship import survivors
from journey_platform.quality.suites import suite_of
from journey_platform.tables import (
    IDENTIFIERS_TABLE,
    LINKS_TABLE,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILES_TABLE,
    contacts_table,
    touchpoints_table,
)
from journey_platform.touchpoints.vendors import MAPPINGS

_Two = tuple[dg.MaterializeResult, dg.MaterializeResult]
_SEEN_IN = ("vendor", "stream", "record_key", "occurred_at", "identifiers", "is_bot")


def customer_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """Identity, then profiles."""
    touchpoint_tables = [touchpoints_table(vendor) for vendor in sources]
    contact_tables = [contacts_table(vendor) for vendor in sources if MAPPINGS[vendor].CONTACT_STREAMS]

    guard = suite_of(PROFILES_TABLE)

    def seen(platform: Platform) -> pa.Table:
        read = platform.lake.read
        return observations(
            (read(table, columns=_SEEN_IN) for table in touchpoint_tables),
            (read(table) for table in contact_tables),
        )

    @dg.multi_asset(
        name=whole_step("customers", "identity"),
        backfill_policy=RANGE_POLICY,
        specs=[
            spec(
                IDENTIFIERS_TABLE,
                group="customers",
                deps=[*touchpoint_tables, *contact_tables],
                note="Who belongs to whom. A function of the set of records, not of the order they came in.",
            ),
            spec(
                LINKS_TABLE,
                group="customers",
                deps=[*touchpoint_tables, *contact_tables],
                note="Every accepted and every refused link, with the reason.",
            ),
        ],
    )
    def identity(context: dg.AssetExecutionContext, platform: Platform) -> _Two:
        resolution = resolve(seen(platform), secret=platform.pseudonym_key())
        run_id, lake = context.run.run_id, platform.lake
        links = lake.replace_all(LINKS_TABLE, resolution.links, run_id=run_id)
        identifiers = lake.replace_all(
            IDENTIFIERS_TABLE, resolution.identifiers, run_id=run_id, cursor=resolution.revision
        )
        status = resolution.identifiers["status"].value_counts().to_pylist()
        return (
            report_table(
                IDENTIFIERS_TABLE,
                identifiers,
                identity_revision=resolution.revision,
                **{f"identifiers_{entry['values']}": entry["counts"] for entry in status},
            ),
            report_table(LINKS_TABLE, links, links_refused=_count_false(resolution.links["is_accepted"])),
        )

    @dg.multi_asset(
        name=whole_step("customers", "profiles"),
        backfill_policy=RANGE_POLICY,
        specs=[
            spec(
                PROFILES_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contact_tables],
                note="Ids stay the same over rebuilds. Attributes are chosen by declared survivorship rules.",
            ),
            spec(
                PROFILE_ATTRIBUTES_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contact_tables],
                note="The provenance of every attribute that a profile shows.",
            ),
        ],
        check_specs=checks.rule_specs(PROFILES_TABLE, guard),
    )
    def unified(context: dg.AssetExecutionContext, platform: Platform) -> _Two:
        lake, run_id = platform.lake, context.run.run_id
        identifiers = lake.read(IDENTIFIERS_TABLE)
        attributes = survivors(
            (lake.read(table) for table in contact_tables), identifiers, secret=platform.pseudonym_key()
        )
        people = profiles(identifiers, attributes)
        gate = gate_of(lake, PROFILES_TABLE, guard, (), stands_on=platform.today())
        written = publish_whole(lake, PROFILES_TABLE, people, gate, run_id=run_id, today=platform.today())
        results = checks.rule_results(PROFILES_TABLE, guard, gate.verdicts)
        if written is None:
            raise dg.Failure(f"customers/profiles is held: {next(iter(gate.verdicts.values())).reason}")
        chosen = lake.replace_all(PROFILE_ATTRIBUTES_TABLE, attributes, run_id=run_id)
        known = people.num_rows - _count_false(people["is_known"])
        return (
            report_table(PROFILES_TABLE, written, results, known_customers=known),
            report_table(PROFILE_ATTRIBUTES_TABLE, chosen),
        )

    return [identity, unified]


def _count_false(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.invert(column)).as_py() or 0)
