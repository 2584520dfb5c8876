"""Train the prior on synthetic series: ``python train.py OUT --seed 0 --steps 55000``.

A round makes fresh series and takes 100 steps on windows of them. It starts from
``seed`` and its own number alone, and a checkpoint ends it, so that training that was
interrupted goes on as if it had not been. Written to OUT: ``curve.csv``,
``checkpoint.npz`` and ``prior.npz``, the weights that the package ships.
"""

import argparse
import csv
import json
import math
import platform
import time
from pathlib import Path

import keras
import numpy as np
import series
import tensorflow as tf

from sklstm.network._prior import LEVELS, MAX_STEPS, longest_window
from sklstm.network._prior_inputs import N_BASIS, prior_inputs

ROUND, BATCH, HORIZON = 100, 256, 16
#: Season: share of batches, series of a pool, shortest window, usual horizon.
SEASONS = {
    12: (0.37, 2000, 15, 24),
    4: (0.22, 1300, 7, 12),
    1: (0.21, 1300, 4, 16),
    7: (0.06, 450, 10, 28),
    24: (0.06, 350, 36, 48),
    52: (0.03, 300, 26, 26),
    0: (0.05, 350, 8, 24),
}


def window_lengths(low, high):
    """Return the lengths that windows may have: few, as each is compiled once."""
    grid = [4, 6, 8, 12, 16, 20, 28, 36, 48, 60, 72, 88, 104, 120, 168, 240, 360, 504]
    return np.array([v for v in grid if low <= v <= high])


def build_model(units=96, embedding=64, hidden=48):
    """Return the network as a Keras model of patches, statics and steps."""
    window = np.ones((1, 8))
    shapes = prior_inputs(window, (2,), np.arange(1, 5), False)
    patches = keras.Input((None, shapes.patches.shape[2]), name="patches")
    statics = keras.Input(shapes.statics.shape[1:], name="statics")
    steps = keras.Input((None, shapes.steps.shape[2]), name="steps")
    dense = keras.layers.Dense
    wide = dense(embedding, name="embed_patch")(patches)
    wide = (
        wide + dense(embedding, use_bias=False, name="embed_static")(statics)[:, None]
    )
    state = keras.layers.LSTM(units, name="lstm")(keras.ops.relu(wide))
    state = keras.ops.concatenate([state, statics], axis=1)
    seen = dense(hidden, name="head_state")(state)[:, None]
    at = keras.ops.relu(dense(hidden, use_bias=False, name="head_step")(steps) + seen)
    at = keras.ops.relu(dense(hidden, name="head_hidden")(at))
    out = dense(len(LEVELS), name="head_out")(at)
    slopes = dense(N_BASIS, name="trend")(state)
    trend = keras.ops.sum(steps[:, :, -N_BASIS:] * slopes[:, None], axis=2)
    return keras.Model([patches, statics, steps], out + trend[:, :, None])


def pinball(target, output):
    """Return the mean pinball loss, beyond 6 scales on a logarithmic axis."""

    def damped(x):
        size = tf.abs(x)
        far = 6 * (1 + tf.math.log(tf.maximum(size, 6) / 6))
        return tf.where(size < 6, x, tf.sign(x) * far)

    levels = tf.constant(LEVELS)
    error = damped(target)[:, :, None] - damped(output)
    return tf.reduce_mean(tf.maximum(levels * error, (levels - 1) * error))


def draw_pools(rng):
    """Return series of every season, the odd one drawn anew."""
    pools = {}
    for m, (_, n, *_) in SEASONS.items():
        m_0 = m or int(rng.choice([2, 3, 5, 6, 8, 9, 10, 13, 18, 26, 30, 48]))
        season = (24, 168) if m == 24 else (m_0,)
        length = longest_window(season) + MAX_STEPS
        pools[m] = season, series.make_series(rng, n, length, m_0, m == 24)
    return pools


