"""What tests of lazy descents share: noting them, checkpoints within epochs, Ctrl-C in one."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.network import problem
from nnlib.training import checkpoints, epoch_slices, lazy, slices


def note_descents(monkeypatch):
    """A list of the lazy descents that are made from now on."""
    made = []
    own = lazy.LazyDescent.__init__

    def noted(self, *arguments):
        made.append(self)
        own(self, *arguments)

    monkeypatch.setattr(lazy.LazyDescent, "__init__", noted)
    return made


def end_slices_within_epochs(monkeypatch):
    """Slices have three rounds from now on."""
    monkeypatch.setattr(slices, "units_within", lambda seconds, work: 3)
    monkeypatch.setattr(slices.Budget, "record", lambda self, units, seconds: None)


def assert_every_checkpoint_leads_to_the_same_bits(descend, file, monkeypatch):
    """descend(**options) gives the network and the history of a descent, in slices as above."""
    options = {"checkpoint": file, "checkpoint_seconds": 1e-9}
    copies = []
    write = checkpoints.Checkpoint.write

    def kept(self):
        write(self)
        copies.append(file.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Checkpoint, "write", kept)
        expected, history = descend(**options)
    assert len(copies) > 8
    for content in copies:
        file.write_bytes(content)
        net, found = descend(**options, resume=True)
        np.testing.assert_array_equal(net.parameters, expected.parameters)
        np.testing.assert_array_equal(found.J, history.J)


def assert_ctrl_c_leaves_the_last_epoch(network, descend, monkeypatch):
    """Within the fourth epoch: the network goes back to a mark, and on to the third's end.

    descend(net, epochs, **options) trains a network that `network` makes, in slices as above.
    """
    look = epoch_slices.EpochSlices.look

    def interrupted(self):
        look(self)
        position = self.state.position
        if position[problem.EPOCH] == 3 and position[problem.BATCH] > 4:
            raise KeyboardInterrupt

    net, expected = network(), network()
    descend(expected, epochs=3)
    with monkeypatch.context() as patch:
        patch.setattr(epoch_slices.EpochSlices, "look", interrupted)
        with pytest.raises(KeyboardInterrupt):
            descend(net, epochs=9)
    np.testing.assert_array_equal(net.parameters, expected.parameters)
    for one in (net, expected):
        descend(one, epochs=2, partial=True)
    np.testing.assert_array_equal(net.parameters, expected.parameters)
