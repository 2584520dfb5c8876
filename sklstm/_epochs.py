"""Some epochs of training, and their validation, as one graph function.

What the function is given are arguments, down to learning rate and number of rows: only
the architecture is traced. It holds no variables, so that fits in several threads share
it. TensorFlow comes as an argument, so that reading this file imports nothing.
"""

from __future__ import annotations

from typing import Any

from sklstm._graph import Architecture, GraphNetwork, Optimizer, loss_functions

__all__ = ["N_SLOTS", "SHARDS", "traced_epochs"]

# Parts in which a batch goes through the layers. The kernel is slow, and TensorFlow
# complains, where a part has an odd number of rows and of inputs.
SHARDS = 2

# Tensors that an optimizer keeps besides the flat vector.
N_SLOTS = {"adam": 2, "adamw": 2, "rmsprop": 2, "sgd": 0}


def traced_epochs(tf: Any, architecture: Architecture, in_parts: bool) -> Any:
    """Return the graph function that trains and validates some epochs.

    Parameters
    ----------
    tf : module
        TensorFlow.
    architecture : Architecture
        What it is traced for.
    in_parts : bool
        Whether batches may be too large to be held at once. The loop over their parts
        would cost small batches a tenth of their time.

    Returns
    -------
    callable
        From a dict of tensors, see ``_signature``, to a dict: ``losses`` of all
        batches, summed over rows; ``validation_losses`` of all epochs, summed; the
        number of epochs; and the next ``state`` and ``best``.
    """

    @tf.function(input_signature=[_signature(tf, architecture)], autograph=False)
    def epochs(given):
        return _Epochs(tf, architecture, in_parts, given).run()

    # Called as it is, it never traces again, nor does TensorFlow look whether to.
    return epochs.get_concrete_function()


def _signature(tf: Any, architecture: Architecture) -> dict[str, Any]:
    """Return the shapes of what the function is given."""
    spec, n_outputs = tf.TensorSpec, architecture.n_outputs
    flat = spec([architecture.size])
    return {
        # The steps of all windows; where each window begins; steps missing in front.
        "base": spec([None, architecture.n_columns]),
        "starts": spec([None], tf.int32),
        "missing": spec([None], tf.int32),
        # 1 for centred channels, 0 for others; what every channel is multiplied by.
        "channels": spec([2, architecture.n_columns]),
        # Scaled targets of every row, last its weight.
        "targets": spec([None, n_outputs + 1]),
        # Rows of each epoch; where batches end; share of a target in a batch's mean.
        "order": spec([None, None], tf.int32),
        "ends": spec([None, 1], tf.int32),
        "shares": spec([None]),
        "validation_rows": spec([None], tf.int32),
        # Learning rate of each batch of all epochs.
        "sizes": spec([None]),
        # Learning rate, dropout, norm to clip at, delta of Huber's loss; last the
        # optimizer's constants.
        "numbers": spec([8]),
        "levels": spec([n_outputs]),
        # Rows held at once, steps of a window that are read, batches so far, patience;
        # last the seed.
        "counts": spec([6], tf.int32),
        # The flat vector, and the optimizer's slots.
        "state": [flat] * (1 + N_SLOTS[architecture.optimizer]),
        # Best flat vector so far, its validation loss, epochs since.
        "best": [flat, spec([]), spec([], tf.int32)],
    }


