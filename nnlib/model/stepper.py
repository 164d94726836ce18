"""A network that is given one sequence step by step, and keeps its state between the steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks.names import NearNames, hint
from ..checks.values import check_finite, numbers, shown, whole_number
from ..kernels.layers.operations import BUFFER_UNITS, OUTPUTS, RESULT, rows_of
from ..kernels.network import stepping
from ..kernels.network.linking import Use, linked
from ..layers.shaped import Array
from .graph import Graph
from .rows import Purpose, table_of
from .stateful import state_places, stateful
from .whole_numbers import check_ranges, ranges_of


class Stepper(NearNames):
    """A network on its way through one sequence; `Network.stepper` makes it.

    A call reads the next step x_t and gives the network's output there, which is that of `F` for
    x_1 … x_t, but for rounding. The network's parameters are read as they are at each call.

    Parameters
    ----------
    graph : Graph
        The network's, whose input is one sequence, of any length or a fixed one.
    parameters : ndarray
        The network's.

    Raises
    ------
    ValueError
        If the network has no such graph: all of its layers must do with the steps up to t.

    Examples
    --------
    >>> import nnlib
    >>> from nnlib import layers
    >>> net = nnlib.Network([layers.Input((None, 2)), layers.LSTM(4), layers.Dense(1)])
    >>> stepper = net.stepper()
    >>> y = [stepper([0.5, 1.0]), stepper([0.25, 0.0])]
    >>> bool(np.allclose(y[1], net.F([[[0.5, 1.0], [0.25, 0.0]]])[0]))
    True
    >>> {name: state.shape for name, state in stepper.state.items()}
    {'lstm': (2, 4)}
    """

    def __init__(self, graph: Graph, parameters: Array) -> None:
        own = stateful(graph)
        self._plain = table_of(own.graph, Purpose())
        self._parameters, self._ranges = parameters, ranges_of(own.graph)
        self._input, self._output = own.input_shape, own.output_shape
        self._places = state_places(own.graph, rows_of(self._plain))
        self._activations = np.zeros(int(self._plain[BUFFER_UNITS]), parameters.dtype)
        self._before = self._activations.copy()  # what it held before the last call
        self._width = int(self._plain[OUTPUTS])
        self._begun = False  # whether the state is that of the last output
        self._link()

    def _link(self) -> None:
        self._table = linked(self._plain, Use(self._parameters.dtype, single=True))

    def __call__(self, x: ArrayLike) -> Array:
        """The output at the next step, whose state the stepper then has.

        Parameters
        ----------
        x : array_like, shape (features,)
            The step; a number where the network's input has no features, as for an `Embedding`.

        Returns
        -------
        ndarray
            Of the shape of the network's output, without the axis of the steps.

        Raises
        ------
        TypeError, ValueError
            If x is not of this form or not finite, and for parameters that are not finite. The
            state is then that before the call.
        """
        array = numbers("x", x, self._parameters.dtype)
        if array.shape != self._input:
            raise ValueError(f"x has shape {array.shape}, wanted {self._input}: one step")
        return self._run(array, 1).reshape(self._output)

    def read(self, X: ArrayLike) -> Array:
        """The outputs at several steps, one after the other.

        Parameters
        ----------
        X : array_like, shape (time, features)
            As many steps as there are, or (time,) where a step is a number.

        Returns
        -------
        ndarray, shape (time, …)

        Raises
        ------
        TypeError, ValueError
            As for a call; none of the steps has been read then.

        Examples
        --------
        >>> import nnlib
        >>> from nnlib import layers
        >>> net = nnlib.Network([layers.Input((None, 2)), layers.GRU(4), layers.Dense(3)])
        >>> net.stepper().read(np.zeros((5, 2))).shape
        (5, 3)
        """
        array = numbers("X", X, self._parameters.dtype)
        if array.ndim != len(self._input) + 1 or array.shape[1:] != self._input or not len(array):
            wanted = ", ".join(["time", *map(str, self._input)])
            raise ValueError(f"X has shape {array.shape}, wanted ({wanted}) with at least one step")
        return self._run(array, len(array)).reshape(-1, *self._output)

    def forecast(self, steps: int) -> Array:
        """What comes next, by outputs that are read as inputs; the state stays as it is.

        The first value is the output of the last step, which is a forecast of the next x. It is
        read as if it were that, which gives the second value, and so on.

        Parameters
        ----------
        steps : int
            How many values, at least one.

        Returns
        -------
        ndarray, shape (steps, …)

        Raises
        ------
        TypeError, ValueError
            For another number of steps, before the first step is read, after a state has been
            assigned, whose output is not known, and if an output has another shape than an input.

        Examples
        --------
        A network that doubles what it reads:

        >>> import nnlib
        >>> from nnlib import layers
        >>> rnn = layers.SimpleRNN(1, activation="identity")
        >>> net = nnlib.Network([layers.Input((None, 1)), rnn])
        >>> net.parameters = [2.0, 0.0, 0.0]
        >>> stepper = net.stepper()
        >>> stepper([1.0])
        array([2.])
        >>> stepper.forecast(3).ravel()
        array([2., 4., 8.])
        """
        steps = whole_number("steps", steps, 1)
        if self._output != self._input or self._ranges:
            raise ValueError(
                f"forecast reads outputs as inputs: an output has shape {shown(self._output)}, "
                f"wanted that of an input, {shown(self._input)}"
                + (", and no whole numbers" if self._ranges else "")
            )
        if not self._begun:
            raise ValueError(
                "forecast begins with the output of the last step, and none has been read since "
                "the stepper began or its state was assigned: read a step before it; copy() keeps "
                "a stepper with its output"
            )
        first = int(self._plain[RESULT])
        ahead = np.empty((steps, self._width), self._activations.dtype)
        ahead[0] = self._activations[first : first + self._width]
        if steps > 1:
            activations = self._activations.copy()
            out, none = ahead[1:].reshape(-1), activations[:0]
            stepping.run(out, ahead[0], self._table, self._parameters, activations, none)
        return ahead.reshape(steps, *self._output)

    def reset(self) -> None:
        """Go back to before the first step: all states are 0.

        >>> import nnlib
        >>> from nnlib import layers
        >>> stepper = nnlib.Network([layers.Input((None, 2)), layers.GRU(4)]).stepper()
        >>> first = stepper([1.0, 2.0])
        >>> stepper.reset()
        >>> bool((stepper([1.0, 2.0]) == first).all())
        True
        """
        self._activations[:] = 0
        self._begun = False

    def copy(self) -> Stepper:
        """A stepper of the same network with a state of its own, equal to this one's.

        >>> import nnlib
        >>> from nnlib import layers
        >>> stepper = nnlib.Network([layers.Input((None, 2)), layers.GRU(4)]).stepper()
        >>> other = stepper.copy()
        >>> y = stepper([1.0, 2.0])
        >>> float(abs(other.state["gru"]).max())
        0.0
        """
        other = copy.copy(self)
        vars(other).update(_activations=self._activations.copy(), _before=self._before.copy())
        return other

    @property
    def state(self) -> dict[str, Array]:
        """A copy of the states by the layers' names: (units,), of an LSTM (2, units), h and c.

        What is assigned has some of these names; other layers keep theirs. The output that belongs
        to an assigned state is not known: `forecast` wants a step to be read first.

        >>> import nnlib
        >>> from nnlib import layers
        >>> stepper = nnlib.Network([layers.Input((None, 2)), layers.GRU(2)]).stepper()
        >>> stepper.state = {"gru": [0.5, -0.5]}
        >>> stepper.state
        {'gru': array([ 0.5, -0.5])}
        """
        return {name: view.copy() for name, view in self._views().items()}

    @state.setter
    def state(self, states: Mapping[str, ArrayLike]) -> None:
        if not isinstance(states, Mapping):
            raise TypeError(f"state must be a dict by the layers' names; got {shown(states)}")
        views, checked = self._views(), {}
        for name, values in states.items():
            if name not in views:
                raise ValueError(
                    f"state holds {shown(name)}, wanted some of {', '.join(views)}"
                    f"{hint('layer', name, tuple(views))}"
                )
            array = numbers(f"state[{name!r}]", values, self._parameters.dtype)
            if array.shape != views[name].shape:
                raise ValueError(
                    f"state[{name!r}] has shape {array.shape}, wanted {views[name].shape}"
                )
            check_finite(f"state[{name!r}]", array)
            checked[name] = array
        for name, array in checked.items():
            views[name][...] = array
        self._begun = False

    def _views(self) -> dict[str, Array]:
        """The states in the buffer."""
        return {
            name: self._activations[place.first : place.end].reshape(place.shape)
            for name, place in self._places.items()
        }

    def _run(self, x: Array, steps: int) -> Array:
        """The outputs (steps · d_L,) at so many checked steps, of which x has all numbers."""
        if self._ranges:
            check_ranges(self._ranges, x.reshape(steps, -1))
        out = np.empty(steps * self._width, x.dtype)
        met = stepping.run(
            out, x.reshape(-1), self._table, self._parameters, self._activations, self._before
        )
        if met == stepping.INPUTS_NOT_FINITE:
            check_finite("x", x)
        if met == stepping.OUTPUTS_NOT_FINITE and not np.isfinite(self._parameters).all():
            self._activations[:] = self._before
            check_finite("parameters", self._parameters)
        self._begun = True
        return out

    def __getstate__(self) -> dict[str, Any]:
        # Without the linked table, whose addresses no other process may see.
        return {**vars(self), "_table": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._link()

    def __repr__(self) -> str:
        return f"Stepper({', '.join(self._places)})"
