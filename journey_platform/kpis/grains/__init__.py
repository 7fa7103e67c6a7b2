"""What KPIs count: one row per visit, recipient, ticket, customer ... with what it may add and be divided by.

Each module builds some grains from the lake's tables. Which KPI counts which is in the catalogue.
"""
