"""Make the picture of the README: the comparison of the demonstration, drawn.

Run with: python docs/picture.py
"""

from pathlib import Path

from glorot.comparison.digits import default_recipes, digits_task
from glorot.comparison.run import run_comparison
from glorot.files import write_whole
from glorot.report.picture import comparison_png


def main() -> None:
    """Train the digits from eight starts and write docs/compare.png."""
    comparison = run_comparison(digits_task(), default_recipes("tanh"), seeds=5, epochs=30)
    print(write_whole(Path(__file__).with_name("compare.png"), comparison_png(comparison)))
    print(comparison)


if __name__ == "__main__":
    main()
