"""Topic: the seed."""

from glorot.topics.base import topic
from glorot.topics.figures import Figure, Grids, grid
from glorot.topics.nets import drawn


@topic()
def seed() -> Figure:
    """The number from which all random numbers follow: the same seed, the same weights.

    w = law(stream(seed, name, index))

    The question:
        Weights are random, and yet a colleague should get the very same ones. How?

    The answer:
        Random numbers of a computer are computed from a seed. In glorot each weight is a function of the seed, the
        name of its tensor and its place in it, and of nothing else: the same on every framework, device and machine.

        Usual generators hand out one number after another, so one more layer, another order or another device
        changes all weights that come later. A stream that is counted by name and index has no order to disturb.

        One seed proves little: two starts that differ by chance alone end at different losses. A comparison needs
        several seeds and says how far they lie apart.

    What to do:
        `glorot.apply(plan, model, seed=0)`: the seed is a required keyword. Keep the plan file and the seed: they
        are the weights. For the order of batches and for dropout, set your framework's seed as well.

    Example:
        >>> import glorot
        >>> one, again, other = (glorot.draw("normal(std=1)", (2, 2), seed=seed, name="w") for seed in (0, 0, 1))
        >>> bool((one == again).all()), bool((one == other).any())
        (True, False)

    Next:
        `glorot draw xavier_uniform 3 4 --seed 0`, twice.

    Related:
        symmetry, initialization, uniform_or_normal.

    Also asked as:
        seeds, random seed, manual_seed, set_seed, reproducibility, reproducible, reproduce, deterministic,
        determinism, rng, random number generator, generator, prng, philox, random state, randomness, same
        results, prngkey

    References:
        Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3", SC11; docs/stream.md.
    """
    names = {"seed 0": ("w", 0), "seed 0 again": ("w", 0), "seed 1": ("w", 1), "another name": ("v", 0)}
    grids = tuple(grid(label, drawn(name, 4, 5, 1.0, number)) for label, (name, number) in names.items())
    return Grids("Weights of one shape and law.", "Strength is size, colour is sign.", grids)
