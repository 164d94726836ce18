"""Data larger than the GPU's memory: batches come in slabs, the next while the present one trains.

The host puts the batches of an epoch in their order, a slab of several in pinned memory at a time,
and copies it on a stream of its own. The GPU holds two slabs and takes batch b from place b mod
`Header.held`: the kernels, and so the bits, are those of data that fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.values import on_gpu
from ..kernels.cuda.compile.jit import SIMULATED, copy_stream, cuda
from ..kernels.cuda.network.problem import Dataset
from ..kernels.formulas.shuffle import next_order
from ..kernels.network import problem

Array = NDArray[Any]

# A copy of a millisecond or two: long against what the call costs. Chosen without a GPU.
SLAB_BYTES = 200 if SIMULATED else 2**26
# Of the free memory: the driver keeps some, and what is free is in pieces.
SHARE = 0.9


def room(others: int) -> float:
    """Bytes that examples may take on the GPU beside so many others; no end in the simulator."""
    return SHARE * float(cuda.current_context().get_memory_info().free) - others


def batches_of_slab(
    train: Examples, validation: Examples | None, batch_size: int, others: int
) -> int:
    """How many batches a slab has, 0 if the examples need not be streamed.

    others is how many bytes the descent takes beside its examples.

    Raises
    ------
    ValueError
        If not even two batches fit, or the validation examples do not, which stay on the GPU.
    """
    if on_gpu(train.X):
        return 0
    free = room(others)
    needed = sum(map(_bytes, (train.X, train.y, train.weights)))
    if validation is not None and not on_gpu(validation.X):
        held_out = _bytes(validation.X) + _bytes(validation.y)
        if held_out > free:
            raise ValueError(
                f"validation: its {len(validation.X)} examples stay on the GPU and take "
                f"{held_out:.3g} bytes, but {free:.3g} are free there: give fewer"
            )
        free -= held_out
    if needed <= free:
        return 0
    n = len(train.X)
    batch = needed / n * batch_size
    if 2 * batch > free:
        raise ValueError(
            f"batch_size is {batch_size} and X and y take {needed:.3g} bytes, but {free:.3g} are "
            "free on the GPU: they come a few batches at a time, and two of this size do not "
            "fit. Give a smaller batch_size"
        )
    most = min(SLAB_BYTES, free / 2)
    return max(1, min(int(most / batch), -(-n // batch_size)))


def rows_that_fit(n: int, *arrays: Any) -> int:
    """How many of n examples the GPU has room for; arrays that lie there already take none."""
    needed = sum(_bytes(array) for array in arrays if not on_gpu(array))
    if needed <= SLAB_BYTES:  # asking the driver costs more than such a pass
        return n
    free = room(0)
    return n if needed <= free else max(1, int(free / needed * n))


def check_fits(who: str, *arrays: Any) -> None:
    """Raise `ValueError` if the GPU has no room for examples that have to stay there."""
    n = len(arrays[0])
    rows = rows_that_fit(n, *arrays)
    if rows < n:
        raise ValueError(
            f"{who} keeps all examples on the GPU, which has room for {rows} of {n}: use "
            "device='cpu', or Network.descent with batch_size and another optimizer"
        )


def _bytes(array: Any) -> int:
    return int(array.size) * int(array.itemsize)


class Stream:
    """The examples of a descent on their way to the GPU.

    Parameters
    ----------
    train : Examples
    order : ndarray
        Of the examples, written for every epoch; empty if they are not shuffled.
    state : problem.DescentState
        Its position is read; its generator draws the orders.
    batch_size, batches : int
        Examples of a batch, batches of a slab.
    """

    def __init__(
        self,
        train: Examples,
        order: Array,
        state: problem.DescentState,
        batch_size: int,
        batches: int,
    ) -> None:
        self._parts = [train.X, train.y, *([train.weights[:, None]] if train.weights.size else [])]
        self._order, self._position, self._generator = order, state.position, state.generator
        self._n, self._batches, self._rows = len(train.X), batches, batches * batch_size
        self._total = -(-self._n // batch_size)
        # The epoch whose order was drawn, and the generator from then on.
        self._drawn: tuple[int, Array] | None = None
        # The last slab that is in pinned memory, and the last that is on its way to the GPU.
        self._gathered = self._sent = -1

    def begin(self) -> Dataset:
        """Allocate the slabs; returns them as the kernels take them."""
        sizes = [2 * self._rows * part.shape[1] for part in self._parts]
        dtype = self._parts[0].dtype
        self._pinned = [cuda.pinned_array(size, dtype).reshape(2, self._rows, -1) for size in sizes]
        self._held = [cuda.device_array(size, dtype) for size in sizes]
        self._stream = copy_stream()
        weights = self._held[2] if len(self._held) == 3 else cuda.to_device(np.zeros(1, dtype))
        return Dataset(self._held[0], self._held[1], weights)

    def run(
        self, launch: Callable[[int], None], download_progress: Callable[[], None], rounds: int
    ) -> None:
        """`launch` for so many batches and validations, each slab's when it has come."""
        position = self._position
        while rounds > 0 and position[problem.STATUS] == problem.RUNNING:
            batch, count = int(position[problem.BATCH]), 1
            if position[problem.VALIDATING]:
                launch(count)
            else:
                if batch == 0:
                    self._begin_epoch(int(position[problem.EPOCH]))
                slab = batch // self._batches
                count = min(rounds, min((slab + 1) * self._batches, self._total) - batch)
                self._fetch(slab)
                launch(count)
                # While that trains: the slab before it is done with, so its places are free.
                self._gather(slab + 1)
                self._send(slab + 1)
                self._gather(slab + 2)
            download_progress()
            self.settle()
            rounds -= count

    def settle(self) -> None:
        """The generator goes on once the epoch has begun whose order it drew.

        Till then an interrupted descent leaves it as it was, and draws the same order when it is
        resumed.
        """
        if self._drawn is None:
            return
        epoch, generator = self._drawn
        position = self._position
        if (
            position[problem.EPOCH] > epoch
            or position[problem.BATCH]
            or position[problem.VALIDATING]
            or position[problem.STATUS] != problem.RUNNING
        ):
            self._generator[:] = generator
            self._drawn = None

    def _begin_epoch(self, epoch: int) -> None:
        self._gathered = self._sent = -1
        if self._order.size:
            generator = self._generator.copy()
            next_order(self._order, generator)
            self._drawn = epoch, generator

    def _fetch(self, slab: int) -> None:
        """Have a slab on the GPU."""
        self._gather(slab)
        self._send(slab)
        self._stream.synchronize()

    def _gather(self, slab: int) -> None:
        """Put the examples of a slab into pinned memory, unless they are there or it is none."""
        first = slab * self._rows
        if slab <= self._gathered or first >= self._n:
            return
        last = min(first + self._rows, self._n)
        for part, pinned in zip(self._parts, self._pinned, strict=True):
            out = pinned[slab % 2, : last - first]
            if self._order.size:
                # With "raise" NumPy would fill a buffer first.
                np.take(part, self._order[first:last], axis=0, out=out, mode="clip")
            else:
                out[:] = part[first:last]
        self._gathered = slab

    def _send(self, slab: int) -> None:
        """Copy a slab that was gathered, without waiting for that."""
        if slab <= self._sent or slab > self._gathered:
            return
        for held, pinned in zip(self._held, self._pinned, strict=True):
            rows = pinned[slab % 2].reshape(-1)
            first = slab % 2 * rows.size
            held[first : first + rows.size].copy_to_device(rows, stream=self._stream)
        self._sent = slab
