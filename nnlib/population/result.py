"""Population: what training many networks at once returns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from ..checks.values import whole_number
from ..kernels.network import problem
from ..network import Network
from .grouping import Grouping
from .ranking import Ranking, best_first, best_folds_first, ranked
from .refit import Recipe, RefitEnsemble
from .saving import read, save
from .sweep import Choice
from .tables import choice_rows, member_columns, summary
from .work import HALVED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]

_ENDS = {
    problem.FINISHED: "epochs",
    problem.DIVERGED: "diverged",
    problem.NO_PROGRESS: "patience",
    problem.TARGET_REACHED: "target_cost",
    HALVED: "halving",
}
# Fields with a row for each member, mappings of such, or None.
_OF_MEMBERS = (
    "parameters", "J", "validation_J", "cost", "validation_cost", "best_epoch", "epochs", "seed",
    "fold", "choice", "status", "group", "metrics", "validation_metrics",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Population(RefitEnsemble):
    """Networks trained by one call of `train_many`; all arrays have a row per member.

    A population is a sequence: `population[3]` is a `Network`, a slice, a mask or an array of
    numbers gives a population.

    Attributes
    ----------
    parameters : ndarray, shape (n, n_parameters)
        The flat parameter vector of each member; where members differ in size, NaN fills up.
    J : ndarray of float64, shape (n, points)
        Costs over time, as `History.J`, at the epochs `trace`; NaN after a member's end.
    trace : ndarray of int, shape (points,)
        The epochs at which costs were kept, counted from 0.
    validation_J : ndarray of float64, shape (n, points), or None
        Validation costs after those epochs.
    cost : ndarray of float64, shape (n,)
        J at the parameters reached, without penalties, over the examples the member trained with.
        Infinite where a member diverged; its parameters are then the last whose cost was finite.
    validation_cost : ndarray of float64, shape (n,), or None
        With folds or bootstrap J over the examples held out, NaN where their weights are all 0 or
        the draws took every example; with validation examples the lowest of their costs, whose
        parameters the member then holds.
    best_epoch : ndarray of int, shape (n,), or None
        The epoch of the lowest validation cost.
    epochs : ndarray of int, shape (n,)
        How many epochs each member ran.
    seed : ndarray, shape (n,)
        The seed that each member began from.
    fold : ndarray of int, shape (n,), or None
        The fold that was held out.
    choices : list of dict
        The options from the grid, each combination once.
    choice : ndarray of int, shape (n,)
        Which of `choices` each member has.
    seconds : float
        Wall time of the training, all members together, without the wait for kernels.
    compile_seconds : float
        How long it has waited for kernels.
    stopped : str or None
        What ended the training early: "interrupted" (Ctrl-C), "max_seconds" or "callback".
    classes : ndarray, or None
        The labels of the classes, see `Network.classes`, where y holds some.
    feature_names : tuple of str, or None
        See `Network.feature_names`.
    folds : ndarray of int, shape (n_examples,), or None
        The fold of each example.
    recipe : Recipe or None
        What `refit` trains with.
    metrics, validation_metrics : dict from str to ndarray of float64, shape (n,)
        Metrics at the parameters reached, of the examples that the member trained with and of the
        validation examples or those held out, None without these; NaN where a member diverged.
    ranking : Ranking or None
        The metric that members are compared by, if it is not the cost.
    group : ndarray of int, shape (n,), or None
        The number of the group whose rows each member trained on; `groups` are their names.
    grouping : Grouping or None
        The names of the groups, and those that were skipped.

    Examples
    --------
    >>> import nnlib
    >>> X, y = nnlib.course.exercise_data()
    >>> population = nnlib.train_many([1, 2, 1], X, y, n=20, epochs=100)
    >>> population.parameters.shape, population.J.shape, len(population.top(3))
    ((20, 7), (20, 50), 3)
    >>> bool(abs(population.best.J(X, y) - population.cost.min()) < 1e-12)
    True
    """

    parameters: Array
    J: NDArray[np.float64]
    trace: NDArray[np.int64]
    validation_J: NDArray[np.float64] | None
    cost: NDArray[np.float64]
    validation_cost: NDArray[np.float64] | None
    best_epoch: NDArray[np.int64] | None
    epochs: NDArray[np.int64]
    seed: Array
    fold: NDArray[np.int64] | None
    choices: list[Choice]
    choice: NDArray[np.int64]
    seconds: float
    stopped: str | None
    status: NDArray[np.int64]
    architectures: list[dict[str, Any]]  # one per choice: sizes, activation, loss, dtype
    generators: NDArray[np.uint64]
    data: tuple[Array, Array]
    compile_seconds: float = 0.0
    classes: Array | None = None
    feature_names: tuple[str, ...] | None = None
    folds: NDArray[np.int64] | None = None
    recipe: Recipe | None = None
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    validation_metrics: Mapping[str, NDArray[np.float64]] | None = None
    ranking: Ranking | None = None
    group: NDArray[np.int64] | None = None
    grouping: Grouping | None = None

    @property
    def score(self) -> NDArray[np.float64]:
        """What members are compared by, the lowest first.

        The validation cost if there is one, else the cost; with ``rank_by`` that metric, of the
        examples held out if there are some, and its negative where more of it is better.
        """
        if self.ranking is not None:
            held_out = self.validation_metrics
            values = (self.metrics if held_out is None else held_out)[self.ranking.metric]
            return self.ranking.sign * values
        return self.cost if self.validation_cost is None else self.validation_cost

    @property
    def _ranked(self) -> NDArray[np.float64]:
        """The score, infinite for all that diverged."""
        return ranked(self.score, self.diverged)

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Whose cost stopped being finite."""
        diverged: NDArray[np.bool_] = self.status == problem.DIVERGED
        return diverged

    @property
    def ended(self) -> list[str]:
        """Why: "epochs", "patience", "target_cost", "halving", "diverged" or "stopped"."""
        return [_ENDS.get(int(status), "stopped") for status in self.status]

    @property
    def order(self) -> NDArray[np.intp]:
        """Members from the best to the worst: from the lowest score to the highest.

        With folds the scores are of different examples, and the lowest is that of the fold that
        happened to be easy. Choices therefore come in the order of their mean scores, as in
        `by_choice`, and the starts of one choice in the order of their means over the folds. The
        folds of one start come by their distance from its mean. Members without a score come last.
        """
        if self.fold is None:
            return best_first(self._ranked)
        return best_folds_first(self._ranked, self.choice, self.seed)

    @property
    def best(self) -> Network:
        """The first of `order`: with folds a member of the best choice.

        It was trained without its own fold; `refit` trains a network like it on all of the data.
        """
        return self[int(self.order[0])]

    def top(self, k: int) -> Population:
        """The k best members, the best first; all of them if they are fewer."""
        return self[self.order[: whole_number("k", k, 0)]]

    def __len__(self) -> int:
        return len(self.cost)

    def __iter__(self) -> Iterator[Network]:
        return (self[member] for member in range(len(self)))

    @overload
    def __getitem__(self, member: int | np.integer[Any] | str) -> Network: ...
    @overload
    def __getitem__(self, member: slice | range | list[Any] | Array) -> Population: ...
    def __getitem__(self, member: Any) -> Network | Population:
        if isinstance(member, (int, np.integer)):
            return self._network(range(len(self))[int(member)])
        if isinstance(member, str):
            return self.of_group(member)
        names = not isinstance(member, slice) and np.asarray(member).dtype.kind == "U"
        chosen = np.arange(len(self))[self.of_groups(member) if names else member]
        return self._part(chosen)

    def by_choice(self) -> list[dict[str, Any]]:
        """What came of each combination of the grid, the best mean score first.

        Each is the choice itself with "mean", "spread" (standard deviation), "lowest" score and
        "members"; those that diverged make the mean infinite, those without a score do not count.

        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> grid = {"learning_rate": [0.01, 1.0]}
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=5, epochs=200, grid=grid)
        >>> [row["learning_rate"] for row in population.by_choice()]
        [1.0, 0.01]
        """
        return choice_rows(self.choices, self.choice, self._ranked)

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row per member: choice, seed, fold, costs, metrics, and so on.

        Metrics of the examples held out have ``validation_`` before their names.

        Raises
        ------
        ImportError
            If pandas is missing.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas") from None
        return pandas.DataFrame(member_columns(self))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the population to a safetensors file, from which `load` makes an equal one.

        What `refit` trains with is kept, but where that is a schedule of your own, or arrays as an
        initializer. Objects in the grid, as an optimizer with settings, come back as their text.

        Raises
        ------
        TypeError, ValueError, OSError, ImportError
            As `Network.save`; ValueError also if choices and networks take over 1 MiB as text.

        Examples
        --------
        >>> import nnlib
        >>> from tempfile import TemporaryDirectory
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=3, epochs=10)
        >>> with TemporaryDirectory() as folder:
        ...     population.save(f"{folder}/population.safetensors")
        ...     again = nnlib.Population.load(f"{folder}/population.safetensors")
        >>> bool((again.parameters == population.parameters).all())
        True
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], custom: Any = ()) -> Population:
        """Read a population that `save` wrote.

        Parameters
        ----------
        path, custom
            As for `nnlib.load`.

        Raises
        ------
        TypeError, FormatError, OSError, ImportError
            As `nnlib.load`.
        """
        return read(path, cls, custom)

    def plot(self) -> Figure:
        """All cost curves with their quantiles, and the best fit and the spread over the data.

        The fits are drawn for networks with one input and one output; others get the distribution
        of the costs instead.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        from ..figures.populations import plot

        return plot(self)

    def _network(self, member: int) -> Network:
        number = int(self.choice[member])
        seed = self.seed[member]
        network = Network(**self.architectures[number], initializer="zeros")
        network.classes, network.feature_names = self.classes, self.feature_names
        network.restore(
            self.parameters[member, : network.architecture.size],
            None if seed is None else int(seed),
            self.generators[member] if self.generators.size else None,
        )
        return network

    def _networks(self, members: Array) -> Iterator[Network]:
        """These members in turn, in one object per architecture: a tenth of the time of `[i]`."""
        kept: dict[int, Network] = {}
        for member in members:
            number = int(self.choice[member])
            if number not in kept:
                kept[number] = self._network(member)
            network = kept[number]
            network.parameters[:] = self.parameters[member, : network.architecture.size]
            yield network

    def _part(self, chosen: Array) -> Population:
        def rows(array: Any) -> Any:
            if isinstance(array, Mapping):
                return {name: column[chosen] for name, column in array.items()}
            return None if array is None else array[chosen]

        own = {name: rows(getattr(self, name)) for name in _OF_MEMBERS}
        generators = rows(self.generators) if self.generators.size else self.generators
        return replace(self, **own, generators=generators)

    def __repr__(self) -> str:
        return summary(self)
