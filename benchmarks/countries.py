"""Measure what pH of the rest of the world brings in one country: seven, each left out in turn.

    python benchmarks/countries.py run [--repeats 5]
    python benchmarks/countries.py write

The study's design with everything measured: sites, targets and folds are those of ``world_sites.py``,
where each repeat draws a country's profiles anew; the source is pH of all other countries. Beside every
network that learned pH stands one that learned the same spectra with *shuffled* pH. Repeat r uses
source networks of seed r. Parts are fitted once, repeat by repeat, and kept under
``artifacts/countries``: a run goes on where it was interrupted.

``write`` makes ``results/countries.csv`` (one row per model, country, target and repeat, which chapter
6 reads) and ``countries.md`` beside this file.
"""

from __future__ import annotations

import argparse
from functools import cache, partial

import numpy as np
import pandas as pd
import world_sites
from sklearn.base import RegressorMixin
from threadpoolctl import threadpool_limits
from world_sites import COUNTRIES, N_REPEATS, TARGETS, predictions_path, source_network, world_site

from soilpb import _files
from soilpb._format import signed_with_interval, track
from soilpb.evaluate import comparison, cross_validation
from soilpb.models import baselines
from soilpb.site_file import project_root

RESULTS, PAGE = project_root() / "results" / "countries.csv", world_sites.Path(__file__).with_suffix(".md")
#: Part → key of the registry, and what its source network learned ("" for none).
PARTS = {
    "PLS": ("pls", ""),
    "PLS, best preprocessing": ("pls-any", ""),
    "multiblock ridge": ("blocks", ""),
    "GPR": ("gpr", ""),
    "recommended model": ("average", ""),
    "recommended model, pH features weighted in": ("average-ph", "pH"),
    "recommended model, shuffled-pH features weighted in": ("average-ph", "shuffled"),
    "pH features + ridge": ("features-ridge", "pH"),
    "shuffled-pH features + ridge": ("features-ridge", "shuffled"),
    "ResNet-pH": ("resnet-ph", "pH"),
    "ResNet-shuffled": ("resnet-ph", "shuffled"),
    "ResNet": ("resnet", ""),
}
#: The average that this book recommended before; its PLS extrapolates.
OLD = "PLS + multiblock ridge + GPR"
OLD_PARTS = ("PLS, best preprocessing", "multiblock ridge", "GPR")
#: The model that this book recommends.
RECOMMENDED = "recommended model"
#: What is tried as a further member of an average: one quarter of it, kept within the training values.
MEMBERS = ("ResNet-pH", "ResNet-shuffled", "ResNet", "pH features + ridge", "shuffled-pH features + ridge")


@cache
def predicted(part: str, country: str, target: str, repeat: int) -> pd.DataFrame:
    """Out-of-fold predictions of a part in one repeat, made now or read back."""
    path = predictions_path(f"{part} {repeat}", country, target)
    if not path.exists():
        site = world_site(country, repeat)
        y, ids = site.targets[target].to_numpy(), site.targets.index
        model = {part: make(part, country, repeat)}
        table = cross_validation.cross_validate(model, site.X, y, site.folds(), ids, groups=site.profiles)
        _files.save_table(path, table)
    return _files.load_table(path).set_index("sample")


def make(part: str, country: str, repeat: int) -> RegressorMixin:
    """Make the unfitted model of a part; its source network is that of the repeat."""
    key, learned = PARTS[part]
    source = source_network(country, learned == "shuffled", repeat) if learned else None
    (model,) = baselines.make_models(source, [key], world_sites.SEED).values()
    return model


def bounded(table: pd.DataFrame) -> pd.Series:
    """Predictions kept within the values of each fold's training soils."""
    kept = table["predicted"].copy()
    for fold, rows in table.groupby("fold"):
        training = table.loc[table["fold"] != fold, "observed"]
        kept[rows.index] = rows["predicted"].clip(training.min(), training.max())
    return kept


def parts_of(model: str) -> tuple[str, ...]:
    """Parts that a model of the table is made of."""
    first, _, member = model.partition(" with ")
    return (*(OLD_PARTS if first == OLD else (first,)), *((member,) if member else ()))


def r2(model: str, country: str, target: str, repeat: int) -> float:
    """R² of a model of the table, pooled over the folds of a repeat."""
    get = partial(predicted, country=country, target=target, repeat=repeat)
    first, _, member = model.partition(" with ")
    tables = [get(part) for part in parts_of(first)]
    observed = tables[0]["observed"]
    mean = np.mean([table["predicted"][observed.index] for table in tables], axis=0)
    if member:
        mean = 0.75 * mean + 0.25 * bounded(get(member))[observed.index].to_numpy()
    return cross_validation.compute_metrics(observed.to_numpy(), mean)["R2"]


def models() -> list[str]:
    """All rows of the table: models alone, and averages with a further member."""
    return [*PARTS, OLD, *(f"{average} with {member}" for average in averages() for member in MEMBERS)]


def averages() -> list[str]:
    """Models that a member joins: the old average and, of the registry, the recommended model."""
    return [OLD, *(part for part in PARTS if part == RECOMMENDED)]


def run(n_repeats: int) -> None:
    """Fit all parts: first those without a network, then repeat by repeat."""
    quick = [part for part, (key, learned) in PARTS.items() if not learned and key != "resnet"]
    order = [(repeat, part) for parts in (quick, PARTS) for repeat in range(n_repeats) for part in parts]
    for repeat, part in dict.fromkeys(order):
        tasks = track([(c, t) for c in COUNTRIES for t in TARGETS], f"{part}, repeat {repeat}")
        means = [r2(part, country, target, repeat) for country, target in tasks]
        print(f"repeat {repeat}  {part:>51}  {np.mean(means):.3f}", flush=True)


