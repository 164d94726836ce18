"""Descents on a GPU: what `Descent` does, with the CUDA kernels as its driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..cuda import launch as cuda_launch
from ..cuda.arrays import flat, on_device
from ..cuda.memory import Memory, total_bytes
from ..cuda.streaming import Stream, batches_of_slab
from ..kernels.cuda.network.problem import Dataset, Header
from ..kernels.layers.operations import rows_of
from ..kernels.network import problem
from . import buffers
from .descent import Descent
from .marks import undivided

Array = NDArray[Any]


class CudaDescent(Descent):
    """One descent on the GPU; see `Descent`."""

    _device = "cuda"

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        train: Examples,
        validation: Examples | None,
        layout: buffers.Layout,
    ) -> None:
        settings, state = self._settings, self._state
        units = settings.units
        batch, size = layout.batch_size, parameters.size
        empty = np.empty(0, parameters.dtype)
        nothing = Examples(empty.reshape(0, 1), empty.reshape(0, 1), empty)
        no_order = np.empty(0, np.int64)
        order = np.arange(len(train.X)) if layout.shuffle else no_order
        self._data = rows(train, order, batch)
        self._validation = rows(validation or nothing, no_order, 0)
        self._model = problem.Model(table, no_order, parameters, *[empty] * 6)
        self._cut = cuda_launch.cut(
            batch, table, size, units, parameters.itemsize,
            precision=self._options.precision,
        )  # fmt: skip
        self._work = cuda_launch.work(self._cut, size, batch)
        shape = Shape(table, size, units, [state.first.size, state.second.size])
        counts = Counts(self._data.n, self._validation.n, train.weights.size > 0)
        header = packed_header(self._cut, shape, counts, settings, layout)
        others = total_bytes(header, parameters.itemsize) + order.nbytes  # for the next epoch
        slab = batches_of_slab(train, validation, batch, others)
        self._stream = Stream(train, order, state, batch, slab) if slab else None
        if self._stream:
            # The host puts the examples in order, and keeps the generator.
            header = header._replace(shuffled=0, held=2 * slab)
            state, order = state._replace(generator=state.generator.copy()), no_order
        self._memory = Memory(header, settings, table, parameters, state, order)

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        there = self._memory.upload()
        data, held_out = self._data, self._validation
        train = self._stream.begin() if self._stream else self._on_device(data)
        examples = cuda_launch.Datasets(train, self._on_device(held_out))
        if self._cut.kind == "alone":
            launch = cuda_launch.alone(self._cut, there, examples)
        else:
            own = problem.Problem(self._model, data, held_out, self._state, self._settings)
            shuffled = bool(data.order.size and not self._stream)
            launch = cuda_launch.together(self._cut, own, there, examples, shuffled)

        def run(rounds: int) -> None:
            launch(rounds)
            self._memory.download_progress()

        try:
            if self._stream:
                yield partial(self._stream.run, launch, self._memory.download_progress)
            else:
                yield run
        finally:
            undivided(self._complete)

    def _on_device(self, data: problem.Data) -> Dataset:
        """The examples on the GPU."""
        return dataset_of(self._model.parameters.dtype, data.inputs, data.targets, data.weights)

    def _complete(self, *names: str) -> None:
        self._memory.download(names)
        if self._stream:
            self._stream.settle()


def rows(examples: Examples, order: Array, batch_size: int) -> problem.Data:
    """The examples as the user's rows."""
    n = len(examples.X)
    return problem.Data(
        flat(examples.X),
        flat(examples.y),
        examples.weights,
        order,
        n,
        batch_size or max(n, 1),
        1,
        1,
        0,
        0,
        0,
    )


def dataset_of(dtype: Any, *arrays: Any) -> Dataset:
    """The arrays x, y and weights, flat, on the GPU; one number in place of an empty one."""
    dummy = np.zeros(1, dtype)
    return Dataset(*(on_device(array if array.size else dummy) for array in arrays))


class Shape(NamedTuple):
    """The network as the buffers are laid out for it."""

    table: Array
    size: int  # parameters
    units: int
    vectors: Sequence[int]  # sizes of the optimizer's two


class Counts(NamedTuple):
    """How many examples there are."""

    n: int
    validation_n: int
    weighted: bool


def packed_header(
    cut: cuda_launch.Cut,
    shape: Shape,
    counts: Counts,
    settings: problem.Settings,
    layout: buffers.Layout,
) -> Header:
    """The integers that do not change."""
    layers = rows_of(shape.table)
    return Header(
        table_size=shape.table.size,
        size=shape.size,
        units=shape.units,
        d_in=layers[0].d_in,
        d_out=layers[-1].d_out,
        epochs=settings.epochs,
        lanes=cut.lanes,
        loss=settings.loss,
        mean=settings.mean,
        optimizer=settings.optimizer,
        dropout=settings.dropout,
        cpu_lanes=settings.lanes,
        n=counts.n,
        batch_size=layout.batch_size,
        held=-(-counts.n // layout.batch_size),
        validation_n=counts.validation_n,
        shuffled=layout.shuffle,
        validated=counts.validation_n > 0,
        weighted=counts.weighted,
        blocks=cut.blocks,
        groups=cut.groups,
        first_size=shape.vectors[0],
        second_size=shape.vectors[1],
        tile_size=cut.tile_size,
        stage=cut.stage,
    )
