"""A picture that can be touched says the right thing at the right place, and fetches nothing."""

import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from soilpb.old import figures_hover


@pytest.fixture
def page():
    """A picture of three wavelengths with a text each, as HTML."""
    _, axes = plt.subplots(figsize=(5, 3))
    axes.set_xlim(400, 800)
    said = {500.0: "iron & more", 600.0: "nothing", 700.0: "red"}
    return figures_hover.explorable(axes, said, "touched", "A line").data


def svg(page):
    return ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL)[0])


def bands(page):
    return [node for node in svg(page).iter() if node.get("class") == "band"]


def test_each_wavelength_has_a_strip_with_its_text(page):
    """Strips lie side by side from left to right, as wide as their bands, and carry their texts."""
    strips = bands(page)
    assert [strip.get("data-reading") for strip in strips] == ["iron & more", "nothing", "red"]
    x = [float(strip.get("x")) for strip in strips]
    width = [float(strip.get("width")) for strip in strips]
    assert x[1] == pytest.approx(x[0] + width[0], abs=0.02)
    assert width[0] == pytest.approx(width[2], abs=0.02)


def test_strips_lie_where_the_axis_says(page):
    """On an axis from 400 to 800 nm, the strip of 550 to 650 nm is in its middle."""
    drawn = svg(page)
    patch = next(node for node in drawn.iter() if node.get("id") == "patch_2")
    (path,) = (node.get("d") for node in patch)
    corners = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)]
    strip = bands(page)[1]
    middle = float(strip.get("x")) + float(strip.get("width")) / 2
    assert middle == pytest.approx((min(corners) + max(corners)) / 2, abs=0.1)
    assert float(strip.get("width")) == pytest.approx((max(corners) - min(corners)) / 4, abs=0.1)


def test_nothing_is_fetched_and_nothing_stays_open(page):
    """The page names no host but those of XML's vocabularies, and the figure is closed."""
    hosts = set(re.findall(r"https?://([\w.]+)", page)) - {"www.w3.org", "purl.org", "creativecommons.org"}
    assert hosts <= {"matplotlib.org"}
    assert not re.search(r"(src|@import|fetch\()", page)
    assert plt.get_fignums() == []


def test_it_can_be_reached_without_a_mouse_or_eyes(page):
    """The picture takes the focus, says what it shows, and tells what is read."""
    assert svg(page).attrib.items() >= {("role", "img"), ("tabindex", "0"), ("aria-label", "A line")}
    assert 'aria-live="polite"' in page
    assert "ArrowRight" in page


def test_readings_name_what_absorbs_and_what_is_credited():
    """Within two widths of a feature its constituent is named, once; beyond, nothing is."""
    profiles = pd.DataFrame(
        {"draw": [0, 1] * 2, "wavelength": [500.0] * 2 + [900.0] * 2, "share": [1, 3, 2, 2]}
    )
    features = pd.DataFrame(
        {"constituent": ["organic_matter"] * 2, "centre_nm": [500.0, 520.0], "width_nm": [30.0, 30.0]}
    )
    said = figures_hover.readings(profiles, pd.Series({500.0: 0.2, 900.0: 0.4}), features)
    assert said[500.0] == (
        "500 nm: reflectance 0.20 (median); credit 2.00 % (1.10 to 2.90 over draws); "
        "absorbing there: organic matter"
    )
    assert said[900.0].endswith("absorbing there: nothing of the atlas")
