"""Convolution, pooling and resampling of images against PyTorch, JAX and loops over windows."""

from __future__ import annotations

import re

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import nnlib
from nnlib import layers
from nnlib.layers import Input
from tests import image_reference
from tests.image_reference import Windows
from tests.tolerances import assert_close, difference_step, difference_tolerance

pytestmark = pytest.mark.cpu("graphs")

# A block of one lane, one vector with padding, several blocks.
SAMPLES = (1, 7, 70)


def drawn(shape, *behind, n=7, dtype="float64", seed=0):
    """A network with random parameters, and X."""
    net = nnlib.Network([Input(shape), *behind], dtype=dtype)
    rng = np.random.default_rng(seed)
    net.parameters = rng.normal(size=net.parameters.size)
    return net, rng.normal(size=(n, *shape)).astype(dtype)


def input_slope(net, X, y):
    """∂J/∂x of every example by way of a diagonal layer before the network's layers, in F's J."""
    shape = X.shape[1:]
    scale = layers.Scale(use_bias=True)
    front = nnlib.Network([Input(shape), scale, *net.layers])
    found = []
    for one, target in zip(X, y, strict=True):
        front.parameters = np.concatenate([np.ones(one.size), np.zeros(one.size), net.parameters])
        gradient = front.derJ(one[None], target[None], reduction="sum", flat=True)
        found.append(gradient[one.size : 2 * one.size].reshape(shape))
    return np.array(found)


# shape, arguments of Conv2D.
CONVOLUTIONS = {
    "valid": ((7, 8, 3), {"filters": 6, "kernel_size": 3}),
    "same": ((7, 8, 3), {"filters": 5, "kernel_size": (3, 2), "padding": "same"}),
    "strides": ((9, 8, 2), {"filters": 4, "kernel_size": (2, 3), "strides": (2, 3)}),
    "strides, same": (
        (8, 7, 2), {"filters": 13, "kernel_size": 3, "strides": 2, "padding": "same"}
    ),
    "dilation": ((9, 9, 3), {"filters": 9, "kernel_size": 3, "dilation_rate": (2, 3)}),
    "dilation, same": (
        (6, 9, 4),
        {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "padding": "same", "groups": 2},
    ),
    "groups": ((6, 6, 6), {"filters": 9, "kernel_size": 2, "groups": 3}),
    "depthwise": ((6, 9, 4), {"filters": 4, "kernel_size": 3, "padding": "same", "groups": 4}),
    "depthwise, strides": (
        (9, 8, 18),
        {"filters": 18, "kernel_size": (2, 5), "strides": 2, "padding": "same", "groups": 18},
    ),
    "two for a channel, dilation": (
        (6, 11, 4),
        {"filters": 8, "kernel_size": (1, 4), "dilation_rate": (1, 2), "padding": "same",
         "groups": 4},
    ),
    "larger than the image": ((2, 3, 2), {"filters": 2, "kernel_size": 5, "padding": "same"}),
    "one pixel": ((4, 4, 7), {"filters": 8, "kernel_size": 1}),
    "no bias": ((5, 5, 1), {"filters": 6, "kernel_size": 5, "use_bias": False}),
}  # fmt: skip


