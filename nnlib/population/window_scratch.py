"""A thread's part of members that have rows of their own: its buffers, and the compiled calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..kernels.formulas.shuffle import ORDER, draw_order
from ..kernels.layers.operations import SAMPLE_MAJOR, looks_at_batches, multiply_adds
from ..kernels.network import problem
from ..kernels.network.linking import Use, linked
from ..kernels.population import windows as kernel
from ..kernels.training.staged import rounds_address
from ..machine.aligned import aligned_zeros
from ..model.function import NetworkFunction
from ..optimizers import Optimizer
from ..training import buffers
from ..training.buffers import Layout
from ..training.contradictions import is_plain
from ..training.options import Options
from ..training.slices import units_within
from .work import Group, Work

Array = NDArray[Any]


def descend(work: Work, group: Group, control: Array, until: int, seconds: float) -> None:
    """Take members of the group and train each on its own rows, see `kernels.population.windows`.

    The flag to stop is looked at about every so many seconds.
    """
    table = _table(work.train, group.network, group.options)
    cuts = _own_cuts(work, group, table)
    scratch = _Scratch(work, group.network, group.options, cuts, work.validation)
    kernel.descend_windows(
        rounds_address(scratch.plain, scratch.staged, group.network.dtype),
        work.members._replace(jobs=group.jobs),
        scratch.cut,
        scratch.problem,
        control,
        until,
        units_within(seconds, scratch.work),
    )


def take_costs(work: Work, group: Group, control: Array) -> None:
    """The cost of every member of the group, over its own rows."""
    options = Options(reduction=work.options.reduction)
    cuts = _common_cut(work, group, _table(work.train, group.network, options))
    scratch = _Scratch(work, group.network, options, cuts, None)
    members = work.members._replace(jobs=group.jobs)
    kernel.window_costs(work.cost, members, scratch.cut, scratch.problem, control)


def kinds_of_cuts(
    train: Examples, network: NetworkFunction, options: Options, sizes: Array
) -> list[Any]:
    """What members must have in common for one compiled call, of descents on so many rows each."""
    table, kinds = _table(train, network, options), []
    for rows in sizes:
        layout = _layout(train, options, table, network.parameters, int(rows))
        own = buffers.descent_table(table, layout)
        kinds.append((layout.chunks, layout.shuffle, layout.lanes == 1, own.tobytes()))
    return kinds


class _Cuts(NamedTuple):
    """How the windows of a group are cut."""

    numbers: Array  # of the group's windows
    lanes: Array  # (windows,): of a block; 0 for windows of other groups
    batch_size: Array  # (windows,)
    longest: Layout  # of the window with the most rows, which stands for all in what they share


def _table(train: Examples, network: NetworkFunction, options: Options) -> Array:
    own = network.descent_architecture(options.dropout, options.tbptt)
    return own.reading(train.X).training_table


def _layout(
    train: Examples, options: Options, table: Array, parameters: Array, rows: int
) -> Layout:
    """The cut of so many examples."""
    return buffers.layout(options, train.part(slice(rows)), parameters, table)


def _own_cuts(work: Work, group: Group, table: Array) -> _Cuts:
    """The cuts of networks that are trained on each window alone."""
    assert work.windows is not None
    count, parameters = work.windows.count, group.network.parameters
    numbers = np.unique(work.windows.of_member[group.jobs])
    lanes, batch_size = np.zeros_like(count), np.zeros_like(count)
    for rows in np.unique(count[numbers]):
        layout = _layout(work.train, group.options, table, parameters, int(rows))
        lanes[count == rows], batch_size[count == rows] = layout.lanes, layout.batch_size
    return _Cuts(numbers, lanes, batch_size, layout)


def _common_cut(work: Work, group: Group, table: Array) -> _Cuts:
    """One cut for all windows, each of which is one batch: sums need no network's own order."""
    assert work.windows is not None
    count = work.windows.count
    numbers = np.unique(work.windows.of_member[group.jobs])
    longest = int(count[numbers].max())
    layout = _layout(work.train, group.options, table, group.network.parameters, longest)
    layout = Layout(longest, False, 1, layout.lanes)
    return _Cuts(numbers, np.full_like(count, layout.lanes), count, layout)


