"""What a model uses: attribution of bands, checks of it, mineral slopes, confounders.

Attributions say what each band contributes to a prediction, for networks by SHAP; checks say
whether they can be believed; slopes ask a model about minerals instead of wavelengths, and
confounders whether it predicts more than what is correlated with the target.
"""

import lazy_loader

_EXPORTS = {
    "attribution": ["Attribution", "attribute_by_coefficients", "attribute_components", "attribute_zones",
                    "tabulate"],
    "bands": ["OUTCOMES", "PUBLISHED_WINDOWS", "attribute", "attribute_by_fold", "compare_bands",
              "compare_windows", "fit_by_fold", "format_window", "jackknife_intervals", "strongest_bands"],
    "confounders": ["check_confounders", "score_confounders"],
    "mineral_slopes": ["CONSTITUENTS", "ProjectedModel", "estimate_own_slope", "estimate_slopes",
                       "estimate_slopes_by_fold", "laboratory_abundances"],
    "network_attribution": ["deep_lift_shap", "deep_shap", "integrated_gradients"],
    "sanity_checks": ["check_additivity", "check_agreement", "check_beyond_chance", "check_masking",
                      "check_randomisation", "check_ranking", "check_stability", "check_windows",
                      "compare_with_permuted_targets", "mask_bands", "profile_random_networks",
                      "true_windows"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
