"""
How rows align: a picture
=========================

One line for each row of a series: the window that ``SlidingWindow`` makes of it, step
by step, and the value that is to be predicted from it. What is drawn is what the
transformer returns, for the rows of a fit and for two rows that follow it.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklstm import SlidingWindow

N_FITTED, WINDOW = 6, 3
series = pd.DataFrame({"even": np.arange(0.0, 16.0, 2.0)})
fitted, new = series[:N_FITTED], series[N_FITTED:]

sliding = SlidingWindow(WINDOW).fit(fitted)
windows = np.concatenate([sliding.transform(fitted), sliding.transform(new)])[:, :, 0]


# %%
# A step of a window is a box below the row that it was read from; missing steps, which
# lie before the first row, are empty. The new rows see the true past of the fit.
def draw_box(axes, column, line, text, colour, style="-"):
    """Draw a box of one column and line, and a text in it."""
    box = plt.Rectangle(
        (column - 0.46, line - 0.36), 0.92, 0.72, fc=colour, ec="0.35", ls=style
    )
    axes.add_patch(box)
    axes.text(column, line, text, ha="center", va="center")


figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for row, (window, value) in enumerate(zip(windows, series["even"], strict=True)):
    for step, seen in enumerate(window):
        column = row - WINDOW + step
        if np.isnan(seen):
            draw_box(axes, column, row, "", "white", ":")
        else:
            draw_box(axes, column, row, f"{seen:g}", "0.87")
    draw_box(axes, row, row, f"{value:g}", "#f5c26b")
axes.axhline(N_FITTED - 0.5, color="0.35", lw=1)
axes.text(-WINDOW - 0.4, N_FITTED - 0.6, "rows of the fit", va="bottom")
axes.text(-WINDOW - 0.4, N_FITTED - 0.4, "rows that follow", va="top")
axes.set(
    xlim=(-WINDOW - 0.6, len(series) - 0.4),
    ylim=(len(series) - 0.5, -0.5),
    xticks=range(len(series)),
    yticks=range(len(series)),
    xlabel="row that a value is of",
    ylabel="row that is predicted",
    title=f"window={WINDOW}, horizon=1: grey is read, yellow predicted, dotted missing",
)
axes.title.set_fontsize("medium")
# Text stays text, and nothing in the file tells when it was drawn.
plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "alignment"})
figure.savefig("alignment.svg", metadata={"Date": None})
print("saved alignment.svg")
