"""What a plan must not exceed: the same amount is no excess, however it was worked out."""

import numpy as np
import pytest

from p2law import planning

FLOPS = 989e12 * 0.37 * 3600
"""Of one GPU-hour."""


@pytest.mark.parametrize("fixed", [{}, {"calibration_tokens": 1.3e6, "evaluation_tokens": 1e7}])
@pytest.mark.parametrize("what", ["cost", "gpu_hours", "flops", "tokens"])
def test_no_plan_is_above_what_the_budget_that_it_spends_comes_to(plan_fits, what, fixed):
    """
    Neither above the budget itself nor above the same in another unit.
    """
    prices = planning.Prices(peak_flops=989e12, mfu=0.37, gpu_hour=2.3, **fixed)
    models = [planning.Model("8B", 8.03e9, 2.0), planning.Model("3B", 3.21e9, 2.1)]
    rows = planning.candidates(models, [0.25, 0.31, 0.35, 0.41, 0.45], ["depth", "width"])
    for hours in np.linspace(1, 50, 8).tolist():
        same = {"cost": 2.3 * hours, "gpu_hours": hours, "flops": FLOPS * hours}
        same = {"tokens": 1e8 * hours} if what == "tokens" else same

        found = planning.choose(
            plan_fits,
            rows,
            prices=prices,
            limits=planning.Limits(**same),
            draws=20,
            **{what: same[what]},
        )

        assert () == found.left_out
        assert {same[what]} == set(found.table[what])


@pytest.mark.parametrize(("size", "rate", "left"), [(3e9, 0.45, 1.65e9), (7e9, 0.7, 2.1e9)])
def test_a_size_after_pruning_is_not_above_itself(plan_fits, size, rate, left):
    """
    3e9 * (1 - 0.45) is 1650000000.0000002.
    """
    rows = planning.candidates(planning.Model("m", size, 2.0), rate, "depth")

    same, less = (
        planning.choose(
            plan_fits, rows, tokens=1e9, limits=planning.Limits(params_after=left * part)
        )
        for part in (1, 1 - 1e-9)
    )

    assert () == same.left_out
    assert [1] == [count for _, count in less.left_out]


@pytest.mark.parametrize("probability", [None, 0.9])
def test_a_loss_that_rounding_alone_puts_above_its_limit_is_within_it(plan_fits, probability):
    """
    The loss that so many tokens leave is the limit of a plan with these tokens.
    """
    rows = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.35, "depth")
    losses = planning.budget_table(plan_fits, rows, tokens=1e9).losses[:, 0]
    just = losses[0] if probability is None else np.sort(losses[1:])[269]

    limits = planning.Limits(loss=float(np.nextafter(just, 0)), probability=probability)
    found = planning.choose(plan_fits, rows, tokens=1e9, limits=limits)

    assert 300 == len(losses) - 1
    assert () == found.left_out
