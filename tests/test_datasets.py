"""Datasets: the series that ship are the published ones."""

import numpy as np
import pandas as pd

from sklstm import datasets, load_airline_passengers, load_m4_hourly

# Box & Jenkins, Series G: the sum of each year from 1949 to 1960.
YEARLY_SUMS = [1520, 1676, 2042, 2364, 2700, 2867, 3408, 3939, 4421, 4572, 5140, 5714]


def test_airline_passengers_are_the_published_series():
    """144 months without a hole, whole numbers with the published sum of each year.

    What a user writes into the frame is not there in the next call.
    """
    changed = load_airline_passengers()
    changed.iloc[0, 0] = -1.0
    passengers = load_airline_passengers()
    months = pd.date_range("1949-01-01", "1960-12-01", freq="MS", name="month")
    pd.testing.assert_index_equal(passengers.index, months, exact="equiv")
    assert passengers.index.freqstr == "MS"
    assert list(passengers.columns) == ["passengers"]
    values = passengers["passengers"]
    assert (values.iloc[0], values.iloc[-1], values.max()) == (112, 432, 622)
    assert values.groupby(passengers.index.year).sum().tolist() == YEARLY_SUMS
    assert values.dtype == np.float64
    assert (values == values.round()).all()


def test_m4_hourly_is_the_published_panel():
    """24 series of 748 hours each, series after series, with the published values."""
    frame = load_m4_hourly()
    assert frame.columns.tolist() == ["series", "hour", "value"]
    assert frame["series"].tolist() == [f"H{i // 748 + 1}" for i in range(24 * 748)]
    assert (frame["hour"].to_numpy().reshape(24, 748) == np.arange(1, 749)).all()
    assert frame["value"].dtype == np.float64
    values = frame.set_index(["series", "hour"])["value"]
    assert values["H1"].iloc[:2].tolist() == [605, 586]
    assert values["H1"].iloc[-3:].tolist() == [719, 703, 659]
    assert values["H24"].iloc[-3:].tolist() == [501, 473, 452]
    assert values.min() > 0 and values.max() == 67_630


def test_completion_offers_loaders_alone():
    """``sklstm.datasets.<tab>`` lists what loads, not what the file imports."""
    offered = [name for name in dir(datasets) if not name.startswith("__")]
    assert offered == ["load_airline_passengers", "load_m4_hourly"]
