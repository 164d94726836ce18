"""Random graphs of layers for hypothesis, each drawn twice: for nnlib and for the oracle."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

import nnlib
from nnlib import layers
from nnlib.checks.values import OF_CLASSES
from nnlib.model.arguments import LOGITS
from tests import graph_reference, reference
from tests.devices import amount
from tests.graph_reference import Graph, Operation
from tests.image_reference import Windows
from tests.strategies import targets

ACTIVATIONS = list(reference.ACTIVATIONS)
SMOOTH = ["identity", "sigmoid", "tanh", "softplus"]
SHAPES = [(1,), (2,), (3,), (5,), (2, 3), (3, 2, 1)]
# A dense layer between so many values is wide enough for `gemm`.
WIDE = amount(64, 10)
STEPS = amount(9, 5)
BATCHES = amount((1, 7, 64), (1, 3))


@dataclass
class Drawing:
    """A graph that grows: values of nnlib, and by the same numbers those of the oracle."""

    values: list  # of nnlib, inputs first
    inputs: int
    operations: list = field(default_factory=list)
    layers: list = field(default_factory=list)  # those with parameters, by the oracle's numbers

    def add(self, value, kind, sources, layer=None, setting=None):
        """Take in what nnlib gave and what the oracle computes; returns the value's number."""
        number = -1
        if layer is not None:
            if layer not in self.layers:
                self.layers.append(layer)
            number = self.layers.index(layer)
        self.operations.append(Operation(kind, tuple(sources), number, setting))
        self.values.append(value)
        return len(self.values) - 1

    def apply(self, layer, source, kind, setting=None):
        """Call a layer with parameters with one value."""
        return self.add(layer(self.values[source]), kind, [source], layer, setting)

    def flat(self, source):
        """The number of the value with one axis."""
        value = self.values[source]
        if len(value.shape) == 1:
            return source
        return self.add(layers.Flatten()(value), "reshape", [source], setting=(-1,))

    def dense(self, source, units, activation):
        """A new dense layer behind a value."""
        layer = layers.Dense(units, activation)
        return self.apply(layer, self.flat(source), "dense", activation)

    def pruned(self, outputs):
        """What the outputs depend on, with new numbers, and those of the outputs."""
        reached = set(outputs)
        for number in reversed(range(self.inputs, len(self.values))):
            if number in reached:
                reached |= set(self.operations[number - self.inputs].sources)
        kept = sorted(reached)
        place = {number: k for k, number in enumerate(kept)}
        inputs = [number for number in kept if number < self.inputs]
        small = Drawing([self.values[number] for number in inputs], len(inputs))
        for number in kept[len(inputs) :]:
            old = self.operations[number - self.inputs]
            layer = self.layers[old.layer] if old.layer >= 0 else None
            sources = [place[source] for source in old.sources]
            small.add(self.values[number], old.kind, sources, layer, old.setting)
        return small, [place[number] for number in outputs]


