"""The asset `kpis/overview`: all KPIs at a glance, as pictures beside it in the UI."""

from datetime import date, timedelta

import dagster as dg

from journey_platform.defs.describe import asset_key, whole_assets
from journey_platform.defs.platform import Platform
from journey_platform.kpis.catalogue import STAGES
from journey_platform.kpis.pictures import nps_picture, stage_picture
from journey_platform.tables import kpis_table

KEY = dg.AssetKey(["kpis", "overview"])
_DAYS = 90
_COLUMNS = ("day", "kpi", "period", "dimension", "dimension_value", "value", "lower", "upper")


def overview_asset() -> dg.AssetsDefinition:
    """No table: the pictures are its metadata, made anew by each run."""

    @whole_assets(
        *KEY.path,
        specs=[
            dg.AssetSpec(
                KEY,
                deps=[asset_key(kpis_table(stage)) for stage in STAGES],
                description=f"One picture per stage: a line for each KPI over {_DAYS} days, and the net "
                "promoter score with its interval. The values are in the tables of the stages.",
                group_name="kpis",
                kinds={"svg"},
            )
        ],
    )
    def drawn(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
        today = platform.today()
        days: list[date] = [today - timedelta(days=n) for n in range(_DAYS, 0, -1)]
        of = {stage: platform.lake.read(kpis_table(stage), days, columns=_COLUMNS) for stage in STAGES}
        pictures = {"nps": nps_picture(of["late"])}
        pictures |= {f"{stage}_stage": stage_picture(of[stage], stage) for stage in STAGES}
        context.log.info("%d pictures drawn", len(pictures))
        return dg.MaterializeResult(
            asset_key=KEY,
            metadata={name: dg.MetadataValue.md(shown.markdown(name)) for name, shown in pictures.items()},
        )

    return drawn
