"""``Study``: the site, its soils, the library and the artifacts that a chapter works with.

A site file names the soils and the source library; here they become
:class:`~soilpb.spectra.SoilSpectra` on one grid. A chapter takes what an earlier chapter
stored under ``artifacts/<site>/<chapter>/`` and nothing else; :class:`Study` finds it, or
says in one line which command makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from soilpb import _files, site_file
from soilpb.readers.laboratory import find_sensor
from soilpb.readers.libraries import limesoda, lucas, ossl
from soilpb.readers.site import read_measured
from soilpb.simulate import library, twin
from soilpb.site_file import Site, library_folder, project_root
from soilpb.spectra import KINDS, Provenance, SoilSpectra, band_grid

if TYPE_CHECKING:
    from soilpb.models.network import SpectralNetwork

#: Soils of the simulated source unless the site file says otherwise.
TWIN_SOURCE_SIZE = 12_000
#: Code in OSSL of the library that the twin is drawn from.
TWIN_LIBRARY = "ICRAF_ISRIC"
#: Soils of the simulated target: as many as the study had.
TWIN_TARGET_SIZE = 130


@dataclass(frozen=True)
class Study:
    """One site, seen from one chapter.

    Parameters
    ----------
    site : Site
        The site file, with a notebook's parameters laid over it.
    chapter : str
        Name of the chapter, such as ``03_transfer``: its artifacts carry it.
    """

    site: Site
    chapter: str

    @classmethod
    def open(cls, chapter: str, namespace: Mapping[str, Any]) -> Study:
        """Open a chapter's study from the notebook's ``globals()``.

        Raises
        ------
        SiteError
            For an unknown parameter, a wrong type, a missing site file.
        """
        parameters = site_file.check_parameters(namespace, namespace.get("__annotations__", {}))
        overrides = {k: v for k, v in parameters.items() if k in Site.model_fields}
        return cls.load(chapter=chapter, **overrides)

    @classmethod
    def load(cls, site: str, chapter: str = "", **overrides: Any) -> Study:
        """Load a site by its name, with single keys replaced."""
        return cls(site_file.load_site_file(site, **overrides), chapter)

    @property
    def grid(self) -> np.ndarray:
        """Band centres in nm on which everything is compared."""
        return band_grid(self.site.band_start, self.site.band_stop, self.site.band_step)

    @cached_property
    def target(self) -> SoilSpectra:
        """The site's soils that have a value of the target, on the study's grid."""
        return read_target(self.site, self.grid)

    @cached_property
    def source(self) -> SoilSpectra:
        """The library soils that have a value of the source property, on the study's grid."""
        return read_source(self.site, self.grid)

    @property
    def X(self) -> np.ndarray:
        """Reflectance of the target soils, (n_samples, n_bands), fraction."""
        return self.target.reflectance

    @cached_property
    def y(self) -> np.ndarray:
        """The target on the modelling scale, (n_samples,)."""
        values = self.target.values(self.site.target)
        if self.site.target_scale == "natural":
            return values
        if (values <= 0).any():
            worst = self.target.samples.index[int(np.argmin(values))]
            raise site_file.SiteError(
                f"sample {worst!r} has {self.site.target} = {values.min():g}; a logarithm needs values "
                "above 0: mend the cell or set target_scale: natural"
            )
        return np.log(values)

    @cached_property
    def inputs(self) -> np.ndarray:
        """What models of the site take: ``X``, and the reading of the site's sensor if it has one."""
        return self.with_readings(self.X)

    def with_readings(self, X: np.ndarray) -> np.ndarray:
        """Append the readings of the target soils to spectra of theirs; below detection, minus the limit."""
        samples, sensor = self.target.samples, self.site.sensor
        if not (sensor and find_sensor(samples, self.site.target, sensor)):
            return X
        return np.column_stack([X, samples[sensor].to_numpy(dtype=float)])

    def natural(self, y: np.ndarray) -> np.ndarray:
        """Take values from the modelling scale back to the laboratory's unit."""
        return np.exp(y) if self.site.target_scale == "log" else np.asarray(y)

    @property
    def ids(self) -> np.ndarray:
        """Sample ids of the target soils, in the order of ``X``."""
        return self.target.samples.index.to_numpy()

    @property
    def groups(self) -> np.ndarray | None:
        """Profile or parent of each target soil where samples belong together, else None."""
        samples = self.target.samples
        if "group" not in samples or samples["group"].nunique() in (1, len(samples)):
            return None
        return samples["group"].to_numpy()

    @property
    def group_of(self) -> dict | None:
        """Sample → group, from which bootstraps draw whole groups; None if every soil is its own."""
        return None if self.groups is None else dict(zip(self.ids, self.groups, strict=True))

    @property
    def target_name(self) -> str:
        """The target's symbol: ``Pb`` of ``Pb_mg_kg``."""
        return self.site.target.split("_")[0]

    @property
    def target_unit(self) -> str:
        """The laboratory's unit: ``mg/kg`` of ``Pb_mg_kg``, ``%`` of ``clay_pct``."""
        unit = self.site.target.partition("_")[2]
        return {"pct": "%", "": ""}.get(unit, unit.replace("_", "/"))

    @property
    def label(self) -> str:
        """What an axis on the modelling scale says, such as ``ln Pb (mg/kg)``."""
        prefix = "ln " if self.site.target_scale == "log" else ""
        return f"{prefix}{self.target_name}" + (f" ({self.target_unit})" if self.target_unit else "")

    def folder(self, chapter: str = "") -> Path:
        """Folder of a chapter's artifacts; this chapter's if none is named."""
        return site_file.artifacts_folder(self.site) / (chapter or self.chapter)

    @property
    def networks(self) -> Path:
        """Folder of the networks that sites share which learn from the same soils on the same bands."""
        return project_root() / self.site.artifacts / "sources" / "networks"

    def save(self, name: str, table: pd.DataFrame) -> None:
        """Store a tidy table of this chapter under ``name``."""
        _files.save_table(self.folder() / f"{name}.parquet", table)

    def table(self, chapter: str, name: str) -> pd.DataFrame:
        """Read a table that another chapter stored."""
        return _files.load_table(self.folder(chapter) / f"{name}.parquet", self.command(chapter))

    def source_network(self) -> SpectralNetwork:
        """Return the network that chapter 2 trained on the source, for this very site."""
        from soilpb.models.network import SpectralNetwork  # PyTorch takes a second to import

        folder = self.folder("02_pretraining")
        _files.require(folder / "card.json", self.command("02_pretraining"))
        network = SpectralNetwork.load(folder)
        if not np.array_equal(network.wavelengths, self.grid):
            trained, asked = _describe_bands(network.wavelengths), _describe_bands(self.grid)
            again = self.command("02_pretraining")
            raise site_file.SiteError(
                f"{folder} was trained on {trained}, the site asks for {asked}; run {again}"
            )
        return network

    def command(self, chapter: str) -> str:
        """Return the command that executes a chapter for this site."""
        path = f"notebooks/{chapter}.ipynb"
        elsewhere = "" if self.site.artifacts == "artifacts" else f" -p artifacts {self.site.artifacts}"
        return f"papermill {path} {chapter}.out.ipynb -f notebooks/sites/{self.site.site}.yml{elsewhere}"

    @property
    def kind(self) -> str:
        """What of the study is simulated at most: one of :data:`soilpb.spectra.KINDS`."""
        return max((self.target.provenance.kind, self.source.provenance.kind), key=KINDS.index)

    def banner(self) -> HTML:
        """Say which soils a page is about, whose they are, and whether anybody measured them."""
        title = self.site.title or self.site.site
        return HTML(banner_html(title, self.target.provenance, self.source.provenance))


