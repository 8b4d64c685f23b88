"""Topic: convergence."""

from glorot.topics.base import topic
from glorot.topics.figures import Curve, Figure, Lines
from glorot.topics.nets import Std, constant_std, deep_task, xavier_std

STEPS, RATE, EVERY = 400, 0.1, 10
STARTS = {"all 0": constant_std(0.0), "σ = 0.05": constant_std(0.05), "Xavier": xavier_std}


@topic(activation="tanh", depth=10, rule="xavier_normal", width=128)
def convergence() -> Figure:
    """Training converges when its steps bring the loss down to where it stays; the start decides how long that takes.

    w ← w − rate·∂L/∂w, converged: the loss no longer falls

    The question:
        Three runs of the same net on the same data. One never moves, one waits, one learns at once. What differs?

    The answer:
        Only the start. From 0 no gradient passes, and the loss stays for ever; from very small weights it waits
        on a plateau until they have grown; from Xavier's variance it falls from the first step.

        A flat curve has several causes that look alike: a dead start (zeros, `symmetry`), a gradient that
        vanishes, a rate too small, or a loss as low as it gets. The gradient of the first layers tells them
        apart.

    What to do:
        If the loss does not move: `glorot check model.py:model_and_batch` names the tensor to blame (GL507 for
        a loss that does not fall). If it falls slowly: the learning rate first, then the start.

    Example:
        >>> from glorot.topics.convergence import STARTS, losses
        >>> [round(losses(std)[100], 2) for std in STARTS.values()]  # the loss after 100 steps
        [0.49, 0.49, 0.05]

    Next:
        `glorot compare --quick` shows the loss by epoch from eight starts.

    Related:
        learning_rate, initialization, symmetry, vanishing_gradients.

    Also asked as:
        converge, converges, converging, not converging, slow convergence, slow training, training speed,
        plateaus, loss plateau, loss not decreasing, loss does not decrease, loss stuck, stuck, training is
        slow, faster training, local minimum, local minima, saddle point, loss is constant, loss does not go
        down, loss not going down, loss is not decreasing, loss not improving, training loss is constant, loss
        does not change, accuracy stuck, accuracy does not improve, accuracy not improving, stuck at chance,
        chance level, loss stays, loss does not move

    References:
        Glorot & Bengio (2010), figures 11 and 12; Goodfellow, Bengio & Courville (2016), section 8.2.
    """
    x = tuple(map(float, range(0, STEPS, EVERY)))
    curves = tuple(Curve(name, x, tuple(losses(std)[::EVERY])) for name, std in STARTS.items())
    return Lines("The loss of one net, from three starts.", "step", "loss", curves)


def losses(std: Std) -> list[float]:
    """Return the loss at each step from a start."""
    net, x, y = deep_task(std)
    return [net.step(x, y, RATE) for _ in range(STEPS)]
