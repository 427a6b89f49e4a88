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
    """Load one field, one of :data:`FIELDS` such as ``CV.98``, on its native bands.

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
    table, places = loaded["Dataset"], loaded["Coordinates"]
    bands = [column for column in table if column.startswith("wl_")]
    notes = ["reflectance from percent to fraction", f"pH in {field.ph_method}"]
    if field.per_volume:
        notes.append("clay and SOC from g/dm³ to percent, taking 1 kg/dm³ for the scooped soil")
    if matter := "SOM_target" in table:
        notes.append(f"SOC is {CARBON_IN_ORGANIC_MATTER} × organic matter by loss on ignition (van Bemmelen)")
    if others := [c for c in table if c not in bands and not c.endswith("_target")]:
        notes.append(f"columns that are no spectra dropped: {', '.join(others)}")
    # g/dm³ of a scooped volume is read as g/kg: a density of 1 kg/dm³, usual for sieved soil.
    share = 0.1 if field.per_volume else 1.0
    carbon = CARBON_IN_ORGANIC_MATTER * table["SOM_target"] if matter else share * table["SOC_target"]
    columns = {"pH": table["pH_target"], "clay_pct": share * table["Clay_target"], "SOC_pct": carbon}
    ids = pd.Index([f"{name}-{i:03d}" for i in range(1, len(table) + 1)], name="id")
    samples = pd.DataFrame(columns, dtype=float).set_index(ids).assign(field=name)
    if isinstance(places, pd.DataFrame):  # column names such as x_32722 carry the EPSG code
        dummy = "dummy" in places.columns[0]
        notes += ["coordinates are dummies that protect the owners: no map"] * dummy
        samples[["x", "y"]] = places.to_numpy()
        samples["crs"] = f"{'dummy ' * dummy}EPSG:{places.columns[0].rsplit('_', 1)[-1]}"
    return SoilSpectra(
        wavelengths=np.array([float(band.removeprefix("wl_")) for band in bands]),
        reflectance=(table[bands].to_numpy() / 100).astype(np.float32),
        samples=samples,
        provenance=_provenance(
            f"{name} ({field.place})", f"{field.instrument}, {field.prepared}", [name], notes
        ),
    )


def load_fields(names: Sequence[str], grid: np.ndarray) -> SoilSpectra:
    """Pool several fields, each named once, on a ``grid`` of bands, nm, that every field covers.

    ``group`` is the field: pooled over fields, pH is predicted far better than within any of them (Simpson's
    paradox), since a network may learn to recognise the field.
    """
    if not names or len(set(names)) != len(names):
        raise SiteError(f"got the fields {', '.join(names) or 'none'}; name one or more, each once")
    fields = {name: load_field(name).resample(grid) for name in names}
    samples = pd.concat([field.samples for field in fields.values()])
    instruments = dict.fromkeys(field.provenance.instrument for field in fields.values())
    notes = [f"{name}: {note}" for name, field in fields.items() for note in field.provenance.notes]
    return SoilSpectra(
        wavelengths=grid,
        reflectance=np.concatenate([field.reflectance for field in fields.values()]),
        samples=samples.assign(group=samples["field"]),
        provenance=_provenance(", ".join(names), "; ".join(instruments), names, notes),
    )


def _provenance(about: str, instrument: str, names: Sequence[str], notes: list[str]) -> Provenance:
    digest = sha256_of(*(DATA_DIR / f"{name}.npz" for name in names))
    return Provenance(f"LimeSoDa {about}", "measured", instrument, CITATION, LICENCE, digest, tuple(notes))
