"""The pool: bounded, and each thing lent to one user at a time."""

import pytest

from sklstm._pool import Pool


def lent_once(pool, key):
    """Borrow a thing and give it back; return it."""
    with pool.lent(key, object) as thing:
        return thing


def test_a_thing_is_lent_again():
    """What came back serves the next user of its key, and of no other."""
    pool = Pool(4)
    first = lent_once(pool, "a")
    assert lent_once(pool, "a") is first
    assert lent_once(pool, "b") is not first
    assert pool.keys() == ["a", "b"]


def test_a_thing_has_one_user_at_a_time():
    """While a thing is out, another one is made; both are kept."""
    pool = Pool(4)
    with pool.lent("a", object) as one, pool.lent("a", object) as other:
        assert one is not other
    assert len(pool) == 2


def test_the_pool_is_bounded():
    """However many keys and loans there are, few things are kept, the newest ones."""
    pool = Pool(3)
    for key in range(10):
        newest = lent_once(pool, key)
        assert len(pool) <= 3
    assert pool.keys() == [7, 8, 9]
    assert lent_once(pool, 9) is newest
    loans = [pool.lent("many", object) for _ in range(8)]
    assert len({id(loan.__enter__()) for loan in loans}) == 8
    for loan in loans:
        loan.__exit__(None, None, None)
    assert len(pool) == 3


def test_the_least_recently_used_goes():
    """Use makes a key young again."""
    pool = Pool(2)
    for key in ("a", "b", "a", "c"):
        lent_once(pool, key)
    assert pool.keys() == ["a", "c"]


def test_a_thing_that_failed_is_not_kept():
    """A block that raises does not give its thing back; later loans do not notice."""
    pool = Pool(2)
    thing = lent_once(pool, "a")
    with pytest.raises(RuntimeError), pool.lent("a", object):
        raise RuntimeError
    assert len(pool) == 0
    for key in ("a", "b", "c"):
        assert lent_once(pool, key) is not thing


def test_a_long_loan_is_taken_back():
    """A thing that is out while many others come back is still kept after that."""
    pool = Pool(2)
    with pool.lent("a", object) as thing:
        for key in range(5):
            lent_once(pool, key)
    assert pool.keys() == [4, "a"]
    assert lent_once(pool, "a") is thing


def test_without_a_key_nothing_is_kept():
    """None stands for a thing of its own each time."""
    pool = Pool(2)
    assert lent_once(pool, None) is not lent_once(pool, None)
    assert len(pool) == 0
    lent_once(pool, "a")
    pool.clear()
    assert len(pool) == 0
