"""Write lab/data/colors.css: the colours of all pages of glorot."""

from pathlib import Path

from glorot.report.colors import variables

if __name__ == "__main__":
    (Path(__file__).parent / "colors.css").write_text(variables(), encoding="utf-8")
