"""The three buffers that hold networks on the GPU; they are filled on the host."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.cuda_memory import Buffers
from nnlib.kernels.cuda.problem import HEADER_SIZE, Header


@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize(("validated", "shuffled"), [(0, 1), (1, 0)])
def test_views_share_nothing_and_fill_everything(networks, validated, shuffled):
    header = Header(
        **dict.fromkeys(Header._fields[:-3], 0)
        | {"table_size": 4, "size": 5, "epochs": 6, "n": 7, "blocks": 2, "groups": 3}
        | {"validated": validated, "shuffled": shuffled, "first_size": 5, "tile_size": 9}
    )
    buffers = Buffers(header, np.arange(4), np.float32, networks)
    for number in range(networks):
        model, state, parts = buffers.network(number)
        assert model.table.tolist() == [0, 1, 2, 3]
        views = [*model[1:], *state, *parts, buffers.settings(number)]
        for view in views:
            assert not view.any()
            view += 1
    integers, reals, vectors = buffers.host
    assert (integers[HEADER_SIZE + 4 :] == 1).all()
    assert (reals == 1).all()
    assert (vectors == 1).all()
