"""The code location that Dagster loads."""

import os
import warnings

import dagster as dg

# Range runs are what a backfill of derived assets needs; Dagster marks their policy as beta at every use.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

from journey_platform import settings  # noqa: E402
from journey_platform.defs.build import build_definitions  # noqa: E402

defs = build_definitions(settings.load(os.environ))
