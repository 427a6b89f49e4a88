# The workflow: chapters and site reports are executed, copied into the book, and the book is built.
# Only what changed runs again: a chapter's source, its site file and the site's own data, the package
# code behind it, and the chapters it reads from. `make book` calls this file;
# so can a cluster (book/cluster.md).
import sys
from pathlib import Path

from soilpb.site_file import SiteError
from soilpb.workflow import choose_library, code_behind, data_behind

BOOK_SITE = "gejiu"  # the site that the numbered chapters are about
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
# Sites whose soils may not be shipped: the table that is there once they are fetched, and the command.
FETCHED = {"mano": ("data/mano/soils.csv", "soilpb fetch mano-dam")}
ABSENT = sorted(site for site, (table, _) in FETCHED.items() if not Path(table).exists())
SITES = sorted({path.stem for path in Path("notebooks/sites").glob("*.yml")} - set(ABSENT))
FIELDS = [site for site in SITES if "target_data: limesoda" in Path(f"notebooks/sites/{site}.yml").read_text()]

# A fetched library that every site learns from, instead of its own: `make book SOURCE=lucas`.
SOURCE = str(config.get("source") or "")
OWN_SOURCE = ("08_new_site",)  # types commands for a site of its own
try:
    choose_library(SOURCE)
except SiteError as error:
    sys.exit(f"problem: {error}")

# Which executed chapters a chapter reads from, for the same site (the sixth: for every field).
READS = {
    "03_transfer": ["02_pretraining"],
    "04_baselines": ["02_pretraining"],
    "05_interpretation": ["02_pretraining"],
    "05b_minerals": ["02_pretraining"],
    "06_real_soils": ["02_pretraining"],
    "07_decisions": ["02_pretraining"],
    "site_report": ["02_pretraining"],
}
# Which tables of results a chapter reads: long runs, made once and committed.
TABLES = {
    "03_transfer": ["results/fresh_twins.csv", "results/fresh_twins_curves.csv"],
    "04_baselines": ["results/multiverse.csv", "notebooks/protocol.yml"],
    "05_interpretation": ["results/planted_bands.csv"],
    "05b_minerals": ["results/mineral_slopes.csv"],
    "06_real_soils": [
        f"results/{name}.csv" for name in ("ledger", "averages", "world_source", "countries", "whole_countries")
    ],
    "07_decisions": [f"results/{name}" for name in ("decisions.json", "decision_units.json", "xrf.csv")],
}
# What a chapter runs by typing commands.
TYPES = {"08_new_site": ["soilpb/cli.py", "notebooks/02_pretraining.py", "notebooks/site_report.py"]}
# The longest chapter starts as soon as it can, and so does what it waits for. It runs two processes.
FIRST = ("06_real_soils", "02_pretraining")
TWO_PROCESSES = ("06_real_soils",)

# Shards: models repeated over seeds, each (site, seed, model) a job of its own; `--config` chooses.
SHARD_SITES = str(config.get("sites", " ".join(FIELDS))).split()
SHARD_MODELS = str(config.get("models", "pls ridge")).split()
SHARD_SEEDS = range(int(config.get("seeds", 5)))

EXECUTED = "artifacts/{site}/{chapter}/notebook.ipynb"
SHARDS = "artifacts/{site}/shards"
SHARD = SHARDS + "/seed-{seed}/{model}.parquet"
HTML = "_build/html/index.html"


def library(wildcards):
    """The library that stands in for the site's own, if any."""
    return "" if wildcards.chapter in OWN_SOURCE else SOURCE


def upstream(wildcards):
    """Executed notebooks, and tables, that must be there before this one starts."""
    sites = FIELDS if wildcards.chapter == "06_real_soils" else [wildcards.site]
    before = [EXECUTED.format(site=site, chapter=name) for site in sites for name in READS.get(wildcards.chapter, [])]
    return [*before, *TABLES.get(wildcards.chapter, [])]


def code(wildcards):
    """Files of the package behind a chapter, and behind what it types."""
    typed = TYPES.get(wildcards.chapter, [])
    behind = [path for source in [f"notebooks/{wildcards.chapter}.py", *typed] for path in code_behind(source)]
    return [*dict.fromkeys(behind), *typed]


