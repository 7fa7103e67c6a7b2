"""What was published when, and why it is other now: versions traced, causes told, values as of a time.

Everything here is read from the lake's commits; nothing is remembered beside them. What a restatement is, is
in `kpis.restatements`; which days a table computes is for `defs`.
"""
