"""Fields: which of them glorot obeys, and which change nothing that it computes; it warns of any other by name.

A row here stands for a message of `caffe.proto`: of Caffe 1.0, or of a fork that has added to it. A field of a fork
that changes shapes, blobs or answers is read and stands in its row, or it does not, and whoever uses it is told.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from glorot.caffe.definition.layers import Layer
from glorot.caffe.formats.messages import Message
from glorot.caffe.formats.tokens import shown
from glorot.catalogue import nearest

MOST_WARNINGS = 20
"""Names of unknown fields that are told, each once; what comes after them is counted."""

NET = "name input input_shape input_dim layer layers state force_backward debug_info"
LAYER = "name type bottom top param include exclude phase loss_weight propagate_down"
OLD_LAYER = "name type bottom top param include exclude phase loss_weight blobs_lr weight_decay blob_share_mode"

FILLER = "type value min max mean std sparse variance_norm"
SHAPE = "dim"
RULE = "phase min_level max_level stage not_stage"
WINDOW = "kernel_size kernel_h kernel_w stride stride_h stride_w pad pad_h pad_w dilation dilation_h dilation_w"
HOLES = "hole hole_h hole_w"
FACTORS = "axis num_axes filler"

FILLERS = ["weight_filler", "bias_filler", "scale_filler", "shift_filler", "slope_filler", "filler", "data_filler"]

MESSAGES = {
    "param": "name lr_mult decay_mult share_mode",
    "include": RULE,
    "exclude": RULE,
    "state": "phase level stage",
    "shape": SHAPE,
    "input_shape": SHAPE,
    **dict.fromkeys(FILLERS, FILLER),
    "accuracy_param": "top_k axis ignore_label",
    "argmax_param": "out_max_val top_k axis",
    "batch_norm_param": "use_global_stats moving_average_fraction eps scale_bias scale_filler bias_filler",
    "bias_param": FACTORS,
    "bn_param": "scale_filler shift_filler slope_filler bias_filler momentum eps frozen",
    "clip_param": "min max",
    "concat_param": "axis concat_dim",
    "contrastive_loss_param": "margin legacy_version",
    "convolution_param": f"num_output bias_term group axis weight_filler bias_filler {WINDOW} {HOLES}",
    "crop_param": "axis offset",
    "detection_output_param": "num_classes share_location background_label_id nms_param code_type keep_top_k "
    "variance_encoded_in_target confidence_threshold",
    "dropout_param": "dropout_ratio scale_train sample_weights_test",
    "dummy_data_param": "data_filler shape num channels height width",
    "eltwise_param": "operation coeff",
    "elu_param": "alpha",
    "embed_param": "num_output input_dim bias_term weight_filler bias_filler",
    "exp_param": "base scale shift",
    "flatten_param": "axis end_axis",
    "hdf5_output_param": "file_name",
    "hinge_loss_param": "norm",
    "infogain_loss_param": "source axis",
    "inner_product_param": "num_output bias_term weight_filler bias_filler axis transpose",
    "input_param": "shape",
    "interp_param": "height width zoom_factor shrink_factor pad_beg pad_end",
    "log_param": "base scale shift",
    "loss_param": "ignore_label normalization normalize",
    "lrn_param": "local_size alpha beta norm_region k",
    "memory_data_param": "batch_size channels height width",
    "mvn_param": "normalize_variance across_channels eps",
    "nms_param": "nms_threshold top_k eta",
    "norm_param": "across_spatial scale_filler channel_shared eps",
    "parameter_param": "shape",
    "permute_param": "order",
    "pooling_param": f"pool global_pooling round_mode ceil_mode {WINDOW} {HOLES}",
    "power_param": "power scale shift",
    "prelu_param": "filler channel_shared",
    "prior_box_param": "min_size max_size aspect_ratio flip clip variance img_size img_h img_w step step_h step_w "
    "offset",
    "psroi_pooling_param": "spatial_scale output_dim group_size",
    "recurrent_param": "num_output weight_filler bias_filler expose_hidden",
    "reduction_param": "operation axis coeff",
    "relu_param": "negative_slope",
    "reorg_param": "stride reverse",
    "reshape_param": "shape axis num_axes",
    "roi_pooling_param": "pooled_h pooled_w spatial_scale",
    "scale_param": f"bias_term bias_filler {FACTORS}",
    "shuffle_channel_param": "group",
    "slice_param": "axis slice_dim slice_point",
    "softmax_param": "axis",
    "swish_param": "beta",
    "threshold_param": "threshold",
    "tile_param": "axis tiles",
    "upsample_param": "scale scale_h scale_w upsample_h upsample_w pad_out_h pad_out_w",
}
"""The fields that are obeyed, by message."""

IDLE = {
    "engine": "which library computes",
    "force_nd_im2col": "which code computes",
    "stable_prod_grad": "which code computes the gradient of a product",
    "cudnn_convolution_algo_seeker": "which code computes",
    "conv_algos_override": "which code computes",
    "cudnn_math_override": "which code computes",
    "forward_type": "in which precision NVIDIA's fork stores, not what",
    "backward_type": "in which precision NVIDIA's fork stores, not what",
    "forward_math": "in which precision NVIDIA's fork computes",
    "backward_math": "in which precision NVIDIA's fork computes",
    "debug_info": "what is printed",
    "visualize": "what is shown",
    "visualize_threshold": "what is shown",
    "save_output_param": "what is saved",
    "save_file": "what is saved",
}
"""Fields of any message that change neither shapes nor blobs nor answers, and what they do change."""

SETTINGS = {
    "Accuracy": "accuracy_param",
    "ArgMax": "argmax_param",
    "BatchNorm": "batch_norm_param",
    "BN": "bn_param",
    "Bias": "bias_param",
    "Clip": "clip_param",
    "Concat": "concat_param",
    "ContrastiveLoss": "contrastive_loss_param loss_param",
    "Crop": "crop_param",
    "Deconvolution": "convolution_param",
    "DetectionOutput": "detection_output_param",
    "Dropout": "dropout_param",
    "DummyData": "dummy_data_param",
    "Eltwise": "eltwise_param",
    "ELU": "elu_param",
    "Embed": "embed_param",
    "EuclideanLoss": "loss_param",
    "Exp": "exp_param",
    "Flatten": "flatten_param",
    "HDF5Output": "hdf5_output_param",
    "HingeLoss": "hinge_loss_param loss_param",
    "InfogainLoss": "infogain_loss_param loss_param softmax_param",
    "InnerProduct": "inner_product_param",
    "Input": "input_param",
    "Interp": "interp_param",
    "Log": "log_param",
    "LRN": "lrn_param",
    "LSTM": "recurrent_param",
    "MemoryData": "memory_data_param transform_param",
    "MultinomialLogisticLoss": "loss_param",
    "MVN": "mvn_param",
    "Normalize": "norm_param",
    "Parameter": "parameter_param",
    "Permute": "permute_param",
    "Pooling": "pooling_param",
    "Power": "power_param",
    "PReLU": "prelu_param",
    "PriorBox": "prior_box_param",
    "PSROIPooling": "psroi_pooling_param",
    "Reduction": "reduction_param",
    "ReLU": "relu_param",
    "Reorg": "reorg_param",
    "Reshape": "reshape_param",
    "ROIPooling": "roi_pooling_param",
    "RNN": "recurrent_param",
    "Scale": "scale_param",
    "ShuffleChannel": "shuffle_channel_param",
    "Sigmoid": "sigmoid_param",
    "SigmoidCrossEntropyLoss": "loss_param",
    "Slice": "slice_param",
    "Softmax": "softmax_param",
    "SoftmaxWithLoss": "loss_param softmax_param",
    "Split": "split_param",
    "Swish": "swish_param",
    "TanH": "tanh_param",
    "Threshold": "threshold_param",
    "Tile": "tile_param",
    "Upsample": "upsample_param",
    **dict.fromkeys(("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution"), "convolution_param"),
}
"""The messages that a type of layer reads. A type that is not here reads none."""

DATA = ("Data", "HDF5Data", "ImageData", "WindowData")
"""The types whose settings say where examples come from, which is the user's matter, and so is their shape."""


