"""From files to SoilSpectra: spectra tables, laboratory tables, folders of instrument files, big libraries.

``site`` joins a site's own spectra and laboratory table, and refuses scans of a sample that differ too much.
``laboratory`` finds the target's column, reads its values, and which soils belong together (groups, units);
``columns`` understands what a header means, ``ids`` which soils of two tables are one; ``scans`` reads tables
of spectra and averages repeated scans of a sample; ``folder`` reads instrument files, whose layouts are in
``formats``, one module per format. The big libraries that a network learns from have a room of their own,
``libraries``. What cannot be read with certainty raises :class:`~soilpb.site_file.SiteError`: one line with
the file, row or column, what was found and how to mend it. Files are only read.
"""

import lazy_loader

_EXPORTS = {
    "columns": ["parse_quantity", "standard_name"],
    "folder": ["list_files", "read_folder"],
    "formats": ["read_instruments"],
    "formats.text": ["write_scans", "write_sed"],
    "laboratory": ["plausible_range", "read_laboratory"],
    "libraries.checks": ["check_source"],
    "libraries.fetch": ["fetch_source"],
    "libraries.limesoda": ["FULL_RANGE_FIELDS", "load_field", "load_fields"],
    "libraries.lucas": ["load_lucas"],
    "libraries.ossl": ["fetched_library", "load_ossl"],
    "site": ["read_measured", "read_site", "read_spectra"],
    "scans": ["Scans", "average_scans", "read_scans"],
    "tables": ["Table", "read_table"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
