"""The fitter against NIST's certified coefficients for 27 nonlinear regression problems.

Problems, both starting points of each and the certified values are read from the files of
the Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd/, in
`reference/nist_strd`.
"""

import re
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law.result.verdicts import Status

FOLDER = Path(__file__).resolve().parent / "reference" / "nist_strd"
DIGITS = 6


# -- the laws, as the files print them -----------------------------------------------


def bennett(x, *, b1, b2, b3):
    """Bennett5."""
    return b1 * (b2 + x) ** (-1 / b3)


def saturation(x, *, b1, b2):
    """BoxBOD and Misra1a."""
    return b1 * (1 - np.exp(-b2 * x))


def chwirut(x, *, b1, b2, b3):
    """Chwirut1 and Chwirut2."""
    return np.exp(-b1 * x) / (b2 + b3 * x)


def power(x, *, b1, b2):
    """DanWood."""
    return b1 * x**b2


def enso(x, *, b1, b2, b3, b4, b5, b6, b7, b8, b9):
    """ENSO: a yearly cycle and two of unknown period."""
    year, slow, fast = (2 * np.pi * x / period for period in (12, b4, b7))
    yearly = b2 * np.cos(year) + b3 * np.sin(year)
    others = b5 * np.cos(slow) + b6 * np.sin(slow) + b8 * np.cos(fast) + b9 * np.sin(fast)
    return b1 + yearly + others


def eckerle(x, *, b1, b2, b3):
    """Eckerle4."""
    return b1 / b2 * np.exp(-0.5 * ((x - b3) / b2) ** 2)


def two_peaks(x, *, b1, b2, b3, b4, b5, b6, b7, b8):
    """Gauss1, Gauss2 and Gauss3."""
    first, second = (((x - b4) / b5) ** 2, ((x - b7) / b8) ** 2)
    return b1 * np.exp(-b2 * x) + b3 * np.exp(-first) + b6 * np.exp(-second)


def cubic_over_cubic(x, *, b1, b2, b3, b4, b5, b6, b7):
    """Hahn1 and Thurber."""
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def square_over_square(x, *, b1, b2, b3, b4, b5):
    """Kirby2."""
    return (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2)


def three_decays(x, *, b1, b2, b3, b4, b5, b6):
    """Lanczos1, Lanczos2 and Lanczos3."""
    return b1 * np.exp(-b2 * x) + b3 * np.exp(-b4 * x) + b5 * np.exp(-b6 * x)


def kowalik(x, *, b1, b2, b3, b4):
    """MGH09."""
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


def meyer(x, *, b1, b2, b3):
    """MGH10."""
    return b1 * np.exp(b2 / (x + b3))


def two_decays(x, *, b1, b2, b3, b4, b5):
    """MGH17."""
    return b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5)


def misra1b(x, *, b1, b2):
    """Misra1b."""
    return b1 * (1 - (1 + b2 * x / 2) ** -2)


def misra1c(x, *, b1, b2):
    """Misra1c."""
    return b1 * (1 - (1 + 2 * b2 * x) ** -0.5)


def misra1d(x, *, b1, b2):
    """Misra1d."""
    return b1 * b2 * x * (1 + b2 * x) ** -1


def nelson(x1, x2, *, b1, b2, b3):
    """Nelson: a law of the logarithm of what was measured."""
    return b1 - b2 * x1 * np.exp(-b3 * x2)


def logistic(x, *, b1, b2, b3):
    """Rat42."""
    return b1 / (1 + np.exp(b2 - b3 * x))


def richards(x, *, b1, b2, b3, b4):
    """Rat43."""
    return b1 / (1 + np.exp(b2 - b3 * x)) ** (1 / b4)


def roszman(x, *, b1, b2, b3, b4):
    """Roszman1."""
    return b1 - b2 * x - np.arctan(b3 / (x - b4)) / np.pi


LAWS = {
    "Bennett5": (bennett, ("b1",)),
    "BoxBOD": (saturation, ("b1",)),
    "Chwirut1": (chwirut, ()),
    "Chwirut2": (chwirut, ()),
    "DanWood": (power, ("b1",)),
    "ENSO": (enso, ("b1", "b2", "b3", "b5", "b6", "b8", "b9")),
    "Eckerle4": (eckerle, ("b1",)),
    "Gauss1": (two_peaks, ("b1", "b3", "b6")),
    "Gauss2": (two_peaks, ("b1", "b3", "b6")),
    "Gauss3": (two_peaks, ("b1", "b3", "b6")),
    "Hahn1": (cubic_over_cubic, ("b1", "b2", "b3", "b4")),
    "Kirby2": (square_over_square, ("b1", "b2", "b3")),
    "Lanczos1": (three_decays, ("b1", "b3", "b5")),
    "Lanczos2": (three_decays, ("b1", "b3", "b5")),
    "Lanczos3": (three_decays, ("b1", "b3", "b5")),
    "MGH09": (kowalik, ("b1",)),
    "MGH10": (meyer, ("b1",)),
    "MGH17": (two_decays, ("b1", "b2", "b3")),
    "Misra1a": (saturation, ("b1",)),
    "Misra1b": (misra1b, ("b1",)),
    "Misra1c": (misra1c, ("b1",)),
    "Misra1d": (misra1d, ("b1",)),
    "Nelson": (nelson, ("b1", "b2")),
    "Rat42": (logistic, ("b1",)),
    "Rat43": (richards, ("b1",)),
    "Roszman1": (roszman, ("b1", "b2")),
    "Thurber": (cubic_over_cubic, ("b1", "b2", "b3", "b4")),
}
"""Law of each problem, and the coefficients in which it is linear as it is printed."""


