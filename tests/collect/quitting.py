"""A tracker that ends its process the hard way, in the middle of a run."""

import os


class Quitter:
    """Ends the process at the fourth measurement after the start."""

    def __init__(self, _folder):
        self.left = 8

    def start(self, name, settings):
        """Nothing."""

    def log(self, _record):
        """Count lines, two a measurement."""
        self.left -= 1
        if not self.left:
            os._exit(9)

    def finish(self):
        """Nothing."""
