"""What a call of the course returns: a network, its data and the settings of its descent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..history import History
from ..network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class System:
    """A network with data and settings: something to run.

    Attributes
    ----------
    description : str
        What is computed from what, with units.
    network : Network
        Always in the units of X and y, before and after a run.
    X : array, shape (n,) or (n, d_1)
    y : array, shape (n,)
    settings : mapping
        The arguments of `Network.descent` that `run` uses.
    standardize : bool
        Whether the descent runs on (X − mean)/standard deviation, see `run`.

    Examples
    --------
    >>> from nnlib import course
    >>> system = course.exercise()
    >>> history = system.run(epochs=100)
    >>> round(system.J(), 6)
    4.258938
    """

    description: str
    network: Network
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    settings: Mapping[str, Any]
    standardize: bool = False

    def run(self, **changes: Any) -> History:
        """Train `network` in place by `Network.descent` with `settings`; a second run goes on.

        With `standardize`, the descent sees x' = (x − m)/s, with m and s the mean and the standard
        deviation of each input, and the first layer is rewritten to fit, before and back after:

            W x + b = W' x' + b'   with   W' = W diag(s),  b' = b + W m

        Raw inputs such as 50 years or 100 mmHg would let plain descent diverge or crawl: its
        longest stable step is 1/x² while the bias needs a step near 1. The function that the
        network computes is the same in both forms; weight decay, if any, acts on W'.

        Parameters
        ----------
        **changes
            Arguments of `Network.descent` that replace or complete `settings`.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError, DivergenceError
            As `Network.descent`.

        Examples
        --------
        >>> from nnlib import course
        >>> course.exercise().run(epochs=3).J.round(6)
        array([4.3     , 4.269836, 4.26777 ])
        """
        with self._inputs() as X:
            return self.network.descent(X, self.y, **{**self.settings, **changes})

    def J(self) -> float:
        """Cost of the network over the system's data, in the reduction of its settings.

        So it goes on from the numbers of `History.J`, without a weight decay if there is one; a
        sum where the lecture's program adds up, where `Network.J` alone gives the mean.

        Returns
        -------
        float

        Examples
        --------
        >>> from nnlib import course
        >>> round(course.exercise().J(), 6)
        4.3
        """
        reduction = self.settings.get("reduction", "mean")
        return self.network.J(self.X, self.y, reduction=reduction)

    def show(self, *, ax: Axes | None = None) -> Axes:
        """The lecture's figure: the data and the curve F, for systems with one input.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError, ImportError
            As `Network.show`: with more than one input, or without matplotlib.

        Examples
        --------
        >>> from nnlib import course
        >>> course.exercise().show()  # doctest: +SKIP
        """
        return self.network.show(self.X, self.y, ax=ax)

    @contextmanager
    def _inputs(self) -> Iterator[NDArray[np.float64]]:
        """X as the descent sees it, with the network's first layer to match in the meantime."""
        if not self.standardize:
            yield self.X
            return
        mean, scale = self.X.mean(axis=0), self.X.std(axis=0)
        weight, bias = self.network.weights[0], self.network.biases[0]
        bias += weight @ mean
        weight *= scale
        try:
            yield (self.X - mean) / scale
        finally:
            weight /= scale
            bias -= weight @ mean

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return (
            f"System({self.description}; {self.network!r}; "
            f"X {self.X.shape}, y {self.y.shape}; {settings})"
        )
