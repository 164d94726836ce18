"""Numba's simulator with a schedule of its own: one thread at a time, from barrier to barrier.

The simulator runs the threads of a block as Python threads, of which each usually goes on till its
next barrier, so that a barrier that is missing is rarely noticed. Here a thread runs alone until it
waits at a barrier or ends, then the next one, in an order that is chosen for every barrier
interval; blocks run one after another in such an order too. What depends on the order is a race.

With `watched` every access is followed, see `tests.cuda.watched_memory`.
"""

from __future__ import annotations

import functools
import sys
import types

import numpy as np
from greenlet import getcurrent, greenlet
from numba import cuda
from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator import kernelapi

from nnlib.kernels.cuda.compile import emulation
from tests.cuda.watched_memory import Launch

ORDERS = ("ascending", "descending", "random")
# What the simulator asks for the thread of a kernel: here it is a greenlet of the one that runs.
_GREENLETS = types.SimpleNamespace(current_thread=getcurrent)


class BarrierError(Exception):
    """The threads of a block do not meet at one barrier."""


class Thread(greenlet):
    """A thread of a block, which runs while `proceed` is called and then waits.

    It is a greenlet: with threads of the system tests took 1.4 times as long.
    """

    syncthreads_count = simulator.BlockThread.syncthreads_count
    syncthreads_and = simulator.BlockThread.syncthreads_and
    syncthreads_or = simulator.BlockThread.syncthreads_or

    def __init__(self, function, block, block_index, thread_index):
        super().__init__(function)
        self.site, self._manager = None, block
        self.blockIdx = simulator.Dim3(*block_index)
        self.threadIdx = simulator.Dim3(*thread_index)
        x, y, z = thread_index
        width, height, _ = block._block_dim
        self.thread_id = x + width * (y + height * z)

    def proceed(self):
        """Let it run to its next barrier or its end."""
        self.site = None
        try:
            self.switch()
        except Exception as error:
            place = f"tid={list(self.threadIdx)} ctaid={list(self.blockIdx)}"
            raise type(error)(f"{place}: {error}") from error

    def syncthreads(self):
        """Wait till all others are here."""
        self.site = _call_site()
        self.parent.switch()


def _call_site():
    """Every line of the kernel that stands between its start and the barrier."""
    lines, frame = [], sys._getframe(3)
    while frame is not None:
        lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(lines)


class Schedule:
    """The order of threads and blocks, and what makes the simulator keep to it.

    Parameters
    ----------
    order : str
        One of `ORDERS`; "random" draws a new order for every barrier interval.
    seed : int
        Of the random order.
    watched : bool
        Whether races, bounds and initialisation of memory are checked at every access.
    """

    def __init__(self, order, seed=0, watched=False):
        self._order, self._generator = order, np.random.default_rng(seed)
        self._watched = watched
        self.launches = 0

    def install(self, monkeypatch):
        """Use it for all launches from now on."""
        monkeypatch.setattr(simulator, "BlockManager", functools.partial(_Block, self, []))
        for module in (kernelapi, emulation):
            monkeypatch.setattr(module, "threading", _GREENLETS)
        if self._watched:
            monkeypatch.setattr(cuda, "device_array", _poisoned(cuda.device_array))
        return self

    def ordered(self, values):
        """The same values in this order."""
        values = list(values)
        if self._order == "random":
            return [values[i] for i in self._generator.permutation(len(values))]
        return values[::-1] if self._order == "descending" else values

    def run_blocks(self, blocks):
        """All blocks of a launch."""
        self.launches += 1
        launch = Launch(simulator._get_kernel_context()) if self._watched else None
        for block, point, arguments in self.ordered(blocks):
            if launch:
                launch.start_block(point)
                arguments = [launch.watched(argument) for argument in arguments]
            block.run_threads(point, arguments, launch)


class _Block(simulator.BlockManager):
    """A block of threads; the simulator makes one for each and runs it."""

    def __init__(self, schedule, others, function, grid, threads, debug):
        super().__init__(function, grid, threads, debug)
        self._schedule, self._others = schedule, others

    def run(self, point, *arguments):
        """Remember the block; with the grid's last one all of them run."""
        self._others.append((self, point, arguments))
        if len(self._others) == np.prod(self._grid_dim):
            blocks = list(self._others)
            self._others.clear()
            self._schedule.run_blocks(blocks)

    def run_threads(self, point, arguments, launch):
        """All threads, interval by interval, to their end."""
        indices = list(np.ndindex(*self._block_dim))
        work = functools.partial(self._f, *arguments)
        threads = [Thread(work, self, point, index) for index in indices]
        try:
            while not all(thread.dead for thread in threads):
                for thread in self._schedule.ordered(threads):
                    if launch:
                        launch.thread = thread.thread_id
                    thread.proceed()
                _check_that_they_met(threads)
                if launch:
                    launch.next_interval()
        finally:
            for thread in threads:
                thread.throw()  # ends it, if a test fails while it waits


def _check_that_they_met(threads):
    """All wait at the same barrier, or all have ended."""
    sites = {thread.site for thread in threads}
    if len(sites) > 1:
        places = ["the end" if site is None else " from ".join(site) for site in sites]
        raise BarrierError("threads of a block wait at different places: " + "; ".join(places))


def _poisoned(allocate):
    """The function that allocates on the device, which fills it with NaN (integers: -1) too."""

    @functools.wraps(allocate)
    def poisoned(*arguments, **options):
        array = allocate(*arguments, **options)
        array._ary.view(np.uint8)[...] = 0xFF
        return array

    return poisoned


def every_order(monkeypatch, compute):
    """What `compute` returns, the same arrays in every order of threads and blocks."""
    results = []
    for order in ORDERS:
        with monkeypatch.context() as patch:
            schedule = Schedule(order, watched=True).install(patch)
            results.append(compute())
            assert schedule.launches
    for result in results[1:]:
        for ours, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(ours, first)
    return results[0]
