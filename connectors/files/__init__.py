"""Files dropped in a folder: the source of any system that has no API.

`declaration` is what a folder says of its files, `cells` how one value is read, `tables` how one file is,
`drops` the connector. What the rows mean is declared in the same place and read by
`journey_platform.touchpoints.files`.
"""
