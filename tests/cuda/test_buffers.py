"""The three buffers that hold networks on the GPU; they are filled on the host."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.cuda.memory import Buffers
from nnlib.kernels.cuda.network.problem import HEADER_SIZE, Header, unpack
from nnlib.machine.device import missing_for_cuda


@pytest.mark.parametrize("networks", [1, 3])
@pytest.mark.parametrize(("validated", "shuffled"), [(0, 1), (1, 0)])
def test_views_share_nothing_and_fill_everything(networks, validated, shuffled):
    header = Header(
        **dict.fromkeys(Header._fields[:-3], 0)
        | {"table_size": 4, "size": 5, "epochs": 6, "n": 7, "groups": 3}
        | {"validated": validated, "shuffled": shuffled, "first_size": 5}
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


@pytest.mark.skipif(missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}")
def test_scratch_is_on_the_gpu_only():
    sizes = {"size": 5, "blocks": 2, "groups": 3, "tile_size": 9}
    header = Header(**dict.fromkeys(Header._fields[:-3], 0) | sizes)
    buffers = Buffers(header, np.arange(4), np.float32)
    model, _, parts = buffers.network(0)
    assert parts.gradients.size == parts.tile.size == 0
    model.parameters[:] = 7
    there = buffers.upload()
    assert there[2].size == buffers.host[2].size + 2 * 5 + 9
    _, _, parts = unpack(*(array.copy_to_host() for array in there), 0)
    assert (parts.gradients.size, parts.tile.size) == (10, 9)
    buffers.send(model.parameters, np.full(5, 3, np.float32))
    assert buffers.fetch(model.parameters).tolist() == [3] * 5
    model.parameters[:] = 0
    buffers.download()
    assert model.parameters.tolist() == [3] * 5
