"""The two domains of a study: the library a network learns from, and the site's own soils.

A site file names them; here they become :class:`~soilpb.spectra.SoilSpectra` on one grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from soilpb import twin
from soilpb.readers import limesoda, lucas, ossl
from soilpb.readers.site import read_measured
from soilpb.sitefile import Site, library_folder, project_root
from soilpb.spectra import SoilSpectra

#: Soils of the simulated source unless the site file says otherwise.
TWIN_SOURCE_SIZE = 12_000
#: Soils of the simulated target: as many as the study had.
TWIN_TARGET_SIZE = 130


def read_target(site: Site, grid: np.ndarray) -> SoilSpectra:
    """Read the site's soils that have a value of the target.

    Parameters
    ----------
    site : Site
        With ``n_target``, a random choice that follows ``seed``.
    grid : (n_bands,) array, nm
    """
    if site.target_data == "twin":
        soils = twin.simulate_target(TWIN_TARGET_SIZE, seed=site.seed, grid=grid)
    else:
        soils = read_measured(site).resample(grid)
    return _choose(soils.having(site.target), site.n_target, site.seed)


def read_source(site: Site, grid: np.ndarray) -> SoilSpectra:
    """Read the library soils that have a value of the source property.

    Parameters
    ----------
    site : Site
        With ``source_size``, a random choice that follows ``seed``.
    grid : (n_bands,) array, nm
    """
    library = _LIBRARIES[site.source](site, grid).having(site.source_property)
    return _choose(library, site.source_size, site.seed)


def _choose(soils: SoilSpectra, n: int, seed: int) -> SoilSpectra:
    """Take ``n`` soils at random, leave them in their order, and note it; all of them if ``n`` is 0."""
    if not 0 < n < soils.n_samples:
        return soils
    chosen = soils.take(np.sort(np.random.default_rng(seed).permutation(soils.n_samples)[:n]))
    note = f"{n} of {soils.n_samples} soils chosen at random (seed {seed})"
    return replace(chosen, provenance=soils.provenance.with_notes(note))


def _twin(site: Site, grid: np.ndarray) -> SoilSpectra:
    return twin.simulate_source(site.source_size or TWIN_SOURCE_SIZE, seed=site.seed, grid=grid)


def _limesoda(site: Site, grid: np.ndarray) -> SoilSpectra:
    """All full-range fields but the site's own."""
    others = [name for name in limesoda.FULL_RANGE_FIELDS if name != site.limesoda_set]
    return limesoda.load_fields(others, grid)


def _lucas(load: Callable[..., SoilSpectra]) -> Callable[[Site, np.ndarray], SoilSpectra]:
    def read(site: Site, grid: np.ndarray) -> SoilSpectra:
        return load(library_folder(site), grid, property=site.source_property, cache=_cache(site))

    return read


def _ossl(site: Site, grid: np.ndarray) -> SoilSpectra:
    return ossl.load(
        library_folder(site),
        grid,
        property=site.source_property,
        datasets=site.source_datasets.split() or None,
        countries=site.source_countries.split() or None,
        cache=_cache(site),
    )


def _cache(site: Site) -> Path:
    return project_root() / site.artifacts / "sources"


_LIBRARIES: dict[str, Callable[[Site, np.ndarray], SoilSpectra]] = {
    "twin": _twin,
    "limesoda": _limesoda,
    "lucas2009": _lucas(lucas.load_2009),
    "lucas2015": _lucas(lucas.load_2015),
    "ossl": _ossl,
}
