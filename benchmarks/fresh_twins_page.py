"""The tables and the page that benchmarks/fresh_twins.py writes of its results.

``results/fresh_twins.csv`` has one row per draw, condition and model: ``draw``; ``size`` (library
soils), ``shift`` and ``noise`` (of the site) of the condition; ``knows`` (what a network learned) and
``strategy`` (how it is used) of the model; ``R2`` on lead as measured, ``R2_true`` on lead without
noise, and ``ceiling``, the R² of a model that knows all constituents. ``n_train`` and ``n_test`` are
soils of a site. Intervals are 95 %, by Student's t over draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd

from soilpb._format import join_words, number, signed, with_interval
from soilpb.evaluate.comparison import mean_over_tasks


class Model(NamedTuple):
    """A way to predict lead: what a network learned before, and how that is used."""

    knows: str
    strategy: str


ALONE = "nothing"  #: what models without a library know
RANDOM = "random weights"
#: What a network knows that learned nothing of use, or nothing.
CONTROLS = ("shuffled labels", "unrelated property", RANDOM)

WITH = Model("pH", "features in the average")
MORE = Model("four properties", "features in the average")
MANY = Model("four properties", "predictions ‖ PLS")
FEATURES = Model("pH", "features ‖ PLS")
RECIPE = Model("pH", "fine-tuned")
PLS = Model(ALONE, "PLS")
CONTROL = Model(RANDOM, "features + ridge")

#: What a picture shows, and what it is called there.
SHOWN: Mapping[Model, str] = MappingProxyType(
    {
        MORE: "average + four properties",
        MANY: "four properties ‖ PLS",
        RECIPE: "pH, fine-tuned",
        Model(ALONE, "average"): "average, no library",
        PLS: "PLS, no library",
        CONTROL: "random features",
    }
)
CEILING = "all constituents known"

#: What is varied → the label of its axis.
FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "size": "Soils in the library",
        "shift": "Share of iron-poor soils left out",
        "noise": "Unexplained spread of ln Pb (sd)",
    }
)
_WORDS = {
    "size": ("with {:,.0f} library soils", "with {:,.0f}"),
    "shift": ("at a shift of {:g}", "at {:g}"),
    "noise": ("at a spread of {:g}", "at {:g}"),
}
_NOUNS = {"size": "the size of the library", "shift": "the shift", "noise": "the noise of the labels"}

#: What was expected beforehand: words, model, and between which mean R².
EXPECTED = (
    ("four properties ‖ PLS, as in a prototype of the twin: 0.81 (within 0.03)", MANY, 0.78, 0.84),
    ("PLS, as there: 0.74 (within 0.03)", PLS, 0.71, 0.77),
    ("random weights, features + ridge: below 0.40", CONTROL, -np.inf, 0.40),
)


def by_draw(table: pd.DataFrame, model: Model, metric: str = "R2", **changed: float) -> pd.Series:
    """R² of a model by draw, at the default but for what is ``changed`` (``size``, ``shift``, ``noise``).

    Raises
    ------
    KeyError
        If the table has no such model or condition.
    """
    if model.knows in (ALONE, RANDOM):  # no library, or only its scales
        changed = {factor: level for factor, level in changed.items() if factor != "size"}
    where = default(table) | changed | model._asdict()
    rows = table[(table[list(where)] == pd.Series(where)).all(axis=1)]
    if rows.empty:
        raise KeyError(f"the table has no row with {where}")
    return rows.set_index("draw")[metric].sort_index()


def default(table: pd.DataFrame) -> dict[str, float]:
    """Condition around which factors vary: the one that most models were tried at."""
    return dict(zip(FACTORS, table[[*FACTORS]].value_counts().idxmax(), strict=True))


def gain(table: pd.DataFrame, model: Model, reference: Model, **changed: float) -> tuple[float, float, float]:
    """R² of a model minus that of another on the same draws: mean, and its interval."""
    return mean_over_tasks(by_draw(table, model, **changed) - by_draw(table, reference, **changed))


def strongest(table: pd.DataFrame) -> Model:
    """Return the best of the models without a library, by mean R² at the default."""
    alone = table.loc[table["knows"] == ALONE, "strategy"].unique()
    return max((Model(ALONE, name) for name in alone), key=lambda model: by_draw(table, model).mean())


def levels(table: pd.DataFrame, factor: str) -> list[float]:
    """Levels of a factor that were tried, in rising order."""
    return sorted(table[factor].unique())


def by_factor(table: pd.DataFrame, shown: Mapping[Model, str] = SHOWN) -> pd.DataFrame:
    """Lay out R² as each factor varies, the others at their default.

    Returns
    -------
    DataFrame
        ``factor``, ``level``, ``model`` (its name in ``shown``, or :data:`CEILING`), ``value``,
        ``lower``, ``upper``: mean over draws and its interval.
    """
    rows = []
    for factor in FACTORS:
        for level in levels(table, factor):
            changed = {factor: level}
            drawn = {name: by_draw(table, model, **changed) for model, name in shown.items()}
            drawn[CEILING] = by_draw(table, next(iter(shown)), "ceiling", **changed)
            rows += [(factor, level, name, *mean_over_tasks(values)) for name, values in drawn.items()]
    return pd.DataFrame(rows, columns=["factor", "level", "model", "value", "lower", "upper"])


def controls(table: pd.DataFrame, metric: str = "R2") -> pd.DataFrame:
    """Mean R² at the default: a row a strategy, a column what the network had learned."""
    where = default(table)
    rows = table[(table[list(where)] == pd.Series(where)).all(axis=1) & (table["knows"] != ALONE)]
    means = rows.pivot_table(metric, "strategy", "knows", sort=False)
    return means[list(rows["knows"].unique())]


def verdict(table: pd.DataFrame, model: Model) -> str:
    """Say whether a transfer earns its place: against the strongest model without a library."""
    rival = strongest(table)
    change, low, high = gain(table, model, rival)
    said = {
        low > 0: "transfer earns its place",
        high < 0: "transfer costs more than it gives",
    }.get(True, "these draws cannot tell the two apart")
    reached = with_interval(*mean_over_tasks(by_draw(table, model)))
    return (
        f"{_name(model)} reaches an R² of {reached}; the strongest without a library, {rival.strategy}, "
        f"{number(by_draw(table, rival).mean())}. "
        f"The difference is {signed(change, 3)} ({signed(low, 3)} to {signed(high, 3)}): {said}."
    )


def labels_matter(table: pd.DataFrame, model: Model) -> str:
    """Say how the same strategy does after learning something else, or nothing."""
    others = [Model(knows, model.strategy) for knows in CONTROLS]
    reached = join_words(
        [f"{number(by_draw(table, other).mean())} from {_a(other.knows)}" for other in others]
    )
    wins = sum(gain(table, model, other)[1] > 0 for other in others)
    said = (
        "what the labels said is what helps"
        if wins == len(others)
        else f"it is surely better than {wins} of these {len(others)} controls"
    )
    true = number(by_draw(table, model).mean())
    return f"{_name(model)} reaches {true} with the true labels; the same strategy {reached}: {said}."


def random_words(table: pd.DataFrame) -> str:
    """Say what random weights reach, by how their features are read, and what ridge does without them."""
    bands, read = Model(ALONE, "ridge"), ("features + ridge", "pooled features + ridge")
    asked = (bands, *(Model(RANDOM, strategy) for strategy in read))
    alone, places, pooled = (by_draw(table, model).mean() for model in asked)
    return (
        f"Ridge on the bands themselves has {number(alone)}. Through random filters it "
        f"keeps {number(places)} if their features hold where along the spectrum they come from, and "
        f"{number(pooled)} if they are pooled, averaged over it. So a random network is a weak control or a "
        "strong one, by how it is read; features that learned must be read the same way."
    )


def turning_points(table: pd.DataFrame, model: Model) -> str:
    """Say what a transfer gains over the strongest without a library, from end to end of each factor."""
    rival, said, spans = strongest(table), [], {}
    for factor, words in _WORDS.items():
        ends = [levels(table, factor)[end] for end in (0, -1)]
        gains = [gain(table, model, rival, **{factor: level})[0] for level in ends]
        places = [word.format(end) for word, end in zip(words, ends, strict=True)]
        said.append(" and ".join(f"{signed(g)} {place}" for g, place in zip(gains, places, strict=True)))
        spans[factor] = abs(gains[0] - gains[1])
    most = _NOUNS[max(spans, key=spans.get)]
    return f"Its gain is {'; '.join(said)}. Over these ranges {most} changes it most."


def page(table: pd.DataFrame, about: str) -> str:
    """The results as Markdown; ``about`` is the docstring of the script that made them."""
    alone = table.loc[table["knows"] == ALONE, "strategy"].unique()
    of_alone = pd.DataFrame(
        {
            metric: {name: with_interval(*mean_of(table, Model(ALONE, name), metric)) for name in alone}
            for metric in ("R2", "R2_true")
        }
    )
    curves = by_factor(table)
    cells = [with_interval(*row) for row in curves[["value", "lower", "upper"]].to_numpy()]
    curves = curves.assign(cell=cells)
    lines = [
        "# Fresh twins: when does transfer pay?",
        "",
        "Generated by `python benchmarks/fresh_twins.py write`; do not edit. **All of it is simulated**: it",
        "says what transfer does where the truth is known, and nothing of Gejiu.",
        "",
        *about.split("``run`` keeps")[0].strip().split("\n\n", 2)[2].splitlines(),
        "",
        f"**Results** over {table['draw'].nunique()} draws, 95 % intervals by Student's t over draws:",
        "",
        *(f"- {verdict(table, model)}" for model in (WITH, MORE, MANY, FEATURES, RECIPE)),
        f"- {labels_matter(table, MANY)}",
        f"- {turning_points(table, MANY)}",
        "",
        "## Expected, and found",
        "",
        "| expected beforehand | found | |",
        "|---|---|---|",
        *(expectation(table, *row) for row in EXPECTED),
        "",
        random_words(table),
        "",
        "## At the default: models without a library",
        "",
        *as_markdown(of_alone.rename_axis("model")),
        "",
        "## At the default: networks by what they had learned, and how they are used",
        "",
        "Mean R² over draws.",
        "",
        *as_markdown(controls(table).map(number)),
        "",
        "The same against ln Pb without its unexplained spread (R2_true).",
        "",
        *as_markdown(controls(table, "R2_true").map(number)),
    ]
    for factor, label in FACTORS.items():
        rows = curves[curves["factor"] == factor].pivot_table(
            "cell", "model", "level", aggfunc="first", sort=False
        )
        rows.columns = [f"{level:,g}" for level in rows.columns]
        lines += ["", f"## {label}", "", *as_markdown(rows)]
    return "\n".join(lines) + "\n"


def mean_of(table: pd.DataFrame, model: Model, metric: str = "R2") -> tuple[float, float, float]:
    """Mean over draws at the default, and its interval."""
    return mean_over_tasks(by_draw(table, model, metric))


def expectation(table: pd.DataFrame, said: str, model: Model, low: float, high: float) -> str:
    """One line: what was expected, what was found, and whether it lies within."""
    found = mean_of(table, model)
    return (
        f"| {said} | {with_interval(*found)} | {'as expected' if low <= found[0] <= high else '**not so**'} |"
    )


def as_markdown(table: pd.DataFrame) -> list[str]:
    """Lines of a Markdown table with the index first."""
    head = [table.index.name or "", *map(str, table.columns)]
    rows = [[str(name), *map(str, row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _name(model: Model) -> str:
    """Name at the head of a sentence; pH stays as it is."""
    name = SHOWN.get(model, f"{model.knows}: {model.strategy}")
    return name if name.startswith("pH") else name[:1].upper() + name[1:]


def _a(knows: str) -> str:
    return f"an {knows}" if knows.startswith("u") else knows