class _Scratch:
    """One thread's buffers, large enough for the largest of some windows."""

    def __init__(
        self,
        work: Work,
        network: NetworkFunction,
        options: Options,
        cuts: _Cuts,
        validation: Examples | None,
    ) -> None:
        train, layout, numbers = work.train, cuts.longest, cuts.numbers
        assert work.windows is not None
        count, held_count = work.windows.count, work.windows.held_count
        own = network.descent_architecture(options.dropout, options.tbptt).reading(train.X)
        table = buffers.descent_table(own.training_table, layout)
        chunks, shuffle, validated = layout.chunks, layout.shuffle, validation is not None
        self.plain = chunks == 1 and not validated and is_plain(options, table)
        self.staged = looks_at_batches(table)
        table = linked(table, self._use(network, options, layout))
        parameters, generator = aligned_zeros(own.size, network.dtype), np.zeros(4, np.uint64)
        lanes = int(cuts.lanes[numbers].max())
        packed = _packed_samples(count, cuts.batch_size, cuts.lanes, numbers)
        held = _packed_samples(held_count, held_count, cuts.lanes, numbers) if validated else 0
        longest = int(count[numbers].max())
        self.problem = problem.Problem(
            buffers.model(table, parameters, train, lanes, chunks, shuffle),
            _order(train, longest) if shuffle else _blocks(table, train, packed),
            _blocks(table, train, held),
            buffers.state(parameters, generator, options, validated, chunks, None, snapshots=True),
            buffers.settings(options, table, lanes, chunks, own.loss_code, 0),
        )
        # Multiply-adds of a round.
        self.work = 3 * multiply_adds(table) * lanes
        self.cut = kernel.Cut(
            _windows(train, count, cuts.batch_size),
            _windows(validation or train.part(slice(0)), held_count, held_count),
            cuts.lanes,
            work.windows.of_member,
        )

    def _use(self, network: NetworkFunction, options: Options, layout: Layout) -> Use:
        """What the linked table has to call."""
        use = Use(network.dtype, single=layout.lanes == 1, cost=True, train=True)
        if self.plain:
            return use
        assert isinstance(options.optimizer, Optimizer)
        return use._replace(optimizer=options.optimizer.code)


def _packed_samples(count: Array, batch_size: Array, lanes: Array, numbers: Array) -> int:
    """Lanes of all blocks of the largest of these windows."""
    n, batch, width = count[numbers], batch_size[numbers], lanes[numbers]
    full, rest = np.divmod(n, batch)
    blocks = full * -(-batch // width) + -(-rest // width)
    return int((blocks * width).max())


def _blocks(table: Array, train: Examples, samples: int) -> problem.Data:
    """Room for the packed examples of a window; the kernel fills in the rest."""
    dtype, d_in = train.y.dtype, 0 if table[SAMPLE_MAJOR] else train.X.shape[1]
    inputs = aligned_zeros(samples * d_in, dtype)
    targets = aligned_zeros(samples * (train.y.shape[1] + 1), dtype)
    none = np.empty(0, dtype)
    return problem.Data(inputs, targets, none, np.empty(0, np.int64), 0, 1, 1, 1, 0, 0, 0)


def _order(train: Examples, rows: int) -> problem.Data:
    """Room for the order of a window's rows; the kernel fills in the rest."""
    dtype = train.y.dtype
    none, draw = np.empty(0, dtype), ORDER.address(draw_order, dtype)
    gather = problem.GATHER_CONTRACT.address(problem.gather_block, dtype)
    return problem.Data(none, none, none, np.arange(rows), 0, 1, 1, 1, draw, 0, gather)


def _windows(examples: Examples, count: Array, batch_size: Array) -> kernel.Windows:
    """The windows of sorted examples as the kernel takes them."""
    X, y = examples.X.reshape(-1), examples.y.reshape(-1)
    first = np.cumsum(count) - count
    return kernel.Windows(X, y, examples.weights, first, count, batch_size)
