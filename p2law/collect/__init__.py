"""Make loss records: prune language models, post-train them, measure."""
