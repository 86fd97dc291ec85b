# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How the documentation is built: ``sphinx-build -W -n -b html docs docs/_build/html``.

It needs no network. ``LENSMAP_DOCS_INTERSPHINX=1`` turns names of other packages into links to
their documentation, for which their inventories are fetched.
"""

import os
import sys
import warnings
from pathlib import Path

import numpydoc.xref

import lensmap

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "lensmap"
author = "The lensmap developers"
copyright = "the lensmap developers"
release = lensmap.__version__
version = ".".join(release.split(".")[:2])

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_automodapi.automodapi",
    "sphinx_gallery.gen_gallery",
    "lensmap_docs",
    "mathml",
    "network_cards",
]
exclude_patterns = [
    "_build", "_static", "_ext", "figures", "tutorials", "nitpick-exceptions.txt",
    # What sphinx-gallery writes beside its pages.
    "gallery/**/*.py", "gallery/**/*.ipynb", "gallery/**/*.md5", "sg_execution_times.rst",
    "gallery/sg_execution_times.rst",
    # What a validation leaves beside its report.
    "validation/*/data", "validation/*/figures", "validation/*/*.json", "validation/*/scores.ecsv",
]
default_role = "py:obj"
language = "en"

# --- names -----------------------------------------------------------------------------------

nitpicky = True
# Names of other packages, one "role regex" a line. A name of lensmap's own never stands there.
nitpick_ignore_regex = [
    tuple(line.split(maxsplit=1))
    for line in (HERE / "nitpick-exceptions.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
if not os.environ.get("LENSMAP_DOCS_INTERSPHINX"):
    # numpydoc would turn "str" into a link to the inventory of Python, and show it as "python:str".
    numpydoc.xref.DEFAULT_LINKS.clear()
else:
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
        "astropy": ("https://docs.astropy.org/en/stable/", None),
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "regions": ("https://astropy-regions.readthedocs.io/en/stable/", None),
        "reproject": ("https://reproject.readthedocs.io/en/stable/", None),
    }

# --- the reference, from the docstrings ---------------------------------------------------------

automodapi_inheritance_diagram = False
automodapi_toctreedirnm = "api"
automodsumm_inherited_members = False
autodoc_typehints = "none"
numpydoc_show_class_members = False  # automodapi lists them
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # of the words in a type, only those below are names
numpydoc_xref_aliases = {
    name: f"{room}.{name}"
    for room in ("lensmap.catalog", "lensmap.masks", "lensmap.grid", "lensmap.maps",
                 "lensmap.estimators", "lensmap.diagnostics")
    for name in __import__(room, fromlist=["__all__"]).__all__
    if name[0].isupper() and not name.isupper()
}

# --- pictures -----------------------------------------------------------------------------------

warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")
plot_basedir = str(HERE / "figures")
plot_formats = [("png", 160)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
plot_rcparams = {
    "font.size": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": "tight",
}
plot_apply_rcparams = True

# --- tutorials: scripts that run when the pages are made ----------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "gallery",
    # The tutorial on the COSMOS field runs where its data are.
    "filename_pattern": "/" if os.environ.get("LENSMAP_DATA") else r"/(?!cosmos_field)[^/]*$",
    "default_thumb_file": str(HERE / "_static" / "demo.png"),
    "thumbnail_size": (520, 364),
    "within_subsection_order": "lensmap_gallery.place",
    "reset_modules": ("lensmap_gallery.plain_figures",),
    "image_srcset": ["2x"],
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "plot_gallery": True,
    "remove_config_comments": True,
}

# --- pages --------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"lensmap {version}"
html_static_path = ["_static"]
# The report of `lensmap validate` and its table of numbers, at the root of the site.
html_extra_path = ["validation/paper"]
html_css_files = ["lensmap.css"]
html_js_files = ["copy.js"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "changes": [], "bibliography": []}
html_theme_options = {
    "logo": {"text": "lensmap"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
