"""A law as a list of elementary steps, which a page can carry out as well as Python."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": np.divide,
    "pow": np.power,
    "neg": operator.neg,
    "abs": np.abs,
    "sign": np.sign,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "max": np.maximum,
    "min": np.minimum,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "where": np.where,
}
"""All that a step may do; the page's script has the same list."""


@dataclass(frozen=True)
class Tape:
    """Elementary steps, each of which works on numbers and on results of earlier steps.

    Attributes
    ----------
    steps : tuple of tuple
        ``("const", number)``, ``("input", name)``, ``("coefficient", name)``, or an operation
        of `OPERATIONS` and the places of what it works on.
    """

    steps: tuple[tuple[Any, ...], ...]

    def run(self, inputs: Mapping[str, Any], coefficients: Mapping[str, Any]) -> Any:
        """Carry out the steps; the value of the last one.

        Parameters
        ----------
        inputs, coefficients : mapping of str to float or ndarray
            They broadcast together.

        Returns
        -------
        float or ndarray
        """
        given = {"input": inputs, "coefficient": coefficients}
        found: list[Any] = []
        with np.errstate(all="ignore"):
            for kind, *rest in self.steps:
                if kind == "const":
                    found.append(np.float64(rest[0]))
                elif kind in given:
                    found.append(np.asarray(given[kind][rest[0]]))
                else:
                    found.append(OPERATIONS[kind](*(found[place] for place in rest)))
        return found[-1]

    def plain(self, inputs: Sequence[str], coefficients: Sequence[str]) -> list[list[Any]]:
        """The steps as lists, inputs and coefficients by their number."""
        order = {"input": list(inputs), "coefficient": list(coefficients)}
        return [
            [kind, order[kind].index(rest[0])] if kind in order else [kind, *rest]
            for kind, *rest in self.steps
        ]
