"""Data larger than memory: rows in parts, read one after the other while a descent goes on.

A `Source` says how many rows its parts have and reads one of them: from arrays and memory maps
(`arrays`), from tables of Arrow (`arrow`) and files of Parquet (`parquet`), or from whatever gives
chunks (`chunks`). `Network.descent` takes a source in place of X and y; its thread (`ahead`) reads
the next part meanwhile.

>>> import numpy as np, nnlib
>>> x = np.linspace(0, 1, 1000)
>>> data = nnlib.data.arrays(x, 2 * x + 1, part_rows=300)
>>> data.rows, data.parts
(1000, (300, 300, 300, 100))
>>> net = nnlib.Network([1, 1], "identity", seed=0)
>>> history = net.descent(data, batch_size=100, learning_rate=0.5, epochs=60)
>>> net.weights[0].round(2), net.biases[0].round(2)
(array([[2.]]), array([1.]))
"""

from .arrays import arrays, memory_map
from .chunks import chunks
from .source import Rows, Source
from .tables import arrow, parquet

__all__ = ["Rows", "Source", "arrays", "arrow", "chunks", "memory_map", "parquet"]
