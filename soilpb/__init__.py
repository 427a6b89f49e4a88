"""Soil lead from vis-NIR spectra, by transfer learning from soil pH.

Conventions hold everywhere: wavelengths in nm and ascending, reflectance as a
fraction between 0 and 1, spectra as rows ``(n_samples, n_bands)``, laboratory
values in the unit that the column's name ends with (``Pb_mg_kg``, ``clay_pct``).
"""

import lazy_loader

_EXPORTS = {
    "spectra": ["Provenance", "SoilSpectra"],
    "site_file": ["Site", "SiteError", "load_site_file"],
    "study": ["Study"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
