"""PanelTimeSeriesSplit: folds that cut all groups of a panel at the same times."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from sklstm._checks import is_integer, one_line
from sklstm.windows._frames import labels_of, rows_from
from sklstm.windows._labels import is_row_number
from sklstm.windows._table import row_labels, time_ranks

# The least that parameters may be.
_FEWEST = {"n_splits": 2, "max_train_size": 1, "test_size": 1, "gap": 0}


class PanelTimeSeriesSplit(TimeSeriesSplit):
    """Split a long frame by time, every group at the same stamps.

    The same as :class:`sklearn.model_selection.TimeSeriesSplit`, over the distinct
    time stamps instead of the rows: test stamps lie after all training stamps, all
    rows of one stamp are on the same side, and rows may come in any order.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds; at least 2.
    time : str, int or None, default=None
        Column of X that holds the time of each row, by name; None takes the index,
        which must then not merely number the rows.
    max_train_size : int, default=None
        Most training stamps of a fold.
    test_size : int, default=None
        Test stamps of a fold; ``n_stamps // (n_splits + 1)`` by default.
    gap : int, default=0
        Stamps left out between training and test.

    See Also
    --------
    SlidingWindow : Makes the windows of a panel with ``groups`` and ``time``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import PanelTimeSeriesSplit
    >>> X = pd.DataFrame({"store": list("ababab"), "day": [0, 0, 1, 1, 2, 2]})
    >>> for train, test in PanelTimeSeriesSplit(2, time="day").split(X):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4 5]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        time: str | int | None = None,
        max_train_size: int | None = None,
        test_size: int | None = None,
        gap: int = 0,
    ) -> None:
        self.n_splits = n_splits
        self.time = time
        self.max_train_size = max_train_size
        self.test_size = test_size
        self.gap = gap

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of training and test of each fold.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            A long frame, rows in any order.
        y, groups : object, default=None
            Not read: rows of all groups are split at the same stamps.

        Returns
        -------
        iterator of (ndarray of int, ndarray of int)
            Positions of training and test rows, in increasing order.

        Raises
        ------
        ValueError
            If X has no index or no column of that name, its index numbers the rows,
            a time is missing, or there are too few distinct stamps.
        """
        self._check_parameters()
        stamps, ranks = self._ranks(X)
        try:
            splits = [*super().split(stamps)]
        except ValueError as error:
            raise ValueError(
                f"{type(self).__name__} needs more stamps of time. Got {len(stamps)} "
                f"different ones: {error}"
            ) from error
        for train, test in splits:
            # Both are stretches of stamps.
            is_train = (ranks >= train[0]) & (ranks <= train[-1])
            is_test = (ranks >= test[0]) & (ranks <= test[-1])
            yield np.flatnonzero(is_train), np.flatnonzero(is_test)

    def _check_parameters(self):
        """Raise unless parameters are numbers of stamps, and time names a column."""
        if not (self.time is None or is_integer(self.time) or type(self.time) is str):
            raise ValueError(
                "The 'time' parameter of PanelTimeSeriesSplit must be a str, an int or "
                f"None. Got {one_line(self.time)} instead."
            )
        for name, least in _FEWEST.items():
            value = getattr(self, name)
            is_optional = name.endswith("_size") and value is None
            if not is_optional and not (is_integer(value) and value >= least):
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} must be an int "
                    f"in the range [{least}, inf). Got {one_line(value)} instead."
                )

    def _ranks(self, X):
        """Return the distinct stamps, and the place of each row's among them."""
        owner, X = type(self).__name__, rows_from(X)
        if self.time is not None:
            panel = row_labels(X, [], self.time, owner=owner)
            return panel.stamps, panel.ranks
        labels = labels_of(X)
        if labels is None:
            raise ValueError(
                f"{owner} needs X with an index of times. Got {type(X).__name__}; "
                "pass a DataFrame, and name the column of time in time=."
            )
        if is_row_number(labels):
            raise ValueError(
                f"{owner} needs an index of times, or time= to name their column. Got "
                f"time=None and {type(labels).__name__} of {labels.dtype} without a "
                "label twice, which numbers rows; name the column of stamps in time=, "
                "or use TimeSeriesSplit for a single series."
            )
        return time_ranks(labels, owner=owner)
