# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The cards of networks: what they are and where they may be used, without loading them."""

import json
from pathlib import Path

__all__ = ["BUNDLED", "CARD_FORMAT", "available_networks", "network_files", "read_card"]

#: The version of this form of card and of the file of weights beside it.
CARD_FORMAT = 1

#: Where the networks are that come with lensmap.
BUNDLED = Path(__file__).parent.parent / "data" / "networks"


def available_networks():
    """Return the names of the networks that come with lensmap.

    Returns
    -------
    list of str
        The names, sorted.
    """
    return sorted(path.stem for path in BUNDLED.glob("*.json"))


def network_files(name):
    """Return the files of a network.

    Parameters
    ----------
    name : str or path-like
        A name of `available_networks`, or the path of a file of weights or of its card.

    Returns
    -------
    weights, card : pathlib.Path
        The two files.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    path = Path(name)
    if path.suffix in (".h5", ".json"):
        return path.with_suffix(".h5"), path.with_suffix(".json")
    if path.name != str(name) or name not in available_networks():
        known = ", ".join(map(repr, available_networks())) or "none"
        raise ValueError(
            f"there is no network {str(name)!r}: lensmap has {known}; a file of weights of your "
            "own is named by its path, which ends in .h5"
        )
    return BUNDLED / f"{name}.h5", BUNDLED / f"{name}.json"


def read_card(name):
    """Return the card of a network: what it is, where it may be used and how it was trained.

    Parameters
    ----------
    name : str or path-like
        A name of `available_networks`, or the path of a file of weights or of its card.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there is no such network, or the card is damaged or of another version of lensmap.
    """
    _, path = network_files(name)
    if not path.is_file():
        raise FileNotFoundError(f"there is no card {str(path)!r} of the network {str(name)!r}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        version, _ = card["format"], card["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the card {str(path)!r} is damaged ({error})") from None
    if version != CARD_FORMAT:
        raise ValueError(
            f"the card {str(path)!r} has the format {version!r}, but this version of lensmap reads "
            f"{CARD_FORMAT}: update lensmap or the file"
        )
    return card
