# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Cases: a command, its inputs, and one or two mutations of inputs or options."""

import os
import shutil
import string
from dataclasses import dataclass, field
from pathlib import Path

# The modules that register mutations.
import fuzz_bytes  # noqa: F401
import fuzz_images  # noqa: F401
import fuzz_tables  # noqa: F401
import fuzz_texts  # noqa: F401
import numpy as np
from fuzz_kit import FORMATS, content_of, write_input
from fuzz_mutation import Expect, mutations_of
from fuzz_options import actions_of, is_output, odd_options

from lensmap.utils._memory import _held_memory

__all__ = ["MEMORY_LIMIT", "RECIPES", "RECORD", "Case", "Recipe", "make_case", "reference_of"]

#: The memory that each command may use beyond that of the process.
MEMORY_LIMIT = 2**30
#: The JSON record of each command.
RECORD = "record.json"

_CAT = "{catalog} --convention=celestial --kind=shear"
_MAP = f"{_CAT} --output=kappa.fits --no-check"
_PIXELS = "--pixel-scale=1.5arcmin --smoothing=2arcmin"
_FIELD = "--shape 16 16 --pixel-scale=3arcmin --z-source=0.6"


@dataclass(frozen=True)
class Recipe:
    """A command with words that work.

    Attributes
    ----------
    command : str
        The command, such as ``"simulate survey"``.
    words : str
        Its words; names in braces stand for inputs.
    weight : float
        How often it is drawn.
    slow : bool
        Whether a case takes seconds, because it loads TensorFlow or simulates many fields.
    """

    command: str
    words: str
    weight: float = 1.0
    slow: bool = False

    @property
    def kinds(self):
        """The kinds of its inputs."""
        return [name for _, name, _, _ in string.Formatter().parse(self.words) if name]


RECIPES = (
    Recipe("check", f"{_CAT} --rotations=30", 2),
    Recipe("check", f"{_CAT} --rotations=30 --at={{positions}}"),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --uncertainty=analytic", 6),
    Recipe("reconstruct", f"{_MAP} --wcs={{image}}", 2),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --columns={{preset}}", 1.5),
    Recipe("reconstruct", f"{_MAP} --config={{config}}", 1.5),
    Recipe("reconstruct", f"{_MAP} --pixel-scale=1.5arcmin --method=wiener --z-source=1"),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --mask={{mask}}", 2),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --mask={{healpix}}", 0.7),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --mask={{region}}", 1.5),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --mask={{polygon}}", 1),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --mask={{holes}}", 1),
    Recipe("reconstruct", f"{_MAP} {_PIXELS} --footprint={{mask}}"),
    Recipe("peaks", "{map} --output=peaks.ecsv --threshold=3", 3),
    Recipe("peaks", "{map} --output=peaks.fits --regions=peaks.reg --mass-within=0.3Mpc "
                    "--z-lens=0.3 --z-source=1"),
    Recipe("profile", f"{_CAT} --output=profile.ecsv --no-check --at={{positions}} "
                      "--radii 1arcmin 8arcmin --bins=4", 2),
    Recipe("profile", f"{_CAT} --output=profile.csv --no-check --at=150,2 --z-lens=0.2 "
                      "--radii 0.2Mpc 1.5Mpc --bins=4 --fit"),
    Recipe("filaments", "{map} --output=filaments.ecsv --threshold=1", 2),
    Recipe("inject", f"{_CAT} --output=halos.ecsv --no-check {_PIXELS} --uncertainty=analytic "
                     "--mass 1e15 --z-lens 0.3 --z-source=1 --realizations=1 --halos=1", 2),
    Recipe("simulate fields", f"--output=fields --number=1 --workers=1 {_FIELD}"),
    Recipe("simulate survey", f"--output=survey.fits --density=1 {_FIELD}"),
    Recipe("simulate survey", "--output=survey.ecsv --density=2 --field={field} --z-source=1", 2),
    Recipe("simulate survey", "--output=survey.fits --density=2 --field={array} --z-source=1 "
                              "--pixel-scale=1.5arcmin"),
    Recipe("simulate cluster", f"--output=cluster.fits --mass=5e14 --z-lens=0.3 {_FIELD}", 1.5),
    Recipe("demo", "--output-dir=demo", 0.4, slow=True),
    Recipe("reconstruct", f"{_MAP} --method=cnn --network={{weights}} --pixel-scale=0.6arcmin", 0.7,
           slow=True),
    Recipe("train", "--output=run --fields={folder} --steps=1 --workers=1 --check-every=1", 0.3,
           slow=True),
    Recipe("validate", f"--output=report --fields=2 --null=1 --masked=0 --coma=0 --workers=1 "
                       f"--estimators=ks150 {_FIELD}", 0.2, slow=True),
)


