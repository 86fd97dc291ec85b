# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Put a trained network into the package: calibrate its error bars, and complete its card.

The half-widths that a network predicts are multiplied by one number for each of the two intervals,
such that they hold 68 and 95 per cent of the truth in simulated fields that are used for
nothing else (split conformal prediction: Lei et al. 2018, JASA 113, 1094).
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
from astropy import units as u

from lensmap.networks import available_editions, load_network, save_network
from lensmap.networks._cards import BUNDLED
from lensmap.simulate import HaloModelField, MockSurvey, draw_fields
from lensmap.validation import ValidationSetup, series_seed

# What an error bar says of itself.
LEVELS = (0.68, 0.95)

# Surveys in which the error bars shall be right on average.
SETUPS = [
    ValidationSetup(sky=HaloModelField(z_source=z, **sky), **more)
    for z in (1.0, 2.5)
    for sky, more in (
        ({}, {}),
        ({}, {"mask_fraction": 0.35}),
        ({"pixel_scale": 0.7 * u.arcmin, "shape": (384, 384)},
         {"survey": MockSurvey(density=10 / u.arcmin**2)}),
    )
]


def ratios(network, n_fields):
    """Return the distance from the truth over each of the two half-widths, in every 7th pixel."""
    found = []
    for number, setup in enumerate(SETUPS):
        for observation in draw_fields(setup, n_fields, seed=series_seed("calibration", number)):
            prediction = network.predict(observation.grid)
            truth, is_open = observation.truth, ~observation.grid.mask
            error = np.abs(truth - prediction.kappa)
            rows = [(error / width)[is_open][::7] for width in prediction.half_widths.values()]
            found.append(np.stack(rows))
        print(f"{setup}: " + ", ".join(
            f"{np.mean(row < 1):.3f}" for row in np.concatenate(found[-n_fields:], axis=1)
        ), flush=True)
    return np.concatenate(found, axis=1)


def next_number(name):
    """Return the number of the next edition of a network."""
    numbers = [int(number) for edition in available_editions()
               for one, _, number in [edition.rpartition("-")] if one == name]
    return max(numbers, default=0) + 1


def main():
    """Calibrate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="a file of weights (.h5) that training wrote")
    parser.add_argument("name", help="the name that it shall have in the package")
    parser.add_argument("-n", type=int, default=8, help="fields of each kind (default 8)")
    parser.add_argument("--card", help="a JSON file with more for the card")
    parser.add_argument("--edition", type=int, metavar="N",
                        help="the number of its edition (default: the one after that which it "
                             "replaces)")
    arguments = parser.parse_args()
    network = load_network(arguments.weights)
    more = {} if arguments.card is None else json.loads(Path(arguments.card).read_text())
    factors = network.half_width_factors
    if network.predicts_errors:
        factors = tuple(
            round(float(np.quantile(row, level)) * width, 4)
            for row, level, width in zip(ratios(network, arguments.n), LEVELS, factors, strict=True)
        )
        more["calibration"] = {
            "factors": factors, "fields_of_each_kind": arguments.n,
            "kinds": [setup.describe() for setup in SETUPS],
            "seeds": "series 'calibration', 0 to 5",
        }
    card = {**network.card, "name": arguments.name, **more}
    finished = dataclasses.replace(network, half_width_factors=factors, card=card)
    BUNDLED.mkdir(exist_ok=True)
    edition = f"{arguments.name}-{arguments.edition or next_number(arguments.name)}"
    save_network(
        finished, BUNDLED / f"{arguments.name}.h5", architecture=network.card["architecture"],
        options=network.card["options"], edition=edition, overwrite=True,
    )
    print(f"written: {BUNDLED / arguments.name}.h5, edition {edition}, factors {factors}")


if __name__ == "__main__":
    main()
