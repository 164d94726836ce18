"""The kinds of layer, one file for each: the values of a layer go in, those of the next come out.

`operations` defines the row of integers by which a table names an operation, what it reads, its
parameters and its buffers. Each kind has `forward`, `delta` and `gradient` on one block of samples;
`kinds` is the table of them. `parts` cuts the parameters into what threads step side by side.
"""
