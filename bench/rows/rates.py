"""Learning rate and batch size of each row of `bench.rows.reaching`; None for all examples.

Written by ``python -m bench.choose_rates``. Rows that are not here have nothing to choose: they
take the optimizer's defaults and full batches.
"""

from __future__ import annotations

RATES: dict[tuple[str, str], tuple[float, int | None]] = {
    ("diabetes", "nnlib sgd"): (0.3, 32),
    ("diabetes", "nnlib momentum"): (0.3, 128),
    ("diabetes", "nnlib nesterov"): (0.1, 32),
    ("diabetes", "nnlib rmsprop"): (0.03, 32),
    ("diabetes", "nnlib adagrad"): (0.3, 32),
    ("diabetes", "nnlib adam"): (0.03, 32),
    ("diabetes", "nnlib adamw"): (0.1, 32),
    ("diabetes", "nnlib rprop"): (0.3, None),
    ("diabetes", "scikit-learn adam"): (0.1, 128),
    ("diabetes", "PyTorch adam"): (0.1, None),
    ("breast cancer", "nnlib sgd"): (1.0, 32),
    ("breast cancer", "nnlib momentum"): (1.0, 32),
    ("breast cancer", "nnlib nesterov"): (1.0, 32),
    ("breast cancer", "nnlib rmsprop"): (0.3, 128),
    ("breast cancer", "nnlib adagrad"): (1.0, 32),
    ("breast cancer", "nnlib adam"): (0.1, 32),
    ("breast cancer", "nnlib adamw"): (0.1, 32),
    ("breast cancer", "nnlib rprop"): (0.3, None),
    ("breast cancer", "scikit-learn adam"): (0.3, None),
    ("breast cancer", "PyTorch adam"): (0.3, None),
    ("digits", "nnlib sgd"): (1.0, 32),
    ("digits", "nnlib momentum"): (0.03, 32),
    ("digits", "nnlib nesterov"): (0.03, 32),
    ("digits", "nnlib rmsprop"): (0.01, 32),
    ("digits", "nnlib adagrad"): (0.3, 32),
    ("digits", "nnlib adam"): (0.03, 128),
    ("digits", "nnlib adamw"): (0.03, 128),
    ("digits", "nnlib rprop"): (0.1, None),
    ("digits", "scikit-learn adam"): (0.03, 128),
    ("digits", "PyTorch adam"): (0.1, None),
}
