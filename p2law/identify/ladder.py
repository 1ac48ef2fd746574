"""Which coefficients to hold where the records cannot tell all of them.

Holding a coefficient along a null direction changes no prediction on the records:
it only picks one of many laws that fit them equally. So as few are held as the
rank allows, those first whose loss hurts least.
"""

import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass

from p2law import identify
from p2law.declaring import Array
from p2law.identify import causes
from p2law.identify.causes import Loose
from p2law.solving.surface import Surface
from p2law.text.wording import listed

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
            held = listed([f"{name} = {self.held[name]:g}" for name in names])
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
    generic = surface.generic_point()
    jacobian = surface.factor(generic)
    found = identify.directions(jacobian, surface.names, surface.typical(generic))
    jobless = causes.meaningless(surface, generic, found.idle)
    names = [name for name in surface.names if name not in jobless]
    order = sorted(names, key=(*PREFERENCE, *names).index)
    held = next(
        held
        for count in range(len(names) - found.rank, len(names) + 1)
        for held in itertools.combinations(order, count)
        if _settles(surface, {*held, *jobless}, generic, jacobian)
        and (not held or _settles_when_held(surface, held, jobless))
    )
    lacks = causes.loose(surface, generic, found)
    return Rung(
        {name: _neutral(surface, name) for name in held},
        {name: _why(name, lacks) for name in held},
    )


def _settles(surface: Surface, held: Collection[str], q: Array, jacobian: Array) -> bool:
    """Tell whether the rows determine, at coordinates `q`, all that is not held."""
    free = [k for k, name in enumerate(surface.names) if name not in held]
    names, typical = [surface.names[k] for k in free], surface.typical(q)[free]
    return identify.directions(jacobian[free], names, typical, identify.CLEARLY).rank == len(free)


def _settles_when_held(surface: Surface, held: Collection[str], jobless: Collection[str]) -> bool:
    """Tell the same where the held coefficients have the values at which they are held.

    Those may leave others without a job, as N_C = 0 leaves alpha.
    """
    q = surface.generic_point()
    for k, name in enumerate(surface.names):
        if name in held:
            log = surface.freedom.bounds[name].log and name in surface.nonlinear
            q[k] = math.log(_neutral(surface, name)) if log else _neutral(surface, name)
    return _settles(surface, {*held, *jobless}, q, surface.factor(q))


def _why(name: str, lacks: tuple[Loose, ...]) -> str:
    """Words for what the records lack to tell a coefficient."""
    found = [each.why for each in lacks if name in each.names]
    return found[0] if found else "the inputs hardly vary in the records"


def _neutral(surface: Surface, name: str) -> float:
    """The value at which a coefficient does nothing, or its default where it has none."""
    bounds = surface.freedom.bounds[name]
    neutral = name in surface.linear or bounds.least <= 0 <= bounds.most
    return 0.0 if neutral else surface.freedom.start(name)
