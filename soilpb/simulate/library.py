"""Measured soils of the world, and what they are made of: what the twin is mixed from.

The PyPI package ``earthlib`` ships the spectra of the ICRAF-ISRIC world library: 4,168 soils of 55
countries, 180 bands, with places and without laboratory values. Bands that it leaves out (the two
water windows and the last 40 nm) are predicted from the others by a ridge regression learnt from the
896 soils of five measured fields. Amounts of the atlas' constituents come from an inversion.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from soilpb._files import sha256_of
from soilpb.readers.libraries import limesoda
from soilpb.simulate.minerals import ENDMEMBERS, absorption, km_ratio, scattering
from soilpb.spectra import Provenance, SoilSpectra, absorbance, band_grid, reflectance_from_absorbance

GRID = band_grid(400, 2490, 10)
#: Columns of ``samples`` with the amounts, percent of the soil's mass.
AMOUNTS = [f"{name}_pct" for name in ENDMEMBERS]
CITATION = (
    "Garrity & Bindraban (2004), A globally distributed soil spectral library, World Agroforestry Centre "
    "(ICRAF) and ISRIC; World Agroforestry & ISRIC (2021), doi 10.34725/DVN/MFHA9C"
)
_SOURCE = "icraf-isric-soil-database"
_FIRST_COMPLETE = 430.0  # nm: all five fields reach down to it
_RIDGE = 1e-5  # on absorbance; from 1e-6 to 1e-4 the error is the same
#: Absorbance by which the regression is off on average at the bands it predicts, against the library's own
#: full spectra, which are open but may not be passed on (``benchmarks/twin_realism.py`` measures it).
_OFFSETS = np.array(
    [
        *(0.0008, -0.0004, -0.0004, 0.0, -0.0006, 0.0018, 0.0068, 0.0019, -0.0006, -0.0009),  # 1360–1450
        *(-0.0005, 0.0017, 0.0021, 0.0035, 0.0040, 0.0036, 0.0033, 0.0026),  # 1800–1870
        *(0.0005, 0.0006, 0.0040, 0.0051, 0.0008, -0.0007, -0.0004, -0.0001),  # 1880–1950
        *(-0.0022, -0.0057, -0.0111, -0.0155),  # 2460–2490
    ]
)
_HIGHEST_SUM = 95.0  # percent: quartz and feldspar are never less than a twentieth of a soil
_OFFSET = 0.05  # K: what a relative misfit counts from


@lru_cache(maxsize=1)
@threadpool_limits.wrap(limits=1)
def load_library() -> SoilSpectra:
    """Load the packaged world library on 400–2490 nm by 10 nm, with the amounts of each soil.

    ``samples`` has ``x``, ``y`` (degrees), ``place`` and the amounts (:func:`with_amounts`), no laboratory
    values.

    Examples
    --------
    >>> soils = load_library()
    >>> soils.n_samples, soils.n_bands, "pH" in soils.samples
    (4168, 210, False)
    """
    folder = Path(str(distribution("earthlib").locate_file("earthlib/data")))
    about = pd.read_csv(folder / "spectra.csv")
    values = np.fromfile(folder / "spectra.sli", dtype="<f4").reshape(len(about), -1)
    rows = (about["SOURCE"] == _SOURCE).to_numpy()
    soils = about[rows].set_index("NAME").rename_axis("sample")
    samples = pd.DataFrame({"x": soils["LON"], "y": soils["LAT"], "crs": "EPSG:4326"})
    provenance = Provenance(
        name="ICRAF-ISRIC world library, as packaged in earthlib",
        kind="measured",
        instrument="ASD FieldSpec FR, dried and sieved soil in the laboratory",
        citation=CITATION,
        licence="MIT (earthlib); ODbL and DbCL (library)",
        sha256=sha256_of(folder / "spectra.sli"),
        notes=(
            "no laboratory values",
            "bands at 1360–1450, 1800–1950 and 2460–2490 nm predicted from the others",
        ),
    )
    spectra = _complete_bands(_packaged_bands(folder), values[rows])
    return with_amounts(SoilSpectra(GRID, spectra, samples, provenance))


def with_amounts(soils: SoilSpectra) -> SoilSpectra:
    """Add the amounts of constituents, and ``place``, to soils with coordinates in degrees.

    A place is a cell of one degree; it is missing where coordinates are.
    """
    degrees = soils.samples[["y", "x"]]
    cell = np.floor(degrees).astype("Int64").astype(str)
    place = (cell["y"] + " " + cell["x"]).where(degrees.notna().all(axis=1))
    amounts = invert(soils.reflectance, soils.wavelengths).set_index(degrees.index)
    return replace(soils, samples=soils.samples.assign(place=place, **amounts))


def invert(reflectance: np.ndarray, wavelengths: np.ndarray) -> pd.DataFrame:
    """Amounts of the atlas' constituents that explain spectra, percent of mass, one row per soil.

    ``K/S`` is fitted by non-negative least squares on the endmembers, a constant and an edge in the
    infrared (which stand for what has no feature), relative to its size. Amounts are effective: they
    suppose the scattering of a median soil.
    """
    absorbed = km_ratio(np.asarray(reflectance, float)) * scattering(wavelengths)
    rest = [np.ones_like(wavelengths), np.exp((wavelengths - 2500) / 250)]
    endmembers = np.vstack([absorption(wavelengths), *rest]).T
    weights = 1 / (absorbed + _OFFSET)
    fits = [nnls(endmembers * w[:, None], k * w)[0] for k, w in zip(absorbed, weights, strict=True)]
    amounts = 100 * np.reshape(fits, (-1, endmembers.shape[1]))[:, : len(ENDMEMBERS)]
    total = amounts.sum(axis=1, keepdims=True)
    return pd.DataFrame(amounts * np.minimum(1, _HIGHEST_SUM / np.maximum(total, 1e-9)), columns=AMOUNTS)


def _packaged_bands(folder: Path) -> np.ndarray:
    """Wavelengths that the ENVI header names, nm."""
    header = (folder / "spectra.sli.hdr").read_text()
    listed = header.partition("wavelength = {")[2].partition("}")[0]
    return np.round(1000 * np.array(listed.split(","), dtype=float))


def _complete_bands(bands: np.ndarray, reflectance: np.ndarray) -> np.ndarray:
    """Spectra on :data:`GRID`: measured where there are bands, predicted from them elsewhere."""
    common = GRID[GRID >= _FIRST_COMPLETE]
    known = np.isin(common, bands)
    learnt = absorbance(limesoda.load_fields(limesoda.FULL_RANGE_FIELDS, common).reflectance)
    model = Ridge(_RIDGE, solver="svd").fit(learnt[:, known], learnt[:, ~known])
    complete = np.empty((len(reflectance), GRID.size), dtype=np.float32)
    complete[:, np.isin(GRID, bands)] = reflectance
    measured = absorbance(reflectance[:, bands >= _FIRST_COMPLETE].astype(float))
    complete[:, ~np.isin(GRID, bands)] = reflectance_from_absorbance(model.predict(measured) + _OFFSETS)
    return complete
