"""Compare the stored predictions and scores of two versions of the project.

    python benchmarks/compare_artifacts.py BEFORE AFTER [--tolerance 1e-6]
    python benchmarks/compare_artifacts.py BEFORE --without-groups

BEFORE and AFTER are folders of artifacts, such as ``artifacts/gejiu``. For chapters 3, 4 and 6, the
tables ``predictions`` and ``scores``, and each model in both: the largest absolute difference over
the rows that both have. Rows are matched by task, model, repeat, fold, sample and metric, as far as
a table has them. Models that differ by more than the tolerance are named, with their mean pooled R² over
these rows in both folders, and the exit code is 1.

Both folders are to be made with the same number of threads, as ``make book`` does: resampling in single
precision depends on it in the last digit, and a tuned model can choose otherwise for that.

Inner folds keep groups together; in the first version they did not, and tuned models of a site with groups
differ for that. With ``--without-groups`` the present code fits the first stored repeat of chapters 3
and 4 once more, inner folds without groups, and is compared with BEFORE.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from soilpb.evaluate import POOLED, cross_validate
from soilpb.models import make_models
from soilpb.study import Study

CHAPTERS = ("03_transfer", "04_baselines", "06_real_soils")
TABLES = {"predictions": "predicted", "scores": "value"}
MODELS = ("pls", "svm", "ridge", "blocks", "average", "resnet", "resnet-ph", "features-ridge", "features-pls")
KEYS = ["protocol", "task", "model", "repeat", "fold", "sample", "metric"]


def compare_tables(before: pd.DataFrame, after: pd.DataFrame, column: str, tolerance: float) -> pd.DataFrame:
    """Largest difference per model, the numbers of common and other rows, and the tasks that differ."""
    keys = [key for key in KEYS if key in before and key in after]
    both = before[[*keys, column]].merge(
        after[[*keys, column]], on=keys, how="outer", suffixes=("", "_after")
    )
    both["difference"] = (both[column] - both[f"{column}_after"]).abs()
    common = both[column].notna() & both[f"{column}_after"].notna()
    both["common"], both["one_only"] = common, ~common
    table = both.groupby("model").agg(
        difference=("difference", "max"), common=("common", "sum"), one_only=("one_only", "sum")
    )
    if "task" in keys:
        different = both[both["difference"] > tolerance].groupby("model")["task"].unique()
        table["differs_in"] = different.map(", ".join)
    if "metric" in keys:
        r2 = both[common & (both["metric"] == "R2") & (both["fold"] == POOLED)].groupby("model")
        table["R2_before"], table["R2_after"] = r2[column].mean(), r2[f"{column}_after"].mean()
    return table


def compare_folders(before: Path, after: Path, tolerance: float) -> Iterator[pd.DataFrame]:
    """Yield one table per chapter and kind of table that both folders have."""
    for chapter in CHAPTERS:
        for name, column in TABLES.items():
            paths = [folder / chapter / f"{name}.parquet" for folder in (before, after)]
            if all(path.exists() for path in paths):
                found = compare_tables(*map(pd.read_parquet, paths), column, tolerance)
                yield found.reset_index().assign(chapter=chapter, table=name)


def refit_without_groups(before: Path, tolerance: float) -> Iterator[pd.DataFrame]:
    """Yield the comparison of each chapter of a site with present models that know no groups."""
    for chapter in CHAPTERS[:2]:
        study = Study.load(before.name, chapter=chapter, artifacts=str(before.parent.resolve()))
        folds, stored = (
            pd.read_parquet(before / chapter / f"{name}.parquet").query("repeat == 0")
            for name in ("folds", "predictions")
        )
        models = make_models(study.source_network(), MODELS, study.site.seed, target=study.target_name)
        models = {name: model for name, model in models.items() if name in set(stored["model"])}
        found = cross_validate(models, study.X, study.y, folds, study.ids)
        table = compare_tables(stored[stored["model"].isin(list(models))], found, "predicted", tolerance)
        yield table.reset_index().assign(chapter=chapter, table="predictions, no groups")


def main() -> int:
    """Print the comparison; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="?")
    parser.add_argument("--without-groups", action="store_true")
    parser.add_argument("--tolerance", type=float, default=1e-6)
    arguments = parser.parse_args()
    if (arguments.after is None) != arguments.without_groups:
        parser.error("give either AFTER or --without-groups")
    if arguments.without_groups:
        tables = list(refit_without_groups(arguments.before, arguments.tolerance))
    else:
        tables = list(compare_folders(arguments.before, arguments.after, arguments.tolerance))
    if not tables:
        parser.error(f"none of {', '.join(CHAPTERS)} is in both folders")
    found = pd.concat(tables, ignore_index=True)
    found["verdict"] = (found["difference"] <= arguments.tolerance).map({True: "equal", False: "DIFFERS"})
    found.loc[found["common"] == 0, "verdict"] = "only in one"
    columns = ["chapter", "table", "model", "difference", "common", "one_only", "R2_before", "R2_after"]
    found = found.reindex(columns=[*columns, "verdict", "differs_in"])
    formats = {"difference": "{:.1e}".format, "R2_before": "{:.3f}".format, "R2_after": "{:.3f}".format}
    print(found.to_string(index=False, formatters=formats, na_rep=""))
    return int((found["verdict"] == "DIFFERS").any())


if __name__ == "__main__":
    raise SystemExit(main())
