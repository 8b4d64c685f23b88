"""Recipe: the fillers that a Caffe net declares."""

from glorot.errors import GlorotError
from glorot.inventory import Inventory, Part
from glorot.recipes.base import Choice, Chooser, recipe
from glorot.schemes import as_scheme


@recipe()
def caffe() -> Chooser:
    """The fillers of a Caffe net, with Caffe's own meaning and its own fans.

    xavier: U(±√(3/n)); msra: N(0, 2/n); n = fan_in, fan_out or their mean, by `variance_norm`

    Caffe takes its fans from the shape of a blob: fan_in = count/shape[0], fan_out = count/shape[1], whatever the
    layer does with it. They are the true ones for a plain InnerProduct or Convolution. For a Deconvolution and a
    transposed InnerProduct they are swapped, with groups fan_out counts the outputs of all of them, and a stride is
    not seen at all. This recipe repeats that, and the plan says where it differs from the truth;
    `xavier`, `he` and `auto` plan the same net with true fans.

    What each part gets:
        What its filler says: constant, uniform, gaussian (also sparse), xavier, msra, positive_unitball or bilinear.
        Without a filler zeros, but ¼ for the slopes of a PReLU and 1 for a Scale; zeros for the averages of a
        BatchNorm.

    When to use:
        To start a net as Caffe would, and as the baseline beside which `auto` is judged.

    Next:
        `glorot compare net.prototxt` trains a net from its fillers, and from Xavier's, He's and `auto`.

    Raises:
        GlorotError: if the model is not read from a `.prototxt`.

    Example:
        >>> from glorot.recipes import as_recipe
        >>> str(as_recipe("caffe"))
        'caffe'

    References:
        Jia et al. (2014), "Caffe: Convolutional Architecture for Fast Feature Embedding"; Caffe 1.0,
        `include/caffe/filler.hpp`.
    """

    def choose(part: Part, inventory: Inventory) -> Choice:
        declared = part.declared
        if declared is None:
            raise GlorotError(
                f"recipe 'caffe' takes the fillers of a Caffe net, and {part.name} has none: the model is not read "
                "from a .prototxt; for Caffe's laws on another model name a scheme, as in recipe='caffe_xavier'"
            )
        scheme = as_scheme(declared.scheme)
        return Choice(scheme if declared.fans is None else scheme.counted(declared.fans), declared.why)

    return choose
