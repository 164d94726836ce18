"""Networks to train on a GPU, the clock beside it, and the rows that come of both.

`cases` makes networks, data and starts. `program` compares a program's result with float64's,
then times it by `clock`, and writes a row of `rows` for the report.
"""
