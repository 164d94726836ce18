"""What a descent returns, and what its callback sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checks.names import NearNames

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Report:
    """Where a descent stands, as its callback sees it.

    Attributes
    ----------
    epoch : int
        How many epochs are done; the network holds the parameters that they led to.
    J : float
        Cost of the last of them, as in `History.J`.
    validation_J : float or None
        Validation cost after it.
    learning_rate : float
        The one it used.
    seconds : float
        Since the call of `Network.descent` began, without the wait for kernels.
    metrics, validation_metrics : dict from str to float
        The metrics after it, of the training and of the validation examples, None without these.
    """

    epoch: int
    J: float
    validation_J: float | None
    learning_rate: float
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    validation_metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class History(NearNames):
    """The trace of a descent.

    Attributes
    ----------
    J : ndarray of float64, shape (epochs run,)
        Cost at the start of each epoch's pass. With mini-batches every example counts with its
        cost at the moment its batch is reached, before that batch's step.
    seconds : float
        Wall time of the descent; where it was resumed, of all its runs up to their last
        checkpoint. The wait for kernels is not part of it.
    compile_seconds : float
        How long this call has waited for kernels: seconds where it was the first on this machine
        to need them, else what it takes to load them.
    learning_rate : ndarray of float64, shape (epochs run,)
        The rate that each epoch used.
    validation_J : ndarray of float64, shape (epochs run,), or None
        Cost of the validation examples after each epoch.
    best_epoch : int or None
        The epoch with the lowest validation cost, or the best value of the metric that decides,
        whose parameters the network holds; None also if none was finite.
    stopped : str
        Why it ended: "epochs", "patience", "target_cost", "max_seconds" or "callback".
    metrics : dict from str to ndarray of float64, shape (epochs run,)
        Values of each metric on the training examples after each epoch.
    validation_metrics : dict likewise, or None
        The same on the validation examples.

    Examples
    --------
    >>> import nnlib
    >>> history = nnlib.course.exercise().run(epochs=100)
    >>> history.epochs, history.J.shape, history.stopped
    (100, (100,), 'epochs')
    """

    J: NDArray[np.float64]
    seconds: float
    learning_rate: NDArray[np.float64]
    validation_J: NDArray[np.float64] | None = None
    best_epoch: int | None = None
    stopped: str = "epochs"
    compile_seconds: float = 0.0
    metrics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    validation_metrics: Mapping[str, NDArray[np.float64]] | None = None

    @property
    def epochs(self) -> int:
        """How many epochs ran."""
        return len(self.J)

    @property
    def cost(self) -> float:
        """The last J known: that of the last epoch, NaN before any.

        Like all of `J` it belongs to the parameters that its epoch began with, so the network is
        one step further, or with validation at the end of `best_epoch`; their cost is
        `Network.J(X, y)`, a pass more. L-BFGS and Levenberg-Marquardt know J at the parameters that
        they reach: there it is that.
        """
        return float(self.J[-1]) if self.epochs else np.nan

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row per epoch: J, learning_rate, validation_J, the metrics.

        Those of the validation examples have ``validation_`` before their names.

        Raises
        ------
        ImportError
            If pandas is missing.

        Examples
        --------
        >>> import nnlib
        >>> history = nnlib.course.exercise().run(epochs=100)
        >>> history.to_frame().columns.tolist()
        ['J', 'learning_rate']
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_frame needs pandas: pip install pandas") from None
        columns: dict[str, Any] = {"J": self.J, "learning_rate": self.learning_rate}
        if self.validation_J is not None:
            columns["validation_J"] = self.validation_J
        columns.update(self.metrics)
        for name, values in (self.validation_metrics or {}).items():
            columns[f"validation_{name}"] = values
        return pandas.DataFrame(columns, index=pandas.RangeIndex(self.epochs, name="epoch"))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Cost, and validation cost, over the epochs; logarithmic.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            If matplotlib is missing.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.course.exercise().run(epochs=10).plot()  # doctest: +SKIP
        """
        from .figures.curves import plot_history

        return plot_history(self.J, self.validation_J, self.best_epoch, ax=ax)

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(epochs=0)"
        parts = [f"epochs={self.epochs}", f"J={self.J[0]:.6g} → {self.J[-1]:.6g}"]
        if self.validation_J is not None and self.best_epoch is not None:
            first, best = self.validation_J[0], self.validation_J[self.best_epoch]
            parts.append(f"validation_J={first:.6g} → {best:.6g} at the best")
            parts.append(f"best_epoch={self.best_epoch}")
        if self.stopped != "epochs":
            parts.append(f"stopped={self.stopped!r}")
        parts.append(f"seconds={self.seconds:.3g}")
        return f"History({', '.join(parts)})"


@dataclass(frozen=True, eq=False, repr=False)
class SecondOrderHistory(History):
    """The trace of L-BFGS or Levenberg-Marquardt; an epoch is an iteration that lowered the cost.

    Attributes
    ----------
    evaluations : int
        Passes over all the data: for L-BFGS of cost and gradient, for Levenberg-Marquardt of the
        Jacobian (one per iteration) or of the cost at a trial step (one per value of μ).
    cost : float
        J at the parameters reached.
    stopped : str
        Why it ended: "epochs", "gradient_tolerance", "cost_tolerance", or "no lower cost found":
        the cost cannot be lowered within the precision of the dtype.
    learning_rate : ndarray of float64, shape (epochs run,)
        NaN: these methods choose the length of their steps themselves.
    """

    evaluations: int = 0
    cost: float = np.nan
