"""Report: what a person sees of plans and comparisons, as HTML, JSON, picture or terminal text."""