class _Unknown(NamedTuple):
    """A field that nobody reads: the message that holds it, its name, and the names that are read there."""

    at: Message
    name: str
    where: str
    known: tuple[str, ...]


def unread_fields(net: Message, layers: Iterable[Layer]) -> Iterator[str]:
    """Yield a sentence for each name of a field that is neither obeyed nor known to change nothing.

    Args:
        net: the net as it was written.
        layers: the layers that are to be looked through: those of a known type.

    Returns:
        An iterator of sentences with the place of the field, the first of its kind.

    Example:
        >>> from glorot.caffe.formats.prototxt import parse
        >>> list(unread_fields(parse('name: "n" inputs: "x" debug_info: true', "net.prototxt"), []))
        ["net.prototxt:1:19: unknown field 'inputs' (did you mean 'input'?)"]
    """
    found: dict[tuple[str, str], list[_Unknown]] = {}
    for one in _all_unknown(net, layers):
        found.setdefault((one.where, one.name), []).append(one)
    for first, *others in list(found.values())[:MOST_WARNINGS]:
        near = nearest(first.name[:100], first.known, limit=1)
        problem = f"unknown field {shown(first.name)!r}{first.where}{near}"
        yield str(first.at.error(problem + (f", here and in {len(others)} other places" if others else ""), first.name))
    if len(found) > MOST_WARNINGS:
        yield str(net.error(f"{len(found) - MOST_WARNINGS} more unknown fields"))


def _all_unknown(net: Message, layers: Iterable[Layer]) -> Iterator[_Unknown]:
    yield from _unknown_in(net, "", NET, {"layer", "layers"})
    for layer in layers:
        settings = SETTINGS.get(layer.kind, "")
        is_old = layer.message.name == "layers"
        known = f"{OLD_LAYER if is_old else LAYER} {settings}"
        data = {name for name in layer.message.names() if name.endswith("_param")} if layer.kind in DATA else set()
        yield from _unknown_in(layer.message, f" of type {shown(layer.kind)}", known, data)


def _unknown_in(message: Message, where: str, known: str, passed_over: set[str]) -> Iterator[_Unknown]:
    names = tuple(known.split())
    for name in message.names():
        if name not in names and name not in IDLE and name not in passed_over:
            yield _Unknown(message, name, where, names)
    for name, nested in message.nested():
        if name in names and name not in passed_over:
            yield from _unknown_in(nested, f" of {name}", MESSAGES.get(name, ""), set())
