"""How the documentation is built; the pages of the catalogues are written from their docstrings first."""

import sys
from pathlib import Path

from glorot import __version__

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "glorot"
author = "The glorot developers"
copyright = "2026, The glorot developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "catalogues"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
default_role = "code"

add_module_names = False
autodoc_mock_imports = ["torch"]  # signatures name its classes, and the documentation is built without it
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "glorot"
html_static_path = ["_static"]
html_extra_path = ["../src/glorot/report/lab.html"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#2f7fc1", "color-brand-content": "#2f7fc1"},
    "dark_css_variables": {"color-brand-primary": "#6fb1e6", "color-brand-content": "#6fb1e6"},
}
