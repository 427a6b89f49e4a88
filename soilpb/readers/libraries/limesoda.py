"""LimeSoDa: real vis-NIR spectra of single fields, embedded in a Python package.

Eight of its 31 sets have vis-NIR spectra (reflectance in percent) with pH, clay and
organic carbon or matter. Units and methods are those of the collection's own
documentation (Schmidinger et al. 2025); what was converted is noted in the provenance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import LimeSoDa
import numpy as np
import pandas as pd
from LimeSoDa.loaders import DATA_DIR

from soilpb._files import sha256_of
from soilpb.site_file import SiteError
from soilpb.spectra import CARBON_IN_ORGANIC_MATTER, Provenance, SoilSpectra

CITATION = (
    "Schmidinger et al. (2025), LimeSoDa: a dataset collection for benchmarking of machine learning "
    "regressors in digital soil mapping, Geoderma, doi 10.1016/j.geoderma.2025.117337"
)
LICENCE = "CC BY-SA 4.0"


class Field(NamedTuple):
    """What the collection's documentation says about one set."""

    place: str
    instrument: str
    prepared: str = "dried soil in the laboratory"
    ph_method: str = "water"
    per_volume: bool = False


FIELDS = {
    "CV.98": Field(
        "Vaud, Switzerland", "Spectral Evolution PSR+ 3500", "moist soil on the auger, in the field"
    ),
    "SC.93": Field("Santa Catarina, Brazil", "ASD FieldSpec 4"),
    "SL.125": Field("Skåne, Sweden", "ASD FieldSpec Pro FR"),
    "UL.120": Field("Uppsala, Sweden", "ASD FieldSpec Pro FR"),
    "SSP.460": Field("São Paulo, Brazil", "GER IRIS Mk IV"),
    "SP.231": Field("Saitama, Japan", "Shibuya SAS3000", "moist soil on the go, in the field"),
    "MG.44": Field("Mato Grosso, Brazil", "Veris MSP3", ph_method="CaCl2", per_volume=True),
    "SSP.58": Field("São Paulo, Brazil", "Veris MSP3", ph_method="CaCl2", per_volume=True),
}
#: The fields whose spectra cover 430–2480 nm.
FULL_RANGE_FIELDS = ("CV.98", "SC.93", "SL.125", "UL.120", "SSP.460")


def load_field(name: str) -> SoilSpectra:
    """Load one field on its native bands.

    Parameters
    ----------
    name : str
        One of :data:`FIELDS`, such as ``CV.98``.

    Returns
    -------
    SoilSpectra
        ``samples`` has ``pH``, ``clay_pct``, ``SOC_pct``, ``field`` and, where known, ``x``, ``y``, ``crs``.

    Examples
    --------
    >>> soils = load_field("SC.93")
    >>> soils.n_samples, soils.n_bands, float(soils.values("pH").mean().round(2))
    (93, 2146, 4.57)
    """
    if name not in FIELDS:
        raise SiteError(f"LimeSoDa has no vis-NIR field {name!r}; it has: {', '.join(FIELDS)}")
    field, loaded = FIELDS[name], LimeSoDa.load_dataset(name)
    table = loaded["Dataset"]
    bands = [column for column in table if column.startswith("wl_")]
    reflectance = (table[bands].to_numpy() / 100).astype(np.float32)
    ids = pd.Index([f"{name}-{i:03d}" for i in range(1, len(table) + 1)], name="id")
    samples, notes = _laboratory(table, field)
    if others := [c for c in table if c not in bands and not c.endswith("_target")]:
        notes.append(f"columns that are no spectra dropped: {', '.join(others)}")
    samples["field"] = name
    coordinates, places = _coordinates(loaded["Coordinates"])
    return SoilSpectra(
        wavelengths=np.array([float(band.removeprefix("wl_")) for band in bands]),
        reflectance=reflectance,
        samples=samples.assign(**coordinates).set_index(ids),
        provenance=_provenance(
            f"{name} ({field.place})",
            f"{field.instrument}, {field.prepared}",
            [name],
            ["reflectance from percent to fraction", f"pH in {field.ph_method}", *notes, *places],
        ),
    )


def load_fields(names: Sequence[str], grid: np.ndarray) -> SoilSpectra:
    """Pool several fields on a common grid; ``group`` is the field.

    Pooled over fields, pH is predicted far better than within any of them (Simpson's
    paradox): a network may learn to recognise the field. Hence the group.

    Parameters
    ----------
    names : sequence of str
        Names of fields, each once.
    grid : (n_bands,) array, nm
        Bands that every field covers, such as 430–2480 nm by 10 nm.
    """
    if not names or len(set(names)) != len(names):
        raise SiteError(f"got the fields {', '.join(names) or 'none'}; name one or more, each once")
    fields = [load_field(name).resample(grid) for name in names]
    samples = pd.concat([field.samples for field in fields])
    instruments = dict.fromkeys(field.provenance.instrument for field in fields)
    notes = [
        f"{name}: {note}"
        for name, field in zip(names, fields, strict=True)
        for note in field.provenance.notes
    ]
    return SoilSpectra(
        wavelengths=grid,
        reflectance=np.concatenate([field.reflectance for field in fields]),
        samples=samples.assign(group=samples["field"]),
        provenance=_provenance(", ".join(names), "; ".join(instruments), names, notes),
    )


def _provenance(about: str, instrument: str, names: Sequence[str], notes: list[str]) -> Provenance:
    digest = sha256_of(*(DATA_DIR / f"{name}.npz" for name in names))
    return Provenance(f"LimeSoDa {about}", "measured", instrument, CITATION, LICENCE, digest, tuple(notes))


def _laboratory(table: pd.DataFrame, field: Field) -> tuple[pd.DataFrame, list[str]]:
    """Laboratory values in pH units and percent by mass, and what was converted for it."""
    notes = []
    # g/dm³ of a scooped volume is read as g/kg: a density of 1 kg/dm³, usual for sieved soil.
    share = 0.1 if field.per_volume else 1.0
    if field.per_volume:
        notes.append("clay and SOC from g/dm³ to percent, taking 1 kg/dm³ for the scooped soil")
    if "SOC_target" in table:
        carbon = share * table["SOC_target"]
    else:
        carbon = CARBON_IN_ORGANIC_MATTER * table["SOM_target"]
        notes.append(f"SOC is {CARBON_IN_ORGANIC_MATTER} × organic matter by loss on ignition (van Bemmelen)")
    columns = {"pH": table["pH_target"], "clay_pct": share * table["Clay_target"], "SOC_pct": carbon}
    return pd.DataFrame({name: values.to_numpy(float) for name, values in columns.items()}), notes


def _coordinates(table: pd.DataFrame | float) -> tuple[dict[str, object], list[str]]:
    """``x``, ``y``, ``crs`` of the samples; column names such as ``x_32722`` carry the EPSG code."""
    if not isinstance(table, pd.DataFrame):
        return {}, []
    x, y = table.columns
    dummy = "dummy" in x
    epsg = x.rsplit("_", 1)[-1]
    notes = ["coordinates are dummies that protect the owners: no map"] if dummy else []
    crs = f"dummy EPSG:{epsg}" if dummy else f"EPSG:{epsg}"
    return {"x": table[x].to_numpy(), "y": table[y].to_numpy(), "crs": crs}, notes
