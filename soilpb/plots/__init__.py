"""Figures: each function takes a tidy table and an ``ax``, draws, and returns the ``ax``.

``spectra`` draws soils, ``scores`` predictions and comparisons of models, ``training`` learning curves
and the network, ``attribution`` bands, ``decisions`` intervals, probabilities and maps; ``style`` is what
all share. What one call of pandas or seaborn draws, a chapter draws by that call.
"""

import lazy_loader

_EXPORTS = {
    "attribution": ["compute_shares", "plot_band_change", "plot_masking_curves", "plot_profiles",
                    "style_verdicts"],
    "decisions": ["plot_detection", "plot_map", "plot_prediction_intervals", "plot_reliability"],
    "scores": ["plot_intervals", "plot_league", "plot_parity", "plot_parity_grid", "plot_task_heatmap"],
    "spectra": ["plot_atlas", "plot_distribution", "plot_outliers", "plot_spectra"],
    "style": ["GREY", "PALETTE", "SIGNAL_COLOUR", "SOURCE_COLOUR", "SYMBOLS", "TARGET_COLOUR", "WIDTH",
              "legend_above", "make_axes", "set_style", "stack_axes"],
    "training": ["plot_learning_curve", "plot_network"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
