"""Site files: the flat YAML, papermill parameters, that tells every chapter which soils it is about.

Unknown keys and wrong types are errors, never warnings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from reprlib import Repr
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

#: What no terminal, page or file name should be given.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_SHORT = Repr()
#: Most soils that a site file may ask for, and fewest bands: what the smallest network and filters take.
MOST_SOILS, FEWEST_BANDS = 1_000_000, 9

#: A scan that deviates from the mean of its sample by more than this is another soil, or failed.
REPLICATES_LIMIT = 0.15

#: Most characters of a YAML file, and most levels in it: a person writes a page of lists in lists.
_LONGEST_YAML, _DEEPEST_YAML = 100_000, 5


class SiteError(ValueError):
    """Something a user brought cannot be used; the message says what, where and how to mend it."""

    def _render_traceback_(self) -> list[str]:
        """Let a notebook show one line: the user mends a file, not this code."""
        return [f"{type(self).__name__}: {self}"]


class Site(BaseModel):
    """What may be said about a site; every field is a scalar, paths are relative to the project's root."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, str_max_length=2000
    )

    site: str = Field(
        description="short name: letters, digits and dashes",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        max_length=60,
    )
    title: str = Field("", description="what the pages call the site")

    target_data: Literal["twin", "limesoda", "files"] = Field(description="where the site's soils come from")
    limesoda_set: str = Field("", description="name of the LimeSoDa set, where target_data is limesoda")
    spectra: str = Field("", description="CSV or XLSX of spectra, or a folder of instrument files")
    laboratory: str = Field("", description="CSV or XLSX of laboratory values, where target_data is files")
    id_column: str = Field("", description="column of the sample ids, or soil + depth; found if empty")
    spectra_unit: Literal["auto", "fraction", "percent", "absorbance"] = Field(
        "auto", description="unit of the spectra; auto: recognised, or refused where two are possible"
    )
    below_detection: Literal["refuse", "half"] = Field("refuse", description="cells like <5: half the limit")
    replicates: Literal["refuse", "mean"] = Field("refuse", description="spectra that share an id")
    splice: Literal["auto", "off"] = Field("auto", description="steps between detectors; auto: removed")
    replicates_limit: float = Field(
        REPLICATES_LIMIT, gt=0, le=2, description="share by which a scan may deviate from its sample's mean"
    )
    bands: str = Field("", description="how names of bands begin, such as R_, where there are several kinds")
    x_column: str = Field("", description="column of the first coordinate; found by itself if empty")
    y_column: str = Field("", description="column of the second coordinate; found by itself if empty")
    group_column: str = Field("", description="column of fields, profiles, cores; found by itself if empty")
    instrument: str = Field("", description="spectrometer and geometry, for the provenance")
    citation: str = Field("", description="who measured the soils, for the provenance")
    licence: str = Field("", description="terms on which they may be used, for the provenance")
    responsible: str = Field("", description="who answers for the report, named at its foot")
    sampled: str = Field("", description="when and by whom soils were taken, by which plan")
    depth: str = Field("", description="depth of sampling, such as 0–20 cm")
    preparation: str = Field("", description="drying, grinding and sieving of the soils")
    method: str = Field("", description="digestion and measurement in the laboratory, its name")
    detection_limit: str = Field("", description="of the laboratory's method, with its unit")
    controls: str = Field("", description="blanks, duplicates and reference materials, and their results")

    target: str = Field(
        "Pb_mg_kg",
        description="laboratory column to predict, with its unit, without markup",
        pattern=r"^[^$<>{}\[\]`\\*|&]+$",
    )
    target_column: str = Field("", description="column of the target, where several could be")
    target_unit: str = Field("", description="unit of elements whose columns name none, such as mg/kg")
    target_scale: Literal["log", "natural"] = Field("log", description="scale of fits and scores")
    standard: str = Field("", description="whose limits decide; GB 15618-2018 if empty, where it has one")
    rule: str = Field("", description="rule of the standard that decides, such as intervention")
    limits: str = Field("", description="YAML file of a standard of your own, instead of those known here")
    units: str = Field("", description="column of decision units, or a GeoJSON of them; found if empty")
    sizes: str = Field("", description="table of units: area_m2, perhaps depth_m, density_t_m3, price_per_t")
    targets: str = Field("", description="further targets to decide on, such as Cd_mg_kg As_mg_kg")
    sensor: str = Field("", description="second reading of the target for models, such as Pb_XRF_mg_kg")
    n_target: int = Field(
        0, ge=0, le=MOST_SOILS, description="use a seeded random choice of so many samples; 0: all"
    )

    source: Literal["twin", "limesoda", "lucas2009", "lucas2015", "ossl"] = Field(
        "limesoda", description="library the network learns from"
    )
    source_folder: str = Field("", description="folder of the library; that of its name in data/ if empty")
    source_datasets: str = Field("", description="datasets of OSSL to keep, separated by spaces; empty: all")
    source_countries: str = Field("", description="countries of OSSL to keep, likewise; empty: all")
    source_property: str = Field("pH", description="what the network learns from the library")
    source_size: int = Field(0, ge=0, le=MOST_SOILS, description="number of library soils; 0: all")

    band_start: float = Field(430.0, ge=200, description="first band, nm")
    band_stop: float = Field(2480.0, le=3000, description="last band, nm")
    band_step: float = Field(10.0, ge=0.2, description="step between bands, nm")

    seed: int = Field(0, ge=0, lt=2**31, description="where every random choice starts")
    artifacts: str = Field("artifacts", description="folder in which chapters keep what they made")

    @model_validator(mode="after")
    def _says_where_the_soils_are(self) -> Site:
        if self.target_data == "files" and not (self.spectra and self.laboratory):
            raise ValueError("target_data is 'files': give both 'spectra' and 'laboratory'")
        if self.target_data == "limesoda" and not self.limesoda_set:
            raise ValueError("target_data is 'limesoda': give 'limesoda_set', such as CV.98")
        if self.band_stop <= self.band_start:
            raise ValueError(f"band_stop {self.band_stop:g} must lie above band_start {self.band_start:g}")
        if (bands := int((self.band_stop - self.band_start) / self.band_step) + 1) < FEWEST_BANDS:
            raise ValueError(f"band_step {self.band_step:g} leaves {bands} bands; at least {FEWEST_BANDS}")
        if control := [key for key, text in self if _CONTROL.search(str(text))]:
            raise ValueError(f"{control[0]} holds a control character: write it as plain text")
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
    if not path.is_file():
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
        values = parse_yaml(path.read_bytes(), path)
    except ValueError as error:
        raise SiteError(str(error)) from error
    if not isinstance(values, dict):
        raise SiteError(f"{path} holds {type(values).__name__}; expected 'key: value' lines")
    site = make_site(values, where=str(path))
    if site.site != path.stem:
        raise SiteError(f"{path} says site: {site.site}; expected the file's name, {path.stem}")
    return make_site({**site.model_dump(), **overrides}) if overrides else site


