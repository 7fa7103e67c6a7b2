"""Touchpoints of all vendors with the person they belong to, and what they form together: sessions.

Kernels here take Arrow tables of whole persons and return Arrow tables; they never see an engine. Numbers
that are reported are in `kpis`.
"""
