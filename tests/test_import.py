# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What ``import lensmap`` loads, and what it leaves for later.

Only a new interpreter can tell: in this one, other tests have loaded everything.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["keras", "matplotlib", "tensorflow"]
PACKAGE = Path(importlib.util.find_spec("lensmap").origin).parent


def run_python(code, folder, *first_on_path):
    """Run code in a new interpreter that sees the same lensmap, and return what it printed."""
    path = [*map(str, first_on_path), str(PACKAGE.parent)]
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def loaded_after(code, folder, *first_on_path):
    """Return which of the heavy packages are loaded once the code has run."""
    report = f"\nimport json, sys\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    return json.loads(run_python(code + report, folder, *first_on_path).splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import lensmap",
        "import lensmap; dir(lensmap); lensmap.__version__",
        "from lensmap import KaiserSquires, ShearCatalog; KaiserSquires()",
        "import lensmap.cli",
        "from lensmap import HaloModelField, MockSurvey; MockSurvey()",
    ],
)
def test_light(code, tmp_path):
    assert loaded_after(code, tmp_path) == []


def test_heavy_would_be_seen(tmp_path):
    assert loaded_after("import matplotlib", tmp_path) == ["matplotlib"]


def test_public_names_are_lazy(tmp_path):
    code = """
import json, lensmap
names = [name for name in lensmap.__all__ if name != "__version__"]
print(json.dumps({
    "names": names,
    "not in dir": sorted(set(names) - set(dir(lensmap))),
    "not lazy": [name for name in names if name in vars(lensmap)],
    "unresolved": [name for name in names if getattr(lensmap, name, None) is None],
}))
"""
    found = json.loads(run_python(code, tmp_path))
    assert {"ShearCatalog", "ConvergenceMap", "KaiserSquires"} <= set(found.pop("names"))
    assert found == {"not in dir": [], "not lazy": [], "unresolved": []}


def test_unknown_name(tmp_path):
    code = "import lensmap; print(hasattr(lensmap, 'KaiserSquire'))"
    assert run_python(code, tmp_path).strip() == "False"


def test_without_tensorflow(tmp_path):
    code = """
import sys
sys.modules.update(dict.fromkeys(["keras", "tensorflow"]))  # None there means: not to be had
from lensmap import KaiserSquires
print(KaiserSquires())
"""
    assert run_python(code, tmp_path).startswith("KaiserSquires(")


@pytest.mark.parametrize("package", HEAVY)
def test_with_a_broken_package(package, tmp_path):
    # A package that is installed but cannot run, as with a library of the wrong version. It fails
    # with something else than the ImportError that code for optional packages expects.
    (tmp_path / f"{package}.py").write_text("raise OSError('cannot open shared object file')")
    code = f"""
try:
    import {package}
except OSError:
    pass
else:
    raise SystemExit("the broken package was not found first")
from lensmap import KaiserSquires, ShearCatalog
print(KaiserSquires())
"""
    assert run_python(code, tmp_path, tmp_path).startswith("KaiserSquires(")
