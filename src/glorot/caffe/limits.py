"""How large a blob may be."""

MOST_AXES = 32
"""As many axes Caffe allows in one blob."""

MOST_ELEMENTS = 2**31 - 1
"""As many elements."""
