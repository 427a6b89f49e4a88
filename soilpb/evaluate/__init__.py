"""What a model is worth.

``splits`` draws folds that keep together the groups which ``study`` gives; ``cross_validation`` predicts
and scores each fold, ``comparison`` tests whether two models differ. ``pretraining`` scores a network on
library soils held back, ``instruments`` corrects a second instrument, ``protocols`` evaluates by many
plausible choices at once.
"""

import lazy_loader

_EXPORTS = {
    "comparison": ["adjust_p_values", "bootstrap_interval", "compare_models",
                   "compare_pairs", "corrected_t_test", "count_wrong_winners", "decide_verdict",
                   "mean_over_tasks"],
    "cross_validation": ["POOLED", "compute_metrics", "cross_validate", "learning_curve",
                         "needs_source_network", "score_predictions", "score_single_splits",
                         "summarise_scores"],
    "instruments": ["Standardisation", "disturb", "measure_robustness", "simulate_instrument", "standardise"],
    "pretraining": ["MAX_COMPONENTS", "PUBLISHED", "choose_epochs", "choose_sizes", "hold_out",
                    "name_populations", "predict_held_back", "pretrain", "profiles_of", "score_by_population",
                    "score_by_size", "score_within_populations", "shared_seed"],
    "protocols": ["Protocol", "choose_protocols", "load_protocol", "main_effects", "run_protocols",
                  "share_with_interval"],
    "splits": ["count_training_rows", "iterate_folds", "kennard_stone", "random_split", "repeated_kfold",
               "spatial_blocks", "spxy", "validate_folds"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
