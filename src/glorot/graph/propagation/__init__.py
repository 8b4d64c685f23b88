"""Signal propagation: what values and gradients do in a wide model, foretold from its graph and its start."""
