"""For tests of your own: designs, records with a known truth, the contract of a law."""

from p2law.testing.contract import check_form
from p2law.testing.formulas import evaluate
from p2law.testing.synthesis import design, some_coefficients, synthesize

__all__ = ["check_form", "design", "evaluate", "some_coefficients", "synthesize"]
