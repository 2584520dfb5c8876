"""Networks that tests share, and twins: an LSTMRegressor and the same LSTM by Keras."""

import functools

import numpy as np
from numpy.testing import assert_allclose
from sklearn.utils import check_random_state

from sklstm import KerasRegressor, LSTMRegressor
from sklstm.network._lstm import NetworkSpec, initial_weights

# Both take the same steps in float32, in another order of summation; a few dozen
# steps of size 0.01 let that grow to some units of the sixth digit.
FLOAT32 = {"rtol": 1e-4, "atol": 2e-5}

SEED = 1


class LSTMWithoutRefit(LSTMRegressor):
    """Keep the best weights after early stopping, as KerasRegressor does."""

    _refits = False


def masked_network(meta, hidden=2):
    """Return a small LSTM that masks missing steps."""
    import keras

    layers = [keras.layers.Masking(meta["mask_value_"]), keras.layers.LSTM(hidden)]
    layers.append(keras.layers.Dense(meta["n_outputs_"]))
    return keras.Sequential([keras.Input(meta["X_shape_"][1:]), *layers])


def dense_network(meta, hidden=0):
    """Return a network that reads every step, missing or not."""
    import keras

    layers = [keras.Input(meta["X_shape_"][1:]), keras.layers.Flatten()]
    if hidden:
        layers.append(keras.layers.Dense(hidden, activation="relu"))
    return keras.Sequential([*layers, keras.layers.Dense(meta["n_outputs_"])])


def lstm_by_keras(meta, *, units, bidirectional, patch, has_highway):
    """Return the LSTM that LSTMRegressor has, with the weights that it begins with."""
    import keras

    layers = keras.layers
    # What has no seed would be drawn anew.
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    _, window, n_channels = meta["X_shape_"]
    n_steps = window // patch
    model = keras.Sequential([keras.Input((window, n_channels))])
    if patch > 1:
        model.add(layers.Cropping1D((window - n_steps * patch, 0)))
        model.add(layers.Reshape((n_steps, patch * n_channels)))
    model.add(layers.Masking(meta["mask_value_"]))
    units = (units,) if isinstance(units, int) else units
    for place, size in enumerate(units):
        keeps_all = place < len(units) - 1
        layer = layers.LSTM(size, return_sequences=keeps_all, **zeros)
        model.add(layers.Bidirectional(layer) if bidirectional else layer)
    model.add(layers.Dense(meta["n_outputs_"], kernel_initializer="zeros"))
    spec = NetworkSpec(
        window,
        n_channels,
        meta["n_outputs_"],
        units,
        bidirectional=bidirectional,
        patch=patch,
    )
    # The seed of the first network of an ensemble.
    seed = check_random_state(SEED).randint(np.iinfo(np.int32).max)
    weights = initial_weights(spec, int(seed))
    if has_highway:
        weights[-2][:] = 0
    model.set_weights(weights)
    return model


def both(*, units=4, bidirectional=False, patch=1, optimizer_params=None, **params):
    """Return both regressors, unfitted; parameters are those of LSTMRegressor."""
    defaults = {"highway": False, "early_stopping": False, "learning_rate": 0.01}
    defaults |= {"loss": "huber" if "quantiles" in params else "mse", "epochs": 3}
    params = {**defaults, **params, "random_state": SEED}
    network = {"units": units, "bidirectional": bidirectional, "patch": patch}
    build = functools.partial(
        lstm_by_keras,
        **network,
        has_highway=params["highway"] and params.get("scaling", "auto") is not None,
    )
    routed = {f"optimizer__{k}": v for k, v in (optimizer_params or {}).items()}
    routed["compile__run_eagerly"] = True  # a trace takes longer than all steps
    return (
        LSTMWithoutRefit(**network, **params, optimizer_params=optimizer_params),
        KerasRegressor(build, keras_params=routed, **params),
    )


def both_fitted(X, y, *, sample_weight=None, **params):
    """Return both regressors, fitted."""
    return [each.fit(X, y, sample_weight=sample_weight) for each in both(**params)]


def assert_same_training(one, other):
    """Check losses of every epoch and final weights."""
    assert one.history_.keys() == other.history_.keys()
    for name, losses in one.history_.items():
        assert_allclose(losses, other.history_[name], **FLOAT32)
    for a, b in zip(one.weights_, other.weights_, strict=True):
        assert_allclose(a, b, **FLOAT32)
