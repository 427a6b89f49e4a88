"""Is the twin like soil? Against measured soils that it was not drawn from, with five fields as yardstick.

    python benchmarks/twin_realism.py

Compared are spectra of the twin with those of the *full* ICRAF-ISRIC world library (measured at every band;
it is handed out beside the project, and may not be passed on), three seeds:

- the *source*, drawn from a random half of the world's places, with the soils of the other half;
- the *site*, drawn from a random half of the soils at its places, with the other half of them;
- both, as a chapter draws them, with all the world: T² and Q, depths of three features, the visible slope.

The same for measured soils: the same halves of places, and five LimeSoDa fields. What stands in
``soilpb.simulate`` and was learnt from the full library is computed anew: offsets of the predicted bands
(``library``) and coefficients of pH (``soils``).

Writes ``results/twin_realism.csv`` (one row per soils, seed and measure; read by chapter 1) and
``twin_realism.md`` beside this file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from threadpoolctl import threadpool_limits

from soilpb import quality
from soilpb.decide.applicability import measure_shapes, tell_apart
from soilpb.models.preprocessing import snv_pipeline
from soilpb.readers.libraries import limesoda
from soilpb.simulate import library, soils, twin
from soilpb.simulate.library import GRID
from soilpb.site_file import project_root
from soilpb.spectra import SoilSpectra, absorbance

FULL = project_root().parent / "shared" / "data" / "icraf_isric" / "icraf_isric_visnir.parquet"
RESULTS, PAGE = project_root() / "results" / "twin_realism.csv", Path(__file__).with_suffix(".md")
SEEDS, COMPONENTS = range(3), (3, 10, 20)
N_SOURCE, N_SITE = 2000, 600
#: Terms of pH in ``soils.Chemistry``, in the order of :func:`ph_terms`.
PH_TERMS = ("carbonate", "organic_matter", "iron", "clay", "kaolinite_share")


def measure() -> pd.DataFrame:
    """Tidy table of all measures: ``soils``, ``seed`` (empty where there is none), ``measure``, ``value``."""
    packaged = library.load_library()
    full = pd.read_parquet(FULL).set_index("id").loc[packaged.samples.index]
    world = SoilSpectra(
        GRID, full[[f"{nm:.0f}" for nm in GRID]].to_numpy(), packaged.samples, packaged.provenance
    )
    rows = describe("world", world, world)
    for seed in SEEDS:
        rows += compare_halves(packaged, world, seed)
        rows += describe("source", twin.simulate_source(N_SOURCE, seed), world, seed)
        rows += describe("site", twin.simulate_target(N_SITE, seed), world, seed)
    for field in limesoda.FULL_RANGE_FIELDS:
        rows += describe(field, limesoda.load_field(field), world)
    fields = limesoda.load_fields(limesoda.FULL_RANGE_FIELDS, GRID[(GRID >= 430) & (GRID <= 2480)])
    rows += describe("five fields", fields, world)
    rows += aucs("five fields", fields.reflectance, _at(world, fields.wavelengths), None)
    rows += predicted_bands(packaged, world) + ph_coefficients(world, full["ph_h2o"].to_numpy())
    rows += neighbours(packaged)
    return pd.DataFrame(rows, columns=["soils", "seed", "measure", "value"])


def neighbours(packaged: SoilSpectra) -> list[tuple]:
    """Share of the soils that a mixture may take which lie in the first soil's own cell of one degree."""
    there = packaged.take(np.flatnonzero(packaged.samples["place"].notna()))
    place = there.samples["place"].to_numpy()
    components = PCA(10, random_state=0).fit_transform(snv_pipeline().fit_transform(there.reflectance))
    nearest = KDTree(components).query(components, k=twin.NEIGHBOURS + 1)[1][:, 1:]
    same = 100 * np.mean(place[nearest] == place[:, None])
    chance = 100 * np.sum((pd.Series(place).value_counts() / len(place)) ** 2)
    return [
        ("world", None, "neighbours at one place", same),
        ("world", None, "at one place by chance", chance),
    ]


