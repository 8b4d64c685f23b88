"""The figures on the page of concepts are those that the theory gives."""

import pytest
from page_claims import table

from glorot.theory import Layer, predict

WEIGHT_VARIANCE = {"Xavier": 1.0, "standard": 1 / 3}  # times 1/n, for square layers
QUANTITY = {"activation std": "activation_std", "gradient factor": "gradient_factor"}


@pytest.mark.parametrize("row", table("docs/concepts.md", "| 5 |"), ids=lambda row: row["layer"])
def test_a_deep_net_of_tanh_units(row: dict[str, str]) -> None:
    quantity, _, rule = row["layer"].partition(", ")
    layers = [Layer(f"fc{n}", 1000, 1000, WEIGHT_VARIANCE[rule] / 1000, "tanh") for n in range(5)]
    predictions = predict([*layers, Layer("out", 1000, 1000, WEIGHT_VARIANCE[rule] / 1000, "identity")])
    for depth, prediction in enumerate(predictions[:5], 1):
        assert f"{getattr(prediction, QUANTITY[quantity]):.4f}".removeprefix("0") == row[str(depth)]