def parse_yaml(text: str | bytes, where: object) -> Any:
    """Parse YAML that a user wrote, in bounded time and memory.

    What is no YAML, too long or deep, an alias, a tag or a key given twice is a ValueError of one line.
    """
    try:
        if len(text) > _LONGEST_YAML:
            raise ValueError(f"{len(text):,} characters are more than {_LONGEST_YAML:,}")
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError also of dates that no calendar has
        raise ValueError(f"{where} is not plain YAML: {' '.join(str(error).split())}") from error


class _PlainLoader(yaml.SafeLoader):
    """YAML as people write it: aliases and tags, which can be bombs, and keys given twice are refused."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            self._refuse("has an alias (*) or a tag (!): write the value itself, or put it in quotes", event)
        if self.depth == _DEEPEST_YAML:
            self._refuse(f"is nested more than {_DEEPEST_YAML} levels deep", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if str(key.value) in seen:
                self._refuse(f"has the key {key.value!r} again: keep one of the two", key)
            seen.add(str(key.value))
        return node

    def _refuse(self, what: str, at: yaml.Event | yaml.Node) -> None:
        raise ValueError(f"line {at.start_mark.line + 1} {what}")


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
    if fault["type"] == "string_pattern_mismatch":
        return f"{key} is {_SHORT.repr(fault['input'])}; expected a {Site.model_fields[key].description}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return f"{key} is {_SHORT.repr(fault['input'])}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _suggest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def check_parameters(namespace: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the papermill parameters in a notebook's ``globals()``, or refuse the first that is wrong.

    Papermill only warns of a parameter the notebook does not know. Here whatever is neither ``declared``
    (name → type: the notebook's ``__annotations__``) nor a key of a site file is a SiteError, and so is a
    value of another type.
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
