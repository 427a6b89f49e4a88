"""A picture that answers when it is touched: what was measured, credited and absorbed at a wavelength.

The picture stays one of matplotlib's, as vector graphics; an invisible strip a wavelength
lies over it. It is one piece of HTML without a library, so that it works offline, in
the book and in a notebook, with a mouse, a finger or the arrow keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from io import StringIO

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes

_PAGE = """<div id="{name}" class="explorable">
{picture}<output aria-live="polite">{hint}</output>
<style>
.explorable {{ background: white; color: black; padding: 0.3em; }}
.explorable svg {{ width: 100%; height: auto; touch-action: pan-y; }}
.explorable rect.band {{ fill: transparent; }}
.explorable rect.shown {{ fill: rgb(0 0 0 / 18%); }}
.explorable output {{ display: block; min-height: 3.2em; font-size: 0.9em; padding: 0 0.6em; }}
</style>
<script>
(() => {{
  const box = document.getElementById("{name}"), bands = [...box.querySelectorAll("rect.band")];
  let at = -1;
  const show = i => {{
    if (i < 0 || i >= bands.length) return;
    if (at >= 0) bands[at].classList.remove("shown");
    bands[at = i].classList.add("shown");
    box.querySelector("output").textContent = bands[i].dataset.reading;
  }};
  const touched = event => show(bands.indexOf(document.elementFromPoint(event.clientX, event.clientY)));
  box.addEventListener("pointermove", touched);
  box.addEventListener("pointerdown", touched);
  box.querySelector("svg").addEventListener("keydown", event => {{
    const step = {{ ArrowLeft: -1, ArrowRight: 1 }}[event.key];
    if (step) {{ show(Math.max(0, at + step)); event.preventDefault(); }}
  }});
}})();
</script>
</div>"""
_HINT = "Point at the picture, or use the arrow keys, to read it at a wavelength."


def explorable(axes: Axes, readings: Mapping[float, str], name: str, alternative: str) -> HTML:
    """Lay a text a wavelength over the figure that some axes belong to.

    Parameters
    ----------
    axes : Axes
        Wavelengths run along its x axis; strips span the height of the whole figure. The
        figure is closed.
    readings : mapping of float to str
        Wavelength in nm → what to say there.
    name : str
        Identifier within the page.
    alternative : str
        What the picture shows, for those who do not see it.

    Returns
    -------
    HTML
    """
    figure, drawn = axes.figure, StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    picture = svg[svg.index("<svg") :].rstrip().removesuffix("</svg>")
    label = f'<svg role="img" tabindex="0" aria-label="{escape(alternative)}"'
    strips = _strips(axes, readings)
    plt.close(figure)
    return HTML(
        _PAGE.format(name=name, picture=f"{label}{picture[4:]}{strips}</svg>", hint=_HINT),
        metadata={"alt": alternative},
    )


def readings(profiles: pd.DataFrame, reflectance: pd.Series, features: pd.DataFrame) -> dict[float, str]:
    """Say in one line a wavelength what was measured there, what is credited, and what absorbs.

    Parameters
    ----------
    profiles : DataFrame
        ``draw``, ``wavelength``, ``share`` of one model, as
        :func:`soilpb.plots.attribution.compute_shares` gives them.
    reflectance : Series
        Median reflectance (fraction) by wavelength (nm).
    features : DataFrame
        ``constituent``, ``centre_nm``, ``width_nm``, as in ``atlas.FEATURES``. A feature
        is said to absorb within two widths of its centre.
    """
    said = {}
    for wavelength, share in profiles.groupby("wavelength")["share"]:
        low, middle, high = share.quantile([0.05, 0.5, 0.95])
        near = features[np.abs(features["centre_nm"] - wavelength) <= 2 * features["width_nm"]]
        names = dict.fromkeys(near["constituent"].str.replace("_", " "))
        absorbing = ", ".join(names) or "nothing of the atlas"
        said[float(wavelength)] = (
            f"{wavelength:g} nm: reflectance {reflectance[wavelength]:.2f} (median); credit {middle:.2f} % "
            f"({low:.2f} to {high:.2f} over draws); absorbing there: {absorbing}"
        )
    return said


def _strips(axes: Axes, readings: Mapping[float, str]) -> str:
    """One invisible rectangle a wavelength, in the picture's own units (points)."""
    wavelengths = np.array(list(readings))
    middles = (wavelengths[1:] + wavelengths[:-1]) / 2
    edges = np.concatenate([[2 * wavelengths[0] - middles[0]], middles, [2 * wavelengths[-1] - middles[-1]]])
    points = np.column_stack([edges, np.zeros_like(edges)])
    at = axes.figure.transFigure.inverted().transform(axes.transData.transform(points))[:, 0]
    width, height = 72 * axes.figure.get_size_inches()
    return "".join(
        f'<rect class="band" x="{width * x:.2f}" y="0" width="{width * (stop - x):.2f}" height="{height:g}" '
        f'data-reading="{escape(text)}"><title>{escape(text)}</title></rect>'
        for x, stop, text in zip(at[:-1], at[1:], readings.values(), strict=True)
    )