def compare_halves(packaged: SoilSpectra, world: SoilSpectra, seed: int) -> list[tuple]:
    """Classifiers of source and site against soils that they were not drawn from, and of measured halves."""
    rng = np.random.default_rng(seed)
    at_site, R = twin.is_at_site_places(packaged), world.reflectance
    places = rng.permutation(packaged.samples["place"].dropna().unique())
    half = packaged.samples["place"].isin(places[::2]).to_numpy()
    source = twin.simulate_source(N_SOURCE, seed, library=packaged.take(np.flatnonzero(half)))
    rows = aucs("source", source.reflectance, R[~half], seed)
    rows += aucs("source, measured", R[half & ~at_site], R[~half], seed)
    rows += aucs("site, measured", R[at_site & half], R[at_site & ~half], seed)
    known = rng.random(packaged.n_samples) < 0.5
    site = twin.simulate_target(N_SITE, seed, library=packaged.take(np.flatnonzero(known | ~at_site)))
    return rows + aucs("site", site.reflectance, R[at_site & ~known], seed)


def aucs(name: str, first: np.ndarray, second: np.ndarray, seed: int | None) -> list[tuple]:
    """How well a classifier tells two sets apart, by number of components."""
    return [(name, seed, f"AUC {k}", tell_apart(first, second, k)) for k in COMPONENTS]


def describe(name: str, these: SoilSpectra, world: SoilSpectra, seed: int | None = None) -> list[tuple]:
    """Share within the world's limits, and quartiles of the shapes."""
    first, last = these.wavelengths[[0, -1]]
    nm = GRID[(first <= GRID) & (last >= GRID)]
    distances = quality.measure_distances(_at(world, nm), these.resample(nm).reflectance)
    rows = [(name, seed, "within", 100 * (1 - distances.outside.mean()))]
    shapes = measure_shapes(these.resample(nm)).quantile([0.25, 0.5, 0.75])
    return rows + [(name, seed, f"{c} {q:g}", shapes.loc[q, c]) for c in shapes for q in shapes.index]


def predicted_bands(packaged: SoilSpectra, world: SoilSpectra) -> list[tuple]:
    """Mean absorbance by which the ridge regression of five fields is off at the bands it predicts."""
    bands = library._packaged_bands(Path(str(library.distribution("earthlib").locate_file("earthlib/data"))))
    common = GRID[GRID >= library._FIRST_COMPLETE]
    known = np.isin(common, bands)
    learnt = absorbance(limesoda.load_fields(limesoda.FULL_RANGE_FIELDS, common).reflectance)
    model = Ridge(library._RIDGE, solver="svd").fit(learnt[:, known], learnt[:, ~known])
    measured = absorbance(_at(world, common).astype(float))
    offsets = (measured[:, ~known] - model.predict(measured[:, known])).mean(axis=0)
    rows = [("world", None, f"offset {nm:.0f}", off) for nm, off in zip(common[~known], offsets, strict=True)]
    rows.append(("world", None, "offset, furthest from the stored", np.abs(offsets - library._OFFSETS).max()))
    error = (packaged.reflectance - world.reflectance)[:, ~np.isin(GRID, bands)]
    return [*rows, ("world", None, "reflectance error of predicted bands", np.sqrt(np.mean(error**2)))]


def ph_coefficients(world: SoilSpectra, ph: np.ndarray) -> list[tuple]:
    """Regression of measured pH on amounts by inversion of the full spectra."""
    terms = ph_terms(library.invert(world.reflectance, GRID))
    there = np.isfinite(ph)
    model = LinearRegression().fit(terms[there], ph[there])
    found = {"soils": there.sum(), "R²": model.score(terms[there], ph[there]), "intercept": model.intercept_}
    found |= dict(zip(PH_TERMS, model.coef_, strict=True))
    return [("world", None, f"pH: {name}", value) for name, value in found.items()]


