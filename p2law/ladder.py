"""Which coefficients to hold where the records cannot tell all of them.

Holding a coefficient along a null direction changes no prediction on the records:
it only picks one of many laws that fit them equally. So as few are held as the
rank allows, those first whose loss hurts least.
"""

import itertools
from collections.abc import Mapping

from p2law import identify
from p2law.surface import Surface

PREFERENCE = ("alpha", "N_C", "delta", "gamma", "beta", "D_C", "E")
"""What to give up first: how the lasting damage depends on size needs the most sizes."""


def hold(surface: Surface) -> dict[str, float]:
    """Smallest set of coefficients whose holding leaves the others determined.

    Parameters
    ----------
    surface : Surface
        The law over the inputs of the records, with nothing held that is asked about.

    Returns
    -------
    dict of str to float
        Empty where the records tell all coefficients.
    """
    jacobian = surface.jacobian(surface.generic_point())
    names = surface.names
    rank = identify.directions(jacobian, names).rank
    excess = len(names) - rank
    order = sorted(names, key=lambda name: (PREFERENCE + names).index(name))
    for held in itertools.combinations(order, excess):
        free = [k for k, name in enumerate(names) if name not in held]
        if identify.directions(jacobian[free], [names[k] for k in free]).rank == rank:
            return {name: neutral(surface, name) for name in held}
    return {}


def neutral(surface: Surface, name: str) -> float:
    """The value at which a coefficient does nothing, or its default where it has none."""
    bounds = surface.bounds[name]
    if name in surface.linear or bounds.least <= 0 <= bounds.most:
        return 0.0
    return surface.form.coefficient(name).start


def why(levels: Mapping[str, int]) -> str:
    """Words for what the records lack, from the number of distinct values of each input."""
    few = [f"{count} distinct {name}" for name, count in levels.items() if count <= 2]
    return f"the records hold {identify.listed(few)}" if few else "the inputs vary together"
