"""Descents on a GPU: what `Descent` does, with the CUDA kernels as its driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..cuda import launch as cuda_launch
from ..cuda.arrays import flat, on_device
from ..cuda.memory import Memory, total_bytes
from ..cuda.streaming import Stream, batches_of_slab
from ..kernels.cuda.network.problem import Header
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
        header = packed_header(
            self._cut, table, size, units, settings, layout, self._data.n, self._validation.n,
            train.weights.size > 0, [state.first.size, state.second.size],
        )  # fmt: skip
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
        if self._stream:
            train = self._stream.begin()
        else:
            train = self._on_device(data.inputs, data.targets, data.weights)
        examples = *train, *self._on_device(held_out.inputs, held_out.targets)
        if self._cut.kind == "alone":
            launch = cuda_launch.alone(self._cut, there, examples)
        else:
            launch = cuda_launch.together(
                self._cut, self._model.table, there, examples, data, held_out.n, self._settings,
                self._model.parameters.size, bool(data.order.size and not self._stream),
                self._state.position,
            )  # fmt: skip

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

    def _on_device(self, *arrays: Any) -> tuple[Any, ...]:
        """The arrays on the GPU; one number in place of an empty one."""
        dummy = np.zeros(1, self._model.parameters.dtype)
        return tuple(on_device(array if array.size else dummy) for array in arrays)

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


def packed_header(
    cut: cuda_launch.Cut,
    table: Array,
    size: int,
    units: int,
    settings: problem.Settings,
    layout: buffers.Layout,
    n: int,
    validation_n: int,
    weighted: bool,
    vectors: Sequence[int],
) -> Header:
    """The integers that do not change; vectors are the sizes of the optimizer's two."""
    layers = rows_of(table)
    return Header(
        table_size=table.size,
        size=size,
        units=units,
        d_in=layers[0].d_in,
        d_out=layers[-1].d_out,
        epochs=settings.epochs,
        lanes=cut.lanes,
        loss=settings.loss,
        mean=settings.mean,
        optimizer=settings.optimizer,
        dropout=settings.dropout,
        cpu_lanes=settings.lanes,
        n=n,
        batch_size=layout.batch_size,
        held=-(-n // layout.batch_size),
        validation_n=validation_n,
        shuffled=layout.shuffle,
        validated=validation_n > 0,
        weighted=weighted,
        blocks=cut.blocks,
        groups=cut.groups,
        first_size=vectors[0],
        second_size=vectors[1],
        tile_size=cut.tile_size,
        stage=cut.stage,
    )
