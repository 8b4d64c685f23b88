"""Signal propagation: what values and gradients do in a wide model, predicted from its graph and its start."""
