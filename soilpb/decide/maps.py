"""Where soils lie: their coordinates on a map, and the decision unit that each is in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.path import Path as Outline

from soilpb._format import list_first
from soilpb.readers.laboratory import LAYER_COLUMNS, UNIT_COLUMNS

#: Most depth layers of a site, and the name of all soils as one unit.
MOST_LAYERS, ALL_SOILS = 10, "all soils"
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


def assign_units(samples: pd.DataFrame, polygons: str | Path | None = None) -> pd.Series:
    """Name the unit of each sample, with its depth layer where there is one.

    ``samples`` is indexed by sample. Units are those of ``polygons``, a GeoJSON whose polygons have a
    ``unit``, ``name`` or ``id`` (samples then need ``x``, ``y`` and ``crs``); else those of the first of
    :data:`UNIT_COLUMNS` that there is, else all soils are one. A sample without a unit, and polygons that
    overlap at a sample, miss one, or are in another coordinate system, are a ValueError.
    """
    lower = {str(name).lower(): name for name in samples}
    unit, layer = (
        next((samples[lower[name]] for name in usual if name in lower), None)
        for usual in (UNIT_COLUMNS, LAYER_COLUMNS)
    )
    if polygons is not None:
        unit = _locate(samples, *_read_polygons(Path(polygons)), str(polygons))
    units = pd.Series(ALL_SOILS, samples.index) if unit is None else unit
    if (bare := units.index[units.isna()]).size:
        raise ValueError(f"soils {list_first(bare, 5)} have no unit: fill the column, or leave them out")
    units = units.map(str)
    if layer is not None and 1 < layer.nunique(dropna=False) <= MOST_LAYERS:  # more are depths, each measured
        units = units + " (" + layer.map(str) + ")"
    return units.rename("unit")


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
        few = list_first(double, 5)
        raise ValueError(f"{where}: {pair} overlap: soils {few} lie in both; draw the border once")
    if (missed := table.index[~table.any(axis=1)]).size:
        raise ValueError(
            f"{where} misses {len(missed)} of {len(table)} soils (soils {list_first(missed, 5)}): draw a "
            "polygon around them, or leave them out"
        )
    return table.idxmax(axis=1)


def _same_system(crs: str) -> str:
    """One spelling of a coordinate system."""
    text = crs.lower().replace("urn:ogc:def:crs:", "").replace("::", ":").strip()
    wgs84 = ("ogc:1.3:crs84", "ogc:crs84", "crs84", "wgs84", "wgs 84", "4326")
    return "epsg:4326" if text in wgs84 else text
