"""Running the compiled driver in slices, so that Python can interrupt, report and save."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import buffers
from .buffers import OptimizerState
from .checkpoints import Checkpoint, check_places, check_randomness, fingerprint
from .errors import DivergenceError
from .examples import Examples
from .history import History, Report
from .kernels import problem, unrolled
from .kernels.descent import driver
from .kernels.evaluate import all_finite
from .optimizers import Optimizer
from .options import Options
from .progress import Progress
from .team_slices import team_slices
from .threads import usable_threads

Array = NDArray[Any]

# A slice is long against the 10 µs of its call and short against the 0.2 s of a late Ctrl-C.
SLICE_SECONDS = 0.05
# The first slice is sized for a machine of this speed, multiply-adds per second.
_SLOW_MACHINE = 1e9
# For a loop that is run by one thread.
_NO_BOARD = np.zeros(0, np.int64)

_REASONS = {
    problem.FINISHED: "epochs",
    problem.NO_PROGRESS: "patience",
    problem.TARGET_REACHED: "target_cost",
}


class Descent:
    """One descent: its buffers, its slices, and how it ends.

    Parameters
    ----------
    table, parameters, units, loss, generator
        The network's; parameters and generator are written in place.
    train : Examples
    validation : Examples or None
    options : Options
        batch_size filled in.
    memory : OptimizerState or None
        To go on from; None starts afresh.
    dropout_seed : int
        Decides the masks, together with the number of the step.
    """

    _device = "cpu"

    def __init__(
        self,
        table: Array,
        parameters: Array,
        units: int,
        loss: int,
        generator: Array,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
        dropout_seed: int,
    ) -> None:
        layout = buffers.layout(options, train, parameters, units)
        lanes, chunks = layout.lanes, layout.chunks
        self._options = options
        self._settings = buffers.settings(options, lanes, units, chunks, loss, dropout_seed)
        self._state = buffers.state(
            parameters, generator, options, validation is not None, chunks, memory
        )
        self._allocate(table, parameters, units, train, validation, layout)
        self._stopped: str | None = None
        self._seconds = np.zeros(1)  # of this call and of those that it goes on from
        self._checkpoint = self._begin_checkpoint(train, validation)

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        units: int,
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
            self._descend = unrolled.driver(table, loss, copies)
        else:
            table = buffers.descent_table(table, layout)
            self._descend = driver(chunks == 1 and validation is None and self._options.plain)
        self._data = buffers.arrange(table, train, layout.batch_size, lanes, chunks, shuffle)
        self._validation = buffers.validation_data(table, train, validation, lanes, chunks)
        self._model = buffers.model(table, parameters, units, train, lanes, chunks, shuffle)
        self._members = usable_threads(chunks)
        # Multiply-adds of a round.
        self._work = 3 * parameters.size * lanes

    def run(self) -> History:
        """All of it; the network is left at an epoch's end, whatever happens.

        Raises
        ------
        DivergenceError
            If the cost stops being finite.
        OSError
            If a checkpoint cannot be written.
        """
        start = time.perf_counter()
        try:
            if self._checkpoint is not None:
                self._checkpoint.restore()
            running = self._state.position[problem.STATUS] == problem.RUNNING
            if self._options.epochs and running:
                # The team ends before its last checkpoint is written.
                saving = self._checkpoint or nullcontext()
                with saving, self._driver() as run:
                    self._run_slices(run, start)
        except BaseException:
            self._restore_epoch()
            raise
        seconds = float(self._seconds[0])
        position, parameters = self._state.position, self._model.parameters
        if position[problem.STATUS] == problem.DIVERGED or not all_finite(parameters):
            raise self._divergence(seconds)
        if self._stopped is not None:
            self._restore_epoch()
        return self._history(seconds)

    def memory(self) -> OptimizerState:
        """What the optimizer remembers."""
        assert isinstance(self._options.optimizer, Optimizer)
        state = self._state
        return OptimizerState(
            self._options.optimizer, state.first, state.second, int(state.position[problem.STEP])
        )

    def _begin_checkpoint(self, train: Examples, validation: Examples | None) -> Checkpoint | None:
        """The checkpoint's file, read if there is one to go on from, else written."""
        options, settings, table = self._options, self._settings, self._model.table
        if options.checkpoint is None:
            return None
        arrays = {
            **self._state._asdict(),
            "parameters": self._model.parameters,
            "gradient": self._model.gradient,
            "order": self._data.order,
            "seconds": self._seconds,
        }
        parts = fingerprint(
            table, settings.loss, train, validation, options,
            blocks=f"{settings.chunks} x {settings.lanes}",
            dropout_seed=str(settings.dropout and settings.dropout_seed), device=self._device,
        )  # fmt: skip
        interval = options.checkpoint_seconds
        checkpoint = Checkpoint(options.checkpoint, interval, arrays, parts, problem.STATUS)
        checkpoint.begin(options.resume, self._check_found)
        return checkpoint

    def _check_found(self, arrays: Mapping[str, Array]) -> None:
        """Refuse a file's values with which the driver would leave an array or never end."""
        position, epochs = arrays["position"], self._settings.epochs
        data = self._validation if position[problem.VALIDATING] else self._data
        ended = position[problem.STATUS] != problem.RUNNING
        check_places(
            position,
            {
                problem.EPOCH: epochs + 1 if ended else max(epochs, 1),
                problem.BATCH: -(-data.n // data.batch_size),
                problem.ROUND: data.chunk_blocks,
                problem.VALIDATING: 2,
                problem.STATUS: problem.TARGET_REACHED + 1,
            },
        )
        check_randomness(arrays["order"], arrays["generator"])

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        """What runs the descent for some rounds; afterwards the host's arrays are current."""
        if self._members == 1:
            yield functools.partial(self._slice, _NO_BOARD, 0, 1)
            return
        parameters, data = self._model.parameters, self._data
        kind = self._descend, parameters.dtype, parameters.size, data.batch_size, data.inputs.size
        with team_slices(self._slice, kind, self._members, self._work_done) as run:
            yield run

    def _complete(self) -> None:
        """Make all of the host's arrays current, as they always are on the CPU."""

    def _run_slices(self, run: Callable[[int], Any], start: float) -> None:
        """Call the driver until it is done, each time with about `SLICE_SECONDS` of work."""
        state, options = self._state, self._options
        budget = max(1, int(SLICE_SECONDS * _SLOW_MACHINE / self._work))
        earlier, reported = float(self._seconds[0]), int(state.position[problem.EPOCH])
        with Progress(options.epochs, options.progress) as bar:
            while state.position[problem.STATUS] == problem.RUNNING:
                if self._checkpoint is not None:
                    self._checkpoint.write_if_due(self._complete)
                begin = time.perf_counter()
                rounds = min(budget, self._rounds_to_callback())
                run(rounds)
                elapsed = max(time.perf_counter() - begin, 1e-6)
                # A first call compiles for seconds: the budget must not shrink to nothing for that.
                budget = max(1, int(rounds * min(max(SLICE_SECONDS / elapsed, 0.25), 8)))
                seconds = begin + elapsed - start
                self._seconds[0] = earlier + seconds
                epoch = int(state.position[problem.EPOCH])
                if epoch > reported:
                    bar.update(epoch, float(state.costs[epoch - 1]))
                    reported = epoch if self._report(epoch, seconds) else reported
                if self._stopped is not None:
                    return

    def _slice(self, board: Array, member: int, members: int, rounds: int) -> None:
        self._descend(
            self._model,
            self._data,
            self._validation,
            self._state,
            self._settings,
            board,
            member,
            members,
            rounds,
        )

    def _work_done(self) -> float:
        """Passes so far, in examples; one without a gradient takes about a third of the time."""
        settings, held_out, position = self._settings, self._validation.n, self._state.position
        examples = position[problem.EPOCH] * (self._data.n + held_out / 3)
        block = position[problem.ROUND] * settings.lanes * settings.chunks
        if position[problem.VALIDATING]:
            return float(examples + self._data.n + block / 3)
        return float(examples + position[problem.BATCH] * self._data.batch_size + block)

    def _rounds_per_epoch(self) -> int:
        """Rounds of blocks in an epoch, its validation included."""
        total = 0
        for data in (self._data, self._validation):
            if data.n:
                total += -(-data.n // data.batch_size) * data.chunk_blocks
        return total

    def _rounds_to_callback(self) -> int:
        """At most so many rounds may pass before the callback has to see an epoch."""
        every = self._options.callback_epochs
        if every is None:
            return np.iinfo(np.int64).max
        missing = every - int(self._state.position[problem.EPOCH]) % every
        return missing * self._rounds_per_epoch()

    def _report(self, epoch: int, seconds: float) -> bool:
        """Time limit and callback after an epoch; whether the callback saw it."""
        options, state = self._options, self._state
        running = state.position[problem.STATUS] == problem.RUNNING
        if options.max_seconds is not None and seconds >= options.max_seconds and running:
            self._stopped = "max_seconds"
        every = options.callback_epochs or 1
        if options.callback is None or (epoch % every and running):
            return options.callback is None
        report = Report(
            epoch,
            float(state.costs[epoch - 1]),
            float(state.validation_costs[epoch - 1]) if state.validation_costs.size else None,
            float(state.rates[epoch - 1]),
            seconds,
        )
        if options.callback(report) is True and running:
            self._stopped = "callback"
        return True

    def _restore_epoch(self) -> None:
        """Undo the steps of an epoch that has begun but not ended, its validation included."""
        position = self._state.position
        if position[problem.BATCH] or position[problem.VALIDATING]:
            snapshots = self._state.snapshots.reshape(2, -1)
            self._model.parameters[:] = snapshots[position[problem.EPOCH] % 2]

    def _history(self, seconds: float) -> History:
        """The trace; with validation, the parameters become the best ones."""
        state = self._state
        epochs = int(state.position[problem.EPOCH])
        validation, best = None, None
        if state.validation_costs.size and epochs:
            validation = state.validation_costs[:epochs].copy()
            best = int(np.argmin(validation))
            self._model.parameters[:] = state.best
        reason = self._stopped or _REASONS.get(int(state.position[problem.STATUS]), "epochs")
        return History(
            state.costs[:epochs].copy(),
            seconds,
            state.rates[:epochs].copy(),
            validation,
            best,
            reason,
        )

    def _divergence(self, seconds: float) -> DivergenceError:
        """Put back the last parameters with a finite cost and describe what happened."""
        state = self._state
        epoch, batch = int(state.position[problem.EPOCH]), int(state.position[problem.BATCH])
        diverged = state.position[problem.STATUS] == problem.DIVERGED
        # The cost of an epoch's first batch belongs to the parameters of that epoch's start; if it
        # is the bad one, or if the last step of all was, the epoch before has the last good start.
        kept = epoch if batch or not epoch else epoch - 1
        self._model.parameters[:] = state.snapshots.reshape(2, -1)[kept % 2]
        costs = state.costs[: epoch + 1] if diverged else state.costs[:epoch]
        value = costs[-1] if diverged else "NaN or infinite parameters"
        rate = state.rates[min(epoch, len(state.rates) - 1)]
        message = (
            f"the descent diverged in epoch {epoch} of {self._options.epochs} (cost {value}) with "
            f"learning_rate={rate:g}; the network holds the parameters of the start of epoch "
            f"{kept}. Try a smaller learning_rate, or scaled inputs"
        )
        history = History(costs.copy(), seconds, state.rates[: len(costs)].copy())
        return DivergenceError(message, epoch, history)