class _Epochs:
    """The graph while it is traced: what all batches share, made once."""

    def __init__(
        self, tf: Any, architecture: Architecture, in_parts: bool, given: dict[str, Any]
    ):
        self.tf = tf
        self.architecture = architecture
        self.in_parts = in_parts
        self.given = given
        self.rows_at_once, window, self.n_before, self.patience, *seed = tf.unstack(
            given["counts"]
        )
        self.seed = tf.stack(seed)
        rate, self.dropout, self.clipnorm, delta, *constants = tf.unstack(
            given["numbers"]
        )
        self.loss_of, self.slope_of = loss_functions(
            tf, architecture.loss, delta, given["levels"]
        )
        self.network = GraphNetwork(tf, architecture, window // architecture.patch)
        self.optimizer = Optimizer(
            tf, architecture.optimizer, rate, constants, architecture.is_weight
        )
        self.steps = tf.range(window)[:, None]
        self.is_centred, self.factor = tf.unstack(given["channels"])
        self.first_row = tf.zeros([1], tf.int32)
        self.n_validation = tf.shape(given["validation_rows"])
        self.validation = self._in_order(given["validation_rows"])

    def run(self):
        """Return what the epochs came to; they end early when patience does."""
        tf, given = self.tf, self.given
        n_epochs, n_batches = tf.shape(given["order"])[0], tf.shape(given["ends"])[0]
        epoch, losses, validation_losses, state, best = tf.while_loop(
            lambda epoch, *others: (epoch < n_epochs) & (others[-1][2] < self.patience),
            self._epoch,
            [
                0,
                tf.TensorArray(tf.float32, n_epochs * n_batches, element_shape=[]),
                tf.TensorArray(tf.float32, n_epochs, element_shape=[]),
                given["state"],
                given["best"],
            ],
            parallel_iterations=1,
        )
        return {
            "losses": losses.stack(),
            "validation_losses": validation_losses.stack(),
            "n_epochs": epoch,
            "state": state,
            "best": best,
        }

    def _epoch(self, epoch, losses, validation_losses, state, best):
        """Train an epoch and validate."""
        tf, given = self.tf, self.given
        data = self._in_order(given["order"][epoch])
        n_batches = tf.shape(given["ends"])[0]
        n_earlier = epoch * n_batches
        _, _, losses, state = tf.while_loop(
            lambda batch, *_: batch < n_batches,
            lambda *loop: self._batch(data, n_earlier, *loop),
            [0, self.first_row, losses, state],
            parallel_iterations=1,
        )
        loss = self._validation_loss(state[0])
        best_flat, best_loss, n_idle = best
        is_better = loss < best_loss
        best = [
            tf.where(is_better, state[0], best_flat),
            tf.where(is_better, loss, best_loss),
            tf.where(is_better, 0, n_idle + 1),
        ]
        return epoch + 1, losses, validation_losses.write(epoch, loss), state, best

    def _batch(self, data, n_earlier, batch, begin, losses, state):
        """Take the step of a batch of rows from ``begin`` on."""
        tf = self.tf
        end = tf.gather(self.given["ends"], batch)
        number = n_earlier + batch
        seed = self.seed + tf.stack([self.n_before + number, 0])
        share = tf.gather(self.given["shares"], batch)
        loss, gradient = self._gradient(data, state[0], begin, end, share, seed)
        if self.architecture.is_clipped:
            gradient *= self.clipnorm / tf.maximum(tf.norm(gradient), self.clipnorm)
        size = tf.gather(self.given["sizes"], number)
        state = self.optimizer.step(state, gradient, size)
        return batch + 1, end, losses.write(number, loss), state

    def _gradient(self, data, flat, begin, end, share, seed):
        """Return the summed loss of a batch, and the gradient of its mean."""
        tf = self.tf
        parameters = self.network.parameters(flat)
        if not self.in_parts:
            loss, backward = self._part(
                data, parameters, begin, end, self.dropout, seed
            )
            return loss, backward(share)

        def add_part(at, total, gradient):
            to = tf.minimum(at + self.rows_at_once, end)
            part_seed = seed + tf.stack([0, at[0] - begin[0]])
            loss, backward = self._part(
                data, parameters, at, to, self.dropout, part_seed
            )
            return to, total + loss, gradient + backward(share)

        return tf.while_loop(
            lambda at, *_: at[0] < end[0], add_part, [begin, 0.0, tf.zeros_like(flat)]
        )[1:]

    def _validation_loss(self, flat):
        """Return the loss of the validation rows, summed."""
        parameters = self.network.parameters(flat)

        def add_part(at, total):
            to = self.tf.minimum(at + self.rows_at_once, self.n_validation)
            loss, _ = self._part(self.validation, parameters, at, to, None, self.seed)
            return to, total + loss

        return self.tf.while_loop(
            lambda at, _: at[0] < self.n_validation[0], add_part, [self.first_row, 0.0]
        )[1]

    def _in_order(self, rows):
        """Return what is known of some rows: targets, begins of their windows."""
        tf, given = self.tf, self.given
        names = ["targets", "starts"]
        if self.architecture.reads_missing:
            names.append("missing")
        return [tf.gather(given[name], rows) for name in names]

    def _patched(self, windows):
        """Return windows as the network reads them, idle channel and mask last."""
        tf, architecture = self.tf, self.architecture
        n_columns = architecture.n_columns
        shape = [-1, architecture.patch, tf.shape(windows)[1], n_columns]
        steps = tf.transpose(tf.reshape(windows, shape), [0, 2, 1, 3])
        n_channels = n_columns - architecture.is_masked
        values = tf.reshape(
            steps[..., :n_channels], [-1, shape[2], architecture.n_channels]
        )
        parts = [values]
        if architecture.has_idle_channel:
            parts.append(tf.zeros_like(values[..., :1]))
        if architecture.is_masked:
            parts.append(tf.reduce_max(steps[..., -1:], axis=2))
        return tf.concat(parts, -1)

    def _part(self, data, parameters, begin, end, dropout, seed):
        """Return the summed loss of rows in order, and what gives its gradient."""
        tf = self.tf
        targets, starts, *missing = (
            tf.strided_slice(each, begin, end, [1]) for each in data
        )
        windows = tf.gather(self.given["base"], starts + self.steps)
        windows = (windows - windows[-1:] * self.is_centred) * self.factor
        if self.architecture.patch > 1:
            windows = self._patched(windows)
        targets, weights = tf.split(targets, [self.architecture.n_outputs, 1], axis=1)
        outputs, backward = self.network.forward(
            parameters, windows, missing[0] if missing else None, dropout, seed, SHARDS
        )
        error = outputs - targets
        loss = tf.reduce_sum(self.loss_of(error) * weights)
        return loss, lambda share: backward(self.slope_of(error) * (weights * share))
