"""Models that predict a soil property from reflectance (PLS, ridge, SVM, networks, transfer), and storage.

Each is a scikit-learn regressor that tunes itself inside ``fit``, on the rows it gets; :func:`make_models`
makes them by their keys in :data:`MODELS`. ``preprocessing`` treats spectra (SNV, derivatives); ``pls``
and ``linear`` are models of the site alone, ``baselines`` the others (SVM, Gaussian processes, averages) and
the table of all by key, ``inner_folds`` the folds within which they tune.
``resnet`` is the architecture, ``training`` one fit of it, ``network`` it with its scales, ``transfer`` how
it passes to another property; ``storage`` keeps models in folders.
"""

import lazy_loader

_EXPORTS = {
    "baselines": ["MODELS", "STUDY_MODELS", "LEAGUE_MODELS", "QUICK_MODELS", "make_models", "model_name",
                  "installed_models", "describe_models"],
    "inner_folds": ["InnerFolds", "fit_model"],
    "linear": ["MiniRocket", "RidgeKFold", "SensorFusion"],
    "network": ["SpectralNetwork"],
    "pls": ["PLSCV"],
    "preprocessing": ["PREPROCESSING", "raw_pipeline", "snv_pipeline", "derivative_pipeline"],
    "resnet": ["ResNet1d", "ResNetConfig"],
    "training": ["TrainingConfig"],
    "transfer": ["NetworkRegressor", "EmbeddingPLS", "STRATEGIES", "describe_strategies", "fine_tune",
                 "property_line"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_EXPORTS)
