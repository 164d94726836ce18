"""Descents on sparse examples whose steps touch what a batch has entries for: lazy ones.

Such a descent trains a copy of the parameters, in which the first layer's W is by features, so that
what an entry needs lies side by side, see `kernels.network.lazy_rows`. The network has its own
layout whenever anybody looks at it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.sparse import Records
from ..kernels.formulas.adam_series import SERIES_SIZE
from ..kernels.formulas.missed_steps import KNOWN, LINEAR
from ..kernels.layers.operations import (
    BUFFER_UNITS,
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
    rows_of,
)
from ..kernels.layers.parts import LAYER, PART_COLUMNS, UNITS
from ..kernels.layers.sparse import FEATURES
from ..kernels.network import lazy_rows, problem
from ..kernels.network.entry_splits import find_splits
from ..machine.aligned import aligned_zeros
from ..optimizers import Optimizer
from . import buffers
from .buffers import OptimizerState
from .descent import Descent, Learner
from .marks import undivided
from .options import Options

Array = NDArray[Any]


def is_lazy(options: Options, train: Examples, learner: Learner) -> bool:
    """Whether a descent steps rows lazily: on sparse examples, in batches of a block a chunk, with
    options under which missed steps are known.

    Under others every row is stepped, as with dense examples: L1, L2 or a limit of norms in what is
    nonlinear in w, and batches so large that they have entries for nearly all rows.
    """
    optimizer = options.optimizer
    if not isinstance(train.X, Records) or options.compile or not isinstance(optimizer, Optimizer):
        return False
    penalised = options.l1 > 0 or options.weight_decay > 0
    clips = options.clip_norm is not None or options.clip_value is not None
    known = optimizer.name in (LINEAR if penalised else KNOWN) and not (penalised and clips)
    table = lazy_table(learner.table)
    layout = buffers.layout(options, train, learner.parameters, table)
    blocks = layout.batch_size <= layout.chunks * layout.lanes and layout.lanes > 1
    return known and options.max_norm is None and blocks and table is not learner.table


def lazy_table(table: Array) -> Array:
    """The table with lazy layers, and spare units for their δ as rows; itself if it has none."""
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
        row[[IN_STEP, TRANSPOSED]] = LAZY, row[BUFFER_UNITS]
        row[[WEIGHT_ROWS, ROW_WEIGHTS]] = row[FEATURES], d_out
        rows[:, BUFFER_UNITS] += d_out
    return rows.reshape(-1)


class ByFeatures:
    """Flat vectors with the W of lazy layers as (features, d_out), from (d_out, features)."""

    def __init__(self, table: Array) -> None:
        self._places = [
            (row[PARAMETERS], row[D_OUT], row[FEATURES])
            for row in table.reshape(-1, COLUMNS)
            if row[IN_STEP] == LAZY
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
    """A lazy descent on sparse examples; see `Descent`."""

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        table = lazy_table(learner.table)
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
        rows = self._model.table.reshape(-1, COLUMNS)
        for place in np.flatnonzero(rows[:, IN_STEP] == LAZY):
            rows[place, LAZY_NUMBERS] = self._lazy_numbers(int(place), train)

    def _lazy_numbers(self, place: int, train: Examples) -> int:
        """The address of the numbers of the lazy layer in this row of the table."""
        row, X = self._model.table.reshape(-1, COLUMNS)[place], train.X
        assert isinstance(X, Records)
        parts = self._model.parts.reshape(-1, PART_COLUMNS)
        own = parts[parts[:, LAYER] == place * COLUMNS]
        steps = -(-self._data.n // self._data.batch_size)
        seen = np.full(row[FEATURES], self._steps, np.uint32)
        visits = np.full(2 * (row[FEATURES] + len(own)) + lazy_rows.AHEAD, -1)
        splits = np.empty(len(X) * (len(own) + 1), np.int64)
        columns, values = X.matrix.columns, X.matrix.values
        address, part_features = columns.ctypes.data, int(own[0, UNITS])
        find_splits(splits, np.asarray(X).reshape(-1), address, part_features, len(own))
        corrections = np.zeros(len(own) * steps * 2)
        series = np.zeros(len(own) * SERIES_SIZE)
        numbers = np.zeros(lazy_rows.NUMBERS, np.int64)
        arrays = {
            lazy_rows.SEEN: seen, lazy_rows.VISITS: visits, lazy_rows.SPLITS: splits,
            lazy_rows.ENTRY_COLUMNS: columns, lazy_rows.CORRECTIONS: corrections,
            lazy_rows.SERIES: series,
        }  # fmt: skip
        for number, array in arrays.items():
            numbers[number] = array.ctypes.data
        numbers[lazy_rows.ENTRY_VALUES] = values.ctypes.data if values.size else 0
        sizes = [lazy_rows.PARTS, lazy_rows.PART_FEATURES, lazy_rows.STEPS]
        numbers[sizes] = len(own), part_features, steps
        self._kept_alive += [*arrays.values(), values, numbers]
        self._seen[f"seen_{place}"] = seen
        return int(numbers.ctypes.data)

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
