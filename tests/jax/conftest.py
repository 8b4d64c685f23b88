"""Eight devices for the tests of sharding; it must be said before JAX is asked for the first of them."""

import jax

jax.config.update("jax_num_cpu_devices", 8)
