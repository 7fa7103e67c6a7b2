"""The assets of probabilistic links: the kept model, the matches, and those that people should look at.

They exist where JOURNEY_PROBABILISTIC_LINKS is on.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.defs.describe import report_table, spec, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.identity.probabilistic.matches import review, scored_again
from journey_platform.identity.probabilistic.model import Model
from journey_platform.identity.probabilistic.records import matched_records, person_records
from journey_platform.identity.probabilistic.training import is_outgrown, train
from journey_platform.stewardship.inputs import contact_tables
from journey_platform.tables import (
    IDENTIFIERS_TABLE,
    LINK_MODEL,
    LINK_REVIEW,
    MATCHED_RECORDS,
    PROBABILISTIC_LINKS,
)

_REVIEWED = (PROBABILISTIC_LINKS, IDENTIFIERS_TABLE)


class Matching(dg.Config):
    """`is_retrained`: learn a new model and score everything, though the kept one would still do."""

    is_retrained: bool = False


def matching_assets(sources: Sequence[str]) -> list[dg.AssetsDefinition]:
    """The matches before identity is resolved, and what is left to decide after it."""
    contacts = contact_tables(sources)
    made = {
        LINK_MODEL: "Kept over the runs, so that a pair weighs the same on every day. Trained anew when the "
        "records have doubled, fill other attributes, or a run asks for it.",
        MATCHED_RECORDS: "Only new and changed records are scored, against all.",
        PROBABILISTIC_LINKS: "Records compared by name, address, birth date and the like, with what weighs "
        "for and against. The band link joins profiles, within their limits.",
    }

    @whole_assets(
        "customers",
        "probabilistic_links",
        specs=[spec(table, group="customers", deps=contacts, note=note) for table, note in made.items()],
    )
    def matching(
        context: dg.AssetExecutionContext, config: Matching, platform: Platform
    ) -> Iterator[dg.MaterializeResult]:
        lake, run_id, spelling = platform.lake, context.run.run_id, platform.spelling
        said = [lake.read(table) for table in contacts]
        records = person_records(said, spelling)
        matched = matched_records(said, records, secret=platform.pseudonym_key(), spelling=spelling)
        kept = lake.read(LINK_MODEL)
        model = Model.from_json(kept["model"][0].as_py()) if kept.num_rows else None
        if model is None or config.is_retrained or is_outgrown(model, records):
            model = train(records)
        # A model's rows carry its name, so that a run cut short between two writes is scored in full.
        name = model.fingerprint if model else ""
        is_known = {table: lake.cursor(table) == name for table in (MATCHED_RECORDS, PROBABILISTIC_LINKS)}
        before = {t: lake.read(t) if all(is_known.values()) else t.empty() for t in is_known}
        links = (
            scored_again(records, matched, model, before[PROBABILISTIC_LINKS], before[MATCHED_RECORDS])
            if model
            else PROBABILISTIC_LINKS.empty()
        )
        bands = {f"pairs_{e['values']}": e["counts"] for e in links["band"].value_counts().to_pylist()}
        trained_for = model.records if model else 0
        rows = _model_row(model) if model else LINK_MODEL.empty()
        written = lake.replace_all(LINK_MODEL, rows, run_id=run_id)
        yield report_table(LINK_MODEL, written, {"trained_for": trained_for})
        written = lake.replace_all(PROBABILISTIC_LINKS, links, run_id=run_id, cursor=name)
        yield report_table(PROBABILISTIC_LINKS, written, bands)
        written = lake.replace_all(MATCHED_RECORDS, matched, run_id=run_id, cursor=name)
        yield report_table(MATCHED_RECORDS, written)

    @whole_assets(
        "customers",
        "review",
        specs=[
            spec(
                LINK_REVIEW,
                group="customers",
                deps=_REVIEWED,
                note="For people to decide, by `journey identity link` or `unlink`. One of the band link was "
                "refused by a limit or a decision.",
            )
        ],
    )
    @unless_standing(LINK_REVIEW, reads=_REVIEWED)
    def to_review(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake = platform.lake
        rows = review(lake.read(PROBABILISTIC_LINKS), lake.read(IDENTIFIERS_TABLE))
        refused = pc.sum(pc.equal(rows["band"], "link")).as_py() or 0
        yield whole.write(LINK_REVIEW, rows, {"refused": refused})

    return [matching, to_review]


def _model_row(model: Model) -> pa.Table:
    columns = [[model.fingerprint], [model.records], [model.to_json().decode()]]
    return pa.table(columns, schema=LINK_MODEL.schema)
