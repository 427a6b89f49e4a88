"""Which models should the recommended average hold? Chosen on soils of four countries, confirmed on three.

    python benchmarks/averages.py fit
    python benchmarks/averages.py choose
    python benchmarks/averages.py write

Sites, targets and folds are those of ``world_sites.py``: 5 repeats of 5 folds, profiles kept together.
Candidates are the means of one to four of four models that know nothing but the site's own soils, weighted by
their errors on grouped inner folds, each prediction kept within the training values and a margin
(:class:`soilpb.models.baselines.BoundedAverage`). Equal weights stand beside them and are no candidates: only
weights by errors can let a source in where it helps and keep it out where it does not. ``choose`` records the
best on the four countries; ``write`` compares it on all seven with the average of before, and with itself and
ridge on pH features of all other countries, and of shuffled pH. Parts are fitted once and kept under
``artifacts/countries``. Writes ``results/averages.csv`` (one row per candidate, country and target, which
chapter 6 reads) and ``averages.md`` beside this file.

Known when this was written: PLS, SVM, multiblock ridge, GPR, GPR on components and ridge on pH features, and
means of them, on the first repeat of all seven countries. The SVM was left out then: .30 alone, with means
no better for it, and the slowest of all. That equal weights are no candidates was decided with all repeats
known; they differ by .001.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from threadpoolctl import threadpool_limits
from world_sites import (
    CHOSEN_ON,
    CONFIRMED_ON,
    COUNTRIES,
    N_REPEATS,
    TARGETS,
    predictions_path,
    source_network,
    world_site,
)

from soilpb import _files
from soilpb._format import signed, track
from soilpb.evaluate import comparison, splits
from soilpb.models import baselines
from soilpb.models.inner_folds import fit_model
from soilpb.site_file import project_root

RESULTS = project_root() / "results" / "averages.csv"
PAGE, CHOICE = Path(__file__).with_suffix(".md"), Path(__file__).with_name("averages_choice.json")
#: Of the site's own soils.
MEMBERS = ("pls-any", "blocks", "gpr", "gpr-pc")
TRANSFER = {"pH features": False, "shuffled-pH features": True}
#: The average that was recommended before: equal weights, no bounds.
FORMER = (("pls-any", "blocks", "gpr"), "unbounded")
SETS = [parts for size in (1, 2, 3, 4) for parts in combinations(MEMBERS, size)]
CANDIDATES = [(parts, "by errors") for parts in SETS]
EQUAL = [(parts, "equal") for parts in SETS if len(parts) > 1]
RULE = (
    "The candidate with the best mean R² on twelve tasks of four countries, if on nine tasks of the other "
    "three its mean is at least that of the former average and none is below 0."
)


def make(part: str, country: str) -> RegressorMixin:
    """Make an unfitted member."""
    if part in TRANSFER:
        source = source_network(country, shuffled=TRANSFER[part])
        return baselines.average(source=source).members[-1][1]
    return baselines.MODELS[part].make()


def predicted(part: str, country: str, target: str, repeat: int) -> pd.DataFrame:
    """Predictions of all soils by the models of all folds, with the error on inner folds; made or read."""
    path = predictions_path(f"averages {part} {repeat}", country, target)
    if not path.exists():
        site = world_site(country, repeat)
        y, rows = site.targets[target].to_numpy(), []
        for fold in splits.iterate_folds(site.folds(), site.targets.index):
            model = fit_model(make(part, country), site.X, y, site.profiles, fold.train)
            fitted = model[-1] if hasattr(model, "steps") else model
            low, high = y[fold.train].min(), y[fold.train].max()
            made = {"row": fold.test, "observed": y[fold.test], "predicted": model.predict(site.X[fold.test])}
            rows.append(pd.DataFrame(made).assign(low=low, high=high, error=np.min(fitted.inner_rmse_)))
        _files.save_table(path, pd.concat(rows).sort_values("row").reset_index(drop=True))
    return _files.load_table(path)


@cache
def r2(parts: tuple[str, ...], weights: str, country: str, target: str) -> float:
    """R² of a mean of members on one task: pooled over folds, averaged over repeats."""
    scores = []
    for repeat in range(N_REPEATS):
        tables = [predicted(part, country, target, repeat) for part in parts]
        first = tables[0]
        values = np.array([table["predicted"] for table in tables])
        shares = np.array([table["error"] for table in tables]) ** (-4.0 if weights == "by errors" else 0.0)
        if weights != "unbounded":
            margin = baselines.MARGIN * (first["high"] - first["low"])
            values = values.clip(first["low"] - margin, first["high"] + margin)
        residuals = first["observed"] - (values * shares).sum(axis=0) / shares.sum(axis=0)
        scores.append(1 - (residuals**2).sum() / first["observed"].var(ddof=0) / len(first))
    return float(np.mean(scores))


def name(parts: tuple[str, ...], weights: str) -> str:
    """Name a candidate by its members and weights."""
    members = [part if part in TRANSFER else baselines.model_name(part) for part in parts]
    return f"{' + '.join(members)}{f', {weights}' if len(parts) > 1 else ''}"


def fit(n_repeats: int) -> None:
    """Fit all members, repeat by repeat."""
    for repeat in range(n_repeats):
        for country in track(COUNTRIES, f"repeat {repeat}"):
            for part in (*MEMBERS, *TRANSFER):
                for target in TARGETS:
                    predicted(part, country, target, repeat)


def means(parts: tuple[str, ...], weights: str, countries: tuple[str, ...]) -> np.ndarray:
    """R² of each task, (n_countries, n_targets)."""
    return np.array([[r2(parts, weights, country, target) for target in TARGETS] for country in countries])


def choose() -> None:
    """Record the candidate with the best mean R² on the four countries."""
    if CHOICE.exists():
        raise SystemExit(f"already chosen: {CHOICE.read_text()}")
    best = max(CANDIDATES, key=lambda candidate: means(*candidate, CHOSEN_ON).mean())
    record = {"chosen on": CHOSEN_ON, "of": len(CANDIDATES), "members": best[0], "weights": best[1]}
    CHOICE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(CHOICE.read_text())


def chosen() -> tuple[tuple[str, ...], str]:
    """Read the choice."""
    if not CHOICE.exists():
        raise SystemExit("three countries confirm a choice: choose, and commit the choice, first")
    record = json.loads(CHOICE.read_text(encoding="utf-8"))
    return tuple(record["members"]), record["weights"]


def write() -> None:
    """Confirm the choice on three countries; write the table and the page."""
    best = chosen()
    with_transfer = [((*best[0], part), best[1]) for part in TRANSFER]
    rows = [
        {
            "average": name(*candidate),
            "country": country,
            "target": target,
            "R2": r2(*candidate, country, target),
        }
        | {"R2_former": r2(*FORMER, country, target), "chosen": candidate == best}
        | {
            "confirms": country in CONFIRMED_ON,
            "transfer": candidate[0][-1] if candidate in with_transfer else "",
        }
        for candidate in (*CANDIDATES, *EQUAL, FORMER, *with_transfer)
        for country in COUNTRIES
        for target in TARGETS
    ]
    table = pd.DataFrame(rows)
    table.to_csv(RESULTS, index=False, float_format="%.5f")
    PAGE.write_text(page(table), encoding="utf-8")


def page(table: pd.DataFrame) -> str:
    """The choice as Markdown."""
    lines = [
        "# Which models should the average hold?",
        "",
        "Generated by `python benchmarks/averages.py write`; do not edit.",
        "",
        f"Soils of one country as a site ({', '.join(COUNTRIES)}; ICRAF-ISRIC library),",
        f"√clay, ln OC and ln CEC, {N_REPEATS} × 5-fold cross-validation, profiles kept together, the same",
        "folds for all. Chosen on the first four, confirmed on the last three.",
        f"{len(CANDIDATES)} candidates,",
        "means with weights by errors. (That equal weights are none was decided with all results known.)",
        "",
        f"**Rule.** {RULE}",
        "",
        f"**Result.** {result(table)}",
        "",
        "| average | R², four | R², three | R² | lowest |",
        "|---|---|---|---|---|",
    ]
    order = table[~table["confirms"]].groupby("average")["R2"].mean().sort_values(ascending=False).index
    for average in order:
        rows = table[table["average"] == average]
        on_three = rows[rows["confirms"]]["R2"].mean()
        values = (rows[~rows["confirms"]]["R2"].mean(), on_three, rows["R2"].mean(), rows["R2"].min())
        lines.append(f"| {average} | {' | '.join(f'{value:.3f}'.replace('-', '−') for value in values)} |")
    return "\n".join(lines) + "\n"


def result(table: pd.DataFrame) -> str:
    """Say what was chosen, what became of it on three countries, and what transfer adds."""
    best, own = chosen(), table[table["chosen"]]
    three = own[own["confirms"]]
    kept = (three["R2"].mean() >= three["R2_former"].mean()) and (three["R2"] >= 0).all()
    said = [
        f"Chosen: {name(*best)}. On the three countries it has {three['R2'].mean():.3f}, the former average "
        f"{three['R2_former'].mean():.3f}, and its lowest is {signed(three['R2'].min(), 2)}: it "
        f"{'is confirmed' if kept else 'is not confirmed'}. On all seven: {own['R2'].mean():.3f} against "
        f"{own['R2_former'].mean():.3f}, {gain(own['R2'] - own['R2_former'], own['country'])} over countries."
    ]
    equal = own["R2"].to_numpy() - means(best[0], "equal", COUNTRIES).ravel()
    said.append(f"Weights by errors change its mean R² by {signed(equal.mean(), 3)} against equal ones.")
    for part in TRANSFER:
        other = table[table["transfer"] == part]
        change = pd.Series(other["R2"].to_numpy() - own["R2"].to_numpy())
        countries = other["country"].reset_index(drop=True)
        said.append(
            f"With ridge on {part}: {other['R2'].mean():.3f}, {gain(change, countries)} over countries."
        )
    return " ".join(said)


def gain(differences: pd.Series, country: pd.Series) -> str:
    """Mean over countries with its 95 % interval (Student's t)."""
    by_country = differences.groupby(country, sort=False).mean().to_numpy()
    mean, lower, upper = (signed(value, 3) for value in comparison.mean_over_tasks(by_country))
    return f"{mean} ({lower} to {upper})"


def main() -> None:
    """Fit, choose or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["fit", "choose", "write"])
    parser.add_argument("--repeats", type=int, default=N_REPEATS, help="that many, to begin with")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        if arguments.command == "fit":
            fit(arguments.repeats)
        else:
            {"choose": choose, "write": write}[arguments.command]()


if __name__ == "__main__":
    main()
