# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Calibrate the error bars of a network over the whole range of surveys.

    python scripts/calibrate_network.py FOLDER WEIGHTS -o calibration.json

The half-widths that a network predicts are multiplied by factors that depend smoothly on the pixel
scale, the noise, the fraction of the neighborhood that has data, and the height of the map, such
that the intervals contain the truth with 68 and 95 per cent probability (quantile regression:
Koenker & Bassett 1978, Econometrica 46, 33). The correlation of the errors between pixels is
measured, too. The fields are of the series "calibration", which nothing else uses. They are drawn
into FOLDER, once for all networks, and observed by random surveys of
`lensmap.networks.SurveyRange.wide`.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from astropy import units as u
from network_corners import shape_of
from train_network import DEEP, SHALLOW, cosmology

from lensmap.networks import FieldSet, SurveyRange, load_network
from lensmap.networks.training import TrainingExamples, fit_calibration, observations_of
from lensmap.simulate import HaloModelField
from lensmap.validation import series_seed

# Pixel scale (arcmin), sources, further parameters.
SETS = [
    (0.20, DEEP, {}),
    (0.26, DEEP, {"cosmology": cosmology(0.87, 0.31)}),
    (0.33, DEEP, {}),
    (0.41, DEEP, {}),
    (0.54, DEEP, {"cosmology": cosmology(0.73, 0.29)}),
    (0.70, SHALLOW, {}),
    (1.00, SHALLOW, {}),
]

# The surveys of the training, without null fields: there, all bars hold the truth, which is 0.
SURVEY = dataclasses.replace(SurveyRange.wide(), null=0.0, faint=0.0)


def draw_sets(folder, n_files, workers):
    """Draw the fields that are missing, and return the sets."""
    sets = []
    for number, (scale, z_source, more) in enumerate(SETS):
        side = shape_of(scale)
        model = HaloModelField(z_source=z_source, pixel_scale=scale * u.arcmin,
                               shape=(side, side), **more)
        sets.append(FieldSet.draw(
            folder / f"{scale:.2f}", model, n_files, seed=series_seed("calibration", number),
            workers=workers, progress=True, take_over=True,
        ))
    return sets


def main():
    """Draw, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder of the fields")
    parser.add_argument("weights", nargs="?", help="the name of a network, or a file (.h5)")
    parser.add_argument("--files", type=int, default=8, help="files in each set (default 8)")
    parser.add_argument("--surveys", type=int, default=2,
                        help="surveys that observe each field (default 2)")
    parser.add_argument("--workers", type=int, help="processes that draw fields (default all)")
    parser.add_argument("-o", "--output", type=Path, help="the calibration (JSON)")
    arguments = parser.parse_args()
    sets = draw_sets(arguments.folder, arguments.files, arguments.workers)
    if arguments.weights is None:
        return
    network = load_network(arguments.weights)
    examples = TrainingExamples(dict.fromkeys(sets, 1.0), network.architecture, SURVEY, seed=7)
    observations = observations_of(examples, arguments.surveys, True)
    calibration, residuals, table = fit_calibration(network, observations)
    table.pprint_all()
    if arguments.output is not None:
        entries = {"calibration": calibration.to_card(), "residuals": residuals.to_card()}
        arguments.output.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