def draw_batch(rng, pools):
    """Return inputs and targets of windows of one season, length and view."""
    names = list(SEASONS)
    shares = np.array([SEASONS[m][0] for m in names])
    m = names[rng.choice(len(names), p=shares / shares.sum())]
    _, _, low, far = SEASONS[m]
    far = far if rng.random() < 0.85 else MAX_STEPS
    season, pool = pools[m]
    if rng.random() < 0.4:
        season = season[:1]
    lengths = window_lengths(low, longest_window(season))
    length = int(rng.choice(lengths))
    x = pool[rng.integers(len(pool), size=BATCH)]
    if rng.random() < 0.3:
        share = rng.uniform(0.3, 1, (BATCH, 1))
        x = share * x + (1 - share) * pool[rng.integers(len(pool), size=BATCH)]
    starts = rng.integers(0, x.shape[1] - length - far + 1, (BATCH, 1))
    x = np.take_along_axis(x, starts + np.arange(length + far), axis=1)
    if rng.random() < 0.25:
        tilt = rng.normal(0, 1.0, (BATCH, 1)) * rng.random((BATCH, 1))
        x = x * np.exp(tilt * np.linspace(-1, 1, length + far))
    is_log = rng.random() < (0.5 if season[0] > 1 else 0.25)
    x = np.log(x) if is_log else x / x[:, :length].mean(axis=1, keepdims=True)
    steps = 1 + np.sort(rng.permutation(far)[:HORIZON])
    steps = np.resize(steps, HORIZON)
    window, target = x[:, :length], x[:, length - 1 + steps]
    if rng.random() < 0.1:
        holes = rng.random((BATCH, length)) < rng.uniform(0, 0.2)
        window = np.where(holes & (np.arange(length) < length - 1), np.nan, window)
    inputs = prior_inputs(window, season, steps, is_log)
    scale = inputs.scale[:, None]
    moved = np.where(scale > 1e-9, (target - inputs.base) / np.maximum(scale, 1e-9), 0)
    arrays = inputs.patches, inputs.statics, inputs.steps, np.clip(moved, -80, 80)
    return [np.float32(a) for a in arrays]


def build_step(model, optimizer):
    """Return the compiled step: a batch in, its loss out."""

    @tf.function(jit_compile=True, reduce_retracing=False)
    def step(patches, statics, steps, target):
        with tf.GradientTape() as tape:
            loss = pinball(target, model([patches, statics, steps], training=True))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return step


def save(path, variables, done, average):
    """Write a checkpoint, first beside the old one."""
    arrays = {str(i): v.numpy() for i, v in enumerate(variables)}
    means = {f"average_{i}": v for i, v in enumerate(average)}
    np.savez(path.with_suffix(".new.npz"), done=done, **arrays, **means)
    path.with_suffix(".new.npz").replace(path)


def restore(path, variables, n_weights):
    """Read a checkpoint into variables; return the rounds done and the averages."""
    with np.load(path) as stored:
        for i, v in enumerate(variables):
            v.assign(stored[str(i)])
        means = [stored[f"average_{i}"] for i in range(n_weights)]
        return int(stored["done"]), means


def weight_names(model):
    """Return the names of a model's weights in the file: layer and kind."""
    return [w.path.replace("/lstm_cell/", "/") for w in model.trainable_variables]


def set_weights(model, weights):
    """Give a model the weights of a file."""
    for name, variable in zip(
        weight_names(model), model.trainable_variables, strict=True
    ):
        variable.assign(weights[name])


def export(path, model, average, about):
    """Write the averaged weights in float16, with how they were made."""
    pairs = zip(weight_names(model), average, strict=True)
    arrays = {name: mean.astype(np.float16) for name, mean in pairs}
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)


def train(out, seed=0, n_steps=55000, rate=3e-3, decay=0.9985):
    """Train for a number of steps; go on from OUT's checkpoint where there is one."""
    keras.utils.set_random_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    model = build_model()
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        n_steps,
        alpha=0.02,
        warmup_target=rate,
        warmup_steps=min(300, n_steps // 9),
    )
    optimizer = keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    variables = model.trainable_variables + optimizer.variables
    step = build_step(model, optimizer)
    average = [v.numpy() for v in model.trainable_variables]
    done, n_rounds = 0, math.ceil(n_steps / ROUND)
    if (out / "checkpoint.npz").exists():
        done, average = restore(out / "checkpoint.npz", variables, len(average))
    start = time.process_time()
    with open(out / "curve.csv", "a", newline="") as file:
        curve = csv.writer(file)
        for i in range(done, n_rounds):
            rng = np.random.default_rng([seed, i])
            pools, losses = draw_pools(rng), []
            for _ in range(ROUND // 10):
                for _ in range(10):
                    losses.append(float(step(*draw_batch(rng, pools))))
                keep = min(decay**10, (i + 1) / (i + 10))
                for mean, v in zip(average, model.trainable_variables, strict=True):
                    mean += (1 - keep) * (v.numpy() - mean)
            at, loss = (i + 1) * ROUND, np.mean(losses)
            seconds = time.process_time() - start
            curve.writerow([at, f"{loss:.5f}", f"{seconds:.0f}"])
            file.flush()
            print(f"step {at}  loss {loss:.4f}  {seconds:.0f} s of CPU", flush=True)
            save(out / "checkpoint.npz", variables, i + 1, average)
    about = {
        "command": f"python train.py OUT --seed {seed} --steps {n_steps}",
        "seed": seed,
        "steps": n_steps,
        "weights": model.count_params(),
        "batch": BATCH,
        "loss": round(float(np.mean(losses)), 4) if done < n_rounds else None,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }
    export(out / "prior.npz", model, average, about)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=55000)
    given = parser.parse_args()
    train(given.out, given.seed, given.steps)
