"""One fit in arrays: from a table to a problem, and all that is computed on it."""
