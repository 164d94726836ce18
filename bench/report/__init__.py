"""A record goes in; tables, charts and verdicts on the goals come out.

`pages` loads the record of `bench.measure`. `tables` and `units` write its numbers in Markdown,
`goals` says which speeds are reached, and `chart` draws the figures. The results are the report
and the table of docs/speed.md.
"""
