# The workflow: chapters and site reports are executed, copied into the book, and the book is built.
# Only what changed runs again: a chapter's source, its site file and the site's own data, the package
# code behind it, and the chapters it reads from. `make book` calls this file; so can a cluster (--executor).
from pathlib import Path

from soilpb.workflow import code_behind, data_behind

BOOK_SITE = "gejiu"  # the site that the numbered chapters are about
CHAPTERS = sorted(path.stem for path in Path("notebooks").glob("[0-9]*.py"))
SITES = sorted(path.stem for path in Path("notebooks/sites").glob("*.yml"))
FIELDS = [site for site in SITES if "target_data: limesoda" in Path(f"notebooks/sites/{site}.yml").read_text()]

# Which executed chapters a chapter reads from, for the same site.
READS = {
    "03_transfer": ["02_pretraining"],
    "04_baselines": ["02_pretraining"],
    "05_interpretation": ["02_pretraining"],
    "site_report": ["02_pretraining"],
}
# The longest chapter starts as soon as it can, and so does what it waits for.
FIRST = ("06_real_soils", "02_pretraining")

EXECUTED = "artifacts/{site}/{chapter}/notebook.ipynb"
HTML = "_build/html/index.html"


def upstream(wildcards):
    """Executed notebooks that must be there before this one starts."""
    if wildcards.chapter == "06_real_soils":
        return [EXECUTED.format(site=field, chapter="02_pretraining") for field in FIELDS]
    return [EXECUTED.format(site=wildcards.site, chapter=name) for name in READS.get(wildcards.chapter, [])]


wildcard_constraints:
    site="[^/]+",
    chapter="[^/]+",


rule book:
    input:
        expand("book/notebooks/{chapter}.ipynb", chapter=CHAPTERS),
        expand("book/sites/{site}.ipynb", site=SITES),
        [path for path in Path("book").glob("*") if path.is_file()],
        [path for path in Path("book/_static").glob("*") if path.is_file()],
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
        data=lambda wildcards: data_behind(wildcards.site),
        code=lambda wildcards: code_behind(f"notebooks/{wildcards.chapter}.py"),
        upstream=upstream,
    output:
        EXECUTED,
    priority: lambda wildcards: 10 if wildcards.chapter in FIRST else 0
    message: "Executing {wildcards.chapter} for {wildcards.site}"
    shell:
        "python -m soilpb.workflow execute {input.source} {wildcards.site} {output}"


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
        "cp {input} {output}.part && mv {output}.part {output}"
