"""Simulated soils with known truth: minerals and their optics, the twin of the study, what is true of it.

``minerals`` is the atlas of absorption and mixes a little of a constituent into any spectrum;
``library`` holds measured soils of the world and what they are made of; ``soils`` is the chemistry of
pH and lead; ``twin`` mixes soils from the library, and says what a model of them ought to find.
"""

import lazy_loader

_EXPORTS = {
    "minerals": ["EDGES", "FEATURES", "MIXTURES", "TYPICAL_ABUNDANCE", "add_constituent", "km_ratio"],
    "soils": ["CHEMISTRY", "WORLD_PH", "constituent_columns"],
    "library": ["load_library"],
    "twin": ["simulate_source", "simulate_target", "true_mineral_slopes", "true_response"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
