"""The dimensions, each declared once. To add one, add it here and name it in the KPIs shown by it."""

from journey_platform.kpis.definition import EVERYTHING, SEGMENT, Dimension, each, that

_DECLARED = (
    Dimension(name=EVERYTHING, meaning="nothing is divided", value=each),
    Dimension(
        name="traffic_channel", meaning="channel of the visit's first action", value=that("traffic_channel")
    ),
    Dimension(
        name="campaign", meaning="the mailing, or the campaign that a visit names", value=that("campaign")
    ),
    Dimension(name="device", meaning="kind of device, as the web analytics tells it", value=that("device")),
    Dimension(name="landing_page", meaning="first page of the visit", value=that("landing_page")),
    Dimension(name="page", meaning="path of the page", value=that("page")),
    Dimension(name="sold", meaning="where it was sold: web, store or phone", value=that("sold")),
    Dimension(name="code", meaning="promo code or secret password, in capitals", value=that("code")),
    Dimension(name="matched", meaning="what an order is matched with", value=that("matched")),
    Dimension(name="currency", meaning="currency of the money", value=that("currency")),
    Dimension(name="platform", meaning="network of the post, site of the review", value=that("platform")),
    Dimension(name="brand", meaning="own brand, or a competitor by its tag", value=that("brand")),
    Dimension(name="survey", meaning="the survey", value=that("survey")),
    Dimension(name="scale", meaning="scale of the score: csat_5 or csat_7", value=that("scale")),
    Dimension(name="answer", meaning="what was answered", value=that("answer")),
    Dimension(name="reason", meaning="stated reason of the contact", value=that("reason")),
    Dimension(
        name="channel", meaning="where it was written: ticket, survey or social", value=that("channel")
    ),
    Dimension(name="topic", meaning="what the text is about", value=that("topic")),
    Dimension(name="company", meaning="name of the account that is counted", value=that("company")),
    Dimension(name="shape", meaning="shape of the account's journey", value=that("shape")),
    Dimension(name="outcome", meaning="what became of a contract: renewed or ended", value=that("outcome")),
    Dimension(name="feature", meaning="feature of the product, as it was told", value=that("feature")),
    Dimension(
        name="phase",
        meaning="when a member was invited: roll-out, or steady 30 days later",
        value=that("phase"),
    ),
    Dimension(name="account", meaning="company of the person", value=that("company"), is_of_person=True),
    Dimension(name="plan", meaning="plan of the person", value=that("plan"), is_of_person=True),
    Dimension(
        name=SEGMENT,
        meaning="declared segment of people; a person counts in each of theirs",
        value=that("segment"),
        is_of_person=True,
    ),
    Dimension(name="country", meaning="country of the person", value=that("country"), is_of_person=True),
)

DIMENSIONS: dict[str, Dimension] = {dimension.name: dimension for dimension in _DECLARED}
