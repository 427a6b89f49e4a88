"""Does transfer earn its place? Every idea that was tried on ten real tasks, with its result.

    python benchmarks/ledger.py run clay [--only TEXT]
    python benchmarks/ledger.py choose
    python benchmarks/ledger.py run SOC
    python benchmarks/ledger.py world
    python benchmarks/ledger.py write [--fitted]

Tasks are clay and organic carbon of five LimeSoDa fields, 5 × 5-fold cross-validation with
stored seeds, the same folds for all. The protocol: ideas are tried on the five clay tasks;
``choose`` records the one with the best mean R² there; only then does ``run SOC`` start, and
confirms the choice, or not, on tasks that took no part in it. Parts of ideas are fitted once
and kept under ``artifacts/ledger``, so that a run goes on where it was interrupted.

Ideas with the world library as source came later and took no part in the choice. ``world`` fits them
on all ten tasks; where that library is not beside the project, it says so, and ``write`` keeps their
rows of the committed table. ``write --fitted`` keeps the rows of all ideas that are not fitted here.

``write`` makes ``results/ledger.csv`` (one row per idea and task, which chapter 6 reads) and
``ledger.md`` beside this file. All ideas in ``ledger_ideas.py`` are run for it: a failure cannot be left out.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import world_sites
from ledger_ideas import AVERAGE, CONTROLS, IDEAS, WORLD_CONTROLS, WORLD_IDEAS, Idea, make
from ledger_sources import Sources
from threadpoolctl import threadpool_limits

from soilpb import _files
from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.site_file import project_root
from soilpb.study import Study

FIELDS = ("cv98", "sc93", "sl125", "ul120", "ssp460")
TARGETS = {"clay": "clay_pct", "SOC": "SOC_pct"}
HERE = Path(__file__).resolve().parent
RESULTS = project_root() / "results"
STORE = project_root() / "artifacts" / "ledger"
CHOICE = HERE / "ledger_choice.json"
N_REPEATS = 5
WORLD_SIZE = "4,168 measured soils of 55 countries"
#: In the order of the table.
ALL = (*IDEAS, *WORLD_IDEAS, *CONTROLS, *WORLD_CONTROLS)
ALL_CONTROLS = (*CONTROLS, *WORLD_CONTROLS)


def predictions(part: str, target: str, field: str) -> pd.DataFrame:
    """Out-of-fold predictions of a part on a task, made now or read back; with CPU seconds of all folds."""
    path = _path(part, target, field)
    if not path.exists():
        study = task(target, field)
        folds = splits.repeated_kfold(study.ids, 5, N_REPEATS, study.site.seed, study.groups)
        model = make(part, Sources(study, STORE))
        start = time.process_time()
        table = cross_validation.cross_validate({part: model}, study.X, study.y, folds, study.ids)
        _files.save_table(path, table.assign(seconds=time.process_time() - start))
    return _files.load_table(path)


def _path(part: str, target: str, field: str) -> Path:
    return STORE / "predictions" / part.replace("/", "-") / f"{target}_{field}.parquet"


@cache
def task(target: str, field: str) -> Study:
    """One field with one target."""
    return Study.load(field, target=TARGETS[target])


@cache
def r2(parts: tuple[str, ...], target: str, field: str) -> float:
    """R² of the mean of parts on one task: pooled over folds, averaged over repeats."""
    tables = [predictions(part, target, field).set_index(["repeat", "sample"]) for part in parts]
    mean = np.mean([table["predicted"].reindex(tables[0].index) for table in tables], axis=0)
    rows = tables[0].assign(predicted=mean).groupby("repeat")
    return float(
        np.mean(
            [
                cross_validation.compute_metrics(repeat["observed"], repeat["predicted"])["R2"]
                for _, repeat in rows
            ]
        )
    )


def task_rows(idea: Idea, targets: tuple[str, ...] = tuple(TARGETS)) -> pd.DataFrame:
    """R² with transfer and without, one row a task."""
    places = [(target, field) for target in targets for field in FIELDS]
    rows = [(*place, r2(idea.parts, *place), r2(idea.without, *place)) for place in places]
    return pd.DataFrame(rows, columns=["target", "field", "R2", "R2_without"])


def verdict(lower: float, upper: float) -> str:
    """Say on which side of zero an interval lies.

    Examples
    --------
    >>> verdict(0.001, 0.02), verdict(-0.02, -0.001), verdict(-0.01, 0.01)
    ('helps', 'hurts', 'undecided')
    """
    if lower > 0:
        return "helps"
    return "hurts" if upper < 0 else "undecided"


def entry(idea: Idea, rows: pd.DataFrame) -> dict[str, object]:
    """One row of the ledger from the rows of its tasks."""
    row: dict[str, object] = {"idea": idea.name, "borrows": idea.knows, "expectation": idea.expectation}
    for target, of_target in [*rows.groupby("target", sort=False), ("all", rows)]:
        gain = (of_target["R2"] - of_target["R2_without"]).to_numpy()
        row[f"R2_{target}"] = of_target["R2"].mean()
        row |= dict(zip(_names(target), comparison.mean_over_tasks(gain), strict=True))
    return row | {"verdict": verdict(row["lower_all"], row["upper_all"])}


def _names(tasks: str) -> tuple[str, str, str]:
    return f"gain_{tasks}", f"lower_{tasks}", f"upper_{tasks}"


def run(target: str, only: str) -> None:
    """Fit the parts of all ideas (or of those whose name holds a text) on the tasks of one target."""
    if target == "SOC" and not CHOICE.exists():
        raise SystemExit("organic carbon confirms a choice: run clay, then choose, and commit it, first")
    chosen = [idea for idea in (*IDEAS, *CONTROLS) if only in idea.name]
    print(f"{'average':>58}  {np.mean([r2(AVERAGE, target, field) for field in FIELDS]):.4f}", flush=True)
    for idea in chosen:
        start = time.process_time()
        row = entry(idea, task_rows(idea, (target,)))
        seconds = time.process_time() - start
        print(
            f"{idea.name:>58}  {row[f'R2_{target}']:.4f}  {row['gain_all']:+.4f} "
            f"[{row['lower_all']:+.4f}, {row['upper_all']:+.4f}]  {seconds:.0f} s",
            flush=True,
        )


def choose() -> None:
    """Record the idea with the best mean R² on the clay tasks; controls do not stand for election."""
    if CHOICE.exists():
        raise SystemExit(f"already chosen: {CHOICE.read_text()}")
    best = max((entry(idea, task_rows(idea, ("clay",))) for idea in IDEAS), key=lambda row: row["R2_clay"])
    record = {"chosen on": "clay", "of": len(IDEAS)} | {
        key: best[key] for key in ("idea", "R2_clay", *_names("clay"))
    }
    CHOICE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(CHOICE.read_text())


def world() -> None:
    """Fit the parts of the ideas with the world library as source, on all ten tasks."""
    world_sites.read_world()  # stops here, saying so, where the library is absent
    for idea in (*WORLD_IDEAS, *WORLD_CONTROLS):
        row = entry(idea, task_rows(idea))
        print(f"{idea.name:>58}  {row['R2_all']:.4f}  {_interval(row, 'all')}", flush=True)


def write(only_fitted: bool = False) -> None:
    """Write the table by task, and the page."""
    choice = json.loads(CHOICE.read_text(encoding="utf-8"))["idea"]
    committed = pd.read_csv(RESULTS / "ledger.csv")
    tables = {}
    for idea in ALL:
        absent = idea in (*WORLD_IDEAS, *WORLD_CONTROLS) and not world_sites.FILE.exists()
        if _is_fitted(idea) or not (only_fitted or absent):
            tables[idea] = task_rows(idea)
        else:
            print(f"kept from the committed table: {idea.name}")
            tables[idea] = committed.loc[
                committed["idea"] == idea.name, ["target", "field", "R2", "R2_without"]
            ]
    about = {
        idea: {
            "idea": idea.name,
            "borrows": idea.knows,
            "control": idea in ALL_CONTROLS,
            "chosen": idea.name == choice,
        }
        for idea in ALL
    }
    rows = pd.concat([pd.DataFrame(about[idea], table.index).join(table) for idea, table in tables.items()])
    rows.to_csv(RESULTS / "ledger.csv", index=False, float_format="%.5f")
    table = pd.DataFrame([entry(idea, rows) for idea, rows in tables.items()])
    table["chosen"] = table["idea"] == choice
    (HERE / "ledger.md").write_text(page(table), encoding="utf-8")


def _is_fitted(idea: Idea) -> bool:
    return all(
        _path(part, target, field).exists()
        for part in (*idea.parts, *idea.without)
        for target in TARGETS
        for field in FIELDS
    )


def page(table: pd.DataFrame) -> str:
    """The ledger as Markdown."""
    base = {target: np.mean([r2(AVERAGE, target, field) for field in FIELDS]) for target in TARGETS}
    winner = table[table["chosen"]].iloc[0]
    ideas = table[~table["idea"].isin([idea.name for idea in ALL_CONTROLS])]
    helping, n_ideas = int(ideas["verdict"].eq("helps").sum()), len(ideas)
    lines = [
        "# Ledger: does transfer earn its place on real soils?",
        "",
        "Generated by `python benchmarks/ledger.py write`; do not edit.",
        "",
        "Ten tasks: clay and organic carbon (SOC) of five LimeSoDa fields, 5 × 5-fold cross-validation,",
        "the same folds for all. The reference is the former `average`, the mean of PLS, multiblock ridge",
        f"and a Gaussian process, fitted on the field alone: mean R² **{base['clay']:.3f}** on clay,",
        f"**{base['SOC']:.3f}** on SOC, **{np.mean(list(base.values())):.3f}** on all ten.",
        "An idea changes that model by what other fields, or simulated soils, can teach. ΔR² is the idea",
        "against the same model without it; intervals are 95 %, Student's t over tasks. *Helps* means that",
        "the interval over ten tasks lies above 0; it is not corrected for the number of ideas.",
        "",
        f"**Protocol.** Ideas were compared on the clay tasks only; of {len(IDEAS)}, the one with the best",
        "mean R² there was recorded (`ledger_choice.json`):",
        f"*{winner['idea']}*.",
        "The SOC tasks were run afterwards, once. The last five ideas were written when most clay results",
        "were known. The members of `average` had been settled on these ten tasks before.",
        f"Three ideas borrow from *the world library*, {WORLD_SIZE}",
        "(ICRAF-ISRIC) instead of the other four fields; they came later and took no part in the choice.",
        "The study transfers pH; *other properties* are clay or SOC of the other four fields as well.",
        "",
        f"**Result.** {result(winner)}",
        f"Over all ten tasks {helping} of {n_ideas} ideas help; by luck alone, "
        f"{0.025 * n_ideas:.1f} would be expected to.",
        "",
        "| idea | borrows | R² clay | R² SOC | ΔR² clay | ΔR² SOC | ΔR² all ten | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(row) for row in table.to_dict("records")),
        "",
        "## What was expected",
        "",
        "Written before each idea was run.",
        "",
        *(f"- **{row['idea']}.** {row['expectation']}" for row in table.to_dict("records")),
    ]
    return "\n".join(lines) + "\n"


def result(winner: pd.Series) -> str:
    """Say what became of the choice on the tasks that took no part in it."""
    confirmed = {"helps": "confirmed", "hurts": "refuted"}.get(
        verdict(winner["lower_SOC"], winner["upper_SOC"]), "neither confirmed nor refuted"
    )
    earned = "earns its place" if winner["verdict"] == "helps" else "does not earn its place"
    return (
        f"Chosen with ΔR² {_interval(winner, 'clay')} on clay; on SOC it is {_interval(winner, 'SOC')}: "
        f"{confirmed}. "
        f"Over all ten tasks ΔR² is {_interval(winner, 'all')}: transfer {earned} by that rule."
    )


def _line(row: dict) -> str:
    name = f"**{row['idea']}** (chosen)" if row["chosen"] else row["idea"]
    cells = [name, row["borrows"], f"{row['R2_clay']:.3f}", f"{row['R2_SOC']:.3f}"]
    cells += [_interval(row, tasks) for tasks in ("clay", "SOC", "all")]
    return f"| {' | '.join([*cells, row['verdict']])} |"


def _interval(row: dict | pd.Series, tasks: str) -> str:
    value, lower, upper = (f"{row[name]:+.4f}".replace("-", "−") for name in _names(tasks))
    return f"{value} ({lower} to {upper})"


def main() -> None:
    """Run, choose or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="fit what is not there yet, and print")
    running.add_argument("target", choices=list(TARGETS))
    running.add_argument("--only", default="", help="ideas whose name holds this text")
    commands.add_parser("choose", help="record the idea that is best on clay")
    commands.add_parser("world", help="fit the ideas with the world library as source")
    writing = commands.add_parser("write", help="write ledger.csv and ledger.md")
    writing.add_argument("--fitted", action="store_true", help="keep the rows of what is not fitted here")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        if arguments.command == "run":
            run(arguments.target, arguments.only)
        elif arguments.command == "write":
            write(arguments.fitted)
        else:
            {"choose": choose, "world": world}[arguments.command]()


if __name__ == "__main__":
    main()
