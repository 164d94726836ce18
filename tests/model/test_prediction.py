"""predict, predict_proba and score, for every task; labels from training to files and back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.devices import amount

N = 12
CASES = {
    "softmax": ("softmax_cross_entropy", "softmax", 3),
    "softmax, logits": ("softmax_cross_entropy", "identity", 3),
    "kl": ("kl_divergence", "softmax", 3),
    "binary": ("binary_cross_entropy", "sigmoid", 1),
    "binary, logits": ("binary_cross_entropy", "identity", 1),
    "hinge": ("hinge", "identity", 1),
    "labels": ("binary_cross_entropy", "sigmoid", 3),
    "labels, logits": ("binary_cross_entropy", "identity", 3),
    "regression": ("half_squared_error", "identity", 1),
    "several numbers": ("huber", "identity", 3),
}


def network(case, **settings):
    loss, output, d_out = CASES[case]
    return nnlib.Network([2, 4, d_out], ["tanh", output], loss, seed=3, **settings)


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, 2))


def labelled(X, names=("low", "middle", "high")):
    """A label for each example, by the first input."""
    edges = np.quantile(X[:, 0], np.arange(1, len(names)) / len(names))
    return np.array(names)[np.searchsorted(edges, X[:, 0])]


@pytest.mark.parametrize("case", CASES)
def test_one_example_is_predicted_as_a_row_of_many(case, X):
    net = network(case)
    rows = net.predict(X)
    several = case in ("labels", "labels, logits", "several numbers")
    assert rows.shape == ((N, 3) if several else (N,))
    np.testing.assert_allclose([net.predict(x) for x in X], rows, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_are_those_of_F(dtype, X):
    net = network("regression", dtype=dtype)
    np.testing.assert_array_equal(net.predict(X), net.F(X)[:, 0])
    assert net.predict(X).dtype == dtype
    net = network("several numbers", dtype=dtype)
    np.testing.assert_array_equal(net.predict(X), net.F(X))


@pytest.mark.parametrize("case", ["softmax", "binary", "labels"])
def test_probabilities_are_the_same_from_logits(case, X):
    net, logits = network(case), network(f"{case}, logits")
    np.testing.assert_allclose(logits.predict_proba(X), net.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(logits.predict(X), net.predict(X))
    p = net.predict_proba(X)
    expected = p > 0.5 if case == "labels" else p.argmax(axis=1)
    np.testing.assert_array_equal(net.predict(X), expected)
    if case != "labels":
        np.testing.assert_allclose(p.sum(axis=1), 1)


def test_probabilities_of_huge_logits():
    start = [([[1.0]], [0.0])]
    net = nnlib.Network([1, 1], "identity", "binary_cross_entropy", initializer=start)
    np.testing.assert_array_equal(net.predict_proba([-1e4, 1e4]), [[1, 0], [0, 1]])
    start = [([[1.0], [-1.0]], [0.0, 0.0])]
    net = nnlib.Network([1, 2], "identity", "softmax_cross_entropy", initializer=start)
    np.testing.assert_array_equal(net.predict_proba([-1e4, 1e4]), [[0, 1], [1, 0]])


def test_hinge_predicts_the_sign(X):
    net = network("hinge")
    np.testing.assert_array_equal(net.predict(X), np.where(net.F(X)[:, 0] > 0, 1, -1))
    with pytest.raises(ValueError, match="predict_proba: the loss 'hinge' gives no probabilities"):
        net.predict_proba(X)


@pytest.mark.parametrize("case", CASES)
def test_score_is_that_of_scikit_learn(case, X, rng):
    metrics = pytest.importorskip("sklearn.metrics")
    net, weights = network(case), rng.uniform(size=N)
    if case in ("regression", "several numbers"):
        y, measure = rng.normal(size=(N, CASES[case][2])), metrics.r2_score
    else:
        # Half of them right.
        y, measure = np.where(np.arange(N) < 6, net.predict(X).T, net.predict(X[::-1]).T).T, None
        measure = metrics.accuracy_score
    for given in (None, weights):
        score = net.score(X, y, sample_weight=given)
        assert score == pytest.approx(measure(y, net.predict(X), sample_weight=given), abs=1e-12)


def test_r2_of_constant_targets_and_of_one():
    net = nnlib.Network([1, 1], "identity", initializer="zeros")
    assert net.score([0, 1], [0, 0]) == 1
    assert net.score([0, 1], [2, 2]) == 0
    assert np.isnan(net.score([0], [2]))


def test_pairs_are_scored():
    net = nnlib.Network([1, 1], "identity", initializer="zeros")
    assert net.score([(0, 1), (1, 3)]) == net.score([0, 1], [1, 3])


def test_networks_with_several_outputs_are_sent_to_F():
    x = layers.Input(2)
    net = nnlib.Network(inputs=x, outputs=[layers.Dense(1)(x), layers.Dense(2)(x)])
    for call in (net.predict, net.predict_proba):
        with pytest.raises(
            ValueError, match="networks with one output, and this one has dense, de"
        ):
            call(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="classes are for networks with one output"):
        net.classes = ["a", "b"]


def test_inputs_with_axes(rng):
    net = nnlib.Network(
        [layers.Input((2, 2)), layers.Flatten(), layers.Dense(3, "softmax")],
        loss="softmax_cross_entropy",
    )
    images = rng.normal(size=(N, 2, 2))
    y = np.array(["a", "b", "c"])[net.predict(images)]
    y[:3] = ["a", "b", "c"]
    net.descent(images, y, epochs=1)
    assert net.predict(images).shape == (N,)
    assert net.classes.tolist() == ["a", "b", "c"]
    assert 0 <= net.score(images, y) <= 1


@pytest.mark.parametrize("case", ["softmax", "softmax, logits", "binary", "hinge"])
def test_labels_train_as_their_numbers_do(case, X):
    names = ("low", "middle", "high")[: max(CASES[case][2], 2)]
    y = labelled(X, names)
    order = sorted(names)
    numbers = np.array([order.index(label) for label in y])
    net, other = network(case), network(case)
    epochs = amount(20, 2)
    net.descent(X, y, epochs=epochs, learning_rate=0.3)
    other.descent(
        X, 2 * numbers - 1 if case == "hinge" else numbers, epochs=epochs, learning_rate=0.3
    )
    np.testing.assert_array_equal(net.parameters, other.parameters)
    assert net.classes.tolist() == order
    assert other.classes is None
    assert set(net.predict(X)) <= set(names)
    assert net.score(X, y) == np.mean(net.predict(X) == y)
    assert net.J(list(zip(X, y, strict=True))) == net.J(X, y)
    with pytest.raises(ValueError, match="y holds 'other' at index 0, wanted one of the network's"):
        net.descent(X, ["other"] * N, epochs=1)
    with pytest.raises(ValueError, match="validation: y holds 'other' at index 0"):
        net.descent(X, y, validation=(X, ["other"] * N), epochs=1)


def test_what_is_refused_leaves_no_classes(X):
    net = network("softmax")
    with pytest.raises(ValueError, match="X has 11 examples"):
        net.descent(X[1:], labelled(X))
    assert net.classes is None
    with pytest.raises(ValueError, match="y holds 2 different labels"):
        net.descent(X, labelled(X, ("a", "b")))
    net.classes = ["a", "b", "c"]
    net.descent(X, labelled(X, ("a", "b")), epochs=1)
    assert net.classes.tolist() == ["a", "b", "c"]


def test_labels_are_refused_where_the_network_knows_none(X):
    with pytest.raises(TypeError, match="y has dtype"):
        network("softmax").J(X, labelled(X))
    with pytest.raises(TypeError, match="y has dtype"):
        network("regression").descent(X, labelled(X))


def test_rows_of_probabilities_beside_labels(X):
    net = network("softmax")
    net.classes = ["a", "b", "c"]
    assert net.J(X, np.eye(3)[np.arange(N) % 3]) == net.J(
        X, np.array(list("abc"))[np.arange(N) % 3]
    )


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        (["a", "b"], ValueError, "holds 2 labels, wanted 3"),
        ("abc", TypeError, "must be a list of labels"),
        (["a", "b", "b"], ValueError, "different labels"),
        (3, TypeError, "must be a list of labels"),
    ],
)
def test_classes_of_another_form(classes, error, words):
    net = network("softmax")
    with pytest.raises(error, match=words):
        net.classes = classes
    assert net.classes is None


@pytest.mark.parametrize("labels", [["a", "b", "ü"], [1, 2, 4], [0.5, 1.5, 2.5], [True, "x", 2]])
def test_labels_come_back_from_files_and_pickles(labels, X, tmp_path):
    net = network("softmax")
    net.classes = labels
    net.save(tmp_path / "net")
    for other in (nnlib.load(tmp_path / "net"), pickle.loads(pickle.dumps(net))):
        assert other.classes.dtype == net.classes.dtype
        np.testing.assert_array_equal(other.predict(X), net.predict(X))


def test_labels_that_a_file_cannot_keep(tmp_path):
    net = network("softmax")
    net.classes = [("a", 1), ("b", 2), ("c", 3)]
    with pytest.raises(ValueError, match=r"classes hold \('a', 1\), and a file keeps only text"):
        net.save(tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_the_members_of_a_population_know_the_labels(X):
    y = labelled(X)
    population = nnlib.train_many(network("softmax"), X, y, n=2, epochs=2, class_weight="balanced")
    assert population.classes.tolist() == ["high", "low", "middle"]
    assert population[1:].best.score(X, y) >= 0
    member = network("softmax")
    member.restore(
        nnlib.Network([2, 4, 3], ["tanh", "softmax"], "softmax_cross_entropy").parameters, 0
    )
    member.descent(X, y, epochs=2, class_weight="balanced")
    np.testing.assert_allclose(population[0].parameters, member.parameters, rtol=1e-10)


def test_class_weights_multiply_those_of_the_examples(X, rng):
    y, own = labelled(X, ("no", "yes")), rng.uniform(0.5, 1, N)
    net, other = network("binary"), network("binary")
    net.descent(X, y, epochs=3, class_weight={"yes": 5}, sample_weight=own)
    other.descent(X, y, epochs=3, sample_weight=own * np.where(y == "yes", 5, 1))
    np.testing.assert_array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize(
    ("case", "class_weight", "words"),
    [
        ("binary", {"maybe": 1}, "class_weight names the class 'maybe', wanted one of 'no', 'yes'"),
        ("binary", {"no": 0, "yes": 0}, "leaves every example the weight 0"),
        ("regression", "balanced", "wanted None: it is for networks with one output whose loss"),
        ("labels", "balanced", "wanted None: it is for networks with one output whose loss"),
    ],
)
def test_class_weights_that_do_not_fit(case, class_weight, words, X):
    y = labelled(X, ("no", "yes"))
    y = y if case == "binary" else np.zeros((N, CASES[case][2]))
    net = network(case)
    with pytest.raises(ValueError, match=words):
        net.descent(X, y, class_weight=class_weight)
    with pytest.raises(ValueError, match=words):
        nnlib.train_many(net, X, y, n=2, class_weight=class_weight)


def test_class_weights_beside_rows_of_weights(X):
    with pytest.raises(ValueError, match="class_weight and sample_weight with a row per member"):
        nnlib.train_many(
            network("binary"), X, labelled(X, ("no", "yes")), n=2, class_weight="balanced",
            sample_weight=np.ones((2, N)),
        )  # fmt: skip


def test_labels_in_a_dict_of_the_one_output(X):
    x = layers.Input(2)
    net = nnlib.Network(
        inputs=x, outputs={"kind": layers.Dense(2, "softmax")(x)}, loss="softmax_cross_entropy"
    )
    labels = np.where(X[:, 0] > 0, "high", "low")
    net.descent(X, {"kind": labels}, epochs=3, validation=(X, {"kind": labels}))
    assert net.classes.tolist() == ["high", "low"]
    assert net.score(X, {"kind": labels}) == np.mean(net.predict(X) == labels)
    assert net.predict_proba(X).shape == (len(X), 2)
    with pytest.raises(ValueError, match="y has 'knd', wanted kind; did you mean 'kind'"):
        net.J(X, {"knd": labels})
