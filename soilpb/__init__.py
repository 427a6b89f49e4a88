"""Soil lead from vis-NIR spectra, by transfer learning from soil pH.

``spectra`` holds SoilSpectra, absorbance, resampling, the steps between detectors, and near twins, which
count as one soil; ``site_file`` the keys of a site file; ``study`` the soils that a chapter works on, and
their groups; ``quality`` the checks of them; ``workflow`` the execution of chapters; ``cli`` the commands.
Conventions hold everywhere: wavelengths in nm and ascending, reflectance as a
fraction between 0 and 1, spectra as rows ``(n_samples, n_bands)``, laboratory values in the unit that
the column's name ends with (``Pb_mg_kg``, ``clay_pct``).
"""

import lazy_loader

_EXPORTS = {
    "spectra": ["Provenance", "SoilSpectra"],
    "site_file": ["Site", "SiteError", "load_site_file"],
    "study": ["Study"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
