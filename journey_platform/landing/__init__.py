"""From pages of records to the raw archive: staged, de-duplicated, gated, committed, counted.

`pull` is the way of a pull from its pages to its report, `page` what it takes from a connector, `erased` what
is left out of it for good, `staging` where its records wait on disk,
`quarantine` where rejected ones go, `report` how many went where, `checkpoint` where the next pull goes on.
How a vendor is read is in `connectors`; which rows may be used is in `quality`.
"""

from journey_platform.landing.checkpoint import checkpoint
from journey_platform.landing.page import Page
from journey_platform.landing.pull import land_events, land_versions
from journey_platform.landing.report import DayReport, LandingReport, Outcome

__all__ = ["DayReport", "LandingReport", "Outcome", "Page", "checkpoint", "land_events", "land_versions"]
