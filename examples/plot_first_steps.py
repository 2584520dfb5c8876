"""
First steps: gates, shapes, and the next even number
====================================================

What happens inside an LSTM, and four small jobs that show the shapes that go in and
come out. The last one is the trap of many tutorials: windows whose targets are off by
one, so that after 200 the network says 198.
"""

# %%
# The four gates
# --------------
# An LSTM reads a window step by step and carries two vectors from step to step: the
# hidden state :math:`h` and the cell state :math:`c`. With :math:`x` the step's values
# and :math:`\sigma` the sigmoid,
#
# .. math::
#
#    f &= \sigma(x W_f + h U_f + b_f)  &&\text{forget gate: what $c$ keeps} \\
#    i &= \sigma(x W_i + h U_i + b_i)  &&\text{input gate: what $c$ lets in} \\
#    g &= \tanh(x W_c + h U_c + b_c)   &&\text{candidate: what could be let in} \\
#    c &\leftarrow f \odot c + i \odot g &&\text{cell state} \\
#    o &= \sigma(x W_o + h U_o + b_o)  &&\text{output gate: what $c$ shows} \\
#    h &\leftarrow o \odot \tanh(c)      &&\text{hidden state}
#
# Here is the same in NumPy, with the weights of a fitted network. Its last hidden
# state goes through a linear layer, and that is the prediction.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, forecast


def sigmoid(z):
    """Return 1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


rng = np.random.default_rng(0)
windows = rng.normal(size=(60, 4, 2)).astype("float32")
targets = windows[:, -1, 0] + windows[:, -2, 1]
lstm = LSTMRegressor(3, scaling=None, learning_rate=0.02, random_state=0)
lstm.fit(windows, targets)

W, U, b, output_kernel, output_bias = lstm.weights_
h = c = np.zeros(3)
gates = []
for x in windows[0]:  # oldest step first
    z_i, z_f, z_c, z_o = np.split(x @ W + h @ U + b, 4)
    f, i, g, o = sigmoid(z_f), sigmoid(z_i), np.tanh(z_c), sigmoid(z_o)
    c = f * c + i * g
    h = o * np.tanh(c)
    gates.append([f, i, o, c])
by_hand = (h @ output_kernel + output_bias)[0]
print(f"by hand {by_hand:.4f}, predict {lstm.predict(windows[:1])[0]:.4f}")

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
titles = ["forget gate", "input gate", "output gate", "cell state"]
for ax, title, values in zip(axes, titles, np.moveaxis(gates, 1, 0), strict=True):
    ax.plot(range(-4, 0), values, marker="o")
    ax.set(title=title, xlabel="step of the window", xticks=range(-4, 0))
axes[0].set_ylabel("one line per unit")
figure.savefig("first_steps_gates.png")

# %%
# Five rows of two features
# -------------------------
# Two inputs of the same row, and their sum as the target: ``horizon=0`` lets the window
# end on the row itself. ``LSTMRegressor(50, activation="relu")`` is Keras's
# ``LSTM(50, activation="relu")`` with a linear output. None of so few rows can be kept
# back to tell whether a network helps; so the linear part would predict alone, were it
# not left out.
rows = pd.DataFrame({"a": [10, 20, 30, 40, 50], "b": [15, 25, 35, 45, 55]}, dtype=float)
total = rows["a"] + rows["b"]
two_features = make_pipeline(
    SlidingWindow(window=1, horizon=0),
    LSTMRegressor(50, activation="relu", highway=False, random_state=0),
)
two_features.fit(rows, total)
print(pd.DataFrame({"truth": total, "fitted": two_features.predict(rows).round(1)}))

# %%
# Five values to five values
# --------------------------
# A 2-D X holds one window per row. Five targets make ``Dense(5)``: 4 x (50 x (1 + 50) +
# 50) = 10,400 parameters in the LSTM and 50 x 5 + 5 = 255 in the output, 10,655 in all.
values = np.arange(1.0, 26.0).reshape(5, 5)
five_to_five = LSTMRegressor(50, epochs=20, highway=False, random_state=0)
five_to_five.fit(values, values + 25)
five_to_five.summary()
print(five_to_five.predict(values).shape)

# %%
# The next even number
# --------------------
# Windows of three, and y is the series itself, at the same rows: the window of the row
# that holds 200 is 194, 196, 198. After the last row comes 202. No target is shifted
# by hand, so none can be shifted by the wrong amount.
even = pd.DataFrame({"even": np.arange(0.0, 202.0, 2.0)})
pipe = make_pipeline(SlidingWindow(window=3), LSTMRegressor(random_state=0))
pipe.fit(even, even["even"])
print(forecast(pipe, even, steps=4))

# %%
# 202 lies beyond everything that the network has been trained on. It comes out because
# the network does not see 196, 198, 200 but -4, -2, 0: each window less its newest
# value, which is added to the prediction again (``scaling="auto"``).
