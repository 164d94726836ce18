"""Every implementation of a workload computes the same thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.problems.graph_problem import residual_of, two_towers_of
from bench.problems.population_problem import PopulationProblem
from bench.problems.problem import Problem, coefficients, glorot
from bench.problems.workload import Result, Tolerance, UnavailableError, assert_equal
from bench.programs import (
    c_compiler,
    fann_library,
    jax_loop,
    nnlib_network,
    numpy_graph,
    numpy_programs,
    numpy_vectorised,
    population_jax,
    population_pytorch,
    pytorch,
    pytorch_compiled,
    scikit_learn,
)
from bench.rows.workloads import EXERCISE, ROWS, START, WORKLOADS

# Epoch → J and a1 … a7 of the exercise, computed in 80-bit arithmetic, sum convention.
TRAJECTORY = {
    1: (
        4.269836053896352,
        [-0.03883085681519266, 0.9901694033379259, -0.03883085681519266, -1.0098305966620742,
         0.9634470710684998, 0.9865529289315003, -1.05],
    ),
    10: (
        4.264698440500016,
        [-0.06338264591865585, 0.9911106502289045, 0.014724394802174875, -1.0112087025817484,
         0.9584898830215713, 0.9841775481675168, -1.0564873885372288],
    ),
    100: (
        4.258937980384932,
        [-0.1503473751336135, 1.1591489014082745, 0.06520104417537605, -0.9792893818700692,
         0.9523827515998806, 1.0000332259151405, -1.0631484619766607],
    ),
    200: (
        4.228161394478088,
        [-0.2589731306570658, 1.5189669815337277, 0.22204100984389602, -0.8687151112348428,
         0.9493473412634171, 0.9842213545545168, -1.184766971347497],
    ),
    300: (
        2.3993853790775588,
        [-0.5719603251108502, 2.7054667776928865, 1.568337830256644, -2.6252859645834445,
         1.913972598925384, 2.5491128268047842, -3.1051423369095636],
    ),
}  # fmt: skip
# FANN keeps its learning rate in single precision.
FLOAT64 = [
    name
    for name, row in EXERCISE.implementations.items()
    if row.dtype == "float64" and row.tolerance is None
]
# 5000 epochs of the first four take seconds. FANN clips f' of saturated units, as they are then.
LEFT_OUT = {
    "lecture, scalar",
    "lecture, matrix",
    "Python, shared values",
    "PyTorch",
    "PyTorch compiled",
    "FANN",
}
FAST = [name for name in EXERCISE.implementations if name not in LEFT_OUT]
# Everybody's descents in all their forms, in double precision beside NumPy's.
DESCENTS = {
    "PyTorch compiled": pytorch_compiled.descent,
    "scikit-learn": scikit_learn.descent,
    "nnlib": nnlib_network.descent,
    **{f"NumPy, {name}": form for name, form in numpy_programs.DESCENTS.items()},
    **{f"JAX, {name}": form for name, form in jax_loop.DESCENTS.items()},
    **{f"PyTorch, {name}": form for name, form in pytorch.descents("sgd").items()},
}


@pytest.fixture(autouse=True)
def quickly_compiled(monkeypatch):
    """PyTorch's graphs are made and run, but not turned into C++; the suite itself checks that."""
    monkeypatch.setattr(pytorch_compiled, "COMPILE", {"backend": "aot_eager"})


def available(call, *arguments):
    """The call's result, or a skip that says what is missing."""
    try:
        return call(*arguments)
    except UnavailableError as reason:
        pytest.skip(str(reason))


def prepared(workload, name):
    """The run of one row."""
    return available(workload.prepare, name)


# The rows of START are whole processes (15 s); the benchmark suite compares them itself.
@pytest.mark.parametrize(
    ("workload", "name"), [row for row in ROWS if row[0] is not START], ids=lambda part: str(part)
)
def test_every_row_gives_the_result_of_the_first(workload, name):
    workload.check(name, prepared(workload, name)(workload.check_count))


