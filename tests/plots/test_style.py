"""The style is deterministic, opaque and readable; the helpers of axes do what they say."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from soilpb.plots import style
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def saved(file_format="svg", **rc):
    """Bytes of a small figure."""
    with mpl.rc_context(rc):
        _, ax = plt.subplots()
        ax.plot([0, 1], [0, 1], marker="o", label="a")
        ax.legend()
        file = io.BytesIO()
        plt.savefig(file, format=file_format, metadata={"Date": None} if file_format == "svg" else None)
    return file


def test_equal_figures_are_equal_bytes():
    """A figure drawn twice is the same file, which it is not without the style's salt."""
    assert saved().getvalue() == saved().getvalue()
    salt = {"svg.hashsalt": None}
    assert saved(**salt).getvalue() != saved(**salt).getvalue()


def test_figures_are_opaque_white():
    """The background is white on purpose, so that figures hold on dark pages."""
    file = saved("png")
    file.seek(0)
    assert (plt.imread(file)[0, 0] == 1).all()


def test_given_axes_are_used():
    """With an ``ax`` no figure is made; without one, a new figure of the size asked for."""
    _, ax = plt.subplots()
    assert style.make_axes(ax) is ax
    assert style.make_axes(None, height=3).figure.get_size_inches().tolist() == [style.WIDTH, 3]


def test_stacked_axes_share_wavelengths_and_one_label():
    """Stacked axes have the heights asked for and one x axis; only the lowest is labelled."""
    top, bottom = style.stack_axes((3, 1))
    for ax in (top, bottom):
        style.set_wavelength_axis(ax, [400, 2490])
    assert top.figure.get_size_inches()[1] == 4
    assert (top.get_xlabel(), bottom.get_xlabel()) == ("", "Wavelength (nm)")
    bottom.set_xlim(500, 600)
    assert top.get_xlim() == (500, 600)


def test_logarithmic_axes_show_plain_numbers():
    """Ticks read 50, 100, 200, never powers of ten."""
    _, ax = plt.subplots()
    ax.set_xlim(40, 900)
    style.set_log_axes(ax)
    ax.figure.canvas.draw()
    shown = [t.get_text() for t in ax.get_xticklabels() if 40 <= t.get_position()[0] <= 900]
    assert shown == ["50", "100", "200", "500"]


def test_the_check_of_looks_sees_a_fault():
    """Two texts in one place, and letters of 6 pt, are both found."""
    _, ax = plt.subplots()
    ax.text(0.5, 0.5, "over")
    ax.text(0.5, 0.5, "another")
    with pytest.raises(AssertionError, match="lies over"):
        assert_readable(ax)
    ax.texts[0].set(fontsize=6, y=0.1)
    with pytest.raises(AssertionError, match="over"):
        assert_readable(ax)
    ax.texts[0].set_fontsize(9)
    assert_readable(ax)
