"""The report of one site, and the file of a new one.

``text`` holds all its sentences, ``tables`` how its tables are written, ``soils`` every soil and what follows
from them, ``sections`` the data of the other sections, ``record`` who measured what and how. ``render`` makes
the page and its PDF; ``new_site`` understands a user's files and writes the site file.
"""

import lazy_loader

_EXPORTS = {
    "new_site": ["propose_site", "write_site"],
    "record": ["link_files", "tabulate_inputs", "tabulate_record", "write_soils"],
    "render": ["print_pdf", "render_page", "run_command", "show_beginning"],
    "sections": ["choose_next_samples", "compare_ranges", "compute_mineral_slopes", "draw_map", "rank_bands",
                 "read_native", "read_unmeasured"],
    "soils": ["choose_rule", "decide_by_rule", "list_soils", "score_scales", "tabulate_confusion"],
    "tables": ["answer_html", "fold_table", "format_significant", "html_list", "tabulate_bands",
               "tabulate_laboratory", "tabulate_next_samples", "tabulate_provenance", "tabulate_quality",
               "tabulate_soils", "tabulate_trial", "tabulate_units", "wrap_table"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["text"], submod_attrs=_EXPORTS)
