"""Raw records of each vendor, made into touchpoints and contacts: one file per vendor, one shared driver.

Who the people are is decided in `identity`; what the records mean together, in `journeys`.
"""