# -- the files -----------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """One file: measurements, two starting points, certified coefficients and squares."""

    table: pd.DataFrame
    starts: tuple[dict[str, float], dict[str, float]]
    certified: dict[str, float]
    squares: float


@cache
def problem(name: str) -> Problem:
    """Read one file of the collection."""
    text = (FOLDER / f"{name}.dat").read_text(encoding="ascii")
    lines = text.splitlines()
    found = re.findall(r"^ *(b\d+) *= *(\S+) +(\S+) +(\S+) +\S+ *$", text, flags=re.MULTILINE)
    starts = tuple({each[0]: float(each[k]) for each in found} for k in (1, 2))
    certified = {each[0]: float(each[3]) for each in found}
    squares = re.search(r"^Residual Sum of Squares: *(\S+)", text, flags=re.MULTILINE)
    first, last = re.search(r"Data +\(lines +(\d+) to +(\d+)\)", text).groups()
    names = lines[int(first) - 2].removeprefix("Data:").split()
    rows = [[float(each) for each in line.split()] for line in lines[int(first) - 1 : int(last)]]
    table = pd.DataFrame(rows, columns=names)
    table["log_y"] = np.log(table["y"].where(table["y"] > 0, 1.0))
    return Problem(table, starts, certified, float(squares[1]))


# -- the fits ------------------------------------------------------------------------


def law(name, starts, linear=()):
    """Declare the law of a problem, with the starts as defaults of what is not linear."""
    function, _ = LAWS[name]
    own = types.FunctionType(function.__code__, function.__globals__, function.__name__)
    own.__kwdefaults__ = {each: value for each, value in starts.items() if each not in linear}
    return p2law.form(linear=linear, target="log_y" if name == "Nelson" else "y")(own)


@cache
def fitted(name, start):
    """Fit a law with nothing declared but one of its two starting points."""
    return p2law.fit(problem(name).table, law(name, problem(name).starts[start - 1]))


def in_order(values):
    """Coefficients; a sum of three decays, the one law with six of them, by its rates."""
    found = list(values.values())
    if len(found) != 6:
        return found
    decays = sorted(zip(found[::2], found[1::2], strict=True), key=lambda pair: pair[1])
    return [each for pair in decays for each in pair]


def digits(values, certified):
    """Matching digits of the worst coefficient, whichever like term stands first."""
    pairs = zip(in_order(values), in_order(certified), strict=True)
    worst = max(abs(found - true) / abs(true) for found, true in pairs)
    return -np.log10(max(worst, np.finfo(float).eps))


either_start = pytest.mark.parametrize("start", [1, 2])


@either_start
@pytest.mark.parametrize("name", LAWS)
def test_certified_coefficients_are_found_from_either_start(name, start):
    """
    Six digits of every coefficient, whichever of NIST's starting points is the default.

    The law is written as the file prints it: no bounds, nothing declared linear. Like terms, of
    a sum of three decays, may come in any order.
    """
    fit = fitted(name, start)

    assert digits(fit.values, problem(name).certified) >= DIGITS
    assert Status.CONVERGED is fit.status


@either_start
@pytest.mark.parametrize("name", LAWS)
def test_certified_residual_squares_are_reached(name, start):
    """
    The objective is the certified residual sum of squares, up to the rounding of the data.

    Lanczos1 is rounded noiseless data: its residuals are a few hundred roundings.
    """
    target = fitted(name, start).records[fitted(name, start).form.target]
    rounding = np.finfo(float).eps * np.linalg.norm(target)

    length = np.sqrt(fitted(name, start).search.objective)

    assert np.sqrt(problem(name).squares) == pytest.approx(length, rel=1e-9, abs=rounding)


@either_start
@pytest.mark.parametrize("name", [name for name, (_, linear) in LAWS.items() if linear])
def test_linear_coefficients_need_no_start(name, start):
    """
    Declared linear, coefficients take no default and reach the same six digits.
    """
    _, linear = LAWS[name]

    fit = p2law.fit(problem(name).table, law(name, problem(name).starts[start - 1], linear))

    assert digits(fit.values, problem(name).certified) >= DIGITS
    assert Status.CONVERGED is fit.status


def test_all_problems_of_the_collection_are_here():
    """
    No file of the folder is left out.
    """
    assert sorted(path.stem for path in FOLDER.glob("*.dat")) == sorted(LAWS)
    assert 27 == len(LAWS)
