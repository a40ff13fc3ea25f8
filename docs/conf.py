"""Sphinx: the pages of docs/ and an API reference made of the docstrings; `make docs` builds it."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FRONT = (ROOT / "engines" / "imagineid" / "__init__.py").read_text("utf-8")

project = "imagineid"
author = "the imagineid authors"
copyright = "2026, the imagineid authors"
release = re.findall(r'^__version__ = "(.+)"', FRONT, re.M)[0]

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
html_theme = "furo"
myst_heading_anchors = 3  # links such as quality.md#voices

# The reference is read from the source, so no package of the program has to be installed for it.
autoapi_dirs = [str(ROOT / "engines" / "imagineid")]
autoapi_root = "reference"
autoapi_options = ["members", "undoc-members", "show-module-summary"]
autoapi_member_order = "bysource"
autoapi_python_class_content = "class"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]
napoleon_use_ivar = True  # a class's attributes stand in its docstring and are not listed twice

nitpicky = True  # a cross-reference in a docstring has a target
nitpick_ignore_regex = [("py:class|py:obj|py:exc", ".*")]  # annotations name other packages' types
suppress_warnings = ["ref.python"]  # an annotation that is also the name of some attribute