def read_target(site: Site, grid: np.ndarray) -> SoilSpectra:
    """Read the site's soils that have a value of the target; of them, ``n_target`` that follow ``seed``.

    Near twins are in one group, so that no fold divides them.
    """
    if site.target_data == "twin":
        soils = twin.simulate_target(TWIN_TARGET_SIZE, site.seed, grid, library=read_twin_library(site))
    else:
        soils = read_measured(site).resample(grid)
    return _choose(soils.having(site.target), site.n_target, site.seed).group_near_twins()


def read_source(site: Site, grid: np.ndarray) -> SoilSpectra:
    """Read the library's soils that have a value of the source property; of them, ``source_size``."""
    soils = _read_library(site, grid).having(site.source_property)
    if site.target_data == "twin" and site.source == "ossl":
        soils = _without_site_places(soils, read_twin_library(site))
    return _choose(soils, site.source_size, site.seed)


def read_twin_library(site: Site) -> SoilSpectra:
    """Read the soils that the twin is drawn from.

    The world library with laboratory values where ``soilpb fetch icraf-isric`` has brought it: then only
    lead is simulated. Else the packaged one, without them.
    """
    if ossl.fetched_library(TWIN_LIBRARY) is None:
        return library.load_library()
    folder, cache = project_root() / "data" / "ossl", project_root() / site.artifacts / "sources"
    soils = ossl.load_ossl(folder, library.GRID, datasets=[TWIN_LIBRARY], cache=cache)
    return library.with_amounts(soils)


