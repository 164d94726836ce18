"""Descents whose batches touch some rows of W alone: on sparse examples, and with embeddings.

The step is lazy, and touches only the rows of W that a batch has entries for
(`kernels.network.lazy_rows`); where those are many, it is that of all rows.

The descent trains a copy of the parameters. On sparse examples the first layer's W is by features
there, so that what an entry needs lies side by side, see `kernels.network.entry_sums`. The network
has its own layout whenever anybody looks at it. An embedding's W has rows as it is; the entries of
an example are its numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.sparse import Records
from ..kernels.formulas.adam_series import SERIES_SIZE
from ..kernels.formulas.missed_steps import KNOWN, LINEAR, MAKE_UP_CONTRACT, MAKE_UPS
from ..kernels.layers.operations import (
    BUFFER_UNITS,
    BY_ENTRIES,
    COLUMNS,
    D_IN,
    D_OUT,
    EMBEDDING,
    IN_STEP,
    KIND,
    LAZY,
    LAZY_NUMBERS,
    LEARNS,
    PARAMETERS,
    ROW_WEIGHTS,
    SHARES,
    SPARSE,
    TRANSPOSED,
    WEIGHT_ROWS,
    Row,
    rows_of,
)
from ..kernels.layers.parts import FIRST, LAYER, PART_COLUMNS, PART_UNITS, parts_between
from ..kernels.layers.sparse import FEATURES
from ..kernels.network import entry_sums, lazy_rows, problem, row_copies
from ..kernels.network.entry_splits import find_splits
from ..machine.aligned import aligned_zeros, zeros_in_large_pages
from ..optimizers import Optimizer
from . import buffers
from .buffers import OptimizerState
from .descent import Descent, Learner
from .marks import undivided
from .options import Options

Array = NDArray[Any]

# With so many entries of a batch for each feature all rows are stepped. A row among all takes
# 13 ns, one of a list 60 to 90, for it comes from anywhere in memory, and many are visited twice.
ENTRIES_A_FEATURE = 0.5
# The same of an embedding, of which a list has rows that missed as many steps by twos and threes.
NUMBERS_A_ROW = 0.125
# A row's step takes as long as the sums of so many entries.
_ROW_WORK = 4
# So many entries tell how often features come.
_LOOKED_AT = 20_000
# Multiples of the golden ratio are spread evenly between whole numbers.
_GOLDEN = (5**0.5 - 1) / 2
# Rows are listed by eights, the last of which may go beyond a part; rows are asked for beyond it.
_SLACK = 8 + row_copies.AHEAD


def is_lazy(options: Options, train: Examples, learner: Learner) -> bool:
    """Whether a descent may step rows lazily: those of an embedding, of which batches have few, or
    on sparse examples in batches of a block a chunk; with options under which missed steps are
    known.

    Under others every row is stepped, as with dense examples: L1, L2 or a limit of norms in what is
    nonlinear in w, and batches so large that they have entries for nearly all rows.
    """
    optimizer = options.optimizer
    if options.compile or not isinstance(optimizer, Optimizer) or options.max_norm is not None:
        return False
    penalised = options.l1 > 0 or options.weight_decay > 0
    clips = options.clip_norm is not None or options.clip_value is not None
    known = optimizer.name in (LINEAR if penalised else KNOWN) and not (penalised and clips)
    table = table_by_rows(learner.table, options, train)
    if not known or table is learner.table:
        return False
    layout = buffers.layout(options, train, learner.parameters, table)
    blocks = layout.batch_size <= layout.chunks * layout.lanes and layout.lanes > 1
    return blocks or not isinstance(train.X, Records)


def in_batch(options: Options, n: int, entries: Any) -> Any:
    """How many of the entries a batch has, of n examples; or of several layers' entries."""
    return min(options.batch_size or n, n) * entries / n