def made_repeats(model: str) -> list[int]:
    """Repeats of which all tasks have been fitted."""
    return [
        repeat
        for repeat in range(N_REPEATS)
        if all(
            predictions_path(f"{part} {repeat}", country, target).exists()
            for part in parts_of(model)
            for country in COUNTRIES
            for target in TARGETS
        )
    ]


def table() -> pd.DataFrame:
    """R² of all models: one row per model, country, target and repeat."""
    rows = [
        (
            model,
            country,
            target,
            repeat,
            len(world_site(country, repeat).X),
            r2(model, country, target, repeat),
        )
        for model in models()
        for repeat in made_repeats(model)
        for country in COUNTRIES
        for target in TARGETS
    ]
    return pd.DataFrame(rows, columns=["model", "country", "target", "repeat", "soils", "R2"])


def by_country(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean R² over targets, (n_countries × n_repeats, n_models)."""
    return scores.pivot_table("R2", ["country", "repeat"], "model", sort=False)


def difference(wide: pd.DataFrame, model: str, other: str) -> pd.Series:
    """ΔR² of two models in each country, averaged over the repeats that both have."""
    return (wide[model] - wide[other]).dropna().groupby("country", sort=False).mean()


def page(scores: pd.DataFrame) -> str:
    """The table as Markdown."""
    wide, tasks = by_country(scores), scores.groupby(["model", "country", "target"])["R2"].mean()
    means = wide.groupby("country", sort=False).mean()
    order = means.mean().sort_values(ascending=False).index
    repeats = scores.groupby("model")["repeat"].nunique()
    soils = scores["soils"]
    lines = [
        "# One country left out: does pH of the rest of the world help?",
        "",
        "Generated by `python benchmarks/countries.py write`; do not edit.",
        "",
        f"{len(COUNTRIES)} countries of the ICRAF-ISRIC library of measured soils, each as a site of",
        f"{soils.min()} to {soils.max()} soils; whole profiles are drawn anew in each repeat. Targets:",
        "√clay, ln OC, ln CEC. 5-fold cross-validation keeps profiles together, also where a model tunes",
        "itself. Source: pH of all other countries; *shuffled* networks learned the same spectra with",
        "permuted pH. A model *with* a member is three parts that model and one part the member, kept within",
        "the range of the training soils; features *weighted in* are a member whose weight the model chooses",
        "by its inner folds; *+* stands for the mean. Intervals are 95 %, Student's t over countries; R² is",
        "pooled over folds. Trained networks have fewer repeats: a difference uses those that both models",
        "have.",
        "",
        "| model | R² | over countries | ΔR² from GPR | lowest country | lowest of 21 tasks | repeats |",
        "|---|---|---|---|---|---|---|",
    ]
    for model in order:
        mean, low, high = comparison.mean_over_tasks(means[model])
        cells = [model, f"{mean:.3f}", f"{low:.3f} to {high:.3f}"]
        cells += ["" if model == "GPR" else gain(difference(wide, model, "GPR"))]
        cells += [f"{means[model].min():.2f} ({means[model].idxmin()})", f"{tasks[model].min():.2f}"]
        lines.append(f"| {' | '.join([*cells, str(repeats[model])])} |".replace(" -", " −"))
    lines += [
        "",
        "## What pH teaches, and what it is worth",
        "",
        "| comparison | ΔR² | positive in |",
        "|---|---|---|",
    ]
    for model, other in pairs():
        change = difference(wide, model, other)
        lines.append(f"| {model} − {other} | {gain(change)} | {(change > 0).sum()} of {len(change)} |")
    lines += [
        "",
        "## By country",
        "",
        f"| model | {' | '.join(COUNTRIES)} |",
        f"|---{'|---' * len(COUNTRIES)}|",
    ]
    lines += [
        f"| {m} | {' | '.join(f'{means.loc[c, m]:.2f}' for c in COUNTRIES)} |".replace(" -", " −")
        for m in order
    ]
    return "\n".join(lines) + "\n"


def pairs() -> list[tuple[str, str]]:
    """Comparisons of the page: against shuffled labels, no library, and the strongest without one."""
    alone = [(RECOMMENDED, "GPR"), (RECOMMENDED, OLD), ("ResNet-pH", RECOMMENDED)]
    alone += [("ResNet-pH", "ResNet-shuffled"), ("ResNet-pH", "ResNet"), ("ResNet-pH", "GPR")]
    alone += [("pH features + ridge", "shuffled-pH features + ridge"), ("pH features + ridge", "GPR")]
    inside = "recommended model, {} features weighted in"
    joined = [(inside.format("pH"), inside.format("shuffled-pH")), (inside.format("pH"), RECOMMENDED)]
    for average in averages():
        for member, control in (MEMBERS[0:2], MEMBERS[3:5]):
            known = f"{average} with {member}"
            joined += [(known, f"{average} with {control}"), (known, average)]
    return alone + joined


def gain(change: pd.Series) -> str:
    """Mean over countries and its interval."""
    return signed_with_interval(*comparison.mean_over_tasks(change), 3)


def write() -> None:
    """Write the table and the page."""
    table().to_csv(RESULTS, index=False, float_format="%.5f")
    PAGE.write_text(page(pd.read_csv(RESULTS)), encoding="utf-8")


def main() -> None:
    """Run or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["run", "write"])
    parser.add_argument("--repeats", type=int, default=N_REPEATS)
    arguments = parser.parse_args()
    world_sites.read_world()  # stops here, saying so, where the library is absent
    with threadpool_limits(1):
        run(arguments.repeats) if arguments.command == "run" else write()


if __name__ == "__main__":
    main()
