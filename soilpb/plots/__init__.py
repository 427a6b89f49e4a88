"""Figures: each function takes a tidy table and an ``ax``, draws, and returns the ``ax``.

``spectra`` draws soils, ``scores`` predictions and comparisons of models, ``training`` learning curves
and the network, ``attribution`` bands and minerals, ``decisions`` probabilities and maps;
``style`` is what all figures share.
"""

import lazy_loader

_EXPORTS = {
    "attribution": ["compute_shares", "plot_band_change", "plot_mirrored_profiles", "plot_profile",
                    "style_verdicts"],
    "decisions": ["plot_map", "plot_prediction_intervals", "plot_reliability"],
    "scores": ["plot_intervals", "plot_league", "plot_parity", "plot_parity_grid", "plot_protocols",
               "plot_split_histogram", "plot_task_heatmap", "plot_within_groups"],
    "spectra": ["plot_atlas", "plot_distribution", "plot_limits", "plot_outliers", "plot_shapes",
                "plot_spectra"],
    "style": ["GREY", "SOURCE_COLOUR", "SYMBOLS", "TARGET_COLOUR", "WIDTH", "legend_above", "make_axes",
              "set_style", "stack_axes"],
    "training": ["plot_factors", "plot_learning_curve", "plot_network", "plot_training_curve"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