@dataclass
class Case:
    """A command line in a folder with its inputs.

    Attributes
    ----------
    recipe : Recipe
        The command.
    words : list of str
        The command line.
    expect : Expect
        What the command must do.
    mutations : list of str
        The names of the mutations.
    inputs : dict
        The name of each input, keyed by kind.
    kappa_only : bool
        Whether random numbers differ from those of the reference.
    """

    recipe: Recipe
    words: list
    expect: Expect = Expect.HARMLESS
    mutations: list = field(default_factory=list)
    inputs: dict = field(default_factory=dict)
    kappa_only: bool = False

    @property
    def outputs(self):
        """The name of each output, keyed by the option; later options replace earlier ones."""
        names = {name for name, action in actions_of(self.recipe.command).items()
                 if is_output(action)}
        pairs = [word.split("=", 1) for word in self.words if "=" in word]
        return {pair[0]: pair[1] for pair in pairs if pair[0] in names}

    @property
    def overwrites(self):
        """Whether existing outputs may be replaced."""
        return "--overwrite" in self.words


def make_case(seed, index, folder, *, slow=True):
    """Make a case in a new folder.

    Parameters
    ----------
    seed, index : int
        The seed of the series and the number of the case, which define it.
    folder : path-like
        The folder for the inputs.
    slow : bool
        Whether slow recipes are drawn.

    Returns
    -------
    Case
        The case.
    """
    rng = np.random.default_rng([seed, index])
    recipes = [one for one in RECIPES if slow or not one.slow]
    weights = np.array([one.weight for one in recipes])
    recipe = recipes[int(rng.choice(len(recipes), p=weights / weights.sum()))]
    folder = Path(folder)
    folder.mkdir(parents=True)
    case = Case(recipe, [])
    plan, odd = _plan(recipe, rng)
    for kind in recipe.kinds:
        formats = FORMATS[kind]
        suffix = formats[int(rng.integers(len(formats)))] if rng.random() < 0.5 else formats[0]
        case.inputs[kind] = _make_input(case, kind, folder / f"{kind}{suffix}", plan[kind], rng)
    case.words = _words_of(recipe, case.inputs)
    for one in odd:
        _add_odd(case, one, folder)
    return case