def kinds_of_data(site: Site) -> tuple[str, str]:
    """Tell of target and source, before they are read, what is simulated (:data:`soilpb.spectra.KINDS`)."""
    fetched = ossl.fetched_library(TWIN_LIBRARY) is not None
    target, source = ("lead simulated", "measured") if fetched else ("simulated", "simulated")
    return (
        target if site.target_data == "twin" else "measured",
        source if site.source == "twin" else "measured",
    )


def banner_html(title: str, target: Provenance, *others: Provenance) -> str:
    """HTML of the provenance banner that opens every page: which of the data anybody measured."""
    head = describe_grade(target)
    for other in others:
        if other.kind != "measured" and describe_grade(other) != describe_grade(target):
            head += f"; of the library: {describe_grade(other).lower()}"
    lines = "".join(f"<li>{_describe(p)}</li>" for p in dict.fromkeys((target, *others)))
    measured = all(p.kind == "measured" for p in (target, *others))
    return (
        f'<div class="admonition {"note" if measured else "warning"}">'
        f'<p class="admonition-title">{head}: {escape(title)}</p><ul>{lines}</ul></div>'
    )


def describe_grade(soils: Provenance) -> str:
    """Say which of the data of soils are measured.

    Examples
    --------
    >>> describe_grade(Provenance("a field", "measured"))
    'Measured data'
    """
    if soils.mixed:
        return "Spectra mixed from measured ones, laboratory values simulated"
    names = {"measured": "Measured data", "lead simulated": "Everything measured but lead"}
    return names.get(soils.kind, "Simulated data")


def _choose(soils: SoilSpectra, n: int, seed: int) -> SoilSpectra:
    """Take ``n`` soils at random, leave them in their order, and note it; all of them if ``n`` is 0."""
    if not 0 < n < soils.n_samples:
        return soils
    chosen = soils.take(np.sort(np.random.default_rng(seed).permutation(soils.n_samples)[:n]))
    note = f"{n} of {soils.n_samples} soils chosen at random (seed {seed})"
    return replace(chosen, provenance=soils.provenance.with_notes(note))


def _read_library(site: Site, grid: np.ndarray) -> SoilSpectra:
    if site.source == "twin":
        size = site.source_size or TWIN_SOURCE_SIZE
        return twin.simulate_source(size, site.seed, grid, library=read_twin_library(site))
    if site.source == "limesoda":
        others = [name for name in limesoda.FULL_RANGE_FIELDS if name != site.limesoda_set]
        return limesoda.load_fields(others, grid)
    cache = project_root() / site.artifacts / "sources"
    about = {"grid": grid, "property": site.source_property, "cache": cache}
    if site.source == "ossl":
        about["datasets"] = site.source_datasets.split() or None
        about["countries"] = site.source_countries.split() or None
        return ossl.load_ossl(library_folder(site), **about)
    return lucas.load_lucas(site.source, library_folder(site), **about)


def _without_site_places(soils: SoilSpectra, world: SoilSpectra) -> SoilSpectra:
    """Drop the soils of places from which the twin's site is drawn: no place is in source and target."""
    theirs = world.samples.index[twin.is_at_site_places(world)]
    names = soils.samples.index.str.removeprefix(f"{TWIN_LIBRARY} ")
    kept = soils.take(np.flatnonzero(~names.isin(theirs)))
    note = f"{soils.n_samples - kept.n_samples} soils of the site's places dropped"
    return replace(kept, provenance=soils.provenance.with_notes(note)) if len(kept) < len(soils) else soils


def _describe_bands(wavelengths: np.ndarray) -> str:
    return f"{wavelengths.size} bands over {wavelengths[0]:g}–{wavelengths[-1]:g} nm"


def _describe(provenance: Provenance) -> str:
    what = (
        "spectra mixed from measured soils, laboratory values simulated"
        if provenance.mixed
        else provenance.kind
    )
    parts = [f"<strong>{escape(provenance.name)}</strong> — {what}", escape(provenance.instrument)]
    parts += [escape(provenance.citation)] if provenance.citation else []
    parts += [f"Licence: {escape(provenance.licence)}"] if provenance.licence else []
    return ". ".join(part.rstrip(".") for part in parts if part) + "."
