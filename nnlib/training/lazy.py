"""Descents on sparse examples, whose gradients are sums over the entries of a batch.

Such a descent trains a copy of the parameters, in which the first layer's W is by features, so that
what an entry needs lies side by side, see `kernels.network.entry_sums`. The network has its own
layout whenever anybody looks at it. The step is lazy, and touches only the rows of W that a batch
has entries for (`kernels.network.lazy_rows`); where those are many, it is that of all rows.
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
    D_OUT,
    IN_STEP,
    LAZY,
    LAZY_NUMBERS,
    PARAMETERS,
    ROW_WEIGHTS,
    SPARSE,
    TRANSPOSED,
    WEIGHT_ROWS,
    Row,
    rows_of,
)
from ..kernels.layers.parts import FIRST, LAYER, PART_COLUMNS, PART_UNITS, parts_between
from ..kernels.layers.sparse import FEATURES
from ..kernels.network import entry_sums, lazy_rows, problem
from ..kernels.network.entry_splits import find_splits
from ..machine.aligned import aligned_zeros
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
# A row's step takes as long as the sums of so many entries.
_ROW_WORK = 4
# So many entries tell how often features come.
_LOOKED_AT = 100_000
# Multiples of the golden ratio are spread evenly between whole numbers.
_GOLDEN = (5**0.5 - 1) / 2
# Rows are listed by eights, the last of which may go beyond a part; rows are asked for beyond it.
_SLACK = 8 + lazy_rows.AHEAD


def is_lazy(options: Options, train: Examples, learner: Learner) -> bool:
    """Whether a descent may step rows lazily: on sparse examples, in batches of a block a chunk,
    with options under which missed steps are known.

    Under others every row is stepped, as with dense examples: L1, L2 or a limit of norms in what is
    nonlinear in w, and batches so large that they have entries for nearly all rows.
    """
    optimizer = options.optimizer
    if not isinstance(train.X, Records) or options.compile or not isinstance(optimizer, Optimizer):
        return False
    penalised = options.l1 > 0 or options.weight_decay > 0
    clips = options.clip_norm is not None or options.clip_value is not None
    known = optimizer.name in (LINEAR if penalised else KNOWN) and not (penalised and clips)
    table = table_by_features(learner.table, LAZY)
    layout = buffers.layout(options, train, learner.parameters, table)
    blocks = layout.batch_size <= layout.chunks * layout.lanes and layout.lanes > 1
    return known and options.max_norm is None and blocks and table is not learner.table


def steps_all_rows(options: Options, train: Examples) -> bool:
    """Whether batches have entries for so many features that a step of all rows takes less time."""
    assert isinstance(train.X, Records)
    own = train.X.matrix
    batch = min(options.batch_size or len(train.X), len(train.X))
    return batch * own.columns.size >= ENTRIES_A_FEATURE * own.features * (own.starts.size - 1)


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


def table_by_features(table: Array, in_step: int) -> Array:
    """The table with first layers whose W is by features, and spare units for their δ as rows.

    in_step says how they are stepped: LAZY or BY_ENTRIES. Without such layers it is `table` itself.
    """
    places = [
        place
        for place, row in enumerate(rows_of(table))
        if row.kind == SPARSE and row.learns and not row.shares
    ]
    if not places:
        return table
    rows = table.reshape(-1, COLUMNS).copy()
    for place in places:
        row, d_out = rows[place], rows[place, D_OUT]
        row[[IN_STEP, TRANSPOSED]] = in_step, row[BUFFER_UNITS]
        row[[WEIGHT_ROWS, ROW_WEIGHTS]] = row[FEATURES], d_out
        rows[:, BUFFER_UNITS] += d_out
    return rows.reshape(-1)


class ByFeatures:
    """Flat vectors with W as (features, d_out) in place of (d_out, features), where it reads X."""

    def __init__(self, table: Array) -> None:
        self._places = [
            (row[PARAMETERS], row[D_OUT], row[FEATURES])
            for row in table.reshape(-1, COLUMNS)
            if row[IN_STEP] in (LAZY, BY_ENTRIES)
        ]

    def made(self, values: Array) -> Array:
        """A copy by features, of what may be empty; a row of W of 64 bytes is one cache line."""
        result = aligned_zeros(values.size, values.dtype)
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
    """A descent on sparse examples with the first W by features; see `Descent`."""

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        in_step = BY_ENTRIES if steps_all_rows(options, train) else LAZY
        table = table_by_features(learner.table, in_step)
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
        table = self._model.table
        parts = self._model.parts.reshape(-1, PART_COLUMNS)
        for place, row in enumerate(rows_of(table)):
            if row.in_step not in (LAZY, BY_ENTRIES):
                continue
            layer = place * COLUMNS
            own = parts[:, LAYER] == layer
            assert isinstance(train.X, Records)
            bounds = even_bounds(train.X.matrix.columns, row.geometry_0, int(own.sum()))
            even = parts_between(layer, row, bounds.tolist())
            parts = np.concatenate([parts[~own], np.array(even, np.int64)])
            numbers = np.zeros(entry_sums.NUMBERS, np.int64)
            self._note_entries(numbers, train.X, bounds)
            if row.in_step == LAZY:
                self._note_rows(numbers, row, place, len(even))
            self._kept_alive.append(numbers)
            table[layer + LAZY_NUMBERS] = numbers.ctypes.data
        parts = parts[np.argsort(parts[:, FIRST], kind="stable")]
        self._model = self._model._replace(parts=parts.reshape(-1))

    def _note(self, numbers: Array, number: int, array: Array) -> None:
        """The address of an array, which is kept alive, as a layer's number."""
        numbers[number] = array.ctypes.data
        self._kept_alive.append(array)

    def _note_entries(self, numbers: Array, X: Records, bounds: Array) -> None:
        """The numbers of a layer that sums over entries make use of."""
        columns, values = X.matrix.columns, X.matrix.values
        splits = np.empty(len(X) * bounds.size, np.int64)
        find_splits(splits, np.asarray(X).reshape(-1), columns.ctypes.data, bounds)
        numbers[entry_sums.PARTS] = bounds.size - 1
        self._note(numbers, entry_sums.BOUNDS, bounds)
        self._note(numbers, entry_sums.SPLITS, splits)
        self._note(numbers, entry_sums.ENTRY_COLUMNS, columns)
        if values.size:
            self._note(numbers, entry_sums.ENTRY_VALUES, values)

    def _note_rows(self, numbers: Array, row: Row, place: int, parts: int) -> None:
        """The numbers of a layer that lazy steps make use of besides."""
        features, dtype = row.weight_rows, self._model.parameters.dtype
        optimizer = self._options.optimizer
        assert isinstance(optimizer, Optimizer)
        steps = -(-self._data.n // self._data.batch_size)
        tile = max(lazy_rows.TILE, row.d_out)
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
        for seen in self._seen.values():
            seen[:] = self._state.position[problem.STEP]

    def _inside(self, parameters: Array) -> Array:
        return self._by_features.made(parameters)

    def _complete(self, *names: str) -> None:
        if not names or "parameters" in names:
            self._users[:] = self._by_features.undone(self._model.parameters)
