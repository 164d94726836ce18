"""The arguments that describe a network, checked: activations, losses that fit them, dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..activations import Custom
from ..checks.names import hint
from ..checks.values import MOST_DROPOUT, real_number, shown
from ..kernels.formulas import losses
from ..kernels.formulas.activations import IDENTITY, LOG_SOFTMAX
from ..layers.dropout import DropoutLayer
from ..layers.formulas import activation_from, loss_code, loss_from
from ..layers.reshape import ReshapeLayer
from ..layers.shaped import ShapedLayer
from ..losses import Loss
from .graph import Graph

# The output activations with which a loss on logits makes sense, by what the last layer computes
# for the loss: the one folded in, and identity, with which F returns the logits.
_FOLDED = {IDENTITY: ("sigmoid", "identity"), LOG_SOFTMAX: ("softmax", "identity")}
# The same by the names of losses.
LOGITS = {
    loss.name: _FOLDED[loss.on_logits] for loss in losses.LOSSES if loss.on_logits is not None
}


def activation_names(activation: Any, layers: int) -> tuple[str | Custom, ...]:
    """One checked name, or activation of the user's own, per layer after the input.

    >>> activation_names("tanh", 2)
    ('tanh', 'tanh')
    """
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return (activation_from("activation", activation),) * layers
    if len(activation) != layers:
        raise ValueError(
            f"activation has {len(activation)} names, wanted one name or {layers}, "
            "one per layer after the input"
        )
    return tuple(activation_from(f"activation[{i}]", name) for i, name in enumerate(activation))


def check_output(names: Sequence[str | Custom], loss: str | Loss, d_out: int) -> None:
    """Refuse a softmax, or a loss on logits, where it does not belong.

    >>> check_output(["tanh", "softmax"], "softmax_cross_entropy", 3)
    >>> check_output(["tanh", "softmax"], "half_squared_error", 3)
    Traceback (most recent call last):
    ...
    ValueError: activation 'softmax' needs loss='softmax_cross_entropy', got 'half_squared_error'
    """
    *hidden, output = names
    if "softmax" in hidden:
        raise ValueError(
            f"activation[{hidden.index('softmax')}] is 'softmax' in a hidden layer, wanted it on "
            "the output layer only; give one name per layer, such as ['relu', 'softmax']"
        )
    folded = losses.of(loss_code(loss, d_out)).on_logits
    if output == "softmax" and folded != LOG_SOFTMAX:
        raise ValueError(f"activation 'softmax' needs loss='softmax_cross_entropy', got {loss!r}")
    if folded is not None and output not in _FOLDED[folded]:
        wanted = " or ".join(map(repr, _FOLDED[folded]))
        raise ValueError(f"loss {loss!r} needs the output activation {wanted}, got {output!r}")
    if folded == LOG_SOFTMAX and d_out == 1:
        raise ValueError(
            f"loss {loss!r} needs at least two outputs, one per class, got sizes "
            "that end in 1; for one output use 'binary_cross_entropy'"
        )


def check_graph_outputs(
    graph: Graph, loss: Any, loss_weights: Any
) -> tuple[tuple[str | Loss, ...], tuple[float, ...]]:
    """A checked name of a loss and a factor for every output of a graph."""
    names = graph.output_names
    several = isinstance(loss, (list, tuple, Mapping))
    given = _one_each("loss", loss, names) if several else [loss] * len(names)
    chosen = tuple(
        loss_from(one, f"loss of output {name!r}" if several else "loss")
        for name, one in zip(names, given, strict=True)
    )
    factors: Sequence[Any] = [1.0] * len(names)
    if loss_weights is not None:
        factors = _one_each("loss_weights", loss_weights, names)
    weights = tuple(
        real_number(f"loss_weights of output {name!r}", one, above=0)
        for name, one in zip(names, factors, strict=True)
    )
    reads = [source for node in graph.nodes for source in node.sources]
    for number, node in enumerate(graph.nodes):
        activation, name = graph.layers[node.layer].activation, graph.names[node.layer]
        if activation == "softmax" and (number not in graph.outputs or number in reads):
            raise ValueError(
                f"layer {name!r} has activation 'softmax' and another layer reads it, wanted "
                "softmax on outputs only"
            )
    for output, name, one, units in zip(
        graph.outputs, names, chosen, graph.output_widths, strict=True
    ):
        maker = _maker(graph, output)
        layer = None if maker < 0 else graph.layers[graph.nodes[maker].layer]
        activation = "identity" if layer is None else layer.activation
        check_output([activation], one, units)
        on_logits = losses.of(loss_code(one, units)).on_logits is not None
        if on_logits and maker != output and activation != "identity":
            raise ValueError(
                f"output {name!r} has the loss {one!r}, which takes logits, and its values have "
                f"the activation {activation!r} already: give the layer that makes them 'identity'"
            )
        if on_logits and (name_of := _squashed(graph, output)) is not None:
            raise ValueError(
                f"output {name!r} has the loss {one!r}, which takes logits, and it joins values of "
                f"layer {name_of!r}, which are probabilities: give that layer 'identity'"
            )
        same = [other for k, other in zip(graph.outputs, chosen, strict=True) if k == output]
        if on_logits and (output in reads or same.count(one) < len(same)):
            raise ValueError(
                f"output {name!r} has the loss {one!r}, which folds its activation in, so no other "
                "layer may read it, and it cannot be an output with another loss too: give that an "
                "Activation of its own"
            )
    return chosen, weights


def _maker(graph: Graph, output: int) -> int:
    """The number of the value that an output's values are, behind layers that pass them on."""
    behind = _behind(graph, output, lambda layer: isinstance(layer, (DropoutLayer, ReshapeLayer)))
    return next(behind)


