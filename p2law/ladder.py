"""Which coefficients to hold where the records cannot tell all of them.

Holding a coefficient along a null direction changes no prediction on the records:
it only picks one of many laws that fit them equally. So as few are held as the
rank allows, those first whose loss hurts least.
"""

import itertools
from dataclasses import dataclass

from p2law import identify
from p2law.surface import Surface

PREFERENCE = ("alpha", "N_C", "delta", "gamma", "beta", "D_C", "E")
"""What to give up first: how the lasting damage depends on size needs the most sizes."""


@dataclass(frozen=True)
class Rung:
    """What is held, at which value, and why."""

    held: dict[str, float]
    why: dict[str, str]

    @property
    def trouble(self) -> tuple[str, ...]:
        """Sentences about what the held coefficients leave open."""
        sentences = []
        for why, names in self._by_cause().items():
            held = identify.listed([f"{name} = {self.held[name]:g}" for name in names])
            them = "it" if len(names) == 1 else "them"
            sentences.append(
                f"{why}, so predictions elsewhere would rest on {held} and come out as NaN; "
                f"hold {them} yourself (fixed=) to have them"
            )
        return tuple(sentences)

    def _by_cause(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, why in self.why.items():
            found.setdefault(why, []).append(name)
        return found


def choose(surface: Surface) -> Rung:
    """Find the smallest set of coefficients whose holding leaves the others determined.

    Parameters
    ----------
    surface : Surface
        The law over the inputs of the records; what the caller fixed is not free.

    Returns
    -------
    Rung
        Empty where the records tell all coefficients.
    """
    generic, names = surface.generic_point(), surface.names
    jacobian = surface.factor(generic)
    rank = identify.directions(jacobian, names).rank
    order = sorted(names, key=(PREFERENCE + names).index)
    for held in itertools.combinations(order, len(names) - rank):
        free = [k for k, name in enumerate(names) if name not in held]
        if identify.directions(jacobian[free], [names[k] for k in free]).rank == rank:
            break
    causes = identify.loose(surface, generic, identify.at(surface, generic))
    return Rung(
        {name: _neutral(surface, name) for name in held},
        {name: _why(name, causes) for name in held},
    )


def _why(name: str, causes: tuple[identify.Loose, ...]) -> str:
    """Words for what the records lack to tell a coefficient."""
    found = [each.why for each in causes if name in each.names]
    return found[0] if found else "the inputs hardly vary in the records"


def _neutral(surface: Surface, name: str) -> float:
    """The value at which a coefficient does nothing, or its default where it has none."""
    bounds = surface.freedom.bounds[name]
    neutral = name in surface.linear or bounds.least <= 0 <= bounds.most
    return 0.0 if neutral else surface.freedom.start(name)
