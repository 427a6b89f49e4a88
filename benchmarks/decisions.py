"""How far decisions can be trusted, where the truth is known: on twins of the site, re-seeded.

    python benchmarks/decisions.py [--first 7000] [--twins 20] [--json results/decisions.json]

Each twin is 130 soils to learn from and 1,000 others to be right about. Settled beforehand: 90 %
intervals, ten equal bins of probability, the package's own limits of applicability, seeds from
7000 on. Four tables:

1. Intervals: share of new soils within them, over the twins, with the site model chosen among those that
   a report chooses from; the network is the one that chapter 2 trained for the site gejiu (its soils
   are no twin's). Beside it, how often which model was chosen, and R² on the new soils. And the same share
   by tenths of the true content, which nobody knows beforehand, and of the predicted one.
2. Probabilities of exceeding GB 15618-2018: expected calibration error over all new soils and over
   each rule, with pH predicted from the same spectrum, with pH measured, and, as a control, with the
   predicted pH taken for the truth. And what is found and missed when soils from some probability on are
   called above: sensitivity and specificity, means over twins with the 5 and 95 % quantiles of the twins.
3. Applicability: share flagged of new soils of the same kind, of soils of the same places without the
   share that is poorest in iron, and of soils of other places (the library's). Beside it what a
   classifier reaches at ten false alarms in a hundred that was *shown* 400 soils of either kind: no flag
   can see more than there is. And clusters left out whole: of the twins, and of five measured fields.
4. What to measure next: of 300 soils 20 are measured, and each method chooses the others, ten at a
   time, settled on seeds 100–111. Error of PLS on 500 new soils; how many soils a method needs to
   reach what random choices reach with 100.

Chapter 7 reads ``results/decisions.json``. It takes seven minutes on one core, and
needs chapter 2's network of gejiu.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from records import report
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import brier_score_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from soilpb._format import track
from soilpb.decide import applicability, sampling, site_model
from soilpb.decide.exceedance import (
    calibration_error,
    coverage_by_content,
    detection_table,
    reliability_table,
)
from soilpb.decide.site_model import STANDARD, SiteModel
from soilpb.decide.standards import lead_limit, list_rules
from soilpb.evaluate import cross_validation
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.readers.libraries import limesoda
from soilpb.simulate import twin
from soilpb.spectra import SoilSpectra, band_grid
from soilpb.study import Study

GRID, FIELD_GRID = band_grid(400, 2490, 10), band_grid(430, 2480, 10)
N_TRAIN, N_NEW = 130, 1000
SHIFTS = (0.7, 0.9)
POOL, TEST, START, SIZES = 300, 500, 20, range(20, 101, 10)
OF_NEW, OF_SHIFTED = 100_000, 200_000  # keeps the draws of new soils apart from all twins


def ln_pb(soils: SoilSpectra) -> np.ndarray:
    """Return what models of lead learn."""
    return np.log(soils.values("Pb_mg_kg"))


def twins(seeds: range, n_train: int, n_new: int) -> Iterator[tuple[int, SoilSpectra, SoilSpectra]]:
    """Yield a seed, soils to learn from, and others of the same place."""
    for seed in track(seeds, "twins"):
        yield (
            seed,
            *(
                twin.simulate_target(n, seed=of, grid=GRID)
                for n, of in ((n_train, seed), (n_new, seed + OF_NEW))
            ),
        )


def judged(seeds: range) -> tuple[pd.DataFrame, ...]:
    """Fit the site model to each twin; return shares, probabilities, flags, choices, tenths."""
    source = Study.load("gejiu").source_network()
    covered, chances, flags, chosen, tenths = [], [], [], [], []
    for seed, soils, new in twins(seeds, N_TRAIN, N_NEW):
        ph = soils.values("pH")
        model = SiteModel.fit(
            soils.reflectance,
            ln_pb(soils),
            GRID,
            ph=ph,
            seed=seed,
            candidates=baselines.make_models(source, site_model.CANDIDATES, seed),
        )
        said = model.predict(new.reflectance)
        for name, column, prefix in (("lead", "Pb_mg_kg", ""), ("pH", "pH", "pH_")):
            values = new.samples[column].to_numpy()
            covered.append(
                (seed, name, np.mean((said[f"{prefix}lower"] <= values) & (values <= said[f"{prefix}upper"])))
            )
        r2 = cross_validation.compute_metrics(ln_pb(new), np.log(said["predicted"]))["R2"]
        chosen.append((seed, model.target.name, r2))
        chances += [part.assign(seed=seed) for part in probabilities(model, said, new)]
        told = said[["predicted", "lower", "upper"]].assign(observed=new.values("Pb_mg_kg"))
        tenths += list(by_tenths(told, seed))
        flags.append((seed, "same kind", said["outside"].mean(), np.nan))
        flags += list(shifted(model, new, seed))
    return (
        pd.DataFrame(covered, columns=["seed", "of", "coverage"]),
        pd.concat(chances),
        pd.DataFrame(flags, columns=["seed", "soils", "flagged", "shown"]),
        pd.DataFrame(chosen, columns=["seed", "model", "R2"]),
        pd.concat(tenths),
    )


def by_tenths(told: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    """Yield the share within intervals by tenths of the true and of the predicted content."""
    yield coverage_by_content(told).assign(by="true content", seed=seed)
    tenth = np.ceil(told["predicted"].rank(pct=True, method="first") * 10).astype(int)
    for number, part in told.groupby(tenth):
        inside = part["observed"].between(part["lower"], part["upper"]).mean()
        yield pd.DataFrame([{"by": "predicted content", "seed": seed, "tenth": number, "coverage": inside}])


def detection(chances: pd.DataFrame) -> pd.DataFrame:
    """Sensitivity and specificity by rule and threshold: mean over twins, and quantiles of them."""
    known = chances[chances["pH"] == "predicted"]
    tables = [
        detection_table(part["probability"], part["exceeded"]).assign(rule=rule)
        for (rule, _), part in known.groupby(["rule", "seed"], sort=False)
    ]
    by = pd.concat(tables).groupby(["rule", "threshold"], sort=False)
    columns = {}
    for name in ("sensitivity", "specificity"):
        columns |= {name: by[name].mean(), f"{name}_low": by[name].quantile(0.05)}
        columns[f"{name}_high"] = by[name].quantile(0.95)
    return pd.DataFrame(columns)


def probabilities(model: SiteModel, said: pd.DataFrame, new: SoilSpectra) -> Iterator[pd.DataFrame]:
    """Yield probabilities of exceedance in three ways, and what happened."""
    measured, predicted = new.values("pH"), said["pH"].to_numpy()
    ways = {"predicted": np.nan, "measured": measured, "predicted, taken for true": predicted}
    for way, ph in ways.items():
        found = model.exceedance(new.reflectance, STANDARD, ph=ph)
        for rule in list_rules(STANDARD):
            exceeded = new.values("Pb_mg_kg") > lead_limit(STANDARD, rule, measured)
            yield pd.DataFrame({"pH": way, "rule": rule, "probability": found[rule], "exceeded": exceeded})


def shifted(model: SiteModel, same: SoilSpectra, seed: int) -> Iterator[tuple[int, str, float, float]]:
    """Yield how many shifted soils are flagged, and how many a classifier knows that was shown both."""
    others = {f"without {s:.0%} poorest in iron": partial(twin.simulate_target, shift=s) for s in SHIFTS}
    for name, simulate in {**others, "of other places": twin.simulate_source}.items():
        other = simulate(800, seed=seed + OF_SHIFTED, grid=GRID)
        flagged = model.domain.distances(other.reflectance)["outside"].mean()
        X = np.concatenate([same.reflectance[:800], other.reflectance])
        features, kind = sampling.spectral_features(X, 20), np.repeat([0, 1], 800)
        shown = np.arange(1600) % 800 < 400
        teller = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
        scores = teller.fit(features[shown], kind[shown]).decision_function(features[~shown])
        caught = np.mean(scores[400:] > np.quantile(scores[:400], 0.9))
        yield seed, name, flagged, caught


def clusters(seeds: range) -> pd.DataFrame:
    """Leave clusters out, of the twins and of measured fields."""
    places = {"twins": [twin.simulate_target(N_TRAIN, seed=seed, grid=GRID) for seed in seeds]}
    places |= {name: [limesoda.load_field(name).resample(FIELD_GRID)] for name in limesoda.FULL_RANGE_FIELDS}
    rows = []
    for name, soils in places.items():
        for site in soils:
            rows.append(applicability.leave_cluster_out(site.reflectance).assign(place=name))
    table = pd.concat(rows)
    weighted = table.assign(
        caught=table["caught"] * table["n"], alarms=table["false_alarms"] * table["n_others"]
    )
    total = weighted.groupby("place", sort=False)[["caught", "n", "alarms", "n_others"]].sum()
    return pd.DataFrame(
        {"caught": total["caught"] / total["n"], "false alarms": total["alarms"] / total["n_others"]}
    )


def learning_curves(seeds: range) -> pd.DataFrame:
    """RMSE of PLS by how many soils are measured, and who chose them."""
    rows = []
    for seed, pool, test in twins(seeds, POOL, TEST):
        X, y = pool.reflectance, ln_pb(pool)
        F = sampling.spectral_features(X)
        start = np.random.default_rng(seed).choice(POOL, START, replace=False)
        for method in sampling.METHODS:
            measured = start
            for size in SIZES:
                if size > START:
                    more = sampling.choose_samples(method, F, size - len(measured), measured, seed)
                    measured = np.concatenate([measured, more])
                error = PLSCV().fit(X[measured], y[measured]).predict(test.reflectance) - ln_pb(test)
                rows.append((seed, method, size, np.sqrt(np.mean(error**2))))
    return pd.DataFrame(rows, columns=["seed", "method", "n", "rmse"])


def needed(curves: pd.DataFrame) -> pd.Series:
    """How many soils each method needs for the mean error that random choices have with 100."""
    goal = curves.query("method == 'random' and n == 100")["rmse"].mean()
    found = sampling.soils_needed(curves.rename(columns={"method": "model", "rmse": "value"}))
    return found.rename(f"soils for an RMSE of {goal:.3f}")


def errors(chances: pd.DataFrame) -> pd.DataFrame:
    """Calibration errors and Brier scores, by where pH came from, over all rules and for each."""
    rows = []
    for way, soils in chances.groupby("pH", sort=False):
        for rule, part in [("all", soils), *soils.groupby("rule", sort=False)]:
            table = reliability_table(part["probability"], part["exceeded"])
            brier = brier_score_loss(part["exceeded"], part["probability"])
            rows.append((way, rule, calibration_error(table), brier))
    return pd.DataFrame(rows, columns=["pH", "rule", "calibration error", "Brier score"])


def compare_with_asked(results: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Put what was found beside what had been asked for beforehand: the table of chapter 7."""
    rows = [
        (
            f"{row.of} within its 90 % intervals",
            "87–93 %",
            f"{row.mean:.0%} ({row.min:.0%} to {row.max:.0%} by site)",
        )
        for row in results["coverage of 90 % intervals"].reset_index().itertuples()
    ]
    error = results["probabilities of exceedance"].query("pH == 'predicted' and rule == 'all'")
    found = f"{error['calibration error'].item():.3f}"
    rows.append(("error of probabilities, pH predicted", "≤ 0.05", found))
    for row in results["flagged soils"].reset_index().itertuples():
        known = "" if np.isnan(row.shown) else f" (classifier that was shown both: {row.shown:.0%})"
        asked = "≤ 10 %" if row.soils == "same kind" else "≥ 80 %"
        rows.append((f"flagged, {row.soils}", asked, f"{row.flagged:.0%}{known}"))
    needed = results["soils needed"].iloc[:, 0].drop("random")
    found = f"{needed.min():.0f} ({needed.idxmin()})"
    rows.append(("soils needed for the error of 100 at random", "≤ 75", found))
    table = pd.DataFrame(rows, columns=["about", "asked", "found"])
    return table.replace(r"(\d)%", r"\1 %", regex=True)


