"""Nets in the style of published ones, a few channels wide, with the fields that the forks of Caffe have added."""

from itertools import count

CLASSES = 5


class Net:
    """The text of a net, to which layers are added one after the other; each method returns the blob that it made."""

    def __init__(self, shape: tuple[int, ...] = (2, 3, 64, 64)) -> None:
        sizes = " ".join(f"dim: {size}" for size in shape)
        self.text = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {sizes} }} }} }}\n'
        self._number = count(1)

    def layer(self, kind: str, bottom: str, settings: str = "", name: str = "", top: str = "") -> str:
        """Add a layer that reads blobs, named with blanks between them."""
        name = name or f"{kind.lower()}{next(self._number)}"
        bottoms = " ".join(f'bottom: "{blob}"' for blob in bottom.split())
        self.text += f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {settings} }}\n'
        return top or name

    def conv(self, bottom: str, outputs: int, settings: str, name: str = "") -> str:
        """Add a Convolution."""
        filler = 'weight_filler { type: "msra" }'
        return self.layer(
            "Convolution", bottom, f"convolution_param {{ num_output: {outputs} {settings} {filler} }}", name
        )

    def pool(self, bottom: str, settings: str, name: str = "") -> str:
        """Add a Pooling."""
        return self.layer("Pooling", bottom, f"pooling_param {{ {settings} }}", name)

    def relu(self, bottom: str) -> str:
        """Add a ReLU in place."""
        return self.layer("ReLU", bottom, top=bottom)

    def normed(self, bottom: str) -> str:
        """Add a BatchNorm, and in its place a Scale and a ReLU."""
        normed = self.layer("BatchNorm", bottom, "batch_norm_param { use_global_stats: true eps: 1e-5 }")
        self.layer("Scale", normed, "scale_param { bias_term: true }", top=normed)
        return self.relu(normed)

    def fused(self, bottom: str) -> str:
        """Add a BatchNorm that has a scale and a shift of its own."""
        return self.layer("BatchNorm", bottom, "batch_norm_param { use_global_stats: true scale_bias: true eps: 1e-4 }")


def densenet() -> str:
    """DenseNet-121 (Huang et al., 2017): pools that round down, and blocks that concatenate all before them."""
    net = Net((2, 3, 52, 52))
    x = net.normed(net.conv("data", 8, "kernel_size: 7 stride: 2 pad: 3 bias_term: false"))
    x = net.pool(x, "pool: MAX kernel_size: 3 stride: 2 pad: 1 ceil_mode: false", "pool1")
    for block in range(3):
        for _ in range(2):
            own = net.conv(net.normed(x), 8, "kernel_size: 1 bias_term: false")
            own = net.conv(net.normed(own), 4, "kernel_size: 3 pad: 1 bias_term: false")
            x = net.layer("Concat", f"{x} {own}")
        if block < 2:
            x = net.conv(net.normed(x), 6, "kernel_size: 1 bias_term: false")
            x = net.pool(x, "pool: AVE kernel_size: 2 stride: 2 ceil_mode: false", f"transition{block}")
    x = net.pool(net.normed(x), "pool: AVE global_pooling: true")
    net.layer("Softmax", net.conv(x, CLASSES, "kernel_size: 1", "fc6"), name="prob")
    return net.text


def resnet() -> str:
    """ResNet-18 (He et al., 2016) as NVIDIA's fork writes it, with `scale_bias`, and with a stem that rounds down."""
    net = Net()
    x = net.relu(net.fused(net.conv("data", 6, "kernel_size: 7 stride: 2 pad: 3 bias_term: false")))
    x = net.pool(x, "pool: MAX kernel_size: 3 stride: 2 pad: 1 ceil_mode: false", "pool1")
    for width, stride in ((6, 1), (6, 1), (8, 2), (8, 1)):
        own = net.relu(net.fused(net.conv(x, width, f"kernel_size: 3 stride: {stride} pad: 1 bias_term: false")))
        own = net.fused(net.conv(own, width, "kernel_size: 3 pad: 1 bias_term: false"))
        if stride > 1:
            x = net.fused(net.conv(x, width, f"kernel_size: 1 stride: {stride} bias_term: false"))
        x = net.relu(net.layer("Eltwise", f"{x} {own}", "eltwise_param { operation: SUM }"))
    x = net.pool(x, "pool: AVE kernel_size: 8 stride: 1")
    x = net.layer(
        "InnerProduct", x, f"inner_product_param {{ num_output: {CLASSES} weight_filler {{ type: 'xavier' }} }}"
    )
    net.layer("Softmax", x, name="prob")
    return net.text


def squeezenet() -> str:
    """SqueezeNet 1.1 (Iandola et al., 2016), which ends in maps, with pools that round up, whether they say so or not."""
    net = Net((2, 3, 66, 66))
    x = net.pool(
        net.relu(net.conv("data", 8, "kernel_size: 3 stride: 2")), "pool: MAX kernel_size: 3 stride: 2", "pool1"
    )
    for fire, width in enumerate((4, 6, 6)):
        x = net.relu(net.conv(x, width, "kernel_size: 1"))
        sides = [net.relu(net.conv(x, 2 * width, kernel)) for kernel in ("kernel_size: 1", "kernel_size: 3 pad: 1")]
        x = net.layer("Concat", " ".join(sides))
        if fire == 1:
            x = net.pool(x, "pool: MAX kernel_size: 3 stride: 2 ceil_mode: true", "pool3")
    x = net.layer("Dropout", x, "dropout_param { dropout_ratio: 0.5 }", top=x)
    x = net.pool(net.relu(net.conv(x, CLASSES, "kernel_size: 1", "conv10")), "pool: AVE global_pooling: true", "pool10")
    net.layer("Softmax", x, name="prob")
    return net.text


