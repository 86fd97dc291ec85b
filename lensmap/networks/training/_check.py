# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Scores of a network during its training, on fields that are not used for training."""

import keras
import numpy as np

from lensmap.networks.training._examples import SurveyRange, TrainingExamples

__all__ = ["TrainingCheck"]

# The largest number of maps in a check: enough for a learning curve, and fast compared to the
# training.
_N_MAPS = 12


class TrainingCheck:
    """A function that scores a model on simulated fields that are not used for its training.

    The fields are observed without masks in a simulated survey like that of Cha et al. 2025. Each
    call uses the same observations.

    Parameters
    ----------
    examples : TrainingExamples
        The training examples, whose sets of fields, architecture and seed are used.
    held_back : int
        The number of files at the end of each set that are not used for training. If 0, there are
        no scores.
    """

    def __init__(self, examples: TrainingExamples, held_back: int) -> None:
        usual = TrainingExamples(
            {fields: 1.0 for fields in examples.sets}, examples.architecture,
            SurveyRange.only_usual(), seed=examples.seed,
        )
        indices = [
            (i, len(fields) - 1 - back, redshift)
            for back in range(held_back)
            for i, fields in enumerate(usual.sets)
            for redshift in range(fields.n_redshifts)
        ]
        # Each check example has a seed of its own, which differs from those of all training steps.
        self._examples = [
            usual.make(*index, np.random.default_rng((usual.seed, 2**32 - 1, *index)))
            for index in indices[:: max(1, len(indices) // _N_MAPS)]
        ]

    def __call__(self, model: keras.Model) -> dict[str, float]:
        """Score a model.

        Parameters
        ----------
        model : `keras.Model`
            The model to score.

        Returns
        -------
        dict
            Scores averaged over maps. ``r`` is Pearson's r of the map with the true convergence,
            ``relative_error`` the scatter of the map minus the true convergence, divided by the
            scatter of the true convergence. ``coverage_68`` and ``coverage_95``, for models that
            predict intervals, are the fractions of pixels whose true convergence lies within the
            confidence interval. The dict is empty if no fields are held back.
        """
        rows = [self._score(model, *example) for example in self._examples]
        if not rows:
            return {}
        return {key: round(float(np.mean([row[key] for row in rows])), 5) for key in rows[0]}

    @staticmethod
    def _score(model, inputs, targets):
        output = np.asarray(model.predict_on_batch(inputs[np.newaxis]))[0]
        has_weight = targets[..., 1] > 0
        output, truth = output[has_weight], targets[has_weight, 0]
        kappa = output[..., 0]
        error = truth - kappa
        row = {
            "r": np.corrcoef(truth, kappa)[0, 1] if kappa.std() > 0 else 0.0,
            "relative_error": error.std() / truth.std(),
        }
        if output.shape[-1] == 3:
            for i, name in ((1, "coverage_68"), (2, "coverage_95")):
                row[name] = np.mean(np.abs(error) < np.exp(output[..., i]))
        return row