@pytest.mark.parametrize("n", SAMPLES)
@pytest.mark.parametrize(("shape", "arguments"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_and_its_gradients_are_those_of_pytorch(shape, arguments, n):
    torch = pytest.importorskip("torch")
    layer = layers.Conv2D(**arguments)
    net, X = drawn(shape, layer, n=n)
    own = layer.called.windows
    x = torch.tensor(X, requires_grad=True)
    weights = {
        name: torch.tensor(array, requires_grad=True) for name, array in layer.weights.items()
    }
    behind = [
        (outputs - 1) * stride + (kernel - 1) * dilation + 1 - size - before
        for outputs, stride, kernel, dilation, size, before in (
            (own.output_width, own.stride_width, own.kernel_width, own.dilation_width, own.width,
             own.left),
            (own.output_height, own.stride_height, own.kernel_height, own.dilation_height,
             own.height, own.top),
        )
    ]  # fmt: skip
    padded = torch.nn.functional.pad(
        x.permute(0, 3, 1, 2),
        (own.left, max(behind[0], 0), own.top, max(behind[1], 0)),
    )
    expected = torch.nn.functional.conv2d(
        padded, weights["weight"].permute(0, 3, 1, 2), weights.get("bias"),
        stride=(own.stride_height, own.stride_width),
        dilation=(own.dilation_height, own.dilation_width), groups=own.groups,
    ).permute(0, 2, 3, 1)  # fmt: skip
    terms = layer.called.windows.kernel_height * own.kernel_width * own.channels + 1
    assert_close(net.F(X), expected.detach().numpy(), terms=terms)
    y = np.random.default_rng(1).normal(size=expected.shape)
    (0.5 * ((expected - torch.tensor(y)) ** 2).sum()).backward()
    gradient = np.concatenate([array.grad.numpy().ravel() for array in weights.values()])
    sums = n * own.output_height * own.output_width + terms
    assert_close(net.derJ(X, y, reduction="sum", flat=True), gradient, terms=sums, depth=3)
    few = slice(0, 3)
    slope = x.grad.numpy()[few]
    assert_close(input_slope(net, X[few], y[few]), slope, terms=terms * own.filters, depth=3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [7, 40])
def test_wide_layers_behind_a_convolution_compute_what_they_do_for_one_image(n, dtype):
    net, X = drawn(
        (8, 8, 1), layers.Conv2D(2, 1, activation="tanh"), layers.Flatten(),
        layers.Dense(64, "tanh"), layers.Dense(2), n=n, dtype=dtype,
    )  # fmt: skip
    net.parameters = net.parameters / 10
    y = np.zeros((n, 2), dtype)
    assert_close(net.F(X), np.concatenate([net.F(x[None]) for x in X]), terms=128, depth=3)
    single = [
        net.derJ(x[None], t[None], reduction="sum", flat=True) for x, t in zip(X, y, strict=True)
    ]
    found = net.derJ(X, y, reduction="sum", flat=True)
    assert_close(found, np.sum(single, axis=0), terms=128 * n, depth=5)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize("kernel", [(3, 2), (4, 5)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_padding_is_that_of_jax(padding, kernel, strides):
    jax = pytest.importorskip("jax")
    layer = layers.Conv2D(4, kernel, strides, padding.lower())
    net, X = drawn((8, 9, 3), layer)
    with jax.enable_x64(True):
        expected = jax.lax.conv_general_dilated(
            X, layer.weights["weight"], strides, padding,
            dimension_numbers=("NHWC", "OHWI", "NHWC"),
        )  # fmt: skip
        expected = np.asarray(expected) + layer.weights["bias"]
    assert_close(net.F(X), expected, terms=3 * kernel[0] * kernel[1] + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_shared_convolution_adds_the_gradients_of_its_uses(dtype):
    def built(*pair):
        x = Input((8, 8, 8))
        inner = layers.Activation("tanh")(pair[0](x))
        end = layers.GlobalAveragePooling2D()(pair[-1](inner))
        return nnlib.Network(inputs=x, outputs=end, dtype=dtype)

    def filters():
        return layers.Conv2D(8, 3, padding="same")

    shared, apart = built(filters()), built(filters(), filters())
    rng = np.random.default_rng(0)
    shared.parameters = 0.2 * rng.normal(size=shared.parameters.size)
    apart.parameters = np.tile(shared.parameters, 2)
    X, y = rng.normal(size=(20, 8, 8, 8)).astype(dtype), rng.normal(size=(20, 8)).astype(dtype)
    both = apart.derJ(X, y, flat=True).reshape(2, -1)
    assert_close(shared.derJ(X, y, flat=True), both.sum(axis=0), terms=73 + 20 * 64, depth=3)


POOLINGS = [
    (layers.MaxPooling2D, "max"), (layers.AveragePooling2D, "mean")
]  # fmt: skip


@pytest.mark.parametrize("n", SAMPLES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), ((3, 2), None), (3, 2), ((2, 3), (3, 1))])
@pytest.mark.parametrize(("make", "kind"), POOLINGS)
def test_pooling_and_its_delta_are_those_of_the_loops(make, kind, size, strides, padding, n):
    net, X = drawn((7, 8, 3), make(size, strides, padding), layers.Scale(), n=n)
    # Values that are equal: the first pixel of a window with its maximum has the δ.
    X = np.round(2 * X) / 2
    own = net.layers[0].geometry
    windows = Windows(own.kernel, own.strides, padding, maximum=kind == "max")
    made = np.array([image_reference.pool(x, windows) for x in X])
    scale = net.parameters.reshape(made.shape[1:])
    assert_close(net.F(X), scale * made, terms=own.kernel[0] * own.kernel[1])
    few = X[:3]
    y = np.zeros((len(few), *made.shape[1:]))
    expected = [
        image_reference.pool_back(x, scale**2 * image_reference.pool(x, windows), windows)
        for x in few
    ]
    terms = (own.kernel[0] * own.kernel[1]) ** 2
    assert_close(input_slope(net, few, y), expected, terms=terms, depth=3)


def test_ties_of_a_maximum_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    net, X = drawn((6, 6, 2), layers.MaxPooling2D(3, 2))
    X = np.sign(X)
    x = torch.tensor(X, requires_grad=True)
    made = torch.max_pool2d(x.permute(0, 3, 1, 2), 3, 2).permute(0, 2, 3, 1)
    (0.5 * (made**2).sum()).backward()
    y = np.zeros(made.shape)
    np.testing.assert_array_equal(input_slope(net, X, y), x.grad.numpy())


@st.composite
def convolutions(draw):
    """A shape, arguments of Conv2D, and the windows for the oracle."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    groups, padding = draw(st.integers(1, 3)), draw(st.sampled_from(["valid", "same"]))
    channels, filters = groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 9))
    dilated = draw(st.booleans())
    apart = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    strides, dilation = ((1, 1), apart) if dilated else (apart, (1, 1))
    most = [
        5 if padding == "same" else (size - 1) // d + 1
        for size, d in zip((height, width), dilation, strict=True)
    ]
    kernel = tuple(draw(st.integers(1, min(size, 5))) for size in most)
    arguments = {
        "filters": filters, "kernel_size": kernel, "strides": strides, "padding": padding,
        "dilation_rate": dilation, "groups": groups, "use_bias": draw(st.booleans()),
    }  # fmt: skip
    windows = Windows(kernel, strides, padding, dilation, groups)
    return (height, width, channels), arguments, windows


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    case=convolutions(),
    n=st.sampled_from([1, 3, 40]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**16),
)
def test_any_convolution_agrees_with_the_loops(case, n, dtype, seed):
    shape, arguments, windows = case
    layer = layers.Conv2D(**arguments)
    net, X = drawn(shape, layer, n=n, dtype=dtype, seed=seed)
    weight, bias = layer.weights["weight"], layer.weights.get("bias")
    few = X[[0, -1]].astype(float)
    expected = [image_reference.convolve(x, weight, bias, windows) for x in few]
    terms = weight[0].size + 1
    assert_close(net.F(X)[[0, -1]], expected, terms=terms, dtype=dtype)
    back = [
        image_reference.convolve_back(x, weight.astype(float), z, windows)
        for x, z in zip(few, expected, strict=True)
    ]
    y = np.zeros((2, *np.shape(expected[0])))
    gradient = net.derJ(X[[0, -1]], y, reduction="sum", flat=True)
    sums = [sum(parts) for parts in zip(*back, strict=True)][1:]
    wanted = np.concatenate([part.ravel() for part in sums])[: gradient.size]
    pixels = 2 * expected[0].size
    assert_close(gradient, wanted, terms=terms + pixels, depth=3, dtype=dtype)


NETWORKS = {
    "1-D": ((13, 2), [layers.Conv1D(4, 3, 2, "same", activation="tanh"), layers.MaxPooling1D(2),
                     layers.Conv1D(3, 2, dilation_rate=2), layers.GlobalAveragePooling1D()]),
    "depthwise": ((6, 5, 3), [layers.DepthwiseConv2D(3, depth_multiplier=2, activation="sigmoid"),
                              layers.AveragePooling2D(2, 1), layers.GlobalMaxPooling2D()]),
    "resampled": ((3, 2, 2), [layers.UpSampling2D((2, 3)), layers.ZeroPadding2D(((1, 0), (2, 3))),
                              layers.Conv2D(2, 3, activation="softplus"), layers.Flatten(),
                              layers.Dense(2, "tanh")]),
    "padded sequence": ((5, 2), [layers.ZeroPadding1D((4, 1)), layers.Conv1D(3, 5),
                                 layers.AveragePooling1D(2, padding="same"),
                                 layers.GlobalMaxPooling1D(keepdims=True)]),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "behind"), NETWORKS.values(), ids=NETWORKS)
def test_gradients_are_those_of_differences(shape, behind):
    net, X = drawn(shape, layers.Scale(), *behind, n=5)
    net.parameters = 0.5 * net.parameters
    y = np.random.default_rng(2).normal(size=net.F(X).shape)
    found = net.derJ(X, y, flat=True)
    parameters, h = net.parameters.copy(), difference_step()
    for k in range(parameters.size):
        costs = []
        for sign in (1, -1):
            moved = parameters.copy()
            moved[k] += sign * h
            net.parameters = moved
            costs.append(net.J(X, y))
        expected = (costs[0] - costs[1]) / (2 * h)
        tolerance = difference_tolerance(X[0].size, depth=len(behind)) * max(1.0, costs[0])
        assert found[k] == pytest.approx(expected, abs=tolerance)


def test_nearest_pixels_are_repeated_and_zeros_put_around():
    net, X = drawn((2, 3, 2), layers.UpSampling2D((2, 3)), n=3)
    np.testing.assert_array_equal(net.F(X), X.repeat(2, axis=1).repeat(3, axis=2))
    net, X = drawn((2, 3, 2), layers.ZeroPadding2D(((1, 2), (0, 3))), n=3)
    np.testing.assert_array_equal(net.F(X), np.pad(X, ((0, 0), (1, 2), (0, 3), (0, 0))))
    net, X = drawn((4, 2), layers.ZeroPadding1D((2, 1)), n=3)
    np.testing.assert_array_equal(net.F(X), np.pad(X, ((0, 0), (2, 1), (0, 0))))


def test_a_sequence_is_an_image_of_one_row():
    flat, X = drawn((9, 3), layers.Conv1D(4, 3, 2, "same"), layers.MaxPooling1D(2))
    image = nnlib.Network(
        [Input((1, 9, 3)), layers.Conv2D(4, (1, 3), (1, 2), "same"), layers.MaxPooling2D((1, 2))]
    )
    image.parameters = flat.parameters
    np.testing.assert_array_equal(flat.F(X), image.F(X[:, None])[:, 0])


def test_initial_weights_have_the_fans_of_keras():
    input_, normal = Input((8, 8, 4)), layers.Conv2D(6, (3, 2), groups=2)
    normal(input_)
    assert normal.called.parameters["weight"].fans == (3 * 2 * 2, 3 * 2 * 6)
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2)
    depthwise(input_)
    assert depthwise.called.parameters["weight"].fans == (9 * 4, 9 * 2)
    net = nnlib.Network([input_, normal], seed=1)
    weight, bias = net.layers[0].weights["weight"], net.layers[0].weights["bias"]
    assert weight.shape == (6, 3, 2, 2)
    assert 0 < np.abs(weight).max() <= np.sqrt(6 / (12 + 36))
    assert not bias.any()


REFUSED = {
    "smaller than the kernel": (
        lambda: layers.Conv2D(4, 5)(Input((4, 9, 3))),
        "Conv2D(4, 5) is called with a value of shape (4, 9, 3), which is smaller than its windows "
        "of (5, 5); give it padding='same'",
    ),
    "smaller than the dilated kernel": (
        lambda: layers.Conv1D(4, 3, dilation_rate=4)(Input((8, 3))),
        "smaller than its windows of (3,) with dilation_rate 4",
    ),
    "smaller than the pool": (
        lambda: layers.MaxPooling2D(3)(Input((2, 2, 8))), "smaller than its windows of (3, 3)"
    ),
    "channels first": (
        lambda: layers.Conv2D(6, 5)(Input((1, 28, 28))),
        "if 1 is its number of channels, these last: (28, 28, 1)",
    ),
    "groups and channels": (
        lambda: layers.Conv2D(4, 3, groups=2)(Input((9, 9, 3))),
        "whose 3 channels are no multiple of groups, 2",
    ),
    "groups and filters": (
        lambda: layers.Conv2D(5, 3, groups=2), "filters is 5, wanted a multiple of groups, 2"
    ),
    "strides and dilation": (
        lambda: layers.Conv2D(4, 3, 2, dilation_rate=2),
        "strides is 2 and dilation_rate 2, wanted one of them to be 1",
    ),
    "no channels": (
        lambda: layers.Conv2D(4, 3)(Input((28, 28))),
        "value of shape (28, 28), wanted (height, width, channels); put a Reshape before it",
    ),
    "an image for a sequence": (
        lambda: layers.Conv1D(4, 3)(Input((28, 28, 1))), "wanted (length, channels)"
    ),
    "padding": (
        lambda: layers.Conv2D(4, 3, padding="sane"), "padding is 'sane', wanted one of valid, same"
    ),
    "sides": (
        lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size is (3, 3, 3), wanted a number or 2"
    ),
    "a stride of 0": (lambda: layers.MaxPooling2D(2, 0), "strides is 0, wanted a whole number"),
    "a fraction": (lambda: layers.Conv2D(4, 1.5), "kernel_size must be a whole number"),
    "interpolation": (
        lambda: layers.UpSampling2D(2, "bilinear"), "interpolation is 'bilinear', wanted one of"
    ),
    "more than a table can hold": (
        lambda: layers.Conv1D(4, 3, dilation_rate=2**33, padding="same")(Input((8, 3))),
        "pixels or channels along an axis of its windows, wanted at most 2147483647",
    ),
    "too much padding": (
        lambda: layers.ZeroPadding1D(2**33)(Input((8, 3))), "wanted at most 2147483647"
    ),
    "padding of three": (lambda: layers.ZeroPadding2D((1, 2, 3)), "padding is (1, 2, 3), wanted"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_by_name(act, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        act()


def test_images_of_one_channel_need_no_axis_for_it():
    net, X = drawn((6, 5, 1), layers.Conv2D(2, 3))
    np.testing.assert_array_equal(net.F(X[..., 0]), net.F(X))
    y = net.F(X)
    assert net.J(X[..., 0], y) == 0
    with pytest.raises(ValueError, match=r"wanted \(n, 6, 5, 1\); its channels stand first: give"):
        net.F(np.moveaxis(X, -1, 1))


def test_repr_names_what_is_not_usual():
    found = [
        layers.Conv2D(6, 5), layers.Conv2D(6, (5, 3), 2, "same", activation="relu"),
        layers.MaxPooling2D(), layers.MaxPooling2D(2, 1), layers.ZeroPadding2D(((1, 2), (0, 0))),
    ]  # fmt: skip
    assert list(map(repr, found)) == [
        "Conv2D(6, 5)", "Conv2D(6, (5, 3), 2, 'same', 'relu')", "MaxPooling2D(2)",
        "MaxPooling2D(2, 1)", "ZeroPadding2D(((1, 2), 0))",
    ]  # fmt: skip