def small_problem(optimizer, activation="tanh", loss="softmax_cross_entropy", batch_size=5):
    """5-4-3, twenty examples."""
    rng = np.random.default_rng(2)
    sizes = (5, 4, 3)
    last = "softmax" if loss == "softmax_cross_entropy" else activation
    return Problem(
        sizes=sizes,
        activations=(activation, last),
        X=rng.normal(size=(20, 5)),
        y=np.eye(3)[rng.integers(0, 3, 20)],
        start=glorot(rng, sizes),
        learning_rate=0.05,
        reduction="mean",
        batch_size=batch_size,
        loss=loss,
        optimizer=optimizer,
    )


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        (name, optimizer)
        for name in DESCENTS
        for optimizer in ("sgd", "adam")
        if (name, optimizer) != ("PyTorch, step by hand", "adam")
    ],
)
def test_every_program_makes_the_same_steps_in_double_precision(name, optimizer):
    problem = small_problem(optimizer)
    expected = numpy_vectorised.descent(problem, "float64")(3)
    result = available(DESCENTS[name], problem, "float64")(3)
    # scikit-learn's ε stands beside √s, not √ŝ.
    tolerance = 1e-4 if (name, optimizer) == ("scikit-learn", "adam") else 1e-12
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=tolerance)
    assert result.cost == pytest.approx(expected.cost, rel=100 * tolerance)
    assert np.abs(expected.values - problem.flat_start).max() > 0.05


GRAPHS = {
    "residual": residual_of((5, *(4,) * 5, 1), 20, 5),
    "two towers": two_towers_of((5, 4, 3), 20, 5),
}
GRAPH_PROGRAMS = [
    name for name in DESCENTS if name != "scikit-learn" and not name.startswith("NumPy")
]


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        (name, optimizer)
        for name in GRAPH_PROGRAMS
        for optimizer in ("sgd", "adam")
        if (name, optimizer) != ("PyTorch, step by hand", "adam")
    ],
)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_program_makes_the_same_steps_of_a_graph(graph, name, optimizer):
    problem = replace(GRAPHS[graph], optimizer=optimizer, learning_rate=0.05)
    expected = numpy_graph.descent(problem, "float64")(3)
    result = available(DESCENTS[name], problem, "float64")(3)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)
    assert result.cost == pytest.approx(expected.cost, rel=1e-10)
    assert np.abs(expected.values - problem.flat_start).max() > 0.05


@pytest.mark.parametrize("name", ["JAX, columns", "nnlib"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_program_makes_the_same_steps_of_a_graph_with_full_batches(graph, name):
    problem = replace(GRAPHS[graph], batch_size=None)
    expected = numpy_graph.descent(problem, "float64")(6)
    result = available(DESCENTS[name], problem, "float64")(6)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_fann_makes_the_same_steps(activation, dtype):
    problem = small_problem("sgd", activation, "half_squared_error", batch_size=None)
    # FANN's f' is wrong beyond ±0.98; small inputs stay below.
    problem = replace(problem, X=problem.X / 3)
    expected = numpy_vectorised.descent(problem, "float64")(10)
    result = available(fann_library.descent, problem, dtype)(10)
    assert result.values.dtype == dtype
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-6)
    assert result.cost == pytest.approx(expected.cost, rel=1e-5)
    assert np.abs(expected.values - problem.flat_start).max() > 0.01


FULL_BATCHES = ["JAX, columns", "NumPy, arrays made beforehand", "PyTorch compiled", "nnlib"]


@pytest.mark.parametrize("name", FULL_BATCHES)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_every_program_makes_the_same_steps_with_full_batches(name, activation):
    problem = small_problem("sgd", activation, "half_squared_error", batch_size=None)
    expected = numpy_vectorised.descent(problem, "float64")(6)
    result = available(DESCENTS[name], problem, "float64")(6)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)
    assert result.cost == pytest.approx(expected.cost, rel=1e-10)


PREDICTIONS = {
    f"{library}: {name}": form
    for library, forms in {
        "NumPy": numpy_programs.PREDICTIONS,
        "JAX": jax_loop.PREDICTIONS,
        "PyTorch": pytorch.PREDICTIONS,
    }.items()
    for name, form in forms.items()
}


@pytest.mark.parametrize("name", PREDICTIONS)
def test_every_form_of_a_prediction_gives_the_same_outputs(name):
    problem = small_problem("sgd", "relu")
    expected = numpy_vectorised.prediction(problem, "float64")(1)
    result = available(PREDICTIONS[name], problem, "float64")(2)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("program", [population_jax, population_pytorch])
