"""Recipe: Xavier initialisation for every weight."""

from glorot.recipes.base import Chooser, one_law, recipe
from glorot.schemes import SCHEMES


@recipe("glorot")
def xavier(distribution: str = "uniform") -> Chooser:
    """Xavier (Glorot) initialisation: signal and gradient keep their variance.

    W ~ U(±√(6/(fan_in + fan_out))) or N(0, 2/(fan_in + fan_out)), b = 0

    The question:
        Ten tanh layers, 128 inputs to each unit. How large must a weight be at the start, so that what
        goes in still comes out?

    The problem:
        Too small, and the signal fades from layer to layer; too large, and every tanh saturates;
        all alike, and the units never part.

        The gradient suffers the same on its way back, so the first layers of a deep net learn least.
        Weights are therefore drawn at random with mean 0, and one number is left to choose: their
        variance.

    The idea:
        y = Σ w·x over n inputs; with means 0, Var(w·x) = Var(w)·Var(x), so y has the variance of x if
        n·Var(w) = 1. Forward n is fan_in, backwards fan_out; the compromise takes their mean.

    The derivation:
        A unit sums its n inputs, each times a weight:

            y = Σ w·x

        For w and x independent of each other, one product has the variance

            Var(w·x) = E[w]²·Var(x) + E[x]²·Var(w) + Var(w)·Var(x)

        With both means 0 the first two terms vanish. If the n products are moreover independent and
        identically distributed (iid), their variances add up:

            Var(y) = n·Var(w)·Var(x)

        The signal keeps its variance where n·Var(w) = 1. Forward, n is fan_in, the inputs summed into
        one unit:

            fan_in·Var(w) = 1

        Backwards the same sum runs the other way: the gradient of an input unit gathers what comes
        from the fan_out units that it feeds, through the same weights:

            fan_out·Var(w) = 1

        Both hold at once only if fan_in = fan_out. The compromise takes the mean of the two fans for n:

            Var(w) = 2/(fan_in + fan_out)

    Both forms:
        Normal: σ = √(2/(fan_in + fan_out)). Uniform: a draw from ±a has the variance a²/3, hence the
        bound a = √(6/(fan_in + fan_out)). The two have one variance and train alike.

    A layer 300 → 100, worked out:
        Var(w) = 2/(300 + 100) = .005, so σ = √.005 = .0707 for the normal form, and the bound is
        √(6/400) = .1225 for the uniform one. The variance of the signal is then multiplied by
        300·.005 = 1.5 and that of the gradient by 100·.005 = 0.5: neither is 1, and neither is far off.

        It adds up, though: if every one of ten layers were off like this, the signal's variance would be
        multiplied by 1.5^10 = 57.7 and the gradient's by 0.5^10 = .001. Nets of equal widths are off by
        nothing: there both factors are 1.

    Which axis is fan_in:
        PyTorch stores a weight as (out, in): Linear(300, 100) has one of shape (100, 300). Keras and
        JAX store a kernel as (in, out): (300, 100). Caffe's InnerProduct stores (N, K), which is
        (out, in). So fan_in is the number of columns in PyTorch and Caffe, and the number of rows in Keras
        and JAX. In a convolution the window counts as well: fan_in = channels in × kernel points.

        Caffe's filler "xavier" is another rule. It looks at one fan only, ±√(3/fan_in), and gives
        .1000 here; with `variance_norm: AVERAGE` it gives Xavier's .1225.

    When to use:
        For tanh, softsign and linear layers: slope 1, mean 0 near 0.

        That is what the derivation supposes of whatever feeds the layer: it passes weak signals on
        as they are.

    When not to use:
        For ReLU, which cuts half of the signal away (`he`), or sigmoid, of slope ≤ ¼ and mean ½ (four
        times Xavier; `auto`).

        Sigmoid breaks the derivation twice. Its slope is ¼ at 0 and less elsewhere, so weights four
        times as large restore unit slope; but its mean is ½, so E[x] = 0 fails in the next layer,
        and no scale mends that.

    The name:
        Xavier is Xavier Glorot's first name, so "Xavier" and "Glorot" initialisation are one thing.
        The paper, with Yoshua Bengio, is often cited as of 2009; it appeared at AISTATS 2010, where
        the rule is called normalized initialization.

    What each part gets:
        Weights and recurrent weights xavier_uniform (or xavier_normal), biases 0, norm scales 1,
        embeddings N(0, 1/dim), PReLU slopes ¼.

    Next:
        `glorot compare` trains a deep tanh net from this start and seven others.

    Args:
        distribution: "uniform" (default) or "normal".

    Example:
        >>> from glorot.fans import dense
        >>> from glorot.schemes import xavier_normal, xavier_uniform
        >>> layer = dense(300, 100)
        >>> round(xavier_normal()(layer).std, 4)
        0.0707
        >>> round(xavier_uniform()(layer).high, 4)
        0.1225
        >>> round((300 * xavier_normal()(layer).std ** 2) ** 10, 1)
        57.7

    References:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS, section 4.2.1, equations 5 to 12 and 16.
    """
    return one_law(SCHEMES.factory(f"xavier_{distribution}")(), "2/(fan_in + fan_out)")
