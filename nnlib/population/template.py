"""Template: what the members of a population have in common, and the networks of their choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from ..activations import Custom
from ..losses import Loss
from ..network import Network
from .sweep import Choice


class Template:
    """The architecture that members have unless the grid says otherwise, and where they start.

    Parameters
    ----------
    net, activation, loss, dtype, initializer
        As for `train_many`.
    """

    def __init__(
        self,
        net: Network | Sequence[int] | None,
        activation: str | Custom | Sequence[str | Custom] | None,
        loss: str | Loss | None,
        dtype: DTypeLike | None,
        initializer: Any,
    ) -> None:
        named: dict[str, Any] = {"activation": activation, "loss": loss, "dtype": dtype}
        given: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        self.start = net if isinstance(net, Network) else None
        self.initializer = initializer
        if isinstance(net, Network):
            if initializer is not None:
                given["initializer"] = initializer
            if given:
                raise ValueError(
                    f"{', '.join(given)}: given beside a network, which has its own; give its "
                    "sizes instead of the network"
                )
            given = {**net.architecture.arguments(), "dtype": net.dtype}
        self._arguments: dict[str, Any] = {"sizes": net, **given}
        self._networks: dict[Any, Network] = {}

    def network(self, choice: Choice) -> Network:
        """A network of the choice's architecture, the same object for the same architecture."""
        own: Choice = {name: choice[name] for name in ("sizes", "activation") if name in choice}
        if own and self.start is not None:
            raise ValueError(
                f"{', '.join(own)}: in the grid beside a network, which has its own; give its "
                "sizes instead of the network"
            )
        key = str(own)
        if key not in self._networks:
            arguments: dict[str, Any] = {**self._arguments, **own}
            if arguments["sizes"] is None:
                raise ValueError("sizes are missing: give them as first argument or in the grid")
            made = self._networks[key] = Network(**arguments, initializer="zeros")
            if self.start is not None:
                made.train_like(self.start)
                made.classes = self.start.classes
                made.feature_names = self.start.feature_names
        return self._networks[key]
