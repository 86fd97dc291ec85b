# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Put a trained network into the package: its weights, calibration and card.

    python scripts/bundle_network.py WEIGHTS lensmap --calibration calibration.json --card more.json

The calibration is that of ``scripts/calibrate_network.py``.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from lensmap.networks import available_editions, load_network, save_network
from lensmap.networks._calibration import IntervalCalibration
from lensmap.networks._cards import BUNDLED
from lensmap.networks._residuals import ResidualSpectrum


def next_number(name):
    """Return the number of the next edition of a network."""
    numbers = [int(number) for edition in available_editions()
               for one, _, number in [edition.rpartition("-")] if one == name]
    return max(numbers, default=0) + 1


def main():
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="a file of weights (.h5) that training wrote")
    parser.add_argument("name", help="the name that it shall have in the package")
    parser.add_argument("--calibration", help="the calibration and the residuals (JSON)")
    parser.add_argument("--min-galaxies", type=float, metavar="N",
                        help="the fewest galaxies per pixel of the domain (default: those of the "
                             "training)")
    parser.add_argument("--card", help="a JSON file with more for the card")
    parser.add_argument("--edition", type=int, metavar="N",
                        help="the number of its edition (default: the one after that which it "
                             "replaces)")
    arguments = parser.parse_args()
    network = load_network(arguments.weights)
    more = {} if arguments.card is None else json.loads(Path(arguments.card).read_text())
    finished = dataclasses.replace(
        network, card={**network.card, "name": arguments.name, **more}
    )
    if arguments.min_galaxies is not None:
        domain = finished.domain
        galaxies = arguments.min_galaxies, domain.galaxies_per_pixel[1]
        finished = dataclasses.replace(
            finished, domain=dataclasses.replace(domain, galaxies_per_pixel=galaxies)
        )
    if arguments.calibration is not None:
        entries = json.loads(Path(arguments.calibration).read_text())
        finished = dataclasses.replace(
            finished,
            calibration=IntervalCalibration.from_card(entries["calibration"]),
            residuals=ResidualSpectrum.from_card(entries["residuals"]),
        )
    BUNDLED.mkdir(exist_ok=True)
    edition = f"{arguments.name}-{arguments.edition or next_number(arguments.name)}"
    save_network(
        finished, BUNDLED / f"{arguments.name}.h5", architecture=network.card["architecture"],
        options=network.card["options"], edition=edition, overwrite=True,
    )
    print(f"written: {BUNDLED / arguments.name}.h5, edition {edition}")


if __name__ == "__main__":
    main()
