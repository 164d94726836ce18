"""What a descent by epochs does between two slices: it saves, reports, and stops where it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..history import Report
from ..kernels.network import problem
from .checkpoints import Checkpoint
from .epoch_metrics import EpochMetrics
from .epoch_rounds import EpochRounds
from .marks import Marks
from .options import Options
from .positions import between_epochs
from .progress import Progress
from .slices import Stopwatch


class EpochSlices:
    """A descent as `slices.run_slices` sees it; a unit of its budget is a round of the driver.

    Parameters
    ----------
    options : Options
    state : problem.DescentState
        Where the descent stands.
    rounds : EpochRounds
    marks : Marks
    complete : callable
        Makes the host's arrays of the names given current, or all.
    checkpoint : Checkpoint or None
    stopwatch : Stopwatch

    Attributes
    ----------
    bar : Progress
        Is open while slices run.
    stopped : str or None
        What ended the descent early, "max_seconds" or "callback".
    rereads : bool
        Whether an epoch that is computed again is read again: then each is marked where it begins.
    """

    def __init__(
        self,
        options: Options,
        state: problem.DescentState,
        rounds: EpochRounds,
        marks: Marks,
        complete: Callable[..., None],
        checkpoint: Checkpoint | None,
        stopwatch: Stopwatch,
    ) -> None:
        self.state, self.rounds = state, rounds
        self.bar = Progress(options.epochs, options.progress)
        metrics: EpochMetrics | None = options.metrics
        worn_out = metrics is not None and metrics.is_out_of_patience  # in a checkpoint
        self.stopped: str | None = "patience" if worn_out else None
        self._options, self._marks, self._complete = options, marks, complete
        self._checkpoint, self._stopwatch = checkpoint, stopwatch
        self._told = int(state.position[problem.EPOCH])
        self.rereads = False

    def is_running(self) -> bool:
        """Whether the driver is to be called again."""
        return self.stopped is None and self._unended()

    def next_slice(self, budget: int) -> int:
        """Rounds of the next slice: up to an epoch's end, if one is within the budget."""
        if self._checkpoint is not None:
            self._checkpoint.write_if_due(self._complete)
        position, every = self.state.position, self._options.callback_epochs
        if self.rereads or self._options.metrics is not None:
            every = 1
        epochs = self._options.epochs
        if every is not None:
            epochs = every - int(position[problem.EPOCH]) % every
        rounds = self.rounds.within(budget, position, epochs)
        if between_epochs(position):
            self._marks.take(self.rereads or rounds < self.rounds.of_epoch, self._complete)
        return rounds

    def look(self) -> None:
        """At an epoch's end: progress, the time limit, the callback."""
        seconds, position = self._stopwatch.read(), self.state.position
        epoch = int(position[problem.EPOCH])
        if epoch == self._told or not between_epochs(position):
            return
        self._told = epoch
        self.bar.update(epoch, float(self.state.costs[epoch - 1]), self._measured())
        limit = self._options.max_seconds
        if limit is not None and seconds >= limit and self._unended():
            self.stopped = "max_seconds"
        if self._callback(epoch, seconds) is True and self._unended():
            self.stopped = "callback"

    def _measured(self) -> Mapping[str, float]:
        """The epoch's metrics, those of the validation examples if there are some.

        The one that decides may end the descent.
        """
        metrics: EpochMetrics | None = self._options.metrics
        if metrics is None:
            return {}
        self._complete("parameters")
        metrics.take()
        if metrics.is_out_of_patience and self._unended():
            self.stopped = "patience"
        training, validation = metrics.latest()
        return training if validation is None else validation

    def _unended(self) -> bool:
        return bool(self.state.position[problem.STATUS] == problem.RUNNING)

    def _callback(self, epoch: int, seconds: float) -> object:
        """What the callback answers to a report of the epoch, if it is to have one."""
        options, state = self._options, self.state
        due = epoch % (options.callback_epochs or 1) == 0 or not self._unended()
        if options.callback is None or not due:
            return None
        report = Report(
            epoch,
            float(state.costs[epoch - 1]),
            float(state.validation_costs[epoch - 1]) if state.validation_costs.size else None,
            float(state.rates[epoch - 1]),
            seconds,
            *(({}, None) if options.metrics is None else options.metrics.latest()),
        )
        self._complete("parameters", "generator")
        return options.callback(report)
