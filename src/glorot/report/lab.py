"""The page on which initialisation can be touched: built from `lab/`, and part of the package."""

from pathlib import Path

from glorot.errors import GlorotError
from glorot.files import write_whole
from glorot.report.document import installed_text

NAME = "lab.html"


def lab_page() -> str:
    """Return the page: one HTML file that fetches nothing.

    Raises:
        GlorotError: if this installation lacks it.

    Example:
        >>> "<title>Where would you set it?" in lab_page()
        True
    """
    try:
        return installed_text(NAME)
    except FileNotFoundError:
        raise GlorotError(
            "this installation lacks the page lab.html; install glorot again: pip install --force-reinstall glorot"
        ) from None


def save_lab(path: str | Path) -> Path:
    """Write the page to a file.

    Args:
        path: a file that ends in .html, or a folder, which gets a lab.html.

    Returns:
        The file.

    Raises:
        GlorotError: if the name ends otherwise, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> save_lab(tempfile.mkdtemp()).name
        'lab.html'
    """
    file = Path(path) / NAME if Path(path).is_dir() else Path(path)
    if file.suffix.lower() not in (".html", ".htm"):
        raise GlorotError(f"the lab is an HTML page, got {str(path)!r}; give a name that ends in .html")
    return write_whole(file, lab_page())