@dataclass
class Case:
    """A graph, its parameters and data, and the arguments that J and derJ share."""

    drawing: Drawing
    outputs: list  # numbers of values
    losses: list
    loss_weights: list
    dtype: str
    n: int
    seed: int
    settings: dict

    def __post_init__(self):
        self.graph = Graph(
            self.drawing.inputs, self.drawing.operations, self.outputs, self.losses,
            self.loss_weights,
        )  # fmt: skip
        rng = np.random.default_rng(self.seed)
        values = self.drawing.values
        self.X = [
            rng.normal(size=(self.n, *value.shape)).astype(self.dtype)
            for value in values[: self.drawing.inputs]
        ]
        self.Y = []
        for number, loss in zip(self.outputs, self.losses, strict=True):
            shape = values[number].shape
            y = targets(rng, loss, self.n, math.prod(shape))
            self.Y.append(y.reshape(self.n, *shape).astype(self.dtype))
        self.net = self.network()
        for layer in self.net.layers:
            for array in layer.weights.values():
                dense = isinstance(layer, layers.Dense) and array.ndim == 2
                scale = array.shape[1] ** -0.5 if dense else 0.5
                array[...] = rng.normal(size=array.shape, scale=scale)
            if "moving_variance" in layer.weights:
                layer.weights["moving_variance"][...] += 0.1 - np.min(array)

    def network(self):
        """A network of the graph, which owns the layers from then on."""
        return nnlib.Network(
            inputs=self.drawing.values[: self.drawing.inputs],
            outputs=[self.drawing.values[k] for k in self.outputs],
            loss=self.losses,
            loss_weights=self.loss_weights,
            dtype=self.dtype,
        )

    @property
    def parameters(self):
        """For the oracle: a dict of arrays for each layer."""
        return [
            {name: np.array(a, np.float64) for name, a in layer.weights.items()}
            for layer in self.drawing.layers
        ]

    def flat(self, arrays):
        """A dict of arrays for each layer as one vector, in the order of `net.parameters`."""
        by_layer = dict(zip(map(id, self.drawing.layers), arrays, strict=True))
        own = [by_layer[id(layer)] for layer in self.net.layers if id(layer) in by_layer]
        return np.concatenate([np.zeros(0), *(a.ravel() for one in own for a in one.values())])

    @property
    def data(self):
        """X and y as the network takes them: arrays, or lists of several."""
        X, Y = (given[0] if len(given) == 1 else given for given in (self.X, self.Y))
        return X, Y

    def is_tame(self, gap):
        """Whether no value is near a kink, and none so large that errors grow much."""
        large = graph_reference.largest_value(self.graph, self.parameters, self.X)
        return (
            large < 10
            and graph_reference.smallest_gap(self.graph, self.parameters, self.X, self.Y) > gap
        )

    @property
    def terms(self):
        """The longest sum that a cost or a gradient takes, times what products make of errors."""
        large = graph_reference.largest_value(self.graph, self.parameters, self.X)
        widest = max(math.prod(value.shape) for value in self.drawing.values)
        return (self.n + widest) * math.ceil(max(1.0, large)) ** 2

    @property
    def depth(self):
        """How many sums follow each other, forward and back."""
        return 2 * (len(self.drawing.operations) + 1)


def _same_shape(drawing, source):
    """Numbers of all values of the shape of this one."""
    shape = drawing.values[source].shape
    return [k for k, value in enumerate(drawing.values) if value.shape == shape]


def _joined(draw, drawing, source, kind):
    """A layer that joins values of one shape, or an operator of values."""
    others = _same_shape(drawing, source)
    count = 1 if kind == "Subtract" else draw(st.integers(1, 2))
    numbers = [source, *(draw(st.sampled_from(others)) for _ in range(count))]
    given = [drawing.values[k] for k in numbers]
    value = getattr(layers, kind)()(given)
    if kind in ("Multiply", "Maximum"):
        return drawing.add(value, kind.lower(), numbers)
    factors = {"Add": [1.0] * 3, "Subtract": [1.0, -1.0], "Average": [1 / len(given)] * 3}[kind]
    return drawing.add(value, "sum", numbers, setting=factors[: len(given)])


def _operator(draw, drawing, source):
    """h + g, h - g, h * g, c * h or -h."""
    other = draw(st.sampled_from(_same_shape(drawing, source)))
    h, g, factor = drawing.values[source], drawing.values[other], draw(st.sampled_from([0.5, -2.0]))
    values = {
        "+": (lambda: h + g, "sum", [source, other], [1.0, 1.0]),
        "-": (lambda: h - g, "sum", [source, other], [1.0, -1.0]),
        "*": (lambda: h * g, "multiply", [source, other], None),
        "factor": (lambda: factor * h, "sum", [source], [factor]),
        "negative": (lambda: -h, "sum", [source], [-1.0]),
    }
    make, kind, numbers, setting = values[draw(st.sampled_from(list(values)))]
    return drawing.add(make(), kind, numbers, setting=setting)


