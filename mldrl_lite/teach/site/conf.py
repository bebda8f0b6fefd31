"""What Sphinx has to know of the site; `mldrl_lite.teach.site.build` writes the pages beside which it is read."""

from importlib.metadata import version as installed
from pathlib import Path

from sphinx.application import Sphinx

from mldrl_lite.teach.site.translate import languages

HERE = Path(__file__).parent

project = "mldrl-lite"
author = "mldrl-lite contributors"
copyright = f"{author}, MIT licence"  # noqa: A001
release = version = installed("mldrl-lite")

extensions = [
    "myst_nb",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mldrl_lite.teach.site.maths",
]
exclude_patterns = ["**.ipynb_checkpoints"]
root_doc = "index"
default_role = "literal"
suppress_warnings = ["ref.python"]  # two modules may each have a class of one name

# Stored notebooks are shown as they are.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
nb_remove_code_source = False
nb_number_source_lines = False
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_mime_priority_overrides = [("html", "text/markdown", 5)]
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
nb_render_markdown_format = "myst"  # what a cell shows as Markdown may have tables, which the default leaves as text
myst_heading_anchors = 6
myst_heading_slug_func = "mldrl_lite.teach.site.links.anchor_of"
myst_links_external_new_tab = False
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
toc_object_entries = False  # the sidebar of each page would copy them all: half of the time that a build takes

html_theme = "sphinx_book_theme"
html_title = "mldrl-lite"
html_static_path = [str(HERE / "static")]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_domain_indices = False
html_last_updated_fmt = None
html_logo = str(HERE / "static" / "logo.svg")
html_favicon = str(HERE / "static" / "logo.svg")
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "mldrl-lite", "alt_text": ""},
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search has its place in the sidebar
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "collapse_navigation": True,  # else each page would carry the names of all modules
}


def _tidy(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Drop what Python says of a NamedTuple's fields; keep napoleon from taking words before a colon for a type."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()
    elif kind == "attribute":
        lines.insert(0, "\\ ")


def _name_language(app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object) -> None:
    """Tell a reader's browser, and who has pages read aloud, that a translated page is not in English."""
    folder = page.partition("/")[0]
    if folder in languages():
        context["language"] = folder


def setup(app: Sphinx) -> None:
    """Let Sphinx do what no setting says."""
    app.connect("html-page-context", _name_language)
    app.connect("autodoc-process-docstring", _tidy, priority=400)  # napoleon comes at 500
