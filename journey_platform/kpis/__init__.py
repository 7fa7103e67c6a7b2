"""KPIs: declared by stage (`early`, `middle`, `late`), counted in `parts` from `grains`, valued in `values`.

Counting is relational and pure: tables and days in, parts out. What happens when a published value changes is
not here.
"""
