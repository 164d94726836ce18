"""The tests, in folders that mirror those of the code; what crosses folders stands here.

Two oracles in naive float64 NumPy serve all folders: `reference` for chains of dense layers and
`graph_reference` for graphs. Tests of this folder check them by central differences.
`strategies` and `graph_strategies` draw cases for hypothesis, and `tolerances` says how close two
results must be.
"""
