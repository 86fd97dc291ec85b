# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How good a network is while it learns: scores on fields that it does not learn from."""

import numpy as np

from lensmap.networks.training._examples import Examples, SurveyRange

__all__ = ["TrainingCheck"]

# The maps of a check: enough to see a learning curve, few enough not to hold it up.
_N_MAPS = 12


class TrainingCheck:
    """Scores of a model on whole fields with the usual survey, the same each time.

    Parameters
    ----------
    examples : Examples
        What the model learns from.
    held_back : int
        How many files at the end of each set it does not learn from; with 0 there is no check.
    """

    def __init__(self, examples, held_back):
        usual = Examples(
            {one: 1.0 for one in examples.sets}, examples.kind, SurveyRange.only_usual(),
            stride=examples.stride, margin=examples.margin, seed=examples.seed,
        )
        places = [
            (which, len(one) - 1 - back, redshift)
            for back in range(held_back)
            for which, one in enumerate(usual.sets)
            for redshift in range(one.n_redshifts)
        ]
        # One seed for each, which is none of a step's.
        self._examples = [
            usual.make(*place, np.random.default_rng((usual.seed, 2**32 - 1, *place)))
            for place in places[:_N_MAPS]
        ]

    def __call__(self, model):
        """Score a model.

        Parameters
        ----------
        model : `keras.Model`
            The model.

        Returns
        -------
        dict
            The mean over maps of Pearson's r (``r``), of the root mean square error over the
            scatter of the truth (``relative_error``), and what part of the truth lies in the
            intervals (``coverage_68``, ``coverage_95``); empty without fields.
        """
        rows = [self._score(model, *example) for example in self._examples]
        return {key: round(float(np.mean([row[key] for row in rows])), 5) for key in rows[0]} if (
            rows
        ) else {}

    @staticmethod
    def _score(model, inputs, targets):
        found = np.asarray(model.predict_on_batch(inputs[np.newaxis]))[0]
        known = targets[..., 1] > 0
        found, truth = found[known], targets[known, 0]
        map_ = found[..., 0]
        error = truth - map_
        row = {
            "r": np.corrcoef(truth, map_)[0, 1] if map_.std() > 0 else 0.0,
            "relative_error": error.std() / truth.std(),
        }
        if found.shape[-1] == 3:
            for i, name in ((1, "coverage_68"), (2, "coverage_95")):
                row[name] = np.mean(np.abs(error) < np.exp(found[..., i]))
        return row