def _concatenated(draw, drawing, source):
    """Values behind each other along one of their axes."""
    shape = drawing.values[source].shape
    axis = draw(st.integers(0, len(shape) - 1))
    fitting = [
        k for k, value in enumerate(drawing.values)
        if len(value.shape) == len(shape)
        and value.shape[:axis] + value.shape[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
        and value.shape[axis] < 12
    ]  # fmt: skip
    numbers = [source, *(draw(st.sampled_from(fitting or [source])) for _ in range(2))]
    given = axis + 1 if draw(st.booleans()) else axis - len(shape)
    value = layers.Concatenate(given)([drawing.values[k] for k in numbers])
    return drawing.add(value, "concatenate", numbers, setting=axis)


def _shared(draw, drawing, source):
    """A layer used again, on a value of the shape that it takes; or a new one if there is none."""
    uses = [operation for operation in drawing.operations if operation.layer >= 0]
    if not uses:
        return drawing.dense(source, draw(st.integers(1, 5)), draw(st.sampled_from(ACTIVATIONS)))
    use = draw(st.sampled_from(uses))
    source = draw(st.sampled_from(_same_shape(drawing, use.sources[0])))
    return drawing.apply(drawing.layers[use.layer], source, use.kind, use.setting)


def _plain(draw, drawing, source, kind):
    """A layer on one value."""
    value = drawing.values[source]
    if kind == "Activation":
        name = draw(st.sampled_from(ACTIVATIONS))
        return drawing.add(layers.Activation(name)(value), "activation", [source], setting=name)
    if kind == "Reshape":
        units = math.prod(value.shape)
        shapes = [(units,), (1, units), *((2, units // 2) for _ in range(units % 2 == 0))]
        shape = draw(st.sampled_from(shapes))
        return drawing.add(layers.Reshape(shape)(value), "reshape", [source], setting=shape)
    if kind == "Dropout":  # of a descent alone
        return drawing.add(layers.Dropout(0.5)(value), "sum", [source], setting=[1.0])
    if kind == "Rescaling":
        setting = draw(st.sampled_from([(0.5, 0.0), (-1.0, 0.25)]))
        return drawing.add(layers.Rescaling(*setting)(value), "rescaling", [source], None, setting)
    if kind == "BatchNormalization":  # of one example by itself in F, J and derJ alone
        return drawing.apply(layers.BatchNormalization(), source, "batch_normalization")
    if kind == "LayerNormalization" and value.shape[-1] > 1:
        return drawing.apply(layers.LayerNormalization(), source, "layer_normalization")
    if kind == "Scale":
        return drawing.apply(layers.Scale(draw(st.booleans())), source, "scale")
    return drawing.apply(layers.PReLU(), source, "prelu")


def _imaged(drawing, source):
    """The number of a value that is a sequence or an image: itself, or one of its values."""
    shape = drawing.values[source].shape
    if len(shape) in (2, 3):
        return source
    shape = (math.prod(shape), 1)
    value = layers.Reshape(shape)(drawing.values[source])
    return drawing.add(value, "reshape", [source], setting=shape)


def _windowed(draw, drawing, source, kind):
    """A convolution or a pooling of a sequence or an image."""
    source = _imaged(drawing, source)
    *image, channels = drawing.values[source].shape
    padding = draw(st.sampled_from(["valid", "same"]))
    most = [size if padding == "valid" else 3 for size in image]
    kernel = tuple(draw(st.integers(1, min(size, 3))) for size in most)
    strides = tuple(draw(st.sampled_from([1, 1, 2])) for _ in image)
    axes = f"{len(image)}D"
    if kind == "Pooling":
        maximum = draw(st.booleans())
        make = getattr(layers, ("Max" if maximum else "Average") + "Pooling" + axes)
        windows = Windows(kernel, strides, padding, maximum=maximum)
        value = make(kernel, strides, padding)(drawing.values[source])
        return drawing.add(value, "pooling", [source], setting=windows)
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    filters, biased = groups * draw(st.integers(1, 3)), draw(st.booleans())
    windows = Windows(kernel, strides, padding, groups=groups)
    layer = getattr(layers, "Conv" + axes)(
        filters, kernel, strides, padding, groups=groups, use_bias=biased
    )
    return drawing.apply(layer, source, "convolution", windows)


CHOICES = [
    "Dense", "Dense", "Dense", "Shared", "Shared", "Operator", "Operator", "Add", "Subtract",
    "Multiply", "Average", "Maximum", "Concatenate", "Flatten", "Activation", "Reshape", "Scale",
    "PReLU", "Convolution", "Convolution", "Pooling", "Rescaling", "LayerNormalization", "Dropout",
    "BatchNormalization",
]  # fmt: skip


def _grow(draw, drawing, wide, choices):
    """One more value, of any of these kinds of layer."""
    count = len(drawing.values)
    # Mostly one of the last, so that graphs get deep.
    source = draw(st.integers(max(0, count - 3), count - 1) | st.integers(0, count - 1))
    choice = draw(st.sampled_from(choices))
    if choice == "Dense" and wide:
        drawing.dense(source, WIDE, draw(st.sampled_from(SMOOTH)))
    elif choice == "Dense":
        drawing.dense(source, draw(st.integers(1, 5)), draw(st.sampled_from(ACTIVATIONS)))
    elif choice == "Flatten":
        drawing.flat(source)
    elif choice == "Operator":
        _operator(draw, drawing, source)
    elif choice == "Concatenate":
        _concatenated(draw, drawing, source)
    elif choice == "Shared":
        _shared(draw, drawing, source)
    elif choice in ("Convolution", "Pooling"):
        _windowed(draw, drawing, source, choice)
    elif choice in ("Add", "Subtract", "Multiply", "Average", "Maximum"):
        _joined(draw, drawing, source, choice)
    else:
        _plain(draw, drawing, source, choice)


def _output(draw, drawing, source):
    """This value and its loss, or a new one behind it, which no other layer reads."""
    loss = draw(st.sampled_from([*reference.LOSSES, *reference.LOSSES_OF_LOGITS]))
    if loss in reference.LOSSES_OF_LOGITS:
        activation = draw(st.sampled_from(LOGITS[loss]))
        fewest = 2 if loss in OF_CLASSES else 1
        units = draw(st.integers(fewest, 4))
        if draw(st.booleans()):
            source = drawing.dense(source, units, "identity")
            made = layers.Activation(activation)(drawing.values[source])
            return drawing.add(made, "activation", [source], setting=activation), loss
        return drawing.dense(source, units, activation), loss
    if loss == "poisson":  # e^F stays small
        return drawing.dense(source, draw(st.integers(1, 3)), "tanh"), loss
    return source, loss


@st.composite
def graph_cases(draw, dtypes=("float64", "float32"), sizes=BATCHES, active=False):
    """Any graph with any losses, and data; if active, without what descents compute otherwise."""
    wide = draw(st.integers(0, 4)) == 0
    shapes = [(WIDE,)] if wide else draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    drawing = Drawing([layers.Input(shape) for shape in shapes], len(shapes))
    for _ in range(draw(st.integers(1, 3) if wide else st.integers(2, STEPS))):
        _grow(draw, drawing, wide, CHOICES[:-2] if active else CHOICES)
    count = len(drawing.values)
    # The last value is an output or under one, so that most of what was drawn is used.
    sources = [count - 1, *draw(st.lists(st.integers(0, count - 1), max_size=2))]
    ends = list(dict(_output(draw, drawing, source) for source in sources).items())
    small, outputs = drawing.pruned([number for number, _ in ends])
    n = draw(st.sampled_from(sizes))
    settings = {
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "weight_decay": draw(st.sampled_from([0.0, 0.125])),
    }
    if draw(st.booleans()):
        settings["sample_weight"] = np.arange(n, 0, -1) % 3 + (n == 3)
    return Case(
        drawing=small,
        outputs=outputs,
        losses=[loss for _, loss in ends],
        loss_weights=[draw(st.sampled_from([1.0, 0.5, 2.0])) for _ in ends],
        dtype=draw(st.sampled_from(dtypes)),
        n=n,
        seed=draw(st.integers(0, 2**32 - 1)),
        settings=settings,
    )