def _squashed(graph: Graph, output: int) -> str | None:
    """A layer that gives probabilities to joins of which an output is made; None: there is none."""
    for number in _behind(
        graph, output, lambda layer: layer.passes_on and layer.activation == "identity"
    ):
        layer = graph.nodes[number].layer
        activation = graph.layers[layer].activation if 0 <= number != output else None
        if activation in ("sigmoid", "softmax"):
            return graph.names[layer]
    return None


def _behind(graph: Graph, output: int, passes: Callable[[ShapedLayer], bool]) -> Iterator[int]:
    """The numbers of the values that an output is made of, behind layers that pass them on."""
    waiting = [output]
    while waiting:
        number = waiting.pop()
        if number >= 0 and passes(graph.layers[graph.nodes[number].layer]):
            waiting += graph.nodes[number].sources
        else:
            yield number


def _one_each(argument: str, given: Any, names: Sequence[str]) -> list[Any]:
    """One element for every output, from a list in their order or a dict by their names."""
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                near = hint("output", str(name), names)
                raise ValueError(
                    f"{argument} names the output {shown(name)}, wanted {', '.join(names)}{near}"
                )
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"{argument} has nothing for the output {missing[0]!r}")
        return [given[name] for name in names]
    if not isinstance(given, (list, tuple)):
        raise TypeError(
            f"{argument} must be a list or a dict, one for each output; got {shown(given)}"
        )
    if len(given) != len(names):
        raise ValueError(
            f"{argument} has {len(given)} elements, wanted {len(names)}, one for each output"
        )
    return list(given)


def dropout_probabilities(value: Any, graph: Graph) -> tuple[float, ...]:
    """One checked probability per hidden layer, from one number for all of them or a list.

    >>> from nnlib.layers.dense import DenseLayer
    >>> chain = [DenseLayer(1, 2, "tanh"), DenseLayer(2, 2, "tanh"), DenseLayer(2, 1, "tanh")]
    >>> dropout_probabilities(0.5, Graph.chain(chain))
    (0.5, 0.5)
    """
    if value is None:
        return ()
    if not graph.is_dense_chain:
        raise ValueError(
            f"dropout is {shown(value)}, which is for a chain of dense layers: this network is "
            "another graph, so put layers.Dropout where values are to be dropped"
        )
    hidden = len(graph.nodes) - 1
    values = value if isinstance(value, Sequence) else [value] * hidden
    if len(values) != hidden or not hidden:
        raise ValueError(
            f"dropout is {shown(value)}, wanted a probability or {hidden} of them, one per hidden "
            "layer"
        )
    for probability in values:
        if real_number("dropout", probability) > MOST_DROPOUT:
            raise ValueError(
                f"dropout is {shown(probability)}, wanted probabilities below 1 (at most 1 − 2⁻³²)"
            )
    return tuple(float(probability) for probability in values)
