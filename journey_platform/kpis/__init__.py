"""KPIs: declared once in `catalogue`, counted by stage (`early`, `middle`, `late`), valued in `values`.

Counting is relational and pure: tables and days in, parts out. What happens when a published value changes is
not here.
"""
