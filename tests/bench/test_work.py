"""Operations and bytes, counted by hand on small shapes."""

from __future__ import annotations

from bench.problems.work import (
    descent_bytes,
    forward_bytes,
    forward_flops,
    graph_bytes,
    product_flops,
)

LECTURE = (3, 3, 4, 2, 1)  # 31 weights and 10 biases


def test_product_flops_counts_forward_gradient_and_inner_deltas():
    # One example: forward and gradient 2·(9 + 12 + 8 + 2) each, delta 2·(12 + 8 + 2).
    assert product_flops(LECTURE, 1) == 62 + 62 + 44


def test_forward_flops_are_one_product_per_layer():
    assert forward_flops(LECTURE, 10) == 620


def test_a_descent_reads_the_data_once_and_the_parameters_every_step():
    data = 100 * (3 + 1)
    assert descent_bytes(LECTURE, 100, 1, 8) == 8 * (data + 2 * 41)
    assert descent_bytes(LECTURE, 100, 5, 8) == 8 * (data + 5 * 2 * 41)
    assert descent_bytes(LECTURE, 100, 5, 4, "adam") == 4 * (data + 5 * 2 * 3 * 41)


def test_a_graph_moves_the_parameters_of_all_its_branches():
    assert graph_bytes([LECTURE], 4, 100, 5, 8) == descent_bytes(LECTURE, 100, 5, 8)
    # 41 parameters, and 2 weights with a bias.
    assert graph_bytes([LECTURE, (2, 1)], 7, 10, 5, 4, "adam") == 4 * (70 + 5 * 2 * 3 * 44)


def test_a_prediction_reads_and_writes_everything_once():
    assert forward_bytes(LECTURE, 7, 4) == 4 * (7 * 4 + 41)
