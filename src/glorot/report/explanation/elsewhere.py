"""What the initialisers of other libraries are called there, which page explains each, and what glorot has for it."""

import re
from typing import NamedTuple

from glorot.catalogue import squash
from glorot.dropins.table import JAX, KERAS, TORCH


class Elsewhere(NamedTuple):
    """A page, and what to say of the name that led to it.

    Attributes:
        kind: the kind of the entry.
        name: its own name.
        note: what glorot has for the name; empty if nothing needs to be said.
    """

    kind: str
    name: str
    note: str = ""


CAFFE_FILLERS = {
    "xavier": "caffe_xavier", "msra": "caffe_msra", "gaussian": "normal", "constant": "constant", "uniform": "uniform",
    "bilinear": "bilinear", "positive_unitball": "positive_unitball",
}  # fmt: skip

SCHEMES_BY_NAME = {
    "eye_": "identity", "trunc_normal_": "truncated_normal", "sparse_": "sparse_normal", "sparse": "sparse_normal",
    "random_normal": "normal", "random_uniform": "uniform", "trunc_normal": "truncated_normal",
    "xavier_initializer": "xavier_uniform", "xavier_initializer_conv2d": "xavier_uniform",
    "variance_scaling_initializer": "variance_scaling", "uniform_unit_scaling": "variance_scaling",
    "identity_initializer": "identity", "delta_orthogonal": "orthogonal", "narrow_normal": "normal", "eye": "identity",
    "msra": "caffe_msra", "msra_prelu": "he_normal", "msra_fill": "caffe_msra", "xavier_fill": "caffe_xavier",
    "standard_normal": "normal", "multivariate_normal": "normal", "randn": "normal", "rand": "uniform",
    "kaiming_init": "he_normal", "he_init": "he_normal", "he_et_al": "he_normal", "msra_init": "he_normal",
    "kaiming_he": "he_normal", "lsuv": "orthogonal",
    "ortho": "orthogonal", "orthonormal": "orthogonal", "dirac_delta": "dirac",
    "variance_norm": "caffe_xavier", "xavier_filler": "caffe_xavier", "delving_deep_into_rectifiers": "he_normal",
    "glorot_filler": "caffe_xavier",
    "truncated_gaussian": "truncated_normal", "zeros_like": "zeros", "ones_like": "ones", "torch_zeros": "zeros",
}  # fmt: skip

ACTIVATIONS_BY_NAME = {
    "prelu": "leaky_relu", "rrelu": "leaky_relu", "lrelu": "leaky_relu", "hard_sigmoid": "hardsigmoid",
    "rectifier": "relu", "rectified_linear": "relu", "rectified_linear_unit": "relu", "rectifier_linear": "relu",
    "hyperbolic_tangent": "tanh", "log_sigmoid": "logsigmoid", "hard_swish": "hardswish", "gaussian_error": "gelu",
    "logistic_function": "sigmoid", "soft_sign": "softsign", "soft_plus": "softplus", "sigmoidal": "sigmoid",
    "gaussian_error_linear_unit": "gelu", "exponential_linear_unit": "elu", "leaky": "leaky_relu", "relus": "relu",
}  # fmt: skip

LAYERS = {
    "linear": ("recipe", "pytorch"), "conv1d": ("recipe", "pytorch"), "conv2d": ("recipe", "pytorch"),
    "reset_parameters": ("recipe", "pytorch"), "dense": ("scheme", "xavier_uniform"),
    "get_variable": ("scheme", "xavier_uniform"), "calculate_gain": ("topic", "gain"), "conv3d": ("recipe", "pytorch"),
    "convtranspose2d": ("recipe", "pytorch"), "fully_connected": ("scheme", "xavier_uniform"),
    "manual_seed": ("topic", "seed"), "set_random_seed": ("topic", "seed"),
    "clip_grad_norm_": ("topic", "exploding_gradients"),
}  # fmt: skip
"""What layers start from where nothing is said, for code that names no initialiser."""

LAYER_NOTES = {
    "pytorch": "`{0}` of PyTorch starts from this by itself.",
    "xavier_uniform": "`{0}` of Keras and TensorFlow starts from this where no initializer is given.",
}

RECIPES_BY_NAME = {
    "understanding_the_difficulty_of_training": "xavier", "bengio": "xavier", "yoshua_bengio": "xavier",
    "weight_filler": "caffe", "bias_filler": "caffe", "fillers": "caffe", "caffe_fillers": "caffe",
    "initialize_parameters_he": "he", "initialize_parameters_zeros": "zeros", "initialize_parameters_random": "random",
    "initialize_parameters": "xavier", "hes": "he", "he_s": "he", "glorot_bengio": "xavier", "inner_product": "caffe",
    "default_initialization": "pytorch", "default_init": "pytorch", "pytorch_default": "pytorch",
}  # fmt: skip

_BY_KEY = {squash(name): ("scheme", own) for name, own in SCHEMES_BY_NAME.items()}
_BY_KEY |= {squash(name): ("activation", own) for name, own in ACTIVATIONS_BY_NAME.items()}
_BY_KEY |= {squash(name): ("recipe", own) for name, own in RECIPES_BY_NAME.items()}
_KERAS = {squash(name): name for name in KERAS} | {
    f"glorot{form}": f"Glorot{form.capitalize()}" for form in ("uniform", "normal")
}
_TENSORFLOW_1 = ("xavier_initializer", "xavier_initializer_conv2d", "variance_scaling_initializer")


def entry_elsewhere(name: str) -> tuple[str, str] | None:
    """Return kind and name of the entry that a name of another library stands for.

    Example:
        >>> entry_elsewhere("xavier_initializer"), entry_elsewhere("MSRAPrelu"), entry_elsewhere("banana")
        (('scheme', 'xavier_uniform'), ('scheme', 'he_normal'), None)
    """
    return _BY_KEY.get(squash(name))


def note_on(asked: str, name: str) -> str:
    """Say what glorot has for a name of another library.

    Args:
        asked: all that was asked, which may name the library.
        name: the name, without what stands before its last dot.

    Example:
        >>> note_on("nn.init.xavier_uniform_(w)", "xavier_uniform_")
        'PyTorch: `from glorot.torch import init`, then `init.xavier_uniform_` as in torch.nn.init.'
    """
    if re.search(r"\bfiller\b|\btype\s*:", asked) and name in CAFFE_FILLERS:
        return f"Caffe: the filler `{name}`; `glorot plan net.prototxt` tells what each layer of a net gets."
    if name in _TENSORFLOW_1:
        return f"TensorFlow 1: set `tf.contrib = glorot.keras.contrib`, and tf.contrib.layers.{name} runs again."
    if name in TORCH and (name.endswith("_") or "torch" in asked):
        return f"PyTorch: `from glorot.torch import init`, then `init.{name}` as in torch.nn.init."
    if re.search(r"\bjax\b|\bflax\b|nn\.initializers|\bhk\b", asked):
        ours = name.replace("glorot", "xavier").replace("kaiming", "he")
        return f"JAX: `glorot.jax.initializers.{ours}`, as in jax.nn.initializers." if ours in JAX else ""
    own = _KERAS.get(squash(name))
    if own and ("keras" in asked or (name == own and not re.search(r"[a-z_]\.[A-Za-z_]", asked))):
        return f"Keras: `glorot.keras.{own}`, as in keras.initializers."
    return ""
