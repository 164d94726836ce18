"""One network more, trained as the members of a population were, on all of the data."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

from ..checks.examples import Examples
from ..network import Network
from ..training.options import Options


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
    """

    train: Examples
    validation: Examples | None
    networks: Sequence[Network]
    options: Sequence[Options]
    initializers: Sequence[Any]
    start: Network | None
    own_weights: bool

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

    def trained(self, choice: int, seed: int | None) -> Network:
        """The same after it, on all of the examples, by the driver of a network alone."""
        if self.own_weights:
            raise ValueError(
                "refit: the members have weights of the examples of their own, so there is no "
                "network like all of them; call Network.descent with the weights wanted"
            )
        options = copy(self.options[choice])  # not made anew, which checks again what is completed
        options.callback = options.max_seconds = None  # a population's own
        network = self.network(choice, seed)
        network.train_on(self.train, self.validation, options)
        return network
