"""One network is trained by one descent at a time; whoever only reads is free."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from nnlib.model.training_lock import TrainingLock
from tests.training.checkpointed import X, Y, network


@contextmanager
def in_training(net, **options):
    """Another thread trains the network and stands in its callback."""
    inside, leave = threading.Event(), threading.Event()

    def callback(report):
        inside.set()
        leave.wait(60)
        return True

    thread = threading.Thread(
        target=lambda: net.descent(X, Y, epochs=10**6, callback=callback, **options)
    )
    thread.start()
    try:
        assert inside.wait(60)
        yield
    finally:
        leave.set()
        thread.join()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_a_second_descent_is_refused_by_name(optimizer):
    net = network()
    with in_training(net):
        before = net.parameters.copy()
        with pytest.raises(RuntimeError, match=r"trains this network .*copy\.deepcopy"):
            net.descent(X, Y, epochs=1, optimizer=optimizer)
        np.testing.assert_array_equal(net.parameters, before)
    net.descent(X, Y, epochs=1, optimizer=optimizer)


def test_a_refused_argument_or_an_error_leaves_it_free():
    net = network()
    with pytest.raises(ValueError, match="epochs"):
        net.descent(X, Y, epochs=-1)

    def callback(report):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.descent(X, Y, epochs=1, callback=callback)
    net.descent(X, Y, epochs=1)


@pytest.mark.cpu("threads")
def test_others_may_read_meanwhile():
    net = network()
    with in_training(net):
        expected = net.F(X), net.J(X, Y), net.derJ(X, Y)[0][0]
        with ThreadPoolExecutor(4) as pool:
            calls = [
                pool.submit(lambda: (net.F(X), net.J(X, Y), net.derJ(X, Y)[0][0])) for _ in range(8)
            ]
            for call in calls:
                for found, wanted in zip(call.result(), expected, strict=True):
                    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["deep", "pickle"]
)
def test_a_copy_is_free(copied):
    net = network()
    with in_training(net):
        twin = copied(net)
        twin.descent(X, Y, epochs=1)
        twin.parameters[0] = 1
    assert net.parameters[0] != 1


def test_a_shallow_copy_shares_parameters_and_lock():
    net = network()
    with in_training(net), pytest.raises(RuntimeError, match="trains this network"):
        copy.copy(net).descent(X, Y, epochs=1)


def test_a_forked_child_is_free(monkeypatch):
    """As a child that was forked while another thread trained sees it, or a callback's own."""
    net = network()

    def in_the_child(report):
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            net.parameters[0] = 0.5
            net.descent(X, Y, epochs=1)
            assert not net._training.held
        return True

    net.descent(X, Y, epochs=3, callback=in_the_child)
    net.descent(X, Y, epochs=1)


@pytest.mark.cpu("host")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
def test_no_interrupt_leaves_it_held():
    """Many, at any instruction of taking and leaving it."""
    lock, interrupts = TrainingLock(), 0

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        while interrupts < 300:
            try:
                signal.setitimer(signal.ITIMER_REAL, 3e-5)
                while True:
                    with lock.taken():
                        pass
            except KeyboardInterrupt:
                interrupts += 1
            assert not lock.held
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