def main() -> None:
    """Print the tables; write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--first", type=int, default=7000, help="seed of the first twin")
    parser.add_argument("--twins", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the tables there as well")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.twins)
    with threadpool_limits(1):
        covered, chances, flags, chosen, tenths = judged(seeds)
        left_out, curves = clusters(seeds), learning_curves(seeds)
    pooled = chances[chances["pH"] == "predicted"]
    results = {
        "coverage of 90 % intervals": covered.groupby("of")["coverage"].agg(["mean", "min", "max"]),
        "coverage by tenths": tenths.groupby(["by", "tenth"], sort=False)
        .agg({"coverage": ["mean", "min", "max"], "ratio": "mean"})
        .set_axis(["coverage", "lowest", "highest", "ratio"], axis=1),
        "models kept": chosen.groupby("model")["R2"].agg(["size", "mean"]),
        "probabilities of exceedance": errors(chances),
        "found and missed, pH predicted": detection(chances),
        "reliability, pH predicted": reliability_table(pooled["probability"], pooled["exceeded"]),
        "flagged soils": flags.groupby("soils")[["flagged", "shown"]].mean(),
        "clusters left out": left_out,
        "RMSE by soils measured": curves.pivot_table("rmse", "n", "method", sort=False),
        "soils needed": needed(curves).rename_axis("method").to_frame(),
    }
    results["beside what was asked"] = compare_with_asked(results)
    report(results, arguments.json)


if __name__ == "__main__":
    main()
