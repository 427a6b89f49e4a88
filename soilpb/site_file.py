"""Site files: the flat YAML, papermill parameters, that tells every chapter which soils it is about.

Unknown keys and wrong types are errors, never warnings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class SiteError(ValueError):
    """Something a user brought cannot be used; the message says what, where and how to mend it."""

    def _render_traceback_(self) -> list[str]:
        """Let a notebook show one line: the user mends a file, not this code."""
        return [f"{type(self).__name__}: {self}"]


class Site(BaseModel):
    """What may be said about a site; every field is a scalar, paths are relative to the project's root."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    site: str = Field(
        description="short name: letters, digits and dashes", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
    )
    title: str = Field("", description="what the pages call the site")

    target_data: Literal["twin", "limesoda", "files"] = Field(description="where the site's soils come from")
    limesoda_set: str = Field("", description="name of the LimeSoDa set, where target_data is limesoda")
    spectra: str = Field("", description="CSV or XLSX of spectra, or a folder of instrument files")
    laboratory: str = Field("", description="CSV or XLSX of laboratory values, where target_data is files")
    id_column: str = Field("", description="column of the sample ids; found by itself if empty")
    spectra_unit: Literal["auto", "fraction", "percent", "absorbance"] = Field(
        "auto", description="unit of the spectra; auto: recognised, or refused where two are possible"
    )
    below_detection: Literal["refuse", "half"] = Field(
        "refuse", description="what to do with cells such as <5; half: half the limit"
    )
    replicates: Literal["refuse", "mean"] = Field(
        "refuse", description="what to do with repeated spectrum ids"
    )
    instrument: str = Field("", description="spectrometer and geometry, for the provenance")
    citation: str = Field("", description="who measured the soils, for the provenance")
    licence: str = Field("", description="terms on which they may be used, for the provenance")

    target: str = Field("Pb_mg_kg", description="laboratory column to predict, with its unit")
    target_unit: str = Field(
        "", description="unit of the target's column, such as mg/kg, where its name says none"
    )
    target_scale: Literal["log", "natural"] = Field(
        "log", description="scale on which models are fitted and scored"
    )
    n_target: int = Field(0, ge=0, description="use a seeded random choice of so many samples; 0: all")

    source: Literal["twin", "limesoda", "lucas2009", "lucas2015", "ossl"] = Field(
        "limesoda", description="library the network learns from"
    )
    source_folder: str = Field(
        "", description="where the library's files are; the folder of its name in data/ if empty"
    )
    source_datasets: str = Field("", description="datasets of OSSL to keep, separated by spaces; empty: all")
    source_countries: str = Field(
        "", description="countries of OSSL to keep, separated by spaces; empty: all"
    )
    source_property: str = Field("pH", description="what the network learns from the library")
    source_size: int = Field(0, ge=0, description="number of library soils; 0: all")

    band_start: float = Field(430.0, description="first band, nm")
    band_stop: float = Field(2480.0, description="last band, nm")
    band_step: float = Field(10.0, gt=0, description="step between bands, nm")

    seed: int = Field(0, ge=0, description="where every random choice starts")
    artifacts: str = Field("artifacts", description="folder in which chapters keep what they made")

    @model_validator(mode="after")
    def _says_where_the_soils_are(self) -> Site:
        if self.target_data == "files" and not (self.spectra and self.laboratory):
            raise ValueError("target_data is 'files': give both 'spectra' and 'laboratory'")
        if self.target_data == "limesoda" and not self.limesoda_set:
            raise ValueError("target_data is 'limesoda': give 'limesoda_set', such as CV.98")
        if self.band_stop <= self.band_start:
            raise ValueError(f"band_stop {self.band_stop:g} must lie above band_start {self.band_start:g}")
        return self


def project_root() -> Path:
    """Find the project's root: the nearest folder upwards that holds ``notebooks/sites``."""
    start = Path.cwd().resolve()
    for folder in (start, *start.parents):
        if (folder / "notebooks" / "sites").is_dir():
            return folder
    raise SiteError(
        f"{start} is not inside a soilpb project (no notebooks/sites upwards); change into it first"
    )


