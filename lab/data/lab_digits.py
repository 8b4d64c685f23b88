"""Write lab/data/digits.json: scikit-learn's handwritten digits, in one shuffled order."""

from typing import Any

import numpy as np
from lab_nets import write_json
from numpy.typing import NDArray
from sklearn import datasets

TRAIN = 1437
"""Four fifths of the 1797 images are learned from."""

LEVELS = "0123456789abcdefg"


def digits() -> dict[str, Any]:
    """Return all of the file."""
    images, labels = shuffled()
    return {
        "origin": "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
        "Repository, 1998, https://doi.org/10.24432/C50P49; the test part, as scikit-learn brings it",
        "licence": "CC BY 4.0",
        "mean": float(images.mean()),
        "std": float(images.std()),
        "train": TRAIN,
        "labels": "".join(map(str, labels.tolist())),
        "images": ["".join(LEVELS[level] for level in image) for image in images.astype(int).tolist()],
    }


def shuffled() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the 1797 images, 64 levels from 0 to 16 each, and their labels, in the order of the page."""
    images, labels = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], labels[order]


def scaled(images: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return images with one global mean and standard deviation taken out, as `glorot compare` scales them."""
    return np.asarray((images - images.mean()) / images.std(), np.float32)


if __name__ == "__main__":
    write_json("digits.json", digits())