def ph_terms(amounts: pd.DataFrame) -> np.ndarray:
    """Terms of :func:`soilpb.simulate.soils.expected_ph`, (n_samples, 5)."""
    lab = soils.laboratory(amounts)
    clay = lab["clay_pct"].clip(lower=soils.TRACES["clay_pct"])
    return np.column_stack(
        [
            np.log1p(lab["CaCO3_pct"] / 0.4),
            soils._log_of(amounts, "organic_matter_pct", 2.5),
            soils._log_of(lab, "Fe_pct", 2),
            np.log(clay / 20),
            amounts["kaolinite_pct"] / clay - 0.4,
        ]
    )


def _at(these: SoilSpectra, bands: np.ndarray) -> np.ndarray:
    return these.reflectance[:, np.isin(these.wavelengths, bands)]


def page(table: pd.DataFrame) -> str:
    """The table as Markdown."""
    value = table.pivot_table("value", "soils", "measure", aggfunc="mean")
    spread = table.pivot_table("value", "soils", "measure", aggfunc=["min", "max"])
    told = ["source", "site", "source, measured", "site, measured", "five fields"]
    lines = ["| soils | " + " | ".join(f"AUC {k}" for k in COMPONENTS) + " |", "|---|" + "---|" * 3]
    for name in told:
        ranges = [
            f"{spread.loc[name, ('min', f'AUC {k}')]:.2f}–{spread.loc[name, ('max', f'AUC {k}')]:.2f}"
            for k in COMPONENTS
        ]
        lines.append(f"| {name} | {' | '.join(ranges)} |")
    shapes = ["depth_1400", "depth_1900", "depth_2200", "visible_slope"]
    lines += [
        "",
        "| soils | within, % | " + " | ".join(shapes).replace("_", " ") + " |",
        "|---|" + "---|" * 5,
    ]
    for name in ("world", "source", "site", "five fields", *limesoda.FULL_RANGE_FIELDS):
        row = value.loc[name]
        quartiles = [f"{row[f'{s} 0.5']:.1f} ({row[f'{s} 0.25']:.1f}–{row[f'{s} 0.75']:.1f})" for s in shapes]
        lines.append(f"| {name} | {row['within']:.0f} | {' | '.join(quartiles)} |")
    one, c = value.loc["world"], soils.CHEMISTRY
    off, error = one["offset, furthest from the stored"], one["reflectance error of predicted bands"]
    stored = (c.ph_carbonate, c.ph_organic_matter, c.ph_iron, c.ph_clay, c.ph_kaolinite_share)
    terms = [
        f"{t.replace('_', ' ')} {one[f'pH: {t}']:+.2f} ({s:+.2f})"
        for t, s in zip(PH_TERMS, stored, strict=True)
    ]
    return f"""# Is the twin like soil?

Generated by `python benchmarks/twin_realism.py`; do not edit. What is compared, and with what, is said there.

AUC of a classifier (logistic regression on 3, 10 and 20 principal components of SNV absorbance, 5-fold; 0.5:
it cannot tell), lowest and highest of three seeds. Measured: halves of the same places, both as they were
measured.

{chr(10).join(lines[:7])}

Share of soils within the world's 95 % limits of T² and Q (10 components), and medians (quartiles) of the
depth of three features (%) and of the visible slope (% per 100 nm); means of three seeds.

{chr(10).join(lines[8:])}

Predicted bands: mean absorbance off by at most {off:.4f} from the offsets that are stored; root mean
square error of reflectance {error:.4f}.

Of the {twin.NEIGHBOURS} nearest spectra, {one["neighbours at one place"]:.0f} % are of the same cell of one
degree (by chance {one["at one place by chance"]:.1f} %).

pH on amounts by inversion, {one["pH: soils"]:.0f} soils, R² {one["pH: R²"]:.2f}; in brackets, those of
`Chemistry`: {"; ".join(terms)}.
"""


def main() -> None:
    """Measure, and write both files; say so where the library is absent."""
    if not FULL.exists():
        raise SystemExit(f"{FULL} is not there: the full library is handed out beside the project")
    with threadpool_limits(1):
        table = measure()
    table.to_csv(RESULTS, index=False, float_format="%.5f")
    text = page(pd.read_csv(RESULTS))
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
