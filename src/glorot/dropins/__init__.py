"""What the drop-ins of all frameworks share: one table of names and laws, one set of argument checks."""
