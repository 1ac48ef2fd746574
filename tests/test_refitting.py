"""Many fits at once are the same fits as one by one."""

import numpy as np
import pytest

import p2law
from p2law import forms, testing
from p2law.solving.problem import Problem
from p2law.solving.refitting import refit
from p2law.solving.surface import Surface

TOKENS = np.geomspace(2e7, 1e9, 40)


def posed(fit):
    """The problem of a fit that holds nothing, and its coordinates."""
    columns = {name: fit.records[name].to_numpy() for name in fit.form.columns}
    surface = Surface(fit.form, columns)
    objective = p2law.objectives.parse(fit.settings.objective)
    target = fit.records[fit.form.target].to_numpy()
    problem = Problem(surface, target, np.ones(len(target)), objective)
    return problem, surface.coordinates(fit.values)


@pytest.mark.parametrize(
    "objective",
    [p2law.squared(), p2law.squared(log=True), p2law.huber(3e-3), p2law.huber(1e-3, log=True)],
    ids=str,
)
def test_refits_are_the_fits_of_their_own_tables(p2_records, objective):
    """
    Each is compared with a search and a polish of its own: the same curve to 1e-8.
    """
    records = p2_records(noise=0.003, run_noise=0.003, seed=2)
    problem, q = posed(p2law.fit(records, forms.p2, objective=objective))
    rng = np.random.default_rng(0)
    losses = problem.target + 0.004 * rng.standard_normal((12, 16))[:, np.arange(320) // 20]

    found = refit(problem.surface, losses, problem.weight, objective, q)

    for loss, own, cost in zip(losses, found.q, found.cost, strict=True):
        alone = p2law.fit(records.assign(loss=loss), forms.p2, objective=objective)
        assert cost <= alone.search.objective * (1 + 1e-9)
        np.testing.assert_allclose(
            problem.surface.predict(own), loss - alone.residuals()["residual"], atol=1e-8
        )


def test_a_valley_between_an_exponent_and_two_terms_is_walked_in_few_steps(truth):
    """
    With three sizes and noise, alpha, N_C and E trade places over decades; most refits end there.
    """
    table = testing.design([0.5e9, 1.5e9, 3e9], [0.15, 0.25, 0.35], TOKENS)
    records = testing.synthesize(forms.p2, truth, table, noise=0.005, run_noise=0.02, seed=1)
    problem, q = posed(p2law.fit(records, forms.p2))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (200, 9))[:, np.arange(360) // 40]
    losses = problem.surface.predict(q) + signs * problem.residuals(q)

    found = refit(problem.surface, losses, problem.weight, problem.objective, q)

    assert found.steps.max() <= 20
    # Some end at each bound of alpha, and no one is left on the way.
    gradients = [
        Problem(problem.surface, loss, problem.weight, problem.objective).gradient(own)
        for loss, own in zip(losses, found.q, strict=True)
    ]
    low, high = problem.surface.box
    for own, each in zip(found.q, gradients, strict=True):
        inside = (own > low) & (own < high)
        assert each.cosine[inside].max(initial=0) < 1e-5


def test_a_run_of_weight_zero_is_as_good_as_left_out(p2_records):
    """
    Deviations of a run are measured from the fit without it; that is one refit with weights.
    """
    records = p2_records(noise=0.003, run_noise=0.003, seed=2)
    problem, q = posed(p2law.fit(records, forms.p2))
    rest = np.arange(320) >= 20

    found = refit(problem.surface, problem.target, rest.astype(float), problem.objective, q)

    alone = p2law.fit(records[rest], forms.p2)
    expected = alone.predict(records)["loss"].to_numpy()
    np.testing.assert_allclose(problem.surface.predict(found.q[0]), expected, atol=1e-8)


def test_laws_without_exponents_are_refitted_by_one_solve(p2_records):
    """
    With all exponents held, what is left is linear; a second step finds nothing to gain.
    """
    records, form = p2_records(noise=0.003), forms.p2
    exponents = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    surface = Surface(form, {n: records[n].to_numpy() for n in form.columns}, exponents)
    target = records["loss"].to_numpy()

    found = refit(surface, target, np.ones(320), p2law.squared(), np.ones(3))

    alone = p2law.fit(records, form, fixed=exponents)
    assert alone.search.objective == pytest.approx(found.cost[0], rel=1e-12)
    assert [2] == found.steps.tolist()