def find_site_file(name_or_path: str | Path) -> Path:
    """Path of a site file, given as ``gejiu`` or as ``notebooks/sites/gejiu.yml``."""
    path = Path(name_or_path)
    if path.suffix not in (".yml", ".yaml"):
        path = project_root() / "notebooks" / "sites" / f"{name_or_path}.yml"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.yml"))
        raise SiteError(
            f"no site file {path}{_suggest(path.stem, known)}; there are: {', '.join(known) or 'none'}"
        )
    return path


def load_site_file(name_or_path: str | Path, **overrides: Any) -> Site:
    """Read and check a site file, with single keys replaced.

    Raises
    ------
    SiteError
        One line a fault: an unknown key (with the nearest known one), a wrong type, a missing key.
    """
    path = find_site_file(name_or_path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SiteError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SiteError(f"{path} holds {type(values).__name__}; expected 'key: value' lines")
    site = make_site(values, where=str(path))
    if site.site != path.stem:
        raise SiteError(f"{path} says site: {site.site}; expected the file's name, {path.stem}")
    return make_site({**site.model_dump(), **overrides}) if overrides else site


def make_site(values: Mapping[str, Any], where: str = "parameters") -> Site:
    """Build a :class:`Site`, turning every fault into one readable line."""
    try:
        return Site.model_validate(dict(values))
    except ValidationError as error:
        faults = "; ".join(_explain(fault) for fault in error.errors())
        raise SiteError(f"{where}: {faults}") from None


def _explain(fault: Mapping[str, Any]) -> str:
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"unknown key {key!r}{_suggest(key, Site.model_fields)}"
    if fault["type"] == "missing":
        return f"key {key!r} is missing"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return f"{key} is {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _suggest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def check_parameters(namespace: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the papermill parameters of a notebook, or refuse the first that is wrong.

    Papermill only warns of a parameter the notebook does not know. Here whatever is neither
    annotated in the ``parameters`` cell nor a key of a site file is an error, and so is a
    value of another type.

    Parameters
    ----------
    namespace : mapping
        The notebook's ``globals()`` right after the parameters cell.
    declared : mapping
        Name → type: the notebook's ``__annotations__``.

    Raises
    ------
    SiteError
        Naming the parameter, its value, and the nearest known name.
    """
    parameters = {k: v for k, v in namespace.items() if _is_user_variable(k, v)}
    known = {**{name: field.annotation for name, field in Site.model_fields.items()}, **declared}
    for name, value in parameters.items():
        if name not in known:
            raise SiteError(
                f"unknown parameter {name!r}{_suggest(name, known)}; this notebook takes: "
                f"{', '.join(sorted(declared))}, and the keys of a site file"
            )
        wanted = known[name]
        if isinstance(wanted, type) and not _is_a(value, wanted):
            kind = type(value).__name__
            raise SiteError(f"parameter {name} is {value!r} ({kind}); expected {wanted.__name__}")
    return parameters


def _is_a(value: Any, wanted: type) -> bool:
    """Tell whether a value is of a type; whole numbers pass for ``float``, truth values for nothing else."""
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, (int, float) if wanted is float else wanted)


def _is_user_variable(name: str, value: Any) -> bool:
    """Tell plain data that a parameter cell made from what a kernel puts into its namespace."""
    plain = isinstance(value, str | int | float | bool | list | dict | None)
    return plain and not name.startswith("_") and name not in {"In", "Out"}


def artifacts_folder(site: Site) -> Path:
    """Folder of the site's artifacts; a relative one lies in the project's root."""
    return project_root() / site.artifacts / site.site


def library_folder(site: Site) -> Path | None:
    """Folder of the source library's original files; None if it has none (twin, LimeSoDa)."""
    if site.source in ("twin", "limesoda"):
        return None
    return project_root() / (site.source_folder or f"data/{site.source}")
