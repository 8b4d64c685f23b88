"""One of two processes of JAX, each with four devices, that hold arrays together.

Run with: python tests/jax/jax_process.py ADDRESS RANK
"""

import os
import sys

os.environ["JAX_NUM_CPU_DEVICES"] = "4"

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import glorot

MESHES = {
    (8,): [PartitionSpec("a"), PartitionSpec(None, "a")],
    (2, 4): [PartitionSpec("a"), PartitionSpec("b"), PartitionSpec("a", "b"), PartitionSpec(("a", "b"))],
    (2, 2, 2): [PartitionSpec("a", ("b", "c")), PartitionSpec("c", "a"), PartitionSpec()],
}
SHAPE, AXES = (24, 16), {"kernel": "io", "table": "bo"}


def main(address: str, rank: int) -> None:
    """Start arrays on every mesh, and compare what lies here, and the digest of all, with one process's."""
    jax.distributed.initialize(address, num_processes=2, process_id=rank)
    assert (jax.process_count(), len(jax.devices()), len(jax.local_devices())) == (2, 8, 4)
    plan = glorot.plan({name: np.zeros(SHAPE, np.float32) for name in AXES}, "xavier_normal", axes=AXES)
    whole = glorot.apply(plan, {name: np.zeros(SHAPE, np.float32) for name in AXES}, seed=4, axes=AXES)
    for extents, specs in MESHES.items():
        mesh = Mesh(np.array(jax.devices()).reshape(extents), ("a", "b", "c")[: len(extents)])
        for spec in specs:
            place = NamedSharding(mesh, spec)
            abstract = {name: jax.ShapeDtypeStruct(SHAPE, np.float32, sharding=place) for name in AXES}
            for write in (glorot.apply, under_jit(place)):
                started = write(plan, abstract, seed=4, axes=AXES)
                for name, leaf in started.items():
                    assert leaf.sharding.is_equivalent_to(place, 2), (spec, name, leaf.sharding)
                    for shard in leaf.addressable_shards:
                        expected = np.asarray(whole[name])[shard.index]
                        np.testing.assert_array_equal(np.asarray(shard.data), expected, err_msg=f"{spec} {name}")
                assert glorot.digest(started) == plan.digest(4), spec
    print("the same bits", flush=True)


def under_jit(place: NamedSharding) -> object:
    """Return what applies a plan inside a compiled function."""

    def write(plan: glorot.Plan, abstract: object, *, seed: int, axes: dict[str, str]) -> object:
        return jax.jit(lambda: glorot.apply(plan, abstract, seed=seed, axes=axes), out_shardings=place)()

    return write


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
