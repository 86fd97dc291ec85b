# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The maps of the first fields, kept for the figures of the report."""

import numpy as np

from lensmap.validation._parts import TRUTH
from lensmap.validation.measures._base import Measure
from lensmap.validation.measures._record import numbers_of
from lensmap.validation.measures._scores import Scores

__all__ = ["Maps"]

_N_EXAMPLES = 3  # fields


class Maps(Measure):
    """The true and estimated maps of the first three fields, in half precision."""

    name = "maps"
    parts = ("fields", "masked")

    def measure(self, field):
        if field.number >= _N_EXAMPLES:
            return {}
        planes = {TRUTH: field.truth, **field.estimates}
        return {name: {"map": np.where(field.mask, np.nan, plane).astype(np.float16)}
                for name, plane in planes.items()}

    def section(self, page, results):
        page.section("Maps", "The first fields of the series, not a selection. L is the loss of "
                     "each map.")
        self._figure(page, results, "fields", "maps",
                     "True maps and estimated maps (Cha et al. 2025, fig. 2).")
        if results.n_fields["masked"]:
            self._figure(page, results, "masked", "masked_maps",
                         "True maps and estimated maps of masked fields (Cha et al. 2025, fig. 9).")

    def _figure(self, page, results, part, name, caption):
        from lensmap.validation.report._figures_maps import plot_examples

        records = [record for record in results.records_of(self.name).parts[part] if record]
        examples = [{one: arrays["map"] for one, arrays in record.items()} for record in records]
        losses = [
            {one: numbers_of(arrays["scores"])["loss"] for one, arrays in record.items()}
            for record in results.records_of(Scores.name).parts[part][: len(examples)]
        ]
        if examples:
            page.figure(name, plot_examples(examples, results.names, losses), caption)
