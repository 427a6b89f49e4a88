"""Maps: where soils were taken, whether neighbours are alike, and kriging of what lies between them.

Kriging is a Gaussian process over coordinates (Rasmussen & Williams 2006, section 2.2), with an
exponential covariance, a nugget and an unknown mean, fitted by maximum likelihood with scikit-learn.
Draws err as kriging without each soil did, so the target and pH of the same soils err together, as
:mod:`soilpb.decide.exceedance` needs it, and no normal law is assumed.

A kriged probability is about a soil that might be taken somewhere, whose spectrum nobody has measured:
it uses its neighbours' laboratory values, and nothing else. Coordinates are in metres.

:func:`assign_units` says in which decision unit a soil lies.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.path import Path as Outline
from scipy.linalg import cho_solve
from scipy.spatial import Delaunay, KDTree, QhullError
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from soilpb.decide import exceedance
from soilpb.decide.site_model import FEWEST_PH
from soilpb.decide.standards import LEAD_LIMITS, lead_limit
from soilpb.evaluate import splits
from soilpb.readers.laboratory import LAYER_COLUMNS, UNIT_COLUMNS

#: Most depth layers of a site, and the name of all soils as one unit.
MOST_LAYERS, ALL_SOILS = 10, "all soils"
#: A map shows nothing farther from a soil than so many times the usual distance of neighbours.
REACH = 3.0
#: Fewer places make no map.
FEWEST_PLACES = 50
#: Neighbours are called alike where chance makes them so in at most this share of cases.
SIGNIFICANCE = 0.05
#: Nearest soils that are compared with a soil.
NEIGHBOURS = 4
#: Blocks of neighbouring soils that are left out in turn.
N_BLOCKS = 10
_METRES_PER_DEGREE = 111_195.0  # of a great circle, on a sphere of 6,371 km


def local_coordinates(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Metres east and north of the site's south-western corner, of the samples whose place is known.

    ``x`` and ``y`` of ``samples`` are in degrees where ``crs`` says EPSG:4326, else in metres. None if there
    are none, or if ``crs`` says that coordinates are dummies, which protect their owners.

    Examples
    --------
    >>> local_coordinates(pd.DataFrame({"x": [500.0, 510.0], "y": [20.0, 20.0]}))["x"].tolist()
    [0.0, 10.0]
    """
    if not {"x", "y"} <= set(samples):
        return None
    crs = samples["crs"].astype(str) if "crs" in samples else pd.Series("", index=samples.index)
    known = samples[["x", "y"]].astype(float).dropna()
    if known.empty or crs.str.startswith("dummy").any():
        return None
    if crs.loc[known.index].str.contains("4326").all():
        along = np.cos(np.radians(known["y"].mean()))
        known = known * _METRES_PER_DEGREE * [along, 1.0]
    return known - known.min()


def map_cells(coordinates: np.ndarray) -> pd.DataFrame:
    """Centres ``x``, ``y`` of the cells that a map of these soils may show, 60 along its longer side.

    They lie on a square grid, within the hull of the soils' ``coordinates`` (n_samples, 2), and within
    :data:`REACH`. There are none where the soils lie on one line.
    """
    soils = np.unique(np.asarray(coordinates, dtype=float), axis=0)
    low, high = soils.min(axis=0), soils.max(axis=0)
    step = (high - low).max() / 60
    across, up = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    cells = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=["x", "y"])
    try:
        hull = Delaunay(soils)
    except QhullError:
        return cells.iloc[:0]
    near = KDTree(soils).query(cells)[0] <= REACH * _usual_distance(soils)
    return cells[near & (hull.find_simplex(cells.to_numpy()) >= 0)].reset_index(drop=True)


def _usual_distance(coordinates: np.ndarray) -> float:
    """Median distance of nearest neighbours."""
    different = np.unique(coordinates, axis=0)
    return float(np.median(KDTree(different).query(different, 2)[0][:, 1]))


class SpatialStructure(NamedTuple):
    """Whether soils near each other are alike.

    ``ratio`` is the semivariance of nearest neighbours over the variance of all soils (1 where neighbours
    are no more alike than any two), ``p`` the share of permutations with a ratio as small.
    """

    n_places: int
    ratio: float
    p: float

    @property
    def found(self) -> bool:
        """Whether a map may be kriged: enough places, and neighbours more alike than by chance."""
        return self.n_places >= FEWEST_PLACES and self.p <= SIGNIFICANCE