def inception() -> str:
    """Inception-v4 (Szegedy et al., 2017): a stem whose convolutions and pools meet, and kernels that are no squares."""
    net = Net((2, 3, 65, 65))
    x = net.normed(net.conv("data", 6, "kernel_size: 3 stride: 2 bias_term: false"))
    x = net.normed(net.conv(x, 6, "kernel_size: 3 pad: 1 bias_term: false"))
    pooled = net.pool(x, "pool: MAX kernel_size: 3 stride: 2 pad: 1 ceil_mode: false", "stem_pool")
    x = net.layer("Concat", f"{pooled} {net.normed(net.conv(x, 8, 'kernel_size: 3 stride: 2 pad: 1'))}", name="stem")
    one = net.normed(net.conv(net.pool(x, "pool: AVE kernel_size: 3 stride: 1 pad: 1"), 4, "kernel_size: 1"))
    two = net.normed(net.conv(x, 4, "kernel_h: 1 kernel_w: 7 pad_h: 0 pad_w: 3 stride: 1"))
    two = net.normed(net.conv(two, 5, "kernel_h: 7 kernel_w: 1 pad_h: 3 pad_w: 0 stride: 1"))
    x = net.layer("Concat", f"{one} {two}")
    pooled = net.pool(x, "pool: MAX kernel_size: 3 stride: 2 ceil_mode: false", "reduction_pool")
    x = net.layer("Concat", f"{pooled} {net.normed(net.conv(x, 6, 'kernel_size: 3 stride: 2'))}", name="reduction")
    x = net.layer("Dropout", net.pool(x, "pool: AVE global_pooling: true"), "dropout_param { dropout_ratio: 0.2 }")
    x = net.layer("InnerProduct", net.layer("Flatten", x), f"inner_product_param {{ num_output: {CLASSES} }}")
    net.layer("Softmax", x, name="prob")
    return net.text


def ssd() -> str:
    """SSD (Liu et al., 2016): normalised features, a dilated layer, boxes over two maps, and what is detected."""
    net = Net((1, 3, 48, 48))
    x = net.relu(net.conv("data", 6, "kernel_size: 3 pad: 1 stride: 2"))
    x = net.pool(x, "pool: MAX kernel_size: 2 stride: 2")
    features = net.relu(net.conv(x, 6, "kernel_size: 3 pad: 1"))
    x = net.pool(features, "pool: MAX kernel_size: 3 stride: 1 pad: 1")
    far = net.relu(net.conv(x, 8, "kernel_size: 3 pad: 6 dilation: 6 stride: 2", "fc6"))
    scale = 'scale_filler { type: "constant" value: 20 }'
    near = net.layer("Normalize", features, f"norm_param {{ across_spatial: false channel_shared: false {scale} }}")
    locations, scores, priors = [], [], []
    for source, sides in ((near, "min_size: 6 max_size: 12"), (far, "min_size: 14 max_size: 25")):
        for found, numbers in ((locations, 4 * 4), (scores, 4 * CLASSES)):
            one = net.conv(source, numbers, "kernel_size: 3 pad: 1")
            found.append(
                net.layer("Flatten", net.layer("Permute", one, _order(0, 2, 3, 1)), "flatten_param { axis: 1 }")
            )
        box = f"{sides} aspect_ratio: 2 flip: true clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2"
        priors.append(net.layer("PriorBox", f"{source} data", f"prior_box_param {{ {box} offset: 0.5 }}"))
    x = net.layer("Concat", " ".join(scores), name="scores")
    x = net.layer("Reshape", x, f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {CLASSES} }} }}")
    x = net.layer(
        "Flatten", net.layer("Softmax", x, "softmax_param { axis: 2 }"), "flatten_param { axis: 1 }", "shares"
    )
    box = net.layer("Concat", " ".join(priors), "concat_param { axis: 2 }", "priors")
    place = net.layer("Concat", " ".join(locations), name="locations")
    kept = (
        "nms_param { nms_threshold: 0.45 top_k: 40 } code_type: CENTER_SIZE keep_top_k: 20 confidence_threshold: 0.01"
    )
    settings = f"detection_output_param {{ num_classes: {CLASSES} share_location: true background_label_id: 0 {kept} }}"
    net.layer("DetectionOutput", f"{place} {x} {box}", settings, name="found")
    return net.text


def mobile() -> str:
    """MobileNet-v2 and ShuffleNet (2018), depthwise and shuffled, under a head that DeepLab's Interp makes larger."""
    net = Net((2, 3, 33, 33))
    x = net.layer("ReLU6", net.conv("data", 6, "kernel_size: 3 stride: 2 pad: 1 bias_term: false"))
    for stride in (1, 2):
        window = f"convolution_param {{ num_output: 6 kernel_size: 3 stride: {stride} pad: 1 }}"
        own = net.layer(
            "ShuffleChannel", net.conv(x, 6, "kernel_size: 1 group: 3"), "shuffle_channel_param { group: 3 }"
        )
        own = net.layer("ReLU6", net.layer("ConvolutionDepthwise", own, window))
        own = net.conv(own, 6, "kernel_size: 1 group: 3")
        x = net.layer("Eltwise", f"{x} {own}") if stride == 1 else own
    x = net.conv(net.layer("Mish", x), CLASSES, "kernel_size: 1")
    net.layer("Interp", x, "interp_param { zoom_factor: 4 }", name="larger")
    return net.text


def _order(*axes: int) -> str:
    return "permute_param { " + " ".join(f"order: {axis}" for axis in axes) + " }"


STYLES = {
    "densenet": densenet,
    "resnet": resnet,
    "squeezenet": squeezenet,
    "inception": inception,
    "ssd": ssd,
    "mobile": mobile,
}
