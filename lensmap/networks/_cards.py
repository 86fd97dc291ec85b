# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Network cards: JSON files that describe a network and its training, read without Keras."""

import json
from pathlib import Path

from lensmap.typing import PathLike
from lensmap.utils import NETWORK_SUFFIXES

__all__ = [
    "BUNDLED",
    "CARD_FORMAT",
    "CARD_REMEDY",
    "KERAS_SUFFIX",
    "available_editions",
    "available_networks",
    "is_whole_hdf5_model",
    "network_files",
    "network_record",
    "read_card",
    "whole_hdf5_model_message",
]

#: The format version of cards and weights files.
CARD_FORMAT = 1

#: The advice in errors about cards.
CARD_REMEDY = "replace the card by an intact copy, or train the network again"

#: The suffix of a whole Keras model, which needs no architecture of lensmap.
KERAS_SUFFIX = ".keras"

# The entries that every card has, with their types in JSON.
_ENTRIES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "format": (int, "a whole number"),
    "sha256": (str, "text"),
    "calibration": ((dict, type(None)), "an object or null"),
}

# The entries that the card of a weights file has in addition: how to build its Keras model.
_BUILD_ENTRIES = {"architecture": (str, "text"), "options": (dict, "an object")}

_KERAS_CARD = (
    "the card states the inputs of a Keras model and the galaxies that it was trained for; write "
    "both files with lensmap.networks.save_network(Network(keras.saving.load_model(...), "
    "Architecture(...), Domain(...)), 'NAME.keras')"
)

#: The folder of the networks that come with lensmap.
BUNDLED = Path(__file__).parent.parent / "data" / "networks"


def available_networks() -> list[str]:
    """Return the names of the networks that come with lensmap.

    Returns
    -------
    list of str
        The names, sorted.
    """
    # Unlike a shell, glob("*.json") would also find hidden files.
    return sorted(path.stem for path in BUNDLED.glob("[!.]*.json"))


def available_editions() -> dict[str, str]:
    """Return the editions of the networks that come with lensmap.

    An edition is a name with a number, such as ``"lensmap-2"``, which stands for the same weights
    in every version of lensmap. The name alone stands for the newest edition.

    Returns
    -------
    dict
        The name of the network's files, keyed by the edition.
    """
    cards = {name: json.loads((BUNDLED / f"{name}.json").read_text(encoding="utf-8"))
             for name in available_networks()}
    return {card["edition"]: name for name, card in cards.items() if "edition" in card}


def network_record(name: PathLike) -> dict[str, str | None]:
    """Return what a product records of a network.

    Parameters
    ----------
    name : str or path-like
        A name or an edition of a network that comes with lensmap, or the path of the file of a
        network or of its card.

    Returns
    -------
    dict
        ``name``, without the folder; ``edition``, None for networks that do not come with lensmap;
        and ``sha256``, the digest of the file of the network.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `read_card`.
    """
    card = read_card(name)
    return {
        "name": Path(name).name, "edition": card.get("edition"), "sha256": card["sha256"],
    }


def network_files(name: PathLike) -> tuple[Path, Path]:
    """Return the paths of a network's two files: the weights and the card that describes it.

    Parameters
    ----------
    name : str or path-like
        One of the names in `available_networks`, an edition such as ``"lensmap-2"``, or the path of
        a weights file (``.h5``), of a Keras model (``.keras``) or of the card of either
        (``.json``).

    Returns
    -------
    weights, card : pathlib.Path
        The two paths. The files need not exist.

    Raises
    ------
    ValueError
        If ``name`` is neither a name nor an edition of an available network, nor a path that ends
        in ``.h5``, ``.keras`` or ``.json``.
    """
    path = Path(name)
    if path.suffix in NETWORK_SUFFIXES:
        return path, path.with_suffix(".json")
    if path.suffix == ".json":
        weights = [path.with_suffix(suffix) for suffix in NETWORK_SUFFIXES]
        return next((one for one in weights if one.is_file()), weights[0]), path
    networks = available_networks()
    if name not in networks:
        name = _name_of_edition(str(name), networks)
    return BUNDLED / f"{name}.h5", BUNDLED / f"{name}.json"


