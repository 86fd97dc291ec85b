# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Neural networks from binned shear to convergence: layers, models, weights and training.

Keras is imported only when a name that needs Keras is first used.
"""

from lensmap._lazy import lazy_exports as _lazy_exports

_exported, __dir__, __all__ = _lazy_exports(__name__, __file__)

_WITHOUT_KERAS = {
    "INPUTS", "Architecture", "Domain", "FieldSet", "GridArrays", "SurveyRange",
    "TrainingExamples", "available_editions", "available_networks", "input_channels",
    "make_inputs", "network_record", "read_card", "training_examples",
}


def __getattr__(name: str) -> object:
    if not name.startswith("_") and name in __dir__() and name not in _WITHOUT_KERAS:
        from lensmap.networks._backend import import_keras

        import_keras()
    return _exported(name)
