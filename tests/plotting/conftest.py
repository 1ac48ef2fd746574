"""Fits and plans that the tests of pictures share."""

import numpy as np
import pytest

import p2law
from p2law import forms, planning, testing


@pytest.fixture
def figure():
    """An empty figure that pyplot knows nothing of."""
    matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    from matplotlib.figure import Figure

    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        yield Figure(figsize=(8, 5), dpi=50)


@pytest.fixture(scope="session")
def p2_fit(p2_records):
    """A P² law of three sizes and three rates, noisy."""
    return p2law.fit(p2_records((0.5e9, 1.5e9, 8e9), (0.15, 0.25, 0.5), noise=0.01, seed=1))


@pytest.fixture(scope="session")
def two_sizes(p2_records):
    """A P² law that two model sizes do not identify."""
    return p2law.fit(p2_records((0.5e9, 8e9), noise=0.01, seed=1), forms.p2)


@pytest.fixture(scope="session")
def one_rate(p2_records):
    """A P² law of one rate: what it says at others is not determined."""
    return p2law.fit(p2_records(rates=(0.25,), noise=0.01, seed=1))


@pytest.fixture(scope="session")
def one_run():
    """A power law of one run."""
    table = p2law.grid(run=["a"], tokens=np.geomspace(1e6, 1e9, 12))
    truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    records = testing.synthesize(forms.token_power, truth, table, noise=0.01, seed=2)
    return p2law.fit(records, forms.token_power)


@pytest.fixture(scope="session")
def dense_fit(dense_records):
    """A Chinchilla law, which reads no pruning rate."""
    return p2law.fit(dense_records, forms.chinchilla)


@pytest.fixture(scope="session")
def retention_fit():
    """A law of scores, which reads no tokens."""
    table = p2law.grid(pruning_rate=[0.1, 0.2, 0.3, 0.4, 0.5], base_score=[0.4, 0.6, 0.7])
    truth = {"P_0": 0.95, "alpha": 0.8}
    rows = testing.synthesize(forms.retention, truth, table, noise=0.01, seed=4)
    return p2law.fit(rows, forms.retention)


@pytest.fixture(scope="session")
def from_zero():
    """A law that has a value before the first token, and rows there."""
    table = p2law.grid(
        params=[1e9, 4e9, 9e9],
        pruning_rate=[0.2, 0.3, 0.5],
        base_loss=[2.0],
        tokens=[0, 1e7, 3e7, 1e8, 3e8, 1e9],
    )
    truth = testing.some_coefficients(forms.p2_rectified, table)
    rows = testing.synthesize(forms.p2_rectified, truth, table, noise=0.01, seed=3)
    return p2law.fit(rows, forms.p2_rectified)


@pytest.fixture(scope="session")
def sixty_runs(p2_records):
    """Sixty runs: ten sizes, six rates."""
    sizes, rates = np.geomspace(3e8, 3e10, 10), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    return p2law.fit(p2_records(sizes, rates, noise=0.01, seed=5))


@pytest.fixture(scope="session")
def candidates():
    """Two models, three rates, three methods."""
    models = [
        planning.Model("3B", params=3.2e9, base_loss=2.0),
        planning.Model("8B", params=8e9, base_loss=2.0),
    ]
    return planning.candidates(models, rates=[0.25, 0.35, 0.5], methods=["depth", "width", "2:4"])


@pytest.fixture(scope="session")
def some_frontier(plan_fits, candidates):
    """A frontier of loss and size, with ties and with candidates that are no plans."""
    limits = planning.Limits(params_after=5.5e9)
    return planning.frontier(
        plan_fits, candidates, tokens=[1e8, 1e9], limits=limits, against="params_after"
    )


def lines(axes, style=None):
    """Lines of a panel that have a name or a style."""
    found = [each for each in axes.get_lines() if len(each.get_xdata()) > 2]
    return [each for each in found if style is None or each.get_linestyle() == style]


def said(figure):
    """Everything that a figure says above and below its panels."""
    return (figure.get_suptitle() + "\n" + figure.get_supxlabel()).replace("\n  ", " ")


@pytest.fixture(name="lines")
def _lines():
    return lines


@pytest.fixture(name="said")
def _said():
    return said
