"""Reading ahead: the items in order, errors where they are wanted, and no thread left."""

import threading
import time

import pytest

from nnlib.data.ahead import ReadAhead

pytestmark = pytest.mark.cpu("host")


def threads():
    """How many threads there are."""
    return threading.active_count()


def test_items_come_in_order_and_end():
    before = threads()
    ahead = ReadAhead(iter(range(5)))
    assert list(ahead) == list(range(5))
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()
    assert threads() == before


def test_an_error_is_raised_where_its_item_is_wanted():
    def items():
        yield 1
        raise OSError("the disk is gone")

    ahead = ReadAhead(items())
    assert next(ahead) == 1
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            next(ahead)
    ahead.close()


def test_no_more_than_two_items_are_made_ahead():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    ahead = ReadAhead(items())
    assert next(ahead) == 0
    time.sleep(0.3)
    assert len(made) <= 3
    before = threads()
    ahead.close()
    assert threads() == before - 1
