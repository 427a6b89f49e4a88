"""The report of one site: its sections, tables and sentences, its one HTML file, and a new site's file."""

import lazy_loader

_EXPORTS = {
    "new_site": ["propose_site", "write_site"],
    "render": ["render_page", "run_command", "show_beginning"],
    "sections": ["choose_next_samples", "choose_rule", "compare_ranges", "compute_mineral_slopes", "draw_map",
                 "rank_bands", "list_exceeding", "map_site", "read_native", "read_unmeasured",
                 "compare_choosing"],
    "tables": ["fold_table", "format_significant", "html_list", "tabulate_exceeding", "tabulate_laboratory",
               "tabulate_next_samples", "tabulate_bands", "tabulate_provenance", "tabulate_quality",
               "tabulate_trial", "wrap_table"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["text"], submod_attrs=_EXPORTS)
