# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Statistics of the maps of null fields, in which galaxies are not lensed."""

import numpy as np

from lensmap.validation._summary import summarize_scores
from lensmap.validation.measures._base import Measure, table_of_each
from lensmap.validation.measures._pixels import NULL_EDGES, count_pixels, distribution
from lensmap.validation.measures._record import scalar_record
from lensmap.validation.measures._scores import score_table

__all__ = ["NullFields"]


class NullFields(Measure):
    """Scores of maps of null fields (without lensing), and the distribution of kappa over pixels.

    The table ``null`` has the mean scores of `lensmap.scores.null_scores`, as returned by
    `summarize_scores`, and a column ``mode``, the mode of kappa over the pixels of all fields. The
    table ``null_distribution`` has the probability density ``pdf`` of kappa in bins from
    ``bin_low`` to ``bin_high``, and its error ``pdf_err``.
    """

    name = "null"
    parts = ("null",)
    keys = {"null": (), "null_distribution": ("bin_low", "bin_high")}

    def measure(self, field):
        unmasked = ~field.mask
        return {
            name: {"scores": scalar_record(scores),
                   "counts": count_pixels(field.estimates[name][unmasked], NULL_EDGES)}
            for name, scores in field.scores().items()
        }

    def pool(self, records):
        if not records.has("null"):
            return {}
        table = summarize_scores(score_table(records, "null"))
        table["mode"] = [_mode(records.each("null", str(name), "counts"))
                         for name in table["estimator"]]
        # Leave out the first and last bins, which also hold all values outside the range.
        pdfs = table_of_each(records.names(), lambda name: distribution(
            records.each("null", name, "counts"), NULL_EDGES)[1:-1])
        return {"null": table, "null_distribution": pdfs}

    def conclude(self, results):
        from lensmap.validation.report._conclusions import false_peaks

        return false_peaks(results.tables["null"]) if "null" in results.tables else []

    def section(self, page, results):
        from lensmap.validation.report._figures_curves import plot_distributions

        if "null" not in results.tables:
            return
        page.section("Null fields", "Maps of galaxies without lensing, where the true kappa is 0. "
                     "The mode is that of all pixels. Peaks per square degree are counted above a "
                     "convergence.")
        page.estimator_table(results.tables["null"], results.names, (
            ("minimum", "kappa_min", 3), ("0.1 %", "kappa_low", 4), ("mode", "mode", 4),
            ("rms", "rms", 4), ("99.9 %", "kappa_high", 4), ("maximum", "kappa_max", 3),
            ("skewness", "skewness", 3)))
        page.estimator_table(results.tables["null"], results.names, (
            ("peaks per deg\N{SUPERSCRIPT TWO} above 0.02", "peaks_k02", 2),
            ("above 0.05", "peaks_k05", 3), ("above 0.1", "peaks_k10", 3)))
        page.figure("null", plot_distributions(results.tables["null_distribution"], page.styles),
                    "The distribution of kappa in null fields (Cha et al. 2025, fig. 8).")


def _mode(counts):
    """Return the mode of kappa: the middle of the bin with the most pixels.

    ``counts`` are the numbers of pixels in bins of kappa for each field.
    """
    pdf = distribution(counts, NULL_EDGES, together=2)
    fullest = np.argmax(pdf["pdf"])
    return float(np.mean([pdf["bin_low"][fullest], pdf["bin_high"][fullest]]))
