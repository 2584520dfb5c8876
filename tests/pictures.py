"""What a readable picture is, asserted on what was drawn."""

import matplotlib
from matplotlib.transforms import Bbox


def texts_of(figure):
    """Return every text that is drawn, with its box in pixels."""
    renderer = figure.canvas.get_renderer()
    for text in figure.findobj(matplotlib.text.Text):
        is_drawn = text.get_visible() and text.get_text().strip()
        parent = text.axes
        if is_drawn and (parent is None or parent.get_visible()):
            yield text, text.get_window_extent(renderer)


def ticks_drawn(ax):
    """Return the tick labels of an axes within its limits."""
    for axis, name in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        low, high = sorted(getattr(ax, f"get_{name}lim")())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            slack = 1e-9 * (high - low)
            if low - slack <= tick.get_loc() <= high + slack:
                yield tick.label1


def check_picture(figure):
    """Assert that no label is cut or overlaps another one, nor panels each other."""
    figure.canvas.draw()
    page = figure.bbox
    every = figure.findobj(matplotlib.axes.Axes)
    panels = [ax for ax in every if ax.axison]
    shown = {id(label) for ax in panels for label in ticks_drawn(ax)}
    ticks = {
        id(label)
        for ax in every
        for axis in (ax.xaxis, ax.yaxis)
        for label in axis.get_ticklabels(which="both")
    }
    boxes = []
    for text, box in texts_of(figure):
        if id(text) in ticks and id(text) not in shown:
            continue
        assert page.x0 <= box.x0 and box.x1 <= page.x1, f"{text} is cut"
        assert page.y0 <= box.y0 and box.y1 <= page.y1, f"{text} is cut"
        boxes.append((text, box))
    assert len(boxes) > 4
    check_apart(boxes)
    check_apart([(ax, ax.get_window_extent()) for ax in panels])
    for ax in panels:
        legend = ax.get_legend()
        own = {*ax.texts, *(legend.get_texts() if legend else ())}
        inside = ax.get_window_extent()
        check_apart([(ax, inside)], [item for item in boxes if item[0] not in own])


def check_apart(boxes, others=None):
    """Assert that no two boxes, or none of these and none of others, share an area."""
    for at, (thing, box) in enumerate(boxes):
        for other, other_box in boxes[at + 1 :] if others is None else others:
            shared = Bbox.intersection(box, other_box)
            is_apart = shared is None or min(shared.width, shared.height) < 1
            assert is_apart, f"{thing} overlaps {other}"


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}
