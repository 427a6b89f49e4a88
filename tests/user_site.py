"""A project with one site of a user's files, of simulated soils, and some further soils of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import yaml

from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 30)
SITE = {
    **{"site": "mine", "title": "Old mine", "target_data": "files", "source": "twin", "seed": 3},
    **{"spectra": "data/spectra.csv", "laboratory": "data/lab.csv"},
    **{"band_start": 430, "band_stop": 2440, "band_step": 30},
}


def write_project(root, n=60, n_new=20, laboratory=("Pb_mg_kg", "pH"), **keys):
    """Write the site's two tables, its file, and ``data/new.csv`` with the pH of new soils beside."""
    for folder in ("data", "notebooks/sites"):
        (root / folder).mkdir(parents=True)
    soils = twin.simulate_target(n + n_new, seed=11, grid=GRID)
    # Files and soils hold the same digits: distances would notice the others.
    soils = replace(soils, reflectance=soils.reflectance.round(6))
    spectra = pd.DataFrame(soils.reflectance.astype(float).round(6), soils.samples.index, soils.wavelengths)
    spectra[:n].to_csv(root / "data/spectra.csv")
    spectra[n:].to_csv(root / "data/new.csv")
    soils.samples[list(laboratory)][:n].to_csv(root / "data/lab.csv")
    soils.samples[["pH"]][n:].to_csv(root / "data/new_ph.csv")
    (root / "notebooks/sites/mine.yml").write_text(yaml.safe_dump({**SITE, **keys}))
    return soils.take(np.arange(n, n + n_new))
