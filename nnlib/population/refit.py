"""One network more, trained as the members of a population were, on all of the data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.values import seed_number, whole_number
from ..network import Network
from ..training.options import Options
from .by_group import GroupEnsemble
from .ranking import best_folds_first
from .windows import Windows

Array = NDArray[Any]


class Recipe(NamedTuple):
    """What a population was made of.

    Attributes
    ----------
    train, validation : Examples
        Those that all members share; None: no validation examples.
    networks : list of Network
        One for each choice, for its architecture and for what its layers say of training.
    options : list of Options
    initializers : list
        As for `train_many`, for each choice.
    start : Network or None
        Whose parameters and generator every member began with.
    own_weights : bool
        Whether members have weights of the examples of their own.
    windows : Windows or None
        The rows of each group, a window each.
    """

    train: Examples
    validation: Examples | None
    networks: Sequence[Network]
    options: Sequence[Options]
    initializers: Sequence[Any]
    start: Network | None
    own_weights: bool
    windows: Windows | None = None

    def network(self, choice: int, seed: int | None) -> Network:
        """The network of a choice before its descent."""
        like = self.networks[choice]
        initializer = self.initializers[choice]
        network = Network(
            **like.architecture.arguments(), dtype=like.dtype, seed=seed, initializer=initializer
        )
        network.train_like(like)
        if self.start is not None:
            parameters, _, generator = self.start.state()
            network.restore(
                network.parameters if initializer is not None else parameters, seed, generator
            )
        return network.to(like.device)

    def trained(self, choice: int, seed: int | None, group: int | None) -> Network:
        """The same after it, by the driver of a network alone.

        It has the examples of the group of this number, or all of them.
        """
        if self.own_weights:
            raise ValueError(
                "refit: the members have weights of the examples of their own, so there is no "
                "network like all of them; call Network.descent with the weights wanted"
            )
        options = copy(self.options[choice])  # not made anew, which checks again what is completed
        options.callback = options.max_seconds = None  # a population's own
        network = self.network(choice, seed)
        train, validation = self.train, self.validation
        if group is not None:
            assert self.windows is not None
            train = train.part(self.windows.rows_of(group))
            if validation is not None:
                validation = validation.part(self.windows.held_rows_of(group))
        network.train_on(train, validation, options)
        return network


class RefitEnsemble(GroupEnsemble):
    """What a `Population` has that knows how its members were trained."""

    recipe: Recipe | None
    seed: Array

    @property
    @abstractmethod
    def _ranked(self) -> Array:
        """The score, infinite for all that diverged."""

    def refit(
        self, choice: int | None = None, seed: int | None = None, group: Any = None
    ) -> Network:
        """A network trained as the members of a choice were, on all of the data.

        Parameters
        ----------
        choice : int or None
            The number of one of `choices`; None: that of `best`. With groups it is the choice whose
            members have the best mean score.
        seed : int or None
            None: that of the best member of the choice.
        group : str, int or None
            The name of a group: the network is trained on its rows alone, and choice and seed are
            those of its best member. None: on the rows of all groups, as for groups that were
            skipped, or are new.

        Returns
        -------
        Network
            Trained as `Network.descent` does it with the choice's options, also by its
            validation examples, if there are some; folds and draws leave nothing out. Weights of
            examples count within their group.

        Raises
        ------
        TypeError, ValueError
            If there is no such choice or group, or members have weights of the examples of their
            own.
        DivergenceError
            As `Network.descent`.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> grid = {"learning_rate": [0.1, 1.0]}
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=3, folds=3, grid=grid, epochs=100)
        >>> bool(population.refit().J(X, y) < population.cost.max())
        True
        """
        number = None if group is None else int(self._grouped("refit with a group").number(group))
        if self.recipe is None:
            raise ValueError(
                "refit: the file of this population does not hold how its members were trained, as "
                "with a schedule of your own or arrays as initializer"
            )
        order = self._order_to_refit(number)
        if choice is None:
            if not len(order):
                raise ValueError("refit: no member is left that tells the choice, so give choice")
            choice = int(self.choice[order[0]])
        choice = whole_number("choice", choice, 0, len(self.choices) - 1)
        if seed is not None:
            seed = seed_number("seed", seed)
        elif (of_choice := order[self.choice[order] == choice]).size:
            best = self.seed[of_choice[0]]
            seed = None if best is None else int(best)
        network = self.recipe.trained(choice, seed, number)
        network.classes, network.feature_names = self.classes, self.feature_names
        return network

    def _order_to_refit(self, group: int | None) -> Array:
        """The members that choice and seed may come from, the best first."""
        if self.group is None:
            return self.order
        if group is not None:
            own: Array = self.order[self.group[self.order] == group]
            return own
        return best_folds_first(self._ranked, self.choice, self.seed)
