"""The rules of a descent and their row of numbers."""

from __future__ import annotations

import numpy as np

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.network.rules import NO_RULES, RULES, Rules, rules_of


@entry
def row_of_rules(row):
    return rules_of(row)


def test_every_rule_has_its_own_place():
    assert row_of_rules(np.arange(RULES, dtype=float)) == Rules(*range(RULES))


def test_no_rules_ask_for_nothing():
    assert Rules(*[0.0] * RULES)._replace(target_cost=-np.inf) == NO_RULES
