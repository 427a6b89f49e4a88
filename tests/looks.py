"""What every figure must look like: labelled axes, readable letters, nothing written over anything else."""

from itertools import combinations
from unittest.mock import patch

from matplotlib.text import Text

SMALLEST = 9  # points


def written(figure):
    """Texts that drawing the figure draws: visible, not empty, no tick labels beyond the axes."""
    texts = []
    draw = Text.draw

    def record(text, renderer, *args, **kwargs):
        texts.append(text)
        return draw(text, renderer, *args, **kwargs)

    with patch.object(Text, "draw", record):
        figure.canvas.draw()
    return [text for text in dict.fromkeys(texts) if text.get_visible() and text.get_text().strip()]


def assert_readable(ax):
    """Letters are large enough, and no text of the figure lies over another."""
    texts = written(ax.figure)
    small = [text.get_text() for text in texts if text.get_fontsize() < SMALLEST]
    assert not small, small
    boxes = [(text, text.get_window_extent().shrunk(0.9, 0.8)) for text in texts]
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.overlaps(b), f"{one.get_text()!r} lies over {other.get_text()!r}"


def assert_axes(ax, xlabel, ylabel=None):
    """The axes carry these labels (``ylabel=None``: names instead), and the figure is readable."""
    assert ax.get_xlabel() == xlabel
    assert ax.get_ylabel() == (ylabel or "")
    assert_readable(ax)


def legend_texts(ax):
    """Texts of the legend, in order."""
    return [text.get_text() for text in ax.get_legend().get_texts()]
