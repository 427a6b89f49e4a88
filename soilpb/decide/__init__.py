"""What follows for a site: intervals, limits (GB 15618) and exceedance, costs, areas, the next samples.

``site_model`` chooses, fits and tests the model of one site; ``stored_model`` keeps it and answers
``soilpb predict``. ``intervals`` says how sure a prediction is, ``applicability`` whether a soil is of a
kind that the model knows; ``standards`` holds limits by pH, ``exceedance`` the probability that a soil is
above one, and what a decision costs; ``sampling`` chooses the soils to measure next, ``maps`` says where
soils lie. ``decision_units`` decides on areas by their mean, with limits of its own where spectra help;
``confidence_limits`` has those of soils that are all measured.
"""

import lazy_loader

_EXPORTS = {
    "applicability": ["FALSE_ALARMS", "compare_with_world", "leave_cluster_out", "measure_shapes",
                      "share_bands", "tell_apart"],
    "confidence_limits": ["estimate_limits", "estimate_mean", "recommend_method"],
    "decision_units": ["VERDICTS", "decide_on_site", "decide_units", "size_on_site"],
    "exceedance": ["ACTIONS", "Costs", "calibration_error", "compare_policies", "coverage_by_content",
                   "detection_table", "error_by_chance", "exceedance_by_rule", "exceedance_probability",
                   "reliability_table"],
    "maps": ["assign_units", "local_coordinates"],
    "sampling": ["accept_predictions", "choose_samples", "learning_curves", "soils_needed",
                 "spectral_features"],
    "site_model": ["COVERAGE", "assess_robustness", "compare_sensor", "evaluate_site_model",
                   "fit_site_model", "make_candidates", "measured_ph", "score_site_model", "select_rule",
                   "site_rules"],
    "standards": ["LEAD_LIMITS", "lead_limit", "list_rules", "read_limits"],
    "stored_model": ["decide_targets", "load_site_model", "predict_files", "predict_soils",
                     "standardise_files", "store_site_model"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
