"""One descent by epochs: its arrays and its driver, how it begins, and how it is left."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..history import History
from ..kernels.compile.duration import working_time
from ..kernels.layers.operations import looks_at_batches, multiply_adds
from ..kernels.network import problem
from ..kernels.network.evaluate import all_finite
from ..kernels.network.linking import Use, linked
from ..kernels.threads.team import Member
from ..kernels.training import unrolled
from ..kernels.training.descent import descend
from ..kernels.training.staged import rounds_address
from ..machine.threads import usable_threads
from ..optimizers import Optimizer
from . import buffers, outcome
from .buffers import OptimizerState
from .checkpoint_rules import of_descent
from .checkpoints import Checkpoint, fingerprint
from .contradictions import is_plain
from .epoch_rounds import EpochRounds
from .epoch_slices import EpochSlices
from .marks import Marks, undivided, with_marks
from .options import Options
from .positions import between_epochs, last_good_epoch
from .slices import Budget, Stopwatch, run_slices
from .team_slices import team_slices

Array = NDArray[Any]

# For a loop that is run by one thread.
_NO_BOARD = np.zeros(0, np.int64)


class Learner(NamedTuple):
    """The network that a descent trains."""

    table: Array  # a descent's, not linked
    parameters: Array  # written in place
    loss: int  # code of the loss, of the first output
    generator: Array  # written in place
    dropout_seed: int  # decides the masks, together with the number of the step


class Descent:
    """One descent: its buffers and its driver, and how the network is left.

    Parameters
    ----------
    learner : Learner
        The network.
    train : Examples
    validation : Examples or None
    options : Options
        batch_size filled in.
    memory : OptimizerState or None
        To go on from; None starts afresh.
    """

    _device = "cpu"
    _code: Hashable  # what runs, for all descents alike

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        table, parameters = learner.table, learner.parameters
        layout = self._layout(options, train, parameters, table)
        lanes, chunks = layout.lanes, layout.chunks
        self._options = options
        self._settings = buffers.settings(
            options, table, lanes, chunks, learner.loss, learner.dropout_seed
        )
        self._state = buffers.state(
            parameters, learner.generator, options, validation is not None, chunks, memory,
            snapshots=False,
        )  # fmt: skip
        self._allocate(table, parameters, train, validation, layout)
        self._rounds = EpochRounds(self._data, self._validation, self._settings.lanes)
        self._budget = Budget(self._work)
        self._marks = Marks(parameters, self._state)
        self._stopped: str | None = None
        self._last: Array | None = None  # the last epoch's parameters, where they are not the best
        self._seconds = np.zeros(1)  # of this call and of those that it goes on from
        self._checkpoint = self._begin_checkpoint(train, validation)

    def _layout(
        self, options: Options, train: Examples, parameters: Array, table: Array
    ) -> buffers.Layout:
        """How the examples are cut."""
        return buffers.layout(options, train, parameters, table)

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        train: Examples,
        validation: Examples | None,
        layout: buffers.Layout,
    ) -> None:
        """The driver and the arrays that it works on."""
        lanes, chunks, shuffle = layout.lanes, layout.chunks, layout.shuffle
        if self._options.compile:
            table = unrolled.by_features(table)
            itemsize, loss = parameters.itemsize, self._settings.loss
            copies = unrolled.side_by_side(layout.batch_size, parameters.size, itemsize)
            code = unrolled.driver(table, loss, copies)
            self._descend, self._code = code, code
        else:
            table = buffers.descent_table(table, layout)
            use = Use(parameters.dtype, lanes == 1, cost=True, train=True, images=train.images)
            plain = chunks == 1 and validation is None and is_plain(self._options, table)
            if not plain:
                use = use._replace(optimizer=self._settings.optimizer)
            table = linked(table, use)
            rounds = rounds_address(plain, looks_at_batches(table), parameters.dtype)
            self._descend, self._code = partial(descend, rounds), rounds
        self._data = self._arranged(table, train, layout)
        self._validation = buffers.validation_data(table, train, validation, lanes, chunks)
        self._model = buffers.model(table, parameters, train, lanes, chunks, shuffle)
        self._members = usable_threads(chunks)
        # Multiply-adds of a round.
        self._work = 3 * multiply_adds(table) * lanes

    def _arranged(self, table: Array, train: Examples, layout: buffers.Layout) -> problem.Data:
        """The examples that the driver begins with: all of them."""
        lanes, chunks, shuffle = layout.lanes, layout.chunks, layout.shuffle
        return buffers.arrange(table, train, layout.batch_size, lanes, chunks, shuffle)

    def run(self) -> History:
        """All of it; the network is left at an epoch's end, whatever happens.

        Raises
        ------
        DivergenceError
            If the cost stops being finite.
        OSError
            If a checkpoint cannot be written.
        """
        start = working_time()
        try:
            if self._checkpoint is not None:
                undivided(self._checkpoint.restore)
            metrics, position = self._options.metrics, self._state.position
            if metrics is not None and between_epochs(position):
                metrics.catch_up(int(position[problem.EPOCH]))
            running = position[problem.STATUS] == problem.RUNNING
            if self._options.epochs and running:
                # The team ends before its last checkpoint is written.
                saving = self._checkpoint or nullcontext()
                slices = self._slices(start)
                with saving, self._driver() as run, slices.bar:
                    run_slices(slices, run, self._budget)
                self._stopped = slices.stopped
            status, parameters = self._state.position[problem.STATUS], self._model.parameters
            if status == problem.DIVERGED or not all_finite(parameters):
                raise outcome.divergence(
                    self._state, self._options.epochs, self._last_good_epoch(),
                    float(self._seconds[0]),
                )  # fmt: skip
        except BaseException:
            undivided(self._leave)
            raise
        finally:
            if self._checkpoint is not None:
                undivided(self._checkpoint.release)
        return self._history()

    def memory(self) -> OptimizerState:
        """What the optimizer remembers."""
        assert isinstance(self._options.optimizer, Optimizer)
        state = self._state
        return OptimizerState(
            self._options.optimizer,
            state.first,
            state.second,
            int(state.position[problem.STEP]),
            None if self._last is None else state.best,
            self._last,
        )

    def _begin_checkpoint(self, train: Examples, validation: Examples | None) -> Checkpoint | None:
        """The checkpoint's file, read if there is one to go on from, else written."""
        options, settings, table = self._options, self._settings, self._model.table
        if options.checkpoint is None:
            return None
        arrays = {
            **self._state._asdict(),
            **self._marks.arrays,
            "parameters": self._model.parameters,
            "gradient": self._model.gradient,
            "order": self._data.order,
            "seconds": self._seconds,
            **({} if options.metrics is None else options.metrics.arrays),
            **self._own_arrays(),
        }
        # Those that the kernels keep for populations are empty here.
        del arrays["snapshots"], arrays["generators"]
        parts = fingerprint(
            table, settings.loss, train, validation, options,
            blocks=f"{settings.chunks} x {settings.lanes}",
            dropout_seed=str(settings.dropout and settings.dropout_seed), device=self._device,
        )  # fmt: skip
        interval = options.checkpoint_seconds
        checkpoint = Checkpoint(options.checkpoint, interval, arrays, parts, problem.STATUS)
        rules = partial(
            of_descent, epochs=settings.epochs, data=self._data, validation=self._validation
        )
        checkpoint.begin(options.resume, rules, self._update_found)
        return checkpoint

    def _own_arrays(self) -> dict[str, Array]:
        """What a kind of descent has in its checkpoint besides."""
        return {}

    def _update_found(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        """A file's arrays as this version writes them."""
        batches = -(-self._data.n // self._data.batch_size)
        return with_marks(arrays, batches) if "snapshots" in arrays else arrays

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        """What runs the descent for some rounds; afterwards the host's arrays are current."""
        if self._members == 1:
            yield functools.partial(self._slice, _NO_BOARD, 0, 1)
            return
        parameters, data = self._model.parameters, self._data
        kind = self._code, parameters.dtype, parameters.size, data.batch_size, data.inputs.size
        with team_slices(self._slice, kind, self._members, self._work_done) as run:
            yield run

    def _complete(self, *names: str) -> None:
        """Make the host's arrays of these names current, or all; on the CPU they always are."""

    def _slices(self, start: float) -> EpochSlices:
        """What happens between two slices of the call that began at this time."""
        return EpochSlices(
            self._options, self._state, self._rounds, self._marks, self._complete,
            self._checkpoint, Stopwatch(self._seconds, start),
        )  # fmt: skip

    def _slice(self, board: Array, member: int, members: int, rounds: int) -> None:
        model, data, validation = self._model, self._data, self._validation
        whole = problem.Problem(model, data, validation, self._state, self._settings)
        self._descend(whole, Member(board, member, members), rounds)

    def _work_done(self) -> float:
        """Passes so far, in examples; one without a gradient takes about a third of the time."""
        settings, held_out, position = self._settings, self._validation.n, self._state.position
        examples = position[problem.EPOCH] * (self._data.n + held_out / 3)
        block = position[problem.ROUND] * settings.lanes * settings.chunks
        if position[problem.VALIDATING]:
            return float(examples + self._data.n + block / 3)
        return float(examples + position[problem.BATCH] * self._data.batch_size + block)

    def _leave(self) -> None:
        """Undo what an epoch has done that did not end, or went wrong."""
        epoch = self._last_good_epoch()
        position = self._state.position
        if epoch != position[problem.EPOCH] or not between_epochs(position):
            self._go_back(epoch)

    def _last_good_epoch(self) -> int:
        """The epoch whose start the network can be left at."""
        position = self._state.position
        bad = position[problem.STATUS] == problem.DIVERGED or not all_finite(self._model.parameters)
        return int(last_good_epoch(position, bad))

    def _go_back(self, epoch: int) -> None:
        """Leave network, optimizer and generator as they were at the start of this epoch."""
        position = self._state.position
        self._to_mark(epoch)
        if position[problem.EPOCH] == epoch:
            return
        if self._options.plateau is not None:  # the driver notes the rates that it has used
            self._state.rates[position[problem.EPOCH] :] = self._options.plateau.rate
        try:
            with self._driver() as run:
                # What cannot be computed again, by a layer of the user's own, ends at the mark.
                while position[problem.EPOCH] < epoch:
                    if position[problem.STATUS] == problem.DIVERGED:
                        self._to_mark(epoch)
                        return
                    missing = epoch - int(position[problem.EPOCH])
                    run(self._rounds.within(self._budget.units, position, missing))
        except BaseException:
            self._to_mark(epoch)
            raise

    def _to_mark(self, epoch: int) -> None:
        """Everything as it was at the last mark that is not after the start of this epoch."""
        self._marks.go_back(epoch)

    def _inside(self, parameters: Array) -> Array:
        """Parameters as the network has them, in the layout of the descent's own."""
        return parameters

    def _history(self) -> History:
        """The trace; with validation, the parameters become the best ones."""
        state, metrics = self._state, self._options.metrics
        if state.validation_costs.size and state.position[problem.EPOCH]:
            if metrics is not None and metrics.best is not None:
                state.best[:] = self._inside(metrics.best)
            self._last = self._model.parameters.copy()
            self._model.parameters[:] = state.best
        history = outcome.history(state, float(self._seconds[0]), self._stopped)
        return history if metrics is None else metrics.noted(history)
