"""The problem that a fit of all coefficients has solved, for benchmarks of what lies beneath."""

import numpy as np

import p2law
from p2law import objectives
from p2law.solving.problem import Problem
from p2law.solving.surface import Surface


def posed(fit: p2law.Fit) -> Problem:
    """The problem that a fit of all coefficients has solved."""
    records = fit.records
    surface = Surface(fit.form, {name: records[name].to_numpy() for name in fit.form.columns})
    target = records[fit.form.target].to_numpy()
    objective = objectives.parse(fit.settings.objective)
    return Problem(surface, target, np.ones(len(target)), objective)