def reference_of(recipe, folder):
    """Make the case without mutations, whose result a harmless mutation leaves as it is."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    case = Case(recipe, [])
    for kind in recipe.kinds:
        case.inputs[kind] = f"{kind}{FORMATS[kind][0]}"
        write_input(content_of(kind), folder / case.inputs[kind])
    case.words = _words_of(recipe, case.inputs)
    return case


def _words_of(recipe, inputs):
    """Return the words; a name with a leading dash needs its folder."""
    named = {kind: f"./{name}" if name.startswith("-") else name for kind, name in inputs.items()}
    words = [word.format(**named) for word in recipe.words.split(" ")]
    # The limit of a command includes what its process holds already, which grows with each case.
    limit = MEMORY_LIMIT + _held_memory()
    return [*recipe.command.split(), *words, f"--json={RECORD}",
            f"--memory-limit={limit >> 20}MiB", "--threads=1"]


def _plan(recipe, rng):
    """Draw none to two mutations: those of each kind of input, and odd options."""
    plan, odd = {kind: [] for kind in recipe.kinds}, []
    options = odd_options(recipe.command)
    for _ in range(int(rng.choice(3, p=[0.04, 0.68, 0.28]))):
        if recipe.kinds and rng.random() < 0.6:
            kind = str(rng.choice(recipe.kinds))
            choices = mutations_of(kind)
            plan[kind].append(choices[int(rng.integers(len(choices)))])
        else:
            values = options[int(rng.integers(len(options)))]
            odd.append(values[int(rng.integers(len(values)))])
    return plan, odd


def _make_input(case, kind, path, mutations, rng):
    """Write an input with its mutations, and return its name."""
    if path.suffix in (".csv", ".txt"):
        mutations = [one for one in mutations if not one.of_units]
    content, applied = _mutated(content_of(kind), mutations, rng)
    try:
        write_input(content, path)
    except Exception:
        for rest in (path, path.with_suffix(".json")):
            rest.unlink(missing_ok=True)
        applied = []
        write_input(content_of(kind), path)
    for one in mutations:
        if one.bytes_of_file and path.exists() and (kind == "folder" or path.is_file()):
            path = one.apply(path, rng) or path
            applied.append(one)
    for one in applied:
        # One mutation may undo another of the same input, such as a cut that removes a bad row.
        expect = one.expect if len(applied) == 1 else Expect.FREE
        _note(case, f"{kind}{path.suffix}: {one.name}", expect)
        case.kappa_only |= one.harmless_to_kappa_only
    if not applied:
        case.mutations.append(f"{kind}{path.suffix}: valid")
    return path.name


def _mutated(content, mutations, rng):
    """Return content with its mutations, and a list of those that could be applied."""
    applied = []
    for one in mutations:
        if one.bytes_of_file:
            continue
        try:
            changed = one.apply(content, rng)
        except (KeyError, IndexError, TypeError, ValueError):  # it needs what another removed
            continue
        content = content if changed is None else changed
        applied.append(one)
    return content, applied


def _note(case, name, expect):
    case.mutations.append(name)
    case.expect = max(case.expect, expect)


def _add_odd(case, odd, folder):
    """Add an option, with the files that its value stands for."""
    current = case.outputs.get(odd.words[0].split("=")[0], "output.fits")
    suffix = Path(current).suffix
    kept, noise = folder / f"kept{suffix}", folder / "noise.dat"
    more = []

    def make_kept():
        kept.write_text("precious\n")
        return kept.name

    def overwritten(name):
        more.append("--overwrite")
        return name

    def make_pipe():
        if not (folder / f"pipe{suffix}").exists():
            os.mkfifo(folder / f"pipe{suffix}")
        return overwritten(f"pipe{suffix}")

    def make_folder():
        (folder / f"a_folder{suffix}").mkdir(exist_ok=True)
        return f"a_folder{suffix}"

    def make_noise():
        noise.write_bytes(bytes(range(256)) * 8)
        return noise.name

    first = next(iter(case.inputs.values()), None)
    names = {
        "name": lambda: current, "suffix": lambda: suffix, "kept": make_kept,
        "record": lambda: RECORD, "folder": make_folder, "pipe": make_pipe, "noise": make_noise,
        "kept_overwritten": lambda: overwritten(make_kept()),
        "input": lambda: first or make_kept(),
        "input_overwritten": lambda: overwritten(first) if first else make_kept(),
    }
    words = []
    for word in odd.words:
        for name, make in names.items():
            if f"{{{name}}}" in word:
                word = word.replace(f"{{{name}}}", make())
        words.append(word)
    case.words += words + more
    _note(case, f"option: {' '.join(odd.words)[:200]!r}", max(odd.expect, Expect.FREE))


def remove_case(folder):
    """Remove the folder of a case, whatever its modes are."""
    shutil.rmtree(folder, ignore_errors=True)
