"""The code location that Dagster loads."""

import gc
import os
import warnings

import dagster as dg

# Range runs are what a backfill of derived assets needs; Dagster marks their policy as beta at every use.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

from journey_platform import settings  # noqa: E402
from journey_platform.defs.build import build_definitions  # noqa: E402

# A run makes short-lived objects by the million beside many that stay: looking through those as often as by
# default takes an eighth of its processor time.
gc.set_threshold(50_000, 20, 50)

defs = build_definitions(settings.load(os.environ))