def network(wildcards):
    """The executed notebook that trained the network from which a shard's model starts, if it does."""
    from soilpb.evaluate.cross_validation import needs_source_network  # slow to import, and not needed for the book

    read = needs_source_network(wildcards.model)
    return [EXECUTED.format(site=wildcards.site, chapter="02_pretraining")] if read else []


wildcard_constraints:
    site="[^/]+",
    chapter="[^/]+",
    model="[^/]+",
    seed="[0-9]+",


localrules:
    chapter_page,
    site_page,
    absent_page,
    shards,


rule book:
    input:
        expand("book/notebooks/{chapter}.ipynb", chapter=CHAPTERS),
        expand("book/sites/{site}.ipynb", site=SITES),
        expand("book/sites/{site}.md", site=ABSENT),
        [path for path in Path("book").glob("*") if path.is_file()],
        [path for folder in ("_static", "_ext") for path in Path("book", folder).glob("*.*")],
        list(Path("soilpb").rglob("*.py")),  # the page API is made of its docstrings
        list(Path("results").glob("*.*")),  # hashes and reference of the page Reproducibility
        "_config.yml",
    output:
        HTML,
    threads: 2
    message: "Building the book"
    shell:
        "jupyter-book build book --path-output . --config _config.yml --all -W -n --keep-going"


rule execute:
    input:
        source="notebooks/{chapter}.py",
        site="notebooks/sites/{site}.yml",
        data=lambda wildcards: data_behind(wildcards.site, library(wildcards)),
        code=code,
        upstream=upstream,
    output:
        EXECUTED,
    params:
        library=library,
    priority: lambda wildcards: 10 if wildcards.chapter in FIRST else 0
    threads: lambda wildcards: 2 if wildcards.chapter in TWO_PROCESSES else 1
    message: "Executing {wildcards.chapter} for {wildcards.site}"
    shell:
        "python -m soilpb.workflow execute {input.source} {wildcards.site} {output} --library '{params.library}'"


rule chapter_page:
    input:
        EXECUTED.format(site=BOOK_SITE, chapter="{chapter}"),
    output:
        "book/notebooks/{chapter}.ipynb",
    message: "Putting {wildcards.chapter} into the book"
    shell:
        "cp {input} {output}.part && mv {output}.part {output}"


rule site_page:
    input:
        EXECUTED.format(site="{site}", chapter="site_report"),
    output:
        "book/sites/{site}.ipynb",
    message: "Putting the report of {wildcards.site} into the book"
    shell:
        "rm -f book/sites/{wildcards.site}.md && cp {input} {output}.part && mv {output}.part {output}"


rule absent_page:
    output:
        "book/sites/{site}.md",
    params:
        command=lambda wildcards: FETCHED[wildcards.site][1],
    message: "{wildcards.site} is not there: its page says how to get it"
    shell:
        "rm -f book/sites/{wildcards.site}.ipynb && printf '(site-%s)=\\n# %s\\n\\nThe soils of this site may not be "
        "shipped with the book: `%s` gets them, and `make book` then puts their report here.\\n' "
        "{wildcards.site} {wildcards.site} '{params.command}' > {output}"


rule shards:
    input:
        expand(SHARDS + "/league.parquet", site=SHARD_SITES),


rule shard:
    input:
        site="notebooks/sites/{site}.yml",
        data=lambda wildcards: data_behind(wildcards.site),
        code=lambda wildcards: [*code_behind("soilpb/evaluate/cross_validation.py")],
        upstream=network,
    output:
        SHARD,
    message: "Cross-validating {wildcards.model} on {wildcards.site}, seed {wildcards.seed}"
    shell:
        "python -m soilpb.workflow shard {wildcards.site} {wildcards.seed} {wildcards.model} {output}"


rule merge:
    input:
        expand(SHARD, seed=SHARD_SEEDS, model=SHARD_MODELS, allow_missing=True),
    output:
        expand(SHARDS + "/{table}.parquet", table=["predictions", "scores", "league"], allow_missing=True),
    params:
        folder=SHARDS,
        seeds=list(SHARD_SEEDS),
        models=SHARD_MODELS,
    message: "Merging the shards of {wildcards.site}"
    shell:
        "python -m soilpb.workflow merge {params.folder} --seeds {params.seeds} --models {params.models}"
