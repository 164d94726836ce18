"""What a network shows of itself: ∂F/∂x, the values of its layers, a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks.feature_names import check_feature_names
from ..checks.values import check_finite, numbers, shaped_rows
from ..layers.shaped import Array
from . import ports
from .function import examples_for
from .inspection import filters, input_gradient, layer_values, through_softmax
from .prediction import NetworkPrediction
from .sequence_rows import comes_by_port, wrapped
from .summary import Summary, drawing, summary
from .whole_numbers import check_ranges

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class NetworkInsight(NetworkPrediction):
    """A `Network` that can be looked into, below its training."""

    def gradient(
        self, X: ArrayLike, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Any:
        """∂F/∂x at every example, by back-propagation to the inputs.

        Parameters
        ----------
        X, lengths, mask
            As for `F`.

        Returns
        -------
        ndarray, shape (n, d_L, d_1)
            Element s, k, i is ∂F_k/∂x_i at example s; (d_L, d_1) for one example. Where
            d_1 = d_L = 1 it has the shape of X, as F has. A network with several outputs gives a
            list of them, or a dict if F gives one, and with several inputs each is a list.

        Raises
        ------
        TypeError, ValueError
            As `F`.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1], "identity", initializer=[([[1, -2]], [1])])
        >>> net.gradient([[3, 2]])
        array([[[ 1., -2.]]])
        """
        rows, shape = self._example_rows(wrapped(X, lengths, mask))
        own = self._architecture.reading(rows)
        gradient = input_gradient(own, self._parameters, rows)
        if "softmax" in own.activations:
            gradient = through_softmax(own, gradient, self.outputs_of(rows))
        if own.has_ports or own.graph.masked:
            return ports.split_gradient(own, gradient)
        if own.d_in == own.d_out == 1:
            return gradient.reshape(shape) if shape else float(gradient[0, 0, 0])
        return gradient[0] if len(shape) == 1 and own.d_in > 1 else gradient

    def layer_outputs(
        self, X: ArrayLike, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> dict[str, Array]:
        """What every layer gives for the examples.

        Parameters
        ----------
        X, lengths, mask
            As for `F`.

        Returns
        -------
        dict from str to ndarray of shape (n, …)
            By the layer's name, see `summary`; a layer that is used again has a number behind it.

        Raises
        ------
        TypeError, ValueError
            As `F`.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 2, 1])
        >>> {name: values.shape for name, values in net.layer_outputs([0, 1, 2]).items()}
        {'dense': (3, 2), 'dense_1': (3, 1)}
        """
        rows, _ = self._example_rows(wrapped(X, lengths, mask))
        return layer_values(self._architecture.reading(rows), self._parameters, rows)

    def summary(self) -> Summary:
        """A table of the layers: what they read, shapes, parameters, multiply-adds of an example.

        Examples
        --------
        >>> import nnlib
        >>> nnlib.Network([1, 2, 1]).summary()
        layer    class  reads  output  parameters  multiply-adds
        -------  -----  -----  ------  ----------  -------------
        input    Input         (1,)             0              0
        dense    Dense  input  (2,)             4              4
        dense_1  Dense  dense  (1,)             3              3
        -------  -----  -----  ------  ----------  -------------
        7 parameters; 7 multiply-adds an example; loss half_squared_error
        """
        return summary(self._architecture, self.layers)

    def _repr_html_(self) -> str:
        """The graph, and the summary, for notebooks."""
        return drawing(self._architecture, self.layers)

    def show(self, X: Any, y: ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
        """The lecture's figure: the data as red or blue dots and the curve F over them.

        Parameters
        ----------
        X, y
            As for `J`; d_1 = d_L = 1.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If the network has more than one input or output.
        ImportError
            If matplotlib is missing.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 2, 1])
        >>> net.show([0, 1, 2], [0.2, 1, 0.2])  # doctest: +SKIP
        """
        from ..figures.curves import show

        if self._classes is not None:
            X, y = examples_for(self, X, y)
        return show(self, X, y, ax=ax)

    def show_filters(self) -> Figure:
        """The weights of every layer that has them for places of an image, as small pictures.

        Those are convolutions over images, with a picture for each filter and each channel that
        it reads, and dense layers that read images of one channel, with a picture for each unit.
        Blue is negative, white 0, red positive; each layer has a scale of its own.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ValueError
            If no layer has such weights.
        ImportError
            If matplotlib is missing.

        Examples
        --------
        >>> from nnlib import Network, layers
        >>> net = Network([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
        >>> net.show_filters()  # doctest: +SKIP
        """
        from ..figures.images import draw_images, images_of_filters

        found = {
            f"{name}: {len(weight)} of {weight.shape[1]} × {weight.shape[2]}": images_of_filters(
                weight
            )
            for name, weight in filters(self._architecture, self._parameters).items()
        }
        if not found:
            raise ValueError(
                "show_filters draws weights for places of an image, and no layer of this network "
                "has them"
            )
        return draw_images(found, signed=True)

    def show_activations(self, image: ArrayLike) -> Figure:
        """What every layer gives for one image, a small picture for each channel.

        Layers that give numbers without places, as dense ones, are a line. Black is the lowest
        value of the layer, white the highest. Layers that compute nothing, as `Flatten`, or only in
        a descent, as `Dropout`, are left out.

        Parameters
        ----------
        image : array_like
            One example, with the shape of the network's input, or (1, …).

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        TypeError, ValueError
            As `F`; if it is several examples.
        ImportError
            If matplotlib is missing.

        Examples
        --------
        >>> import numpy as np
        >>> from nnlib import Network, layers
        >>> net = Network([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
        >>> net.show_activations(np.zeros((28, 28, 1)))  # doctest: +SKIP
        """
        from ..figures.images import draw_images, images_of_values

        shapes = self._architecture.graph.input_shapes
        given = np.asarray(image)
        one_channel = shapes[0][:-1] if shapes[0][-1] == 1 else shapes[0]
        if len(shapes) == 1 and given.shape in (shapes[0], one_channel):
            image = given.reshape(1, *shapes[0])
        outputs = self.layer_outputs(image)
        if any(len(values) != 1 for values in outputs.values()):
            raise ValueError(
                f"image has shape {given.shape}, wanted one example of shape {shapes[0]}"
            )
        graph = self._architecture.graph
        images = {
            f"{name} {values.shape[1:]}": images_of_values(values[0])
            for node, (name, values) in zip(graph.nodes, outputs.items(), strict=True)
            if graph.layers[node.layer].computes
        }
        return draw_images(images, signed=False)

    def _example_rows(self, X: Any) -> tuple[Array, tuple[int, ...]]:
        """X as rows (n, d_1), and the shape that it had."""
        own, dtype = self._architecture, self._parameters.dtype
        self._check_parameters()
        if comes_by_port(own, X):
            return ports.input_rows(own, X, dtype), ()
        if self._feature_names is not None:
            check_feature_names("X", X, self._feature_names)
        array = numbers("X", X, dtype)
        rows = array
        if array.ndim == 1 and own.d_in > 1 and array.shape == (own.d_in,):
            rows = array.reshape(1, -1)
        rows = shaped_rows("X", rows, own.d_in)
        check_finite("X", rows)
        check_ranges(own.ranges, rows)
        return np.ascontiguousarray(rows), array.shape