def even_bounds(columns: Array, features: int, parts: int) -> Array:
    """Where parts of W begin, and where the last one ends, so that their steps take as long.

    columns (entries,) are the features of all entries. Words are mostly numbered by how frequent
    they are: of parts with as many features the first would have nearly all entries.

    >>> even_bounds(np.array([0] * 1000 + [1] * 500), 64, 2).tolist()
    [0, 16, 64]
    """
    size = columns.size
    if size > _LOOKED_AT:
        # Every so many would be the same one of each example, where all have as many.
        fractions = np.arange(_LOOKED_AT) * _GOLDEN % 1
        columns = columns[(fractions * size).astype(np.int64)]
    entries = np.bincount(columns, minlength=features) * (size / max(columns.size, 1))
    work = np.cumsum(entries + _ROW_WORK)
    cuts = np.searchsorted(work, work[-1] * np.arange(1, parts) / parts)
    whole = -(-(cuts + 1) // PART_UNITS) * PART_UNITS
    return np.unique([0, *whole[whole < features], features])


def table_by_rows(table: Array, options: Options, train: Examples) -> Array:
    """The table of a descent whose steps are of rows; without layers that have them, `table`.

    Embeddings are stepped lazily if batches have few of their numbers. First layers on sparse
    examples have W by features, and spare units for their δ as rows; they are stepped lazily, or
    by entries.
    """
    if isinstance(train.X, Records):
        return _table_by_features(table, options, train.X)
    rows, n = table.reshape(-1, COLUMNS), len(train.X)
    if (
        train.images or EMBEDDING not in rows[:, KIND].tolist()
    ):  # most descents, the shortest ones too
        return table
    places = _learning(rows, EMBEDDING)
    in_a_batch = in_batch(options, n, n * rows[places, D_IN])
    places = places[in_a_batch < NUMBERS_A_ROW * rows[places, WEIGHT_ROWS]]
    if not places.size:
        return table
    rows = rows.copy()
    rows[places, IN_STEP] = LAZY
    return rows.reshape(-1)


def _table_by_features(table: Array, options: Options, X: Records) -> Array:
    """The same on sparse examples."""
    places = _learning(table.reshape(-1, COLUMNS), SPARSE)
    if not places.size:
        return table
    own = X.matrix
    entries = in_batch(options, own.starts.size - 1, own.columns.size)
    way = BY_ENTRIES if entries >= ENTRIES_A_FEATURE * own.features else LAZY
    rows = table.reshape(-1, COLUMNS).copy()
    for place in places:
        row, d_out = rows[place], rows[place, D_OUT]
        row[[IN_STEP, TRANSPOSED]] = way, row[BUFFER_UNITS]
        row[[WEIGHT_ROWS, ROW_WEIGHTS]] = row[FEATURES], d_out
        rows[:, BUFFER_UNITS] += d_out
    return rows.reshape(-1)


def _learning(rows: Array, kind: int) -> Array:
    """Which rows of a table are of this kind, learn, and have their parameters to themselves."""
    own = (rows[:, KIND] == kind) & (rows[:, LEARNS] == 1) & (rows[:, SHARES] == 0)
    return np.flatnonzero(own)


def numbers_of(row: Row, X: Array) -> Array:
    """The numbers (n, positions) that an embedding has in each example, uint32, rising.

    >>> from nnlib.kernels.layers import embedding
    >>> numbers_of(embedding.row(3, 9, 2, 0, 0, -1), np.array([[5.0, 0.0, 12.0]])).tolist()
    [[0, 5, 8]]
    """
    first = -1 - row.source
    # They are checked, but what is the user's own memory may change: no number leads beyond W.
    numbers = np.clip(X[:, first : first + row.d_in], 0, row.weight_rows - 1).astype(np.uint32)
    numbers.sort(axis=1)
    return numbers


def splits_of(numbers: Array, bounds: Array) -> Array:
    """Where the parts of W begin among the numbers (n, positions) of each example, and end.

    >>> splits_of(np.array([[0, 5, 8]]), np.array([0, 4, 9])).tolist()
    [[0, 1, 3]]
    """
    n, positions = numbers.shape
    splits = np.empty((n, bounds.size), np.int64)
    for part, bound in enumerate(bounds):
        splits[:, part] = np.arange(n) * positions + (numbers < bound).sum(axis=1)
    return splits


class ByFeatures:
    """Flat vectors with W as (features, d_out) in place of (d_out, features), where it reads X."""

    def __init__(self, table: Array) -> None:
        self._places = [
            (row[PARAMETERS], row[D_OUT], row[FEATURES])
            for row in table.reshape(-1, COLUMNS)
            if row[KIND] == SPARSE and row[IN_STEP]
        ]

    def made(self, values: Array) -> Array:
        """A copy by features, of what may be empty; a row of W of 64 bytes is one cache line."""
        result = zeros_in_large_pages(values.size, values.dtype)
        result[:] = values
        if values.size:
            for first, d_out, features in self._places:
                part = slice(first, first + d_out * features)
                result[part] = values[part].reshape(d_out, features).T.reshape(-1)
        return result

    def undone(self, values: Array) -> Array:
        """A copy as users have it, of one by features."""
        result = values.copy()
        if values.size:
            for first, d_out, features in self._places:
                part = slice(first, first + d_out * features)
                result[part] = values[part].reshape(features, d_out).T.reshape(-1)
        return result


class LazyDescent(Descent):
    """A descent whose steps are of the rows of W that batches have; see `Descent`."""

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        table = table_by_rows(learner.table, options, train)
        self._by_features = own = ByFeatures(table)
        self._users = learner.parameters
        self._seen: dict[str, Array] = {}
        self._kept_alive: list[Array] = []  # what the numbers of lazy layers are addresses of
        self._steps = 0 if memory is None else memory.steps
        if memory is not None:
            memory = OptimizerState(
                memory.optimizer, own.made(memory.first), own.made(memory.second), memory.steps
            )
        learner = learner._replace(table=table, parameters=own.made(learner.parameters))
        super().__init__(learner, train, validation, options, memory)

    def run(self) -> Any:
        try:
            return super().run()
        finally:
            undivided(lambda: self._complete("parameters"))

    def memory(self) -> OptimizerState:
        found, own = super().memory(), self._by_features
        best, last = (None if one is None else own.undone(one) for one in (found.best, found.last))
        first, second = own.undone(found.first), own.undone(found.second)
        return OptimizerState(found.optimizer, first, second, found.steps, best, last)

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        train: Examples,
        validation: Examples | None,
        layout: buffers.Layout,
    ) -> None:
        super()._allocate(table, parameters, train, validation, layout)
        self._to_large_pages()
        table = self._model.table
        parts = self._model.parts.reshape(-1, PART_COLUMNS)
        for place, row in enumerate(rows_of(table)):
            if row.in_step not in (LAZY, BY_ENTRIES):
                continue
            layer = place * COLUMNS
            own = parts[:, LAYER] == layer
            numbers = np.zeros(entry_sums.NUMBERS, np.int64)
            bounds = self._note_entries(numbers, row, train.X, int(own.sum()))
            even = parts_between(layer, row, bounds.tolist())
            parts = np.concatenate([parts[~own], np.array(even, np.int64)])
            if row.in_step == LAZY:
                self._note_rows(numbers, row, place, len(even))
            self._kept_alive.append(numbers)
            table[layer + LAZY_NUMBERS] = numbers.ctypes.data
        parts = parts[np.argsort(parts[:, FIRST], kind="stable")]
        self._model = self._model._replace(parts=parts.reshape(-1))

    def _to_large_pages(self) -> None:
        """The arrays whose rows are read and written in the order of entries."""
        state, gradient = self._state, self._model.gradient
        first, second = (
            zeros_in_large_pages(one.size, one.dtype) for one in (state.first, state.second)
        )
        first[:], second[:] = state.first, state.second
        self._state = state._replace(first=first, second=second)
        gradient = zeros_in_large_pages(gradient.size, gradient.dtype)
        self._model = self._model._replace(gradient=gradient)

    def _note(self, numbers: Array, number: int, array: Array) -> None:
        """The address of an array, which is kept alive, as a layer's number."""
        numbers[number] = array.ctypes.data
        self._kept_alive.append(array)

    def _note_entries(self, numbers: Array, row: Row, X: Array, parts: int) -> Array:
        """Which features examples have entries for, by parts of W; returns where these begin."""
        if isinstance(X, Records):
            columns, values = X.matrix.columns, X.matrix.values
            bounds = even_bounds(columns, row.weight_rows, parts)
            splits = np.empty(len(X) * bounds.size, np.int64)
            find_splits(splits, np.asarray(X).reshape(-1), columns.ctypes.data, bounds)
            if values.size:
                self._note(numbers, entry_sums.ENTRY_VALUES, values)
        else:
            own = numbers_of(row, X)
            columns = own.reshape(-1)
            bounds = even_bounds(columns, row.weight_rows, parts)
            splits = splits_of(own, bounds)
        numbers[entry_sums.PARTS] = bounds.size - 1
        self._note(numbers, entry_sums.BOUNDS, bounds)
        self._note(numbers, entry_sums.SPLITS, splits)
        self._note(numbers, entry_sums.ENTRY_COLUMNS, columns)
        return bounds

    def _note_rows(self, numbers: Array, row: Row, place: int, parts: int) -> None:
        """The numbers of a layer that lazy steps make use of besides."""
        features, dtype = row.weight_rows, self._model.parameters.dtype
        optimizer = self._options.optimizer
        assert isinstance(optimizer, Optimizer)
        steps = -(-self._data.n // self._data.batch_size)
        tile = max(lazy_rows.TILE, row.row_weights)
        numbers[[entry_sums.STEPS, entry_sums.TILE_SIZE]] = steps, tile
        seen = np.full(features, self._steps, np.uint32)
        arrays: dict[int, Array] = {
            entry_sums.SEEN: seen,
            entry_sums.MARKS: np.zeros(features + _SLACK, np.uint8),
            entry_sums.LISTS: np.zeros(2 * features + _SLACK, np.int64),
            entry_sums.LISTED: np.zeros(2 * parts, np.int64),
            entry_sums.TILES: aligned_zeros(parts * 4 * tile, dtype),
            entry_sums.CORRECTIONS: np.zeros(parts * steps * 2),
            entry_sums.SERIES: np.zeros(parts * SERIES_SIZE),
        }
        for number, array in arrays.items():
            self._note(numbers, number, array)
        if optimizer.name in MAKE_UPS:
            address = MAKE_UP_CONTRACT.address(MAKE_UPS[optimizer.name], dtype)
            numbers[entry_sums.MAKE_UP] = address
        self._seen[f"seen_{place}"] = seen

    def _own_arrays(self) -> dict[str, Array]:
        return self._seen

    def _to_mark(self, epoch: int) -> None:
        """Between two epochs all rows are up to date."""
        super()._to_mark(epoch)
        self._model.gradient[:] = (
            0  # of an embedding's rows, of which a batch that ended early has some
        )
        for seen in self._seen.values():
            seen[:] = self._state.position[problem.STEP]

    def _inside(self, parameters: Array) -> Array:
        return self._by_features.made(parameters)

    def _complete(self, *names: str) -> None:
        if not names or "parameters" in names:
            self._users[:] = self._by_features.undone(self._model.parameters)