def test_every_form_of_a_population_gives_the_same_costs(program):
    network = small_problem("sgd", "relu")
    many = PopulationProblem(network, range(3), epochs=4, compared=3)
    usual, *others = (
        available(form, many, "float64")(1).values for form in program.DESCENTS.values()
    )
    assert usual.shape == (3,)
    assert others
    for other in others:
        np.testing.assert_allclose(other, usual, rtol=1e-12)


def test_steps_are_grouped_and_the_rest_goes_one_by_one():
    assert pytorch_compiled.STEPS == 4
    assert pytorch_compiled._groups(list("abcdef")) == [list("abcd"), ["e"], ["f"]]
    assert pytorch_compiled._groups(list("ab")) == [["a"], ["b"]]


def test_pytorch_complains_where_it_would_stop_compiling():
    torch = available(pytorch_compiled.compiler)
    assert torch._dynamo.config.fail_on_recompile_limit_hit
    assert torch._dynamo.config.recompile_limit > len(WORKLOADS)


def test_jax_takes_whole_batches_only():
    problem = small_problem("sgd", batch_size=7)
    with pytest.raises(UnavailableError, match=r"20 examples are not whole ones|not installed"):
        jax_loop.descent(problem, "float64")


@pytest.mark.parametrize("name", FLOAT64)
def test_exercise_follows_the_80_bit_trajectory(name):
    run = prepared(EXERCISE, name)
    for epoch, (_, expected) in TRAJECTORY.items():
        np.testing.assert_allclose(coefficients(run(epoch).values), expected, rtol=1e-8)


@pytest.mark.parametrize("name", FLOAT64)
def test_exercise_reports_the_cost_before_the_last_step(name):
    run = prepared(EXERCISE, name)
    assert run(1).cost == pytest.approx(4.3, rel=1e-12)
    for epoch, (expected, _) in TRAJECTORY.items():
        assert run(epoch + 1).cost == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", FAST)
def test_exercise_reaches_the_costs_behind_the_chaotic_stretch(name):
    run = prepared(EXERCISE, name)
    assert run(1001).cost == pytest.approx(0.0934, abs=0.0010)
    assert run(5001).cost == pytest.approx(0.01765, abs=0.00005)


@pytest.mark.parametrize("name", list(EXERCISE.implementations))
def test_a_run_starts_from_the_same_state_every_time(name):
    run = prepared(EXERCISE, name)
    first = run(20)
    run(7)
    again = run(20)
    np.testing.assert_array_equal(again.values, first.values)
    assert again.cost == first.cost


def test_c_program_leaves_subnormal_numbers_alone():
    prepared(EXERCISE, "C float64")(1)
    smallest = np.nextafter(0.0, 1.0)
    assert np.array([smallest * 1.0])[0] == smallest


def test_c_program_without_gcc_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    c_compiler.compiled.cache_clear()
    with pytest.raises(UnavailableError, match="gcc is not on the PATH"):
        EXERCISE.prepare("C float64")


def test_a_flag_that_gcc_refuses_is_reported():
    prepared(EXERCISE, "C float64")
    with pytest.raises(UnavailableError, match="no-such-flag"):
        c_compiler.compiled("exercise.c", ("-fno-such-flag",))


@pytest.mark.parametrize(
    "result",
    [
        Result(np.array([1.0, 2.0001]), 3.0),
        Result(np.array([1.0, 2.0]), 3.001),
        Result(np.array([1.0, np.nan]), 3.0),
        Result(np.array([1.0, 2.0, 3.0]), 3.0),
    ],
)
def test_different_results_are_refused(result):
    with pytest.raises(AssertionError):
        assert_equal(result, Result(np.array([1.0, 2.0]), 3.0), Tolerance(1e-6))


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=str)
def test_every_name_in_a_workload_is_one_of_its_rows(workload):
    assert workload.ours in workload.implementations
    assert set(workload.limits) <= set(workload.implementations)
    assert all(row.forms for row in workload.implementations.values())
    assert workload.implementations[workload.reference].compared
    dtypes = {row.dtype for row in workload.implementations.values()}
    assert dtypes <= set(workload.tolerances)
