"""What a benchmark can be told: its own description stands in `--help` as it was written."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter


def parser_of(description: str | None) -> ArgumentParser:
    """A parser that leaves the lines of a description as they are."""
    return ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
