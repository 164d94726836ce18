"""Members of a population on a GPU, a thread each: for which members, and their buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cuda.arrays import on_device
from ...kernels.cuda.compile.jit import SIMULATED, cuda, launcher
from ...kernels.cuda.training import unrolled as threads
from ...kernels.cuda.training.unrolled import Examples, Members
from ...kernels.network import problem
from ...kernels.training import unrolled
from ..lanes import in_lanes
from ..work import Group, Work
from .slices import Look, run_launches

Array = NDArray[Any]

# Of a block: few, so that few members are spread over all processors.
BLOCK = 4 if SIMULATED else 64


def in_threads(work: Work, group: Group) -> bool:
    """Whether members train in a thread each: those in lanes on the CPU that can be written out."""
    if not in_lanes(work, group):
        return False
    size = group.network.architecture.size
    return unrolled.obstacle(_table(group), size, _loss(group)) is None


def _table(group: Group) -> Array:
    return unrolled.by_features(group.network.architecture.training_table)


def _loss(group: Group) -> int:
    return group.network.architecture.loss_code


class ThreadsPart:
    """Some members of a group, a thread each in one launch."""

    def __init__(self, work: Work, group: Group, jobs: Array) -> None:
        self._work, self._jobs, self._group = work, jobs, group
        members, size = work.members, group.network.parameters.size
        self._parameters = members.parameters.reshape(-1, members.stride)[jobs, :size]
        points = members.kept_epochs.size
        self.bytes_of_one = 2 * size * self._parameters.itemsize + 8 * (points + 4)
        self.epochs = np.zeros(jobs.size, np.int64)
        self._there: Any = None

    def run(self, look: Look) -> None:
        """Slice by slice, till all members have ended or `look` says to stop."""
        self._there = self._upload()
        descend = threads.driver(_table(self._group), _loss(self._group))
        launch = launcher(descend, -(-self._jobs.size // BLOCK), BLOCK)
        there, examples = self._there, self._examples()
        run_launches(lambda epochs: launch(there, examples, epochs), self._progress, look)

    def _upload(self) -> Members:
        members, jobs = self._work.members, self._jobs
        columns = cuda.to_device(np.ascontiguousarray(self._parameters.T).reshape(-1))
        before = cuda.device_array(columns.size, columns.dtype)
        before.copy_to_device(columns)
        points = members.kept_epochs.size
        return Members(
            parameters=columns,
            before=before,
            epochs=cuda.to_device(self.epochs),
            status=cuda.to_device(np.full(jobs.size, problem.RUNNING)),
            choice=cuda.to_device(members.choice[jobs]),
            rates=cuda.to_device(members.rates),
            rate_width=members.rate_width,
            kept_epochs=cuda.to_device(members.kept_epochs),
            costs=cuda.to_device(np.full(points * jobs.size, np.nan)),
            until=self._work.options.epochs,
        )

    def _examples(self) -> Examples:
        """The data by features, with lanes of no weight up to whole turns of the pass."""
        train, members = self._work.train, self._work.members
        n, copies = len(train.X), threads.copies_of(self._parameters.shape[1])
        lanes = -(-n // copies) * copies
        weights = members.example_weights if members.example_weights.size else train.weights
        rows = weights.reshape(-1, n) if weights.size else np.ones((1, n), train.X.dtype)
        row = members.weight_row[self._jobs] if members.weight_row.size else 0 * self._jobs
        return Examples(
            inputs=on_device(_padded(train.X.T, lanes)),
            targets=on_device(_padded(train.y.T, lanes)),
            weights=on_device(_padded(rows, lanes)),
            weight_row=cuda.to_device(row),
            lanes=lanes,
            mean_of=n if self._work.options.mean else 1,
        )

    def _progress(self) -> tuple[int, bool]:
        """Epochs run so far, and whether a member is still running."""
        self.epochs = self._there.epochs.copy_to_host()
        status = self._there.status.copy_to_host()
        return int(self.epochs.sum()), bool((status == problem.RUNNING).any())

    def finish(self) -> None:
        """Write what is kept of the members, each left at an epoch's end."""
        if self._there is None:
            return
        members, jobs, there = self._work.members, self._jobs, self._there
        status = there.status.copy_to_host()
        self.epochs = there.epochs.copy_to_host()
        parameters, before = (
            columns.copy_to_host().reshape(-1, jobs.size).T
            for columns in (there.parameters, there.before)
        )
        bad = ~np.isfinite(parameters).all(axis=1)
        status[bad] = problem.DIVERGED
        kept = np.where(bad[:, None], before, parameters)
        members.parameters.reshape(-1, members.stride)[jobs, : kept.shape[1]] = kept
        points = members.kept_epochs.size
        members.costs.reshape(-1, points)[jobs] = there.costs.copy_to_host().reshape(points, -1).T
        members.epochs[jobs], members.status[jobs] = self.epochs, status


def _padded(rows: Array, lanes: int) -> Array:
    """Rows with zeros up to a length, one after the other."""
    padded = np.zeros((len(rows), lanes), rows.dtype)
    padded[:, : rows.shape[1]] = rows
    return padded.reshape(-1)