def assess_structure(coordinates: np.ndarray, values: np.ndarray, seed: int = 0) -> SpatialStructure:
    """Test whether neighbours are more alike than by chance.

    The first step of the variogram is compared with what it is when the values, (n_samples,), are
    permuted over the coordinates, (n_samples, 2), 999 times. NaN is left out; soils of one place count
    as one, with their mean.
    """
    known = np.isfinite(values)
    places, which = np.unique(np.asarray(coordinates)[known], axis=0, return_inverse=True)
    values = np.bincount(which.ravel(), np.asarray(values)[known]) / np.bincount(which.ravel())
    n = len(values)
    if n <= NEIGHBOURS or values.std() == 0:
        return SpatialStructure(n, 1.0, 1.0)
    neighbours = KDTree(places).query(places, NEIGHBOURS + 1)[1][:, 1:]
    rng = np.random.default_rng(seed)
    permuted = np.stack([values, *(rng.permutation(values) for _ in range(999))])
    squares = (permuted[:, :, None] - permuted[:, neighbours]) ** 2
    ratios = squares.mean(axis=(1, 2)) / (2 * values.var(ddof=1))
    return SpatialStructure(n, float(ratios[0]), float((ratios <= ratios[0]).mean()))


@dataclass(frozen=True, eq=False)
class KrigedProperty:
    """One property, kriged. Make one with :meth:`fit`.

    ``errors`` (n_samples,) are those of kriging without each soil, in their own standard deviations, NaN
    where the soil has no value; ``skill`` is the R² of kriging at places left out one by one.

    Examples
    --------
    >>> x = np.arange(60.0)
    >>> kriged = KrigedProperty.fit(np.column_stack([x, 0 * x]), np.sin(x / 8))
    >>> mean, sd = kriged.predict(np.array([[30.5, 0.0]]))
    >>> bool(abs(mean.item() - np.sin(30.5 / 8)) < 0.05), kriged.skill > 0.9
    (True, True)
    """

    process: GaussianProcessRegressor
    errors: np.ndarray
    skill: float

    @classmethod
    def fit(cls, coordinates: np.ndarray, values: np.ndarray) -> KrigedProperty:
        """Fit to values, (n_samples,) with NaN where not measured, at coordinates, (n_samples, 2).

        Fewer than three known values, or equal ones, are a ValueError.
        """
        known = np.isfinite(values)
        at, measured = np.asarray(coordinates, dtype=float)[known], np.asarray(values, dtype=float)[known]
        if len(measured) < 3 or measured.std() == 0:
            different = len(np.unique(measured))
            raise ValueError(f"got {len(measured)} known values, {different} different; expected more")
        process = GaussianProcessRegressor(_covariance(at), normalize_y=True)
        with warnings.catch_warnings():
            # A parameter at its bound is an answer: no structure, or a trend across the whole site.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(at, measured)
        # Errors of kriging without each soil in turn (Rasmussen & Williams 2006, equation 5.12).
        precision = np.diag(cho_solve((process.L_, True), np.eye(len(measured))))
        errors = np.full(len(known), np.nan)
        errors[known] = process.alpha_ / np.sqrt(precision)
        skill = 1 - np.mean((process.alpha_ / precision) ** 2)  # of values with a variance of 1
        return cls(process, errors, float(skill))

    def predict(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (n_new,) each, of a new soil's value: the nugget is in it."""
        return self.process.predict(np.asarray(coordinates, dtype=float), return_std=True)

    def draws(self, coordinates: np.ndarray) -> np.ndarray:
        """Equally likely values of a new soil, (n_new, n_samples): column ``i`` errs as soil ``i`` did."""
        mean, sd = self.predict(coordinates)
        return mean[:, None] + sd[:, None] * self.errors


def _covariance(coordinates: np.ndarray):
    """Kernel with starting values and bounds that the coordinates allow."""
    step, extent = _usual_distance(coordinates), float(np.ptp(coordinates, axis=0).max())
    shape = Matern(np.sqrt(step * extent), (step / 2, extent), nu=0.5)
    spatial = ConstantKernel(0.5, (1e-3, 10)) * shape
    unknown_mean = ConstantKernel(100.0, "fixed")  # a variance so large that the mean is as good as unknown
    return unknown_mean + spatial + WhiteKernel(0.5, (1e-3, 10))


@dataclass(frozen=True, eq=False)
class KrigedSite:
    """A kriged target, and its pH where the limit depends on it. Make one with :meth:`fit`.

    ``target`` is on the modelling scale, which is the logarithm if ``log``.
    """

    target: KrigedProperty
    ph: KrigedProperty | None
    log: bool

    @classmethod
    def fit(cls, coordinates: np.ndarray, y: np.ndarray, ph: np.ndarray | None, log: bool) -> KrigedSite:
        """Krige laboratory values, (n_samples,) each: ``y`` on the modelling scale, ``ph`` with gaps."""
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH and np.nanstd(ph) > 0
        kriged_ph = KrigedProperty.fit(coordinates, ph) if enough else None
        return cls(KrigedProperty.fit(coordinates, y), kriged_ph, log)

    def values(self, coordinates: np.ndarray) -> np.ndarray:
        """Median of the target, (n_new,), in the laboratory's unit."""
        mean = self.target.predict(coordinates)[0]
        return np.exp(mean) if self.log else mean

    def probability(
        self, coordinates: np.ndarray, standard: str, rule: str, limits: pd.DataFrame = LEAD_LIMITS
    ) -> np.ndarray:
        """Probability that a soil taken there exceeds the limit of a rule, (n_new,).

        NaN where the limit depends on pH, and too few soils have one.
        """
        draws = self.target.draws(coordinates)
        draws = np.exp(draws) if self.log else draws
        ph_draws = self.ph.draws(coordinates) if self.ph is not None else None
        return exceedance.exceedance_by_rule(draws, standard, limits, ph_draws=ph_draws)[rule].to_numpy()


def cross_validate_blocks(
    coordinates: np.ndarray,
    y: np.ndarray,
    ids: Sequence,
    ph: np.ndarray | None = None,
    log: bool = True,
    standard: str = "",
    rule: str = "",
    seed: int = 0,
    limits: pd.DataFrame = LEAD_LIMITS,
) -> pd.DataFrame:
    """Krige each block of neighbouring soils from the other blocks, everything fitted anew.

    Values are those of :meth:`KrigedSite.fit`, of samples ``ids`` (n_samples,). ``standard`` and ``rule``
    say of which limit probabilities are asked, none if empty; ``seed`` is that of the blocks.

    Returns
    -------
    DataFrame
        ``sample``, ``observed`` and ``predicted`` on the modelling scale; with a standard
        ``probability`` and ``exceeded``, without soils whose limit is unknown.
    """
    ph = np.full(len(y), np.nan) if ph is None else ph
    tables = []
    for fold in splits.iterate_folds(splits.spatial_blocks(ids, coordinates, N_BLOCKS, 1, seed), ids):
        train, test = fold.train, fold.test
        site = KrigedSite.fit(coordinates[train], y[train], ph[train], log)
        predicted = site.target.predict(coordinates[test])[0]
        table = pd.DataFrame({"sample": np.asarray(ids)[test], "observed": y[test], "predicted": predicted})
        if standard:
            limit = lead_limit(standard, rule, ph[test], limits)
            table["probability"] = site.probability(coordinates[test], standard, rule, limits)
            table["exceeded"] = (np.exp(y[test]) if log else y[test]) > limit
            table = table[np.isfinite(limit) & table["probability"].notna()]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def assign_units(
    samples: pd.DataFrame, column: str = "", polygons: str | Path | None = None, depth: str = ""
) -> pd.Series:
    """Name the unit of each sample, with its depth layer where there is one.

    Parameters
    ----------
    samples : DataFrame
        Indexed by sample; with ``x``, ``y`` and ``crs`` where there are ``polygons``.
    column : str, optional
        Column of the units; the first of :data:`UNIT_COLUMNS` that there is, or one unit for all, if empty.
    polygons : path, optional
        GeoJSON of polygons, each with a ``unit``, ``name`` or ``id``; instead of a column.
    depth : str, optional
        Column of the depth layer; the first of :data:`LAYER_COLUMNS` that there is if empty.

    Raises
    ------
    ValueError
        If there is no such column, a sample has no unit, polygons overlap at a sample, miss one, or are in
        another coordinate system.
    """
    lower = {str(name).lower(): name for name in samples}
    if polygons is not None:
        units = _locate(samples, *_read_polygons(Path(polygons)), str(polygons))
    else:
        found = _find_column(lower, column, UNIT_COLUMNS)
        units = samples[found] if found else pd.Series(ALL_SOILS, index=samples.index)
    if units.isna().any():
        raise ValueError(
            f"{list_few(units.index[units.isna()])} have no unit: fill the column, or leave them out"
        )
    units = units.map(str)
    layer = _find_column(lower, depth, LAYER_COLUMNS)
    if layer and 1 < len(set(samples[layer])) <= MOST_LAYERS:  # more are depths, each measured
        units = units + " (" + samples[layer].map(str) + ")"
    return units.rename("unit")


def _find_column(lower: Mapping[str, Any], asked: str, usual: tuple[str, ...]) -> Any:
    if asked and asked.lower() not in lower:
        raise ValueError(f"no column {asked!r}; there are: {', '.join(map(str, lower.values()))}")
    return next((lower[name] for name in ([asked.lower()] if asked else usual) if name in lower), None)


def list_few(ids: pd.Index) -> str:
    """Name the first five soils for a message."""
    return f"soils {', '.join(map(str, ids[:5]))}{', …' if len(ids) > 5 else ''}"


def _read_polygons(path: Path) -> tuple[dict[str, list[np.ndarray]], str]:
    """Rings of each named polygon, and the coordinate system they are in."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content["features"]
        rings: dict[str, list[np.ndarray]] = {}
        for position, feature in enumerate(features, start=1):
            about, shape = feature.get("properties") or {}, feature["geometry"]
            name = next((str(about[k]) for k in ("unit", "name", "id") if about.get(k) is not None), "")
            parts = {"Polygon": lambda c: [c], "MultiPolygon": list}[shape["type"]](shape["coordinates"])
            found = [np.array(ring, dtype=float)[:, :2] for part in parts for ring in part]
            rings.setdefault(name or f"polygon {position}", []).extend(found)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        told = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} is no GeoJSON of polygons ({told}): save it as a FeatureCollection"
        ) from None
    crs = ((content.get("crs") or {}).get("properties") or {}).get("name", "EPSG:4326")
    return rings, str(crs)


def _locate(samples: pd.DataFrame, rings: Mapping[str, list[np.ndarray]], crs: str, where: str) -> pd.Series:
    """Unit of each sample by the polygon that holds it; a hole is a ring within a ring."""
    if not {"x", "y"} <= set(samples):
        raise ValueError(f"the soils have no coordinates: {where} needs columns x and y (or lon and lat)")
    theirs = set(samples["crs"].dropna().map(str)) if "crs" in samples else set()
    if _same_system(crs) not in {_same_system(one) for one in theirs}:
        given = ", ".join(sorted(theirs)) or "no known coordinate system"
        raise ValueError(
            f"{where} is in {crs}, the soils are in {given}: give both in one system, named alike "
            "(a column crs of the soils, the member crs of the GeoJSON)"
        )
    points = samples[["x", "y"]].to_numpy(dtype=float)
    inside = {
        name: sum(Outline(ring).contains_points(points) for ring in parts) % 2 == 1
        for name, parts in rings.items()
    }
    table = pd.DataFrame(inside, index=samples.index)
    if (double := table.index[table.sum(axis=1) > 1]).size:
        pair = " and ".join(table.columns[table.loc[double[0]].to_numpy()][:2])
        raise ValueError(f"{where}: {pair} overlap: {list_few(double)} lie in both; draw the border once")
    if (missed := table.index[~table.any(axis=1)]).size:
        raise ValueError(
            f"{where} misses {len(missed)} of {len(table)} soils ({list_few(missed)}): draw a polygon around "
            "them, or leave them out"
        )
    return table.idxmax(axis=1)


def _same_system(crs: str) -> str:
    """One spelling of a coordinate system."""
    text = crs.lower().replace("urn:ogc:def:crs:", "").replace("::", ":").strip()
    wgs84 = ("ogc:1.3:crs84", "ogc:crs84", "crs84", "wgs84", "wgs 84", "4326")
    return "epsg:4326" if text in wgs84 else text