def _name_of_edition(edition, networks):
    """Return the name of the files of an edition of a network that comes with lensmap."""
    editions = available_editions()
    if edition in editions:
        return editions[edition]
    name, _, number = edition.rpartition("-")
    if name in networks and number.isdecimal():
        existing = [one for one in editions if one.rpartition("-")[0] == name]
        raise ValueError(
            f"there is no edition {edition!r} of the network {name!r}: this version of lensmap has "
            f"{', '.join(map(repr, existing)) or 'none'}, and {name!r} stands for the newest"
        )
    names = ", ".join(map(repr, networks)) or "none"
    raise ValueError(
        f"there is no network {edition!r}: lensmap has {names}; for a network of your own, "
        "give its path, which ends in .h5 or .keras"
    )


def read_card(name: PathLike) -> dict:
    """Read the card of a network, a JSON file that describes its architecture and training.

    The card also contains the domain of the network: the ranges of pixel scale, galaxy density and
    noise for which the network was trained.

    Parameters
    ----------
    name : str or path-like
        One of the names in `available_networks`, an edition such as ``"lensmap-2"``, or the path of
        a weights file (``.h5``), of a Keras model (``.keras``) or of the card of either
        (``.json``).

    Returns
    -------
    dict
        The contents of the card, keyed by name.

    Raises
    ------
    FileNotFoundError
        If the card does not exist.
    ValueError
        If there is no network of this name, or the card is damaged or has another format
        version.
    """
    weights, path = network_files(name)
    if not path.is_file():
        raise FileNotFoundError(_no_card(str(name), weights, path))
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        version = card["format"]
    except (ValueError, KeyError, TypeError) as error:
        reason = f"it has no entry {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"the card {str(path)!r} is damaged ({reason}): {CARD_REMEDY}") from None
    if version != CARD_FORMAT:
        raise ValueError(
            f"the card {str(path)!r} has the format {version!r}, but this version of lensmap reads "
            f"only the format {CARD_FORMAT}: use the version of lensmap that wrote the card, or "
            "train the network again"
        )
    entries = _ENTRIES if weights.suffix == KERAS_SUFFIX else _ENTRIES | _BUILD_ENTRIES
    for name, (kind, words) in entries.items():
        if not isinstance(card.get(name), kind):
            problem = f"must be {words}" if name in card else "is missing"
            raise ValueError(
                f"the card {str(path)!r} is damaged (the entry {name!r} {problem}): {CARD_REMEDY}"
            )
    return card


def _no_card(name, weights, path):
    """Return the error message for a network without a card."""
    if weights.suffix == KERAS_SUFFIX and weights.is_file():
        return f"there is no card {str(path)!r} of the network {name!r}: {_KERAS_CARD}"
    if is_whole_hdf5_model(weights):
        return whole_hdf5_model_message(weights)
    return (
        f"there is no card {str(path)!r} of the network {name!r}: check the path; the card and the "
        "file of the network must be in the same folder"
    )


def is_whole_hdf5_model(path: Path) -> bool:
    """Return whether a file is a whole Keras model in HDF5, Keras' former format.

    Parameters
    ----------
    path : pathlib.Path
        The file, which need not exist.

    Returns
    -------
    bool
        False for files of weights and for files that are not HDF5.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return "model_config" in file.attrs
    except OSError:
        return False


def whole_hdf5_model_message(path: Path) -> str:
    """Return the message of the error for a whole Keras model in HDF5.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        The message.
    """
    return (
        f"{str(path)!r} is a whole Keras model in HDF5, a format that can execute code when it is "
        f"read, and which lensmap does not read: save the model as NAME.keras; {_KERAS_CARD}"
    )
