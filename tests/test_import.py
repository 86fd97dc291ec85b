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


def test_light(tmp_path):
    steps = [
        "import lensmap",
        "dir(lensmap); lensmap.__version__",
        "from lensmap import KaiserSquires, ShearCatalog; KaiserSquires()",
        "import lensmap.cli",
        "from lensmap import HaloModelField, MockSurvey; MockSurvey()",
    ]
    control = "import matplotlib"
    code = f"""
import json, sys
loaded = {{}}
for step in {[*steps, control]}:
    exec(step)
    loaded[step] = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps(loaded))
"""
    assert json.loads(run_python(code, tmp_path)) == {
        **{step: [] for step in steps},
        control: ["matplotlib"],
    }


def test_public_names_are_lazy(tmp_path):
    code = """
import json, lensmap
names = [name for name in lensmap.__all__ if name != "__version__"]
print(json.dumps({
    "names": names,
    "not in dir": sorted(set(names) - set(dir(lensmap))),
    "not lazy": [name for name in names if name in vars(lensmap)],
    "unresolved": [name for name in names if getattr(lensmap, name, None) is None],
    "misspelt": hasattr(lensmap, "KaiserSquire"),
}))
"""
    found = json.loads(run_python(code, tmp_path))
    assert {"ShearCatalog", "ConvergenceMap", "KaiserSquires"} <= set(found.pop("names"))
    assert found == {"not in dir": [], "not lazy": [], "unresolved": [], "misspelt": False}


def test_without_tensorflow(tmp_path):
    code = """
import sys
sys.modules.update(dict.fromkeys(["keras", "tensorflow"]))  # None there means: not to be had
from lensmap import KaiserSquires
print(KaiserSquires())
"""
    assert run_python(code, tmp_path).startswith("KaiserSquires(")


def test_with_broken_packages(tmp_path):
    # Packages that are installed but cannot run, as with a library of the wrong version. They fail
    # with something else than the ImportError that code for optional packages expects.
    for package in HEAVY:
        (tmp_path / f"{package}.py").write_text("raise OSError('cannot open shared object file')")
    code = f"""
import importlib
for package in {HEAVY}:
    try:
        importlib.import_module(package)
    except OSError:
        pass
    else:
        raise SystemExit(f"the broken {{package}} was not found first")
from lensmap import KaiserSquires, ShearCatalog
print(KaiserSquires())
"""
    assert run_python(code, tmp_path, tmp_path).startswith("KaiserSquires(")
