"""Work goes where joblib was told, and comes back with the same bits."""

import json
import pickle
import sys
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import errors, forms, holdout
from p2law.parallel import mapped

joblib = pytest.importorskip("joblib", reason="the extra 'parallel' is not installed")


def answers(records):
    """Refits, hold-outs and fits: what p2law can do at once."""
    some = records[records["pruning_rate"] > 0.25]
    told = p2law.compare(some, [forms.p2, forms.p2_no_delta], holdout.rollout)
    return p2law.fit(records, forms.p2).draws, told


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_jobs_give_the_same_bits(p2_records, backend):
    """
    Nothing random is drawn where the work is done; the rows are enough for two blocks of refits.
    """
    records = p2_records(
        rates=(0.1, 0.15, 0.2, 0.3, 0.4, 0.5), noise=0.003, run_noise=0.003, seed=2
    )
    draws, told = answers(records)

    with joblib.parallel_config(backend, n_jobs=2):
        others, again = answers(records)

    pd.testing.assert_frame_equal(draws, others, check_exact=True)
    pd.testing.assert_frame_equal(told.table, again.table, check_exact=True)
    assert str(told) == str(again)


def test_nothing_goes_anywhere_unless_joblib_was_told(monkeypatch):
    """
    One job, or a single task, is done here.
    """
    monkeypatch.setattr(joblib, "Parallel", None)

    assert mapped(abs, [-1, -2], "sizes") == [1, 2]
    with joblib.parallel_config(n_jobs=1):
        assert mapped(abs, [-1, -2], "sizes") == [1, 2]
    with joblib.parallel_config(n_jobs=2):
        assert mapped(abs, [-1], "sizes") == [1]


def test_nothing_needs_joblib(monkeypatch):
    """
    It is no part of the core.
    """
    monkeypatch.setitem(sys.modules, "joblib", None)

    assert mapped(abs, [-1, -2], "sizes") == [1, 2]


def asks_again(task):
    """How many jobs a task may have for itself."""
    return joblib.effective_n_jobs(None) + task


class Generous(joblib.parallel.ThreadingBackend):
    """Gives tasks two jobs of their own, as some clusters do."""

    def get_nested_backend(self):
        return joblib.parallel.ThreadingBackend(nesting_level=1), 2


@pytest.mark.parametrize(
    "backend", ["loky", "threading", Generous()], ids=["loky", "threading", "generous"]
)
def test_a_task_takes_no_jobs_of_its_own(backend):
    """
    Refits inside of fits to hold-outs stay where they are: all jobs are taken.
    """
    with joblib.parallel_config(backend, n_jobs=2):
        assert mapped(asks_again, [0, 0], "asking") == [1, 1]


def test_a_backend_that_gives_all_answers_at_once_will_do(monkeypatch):
    """
    The bar then moves at the end.
    """
    whole = joblib.Parallel

    def without_generator(*args, **options):
        if options.get("return_as") == "generator":
            raise ValueError("not by this backend")
        return whole(*args, **options)

    monkeypatch.setattr(joblib, "Parallel", without_generator)

    with joblib.parallel_config("threading", n_jobs=2):
        assert mapped(abs, [-1, -2], "sizes") == [1, 2]


def refused(_task):
    """A task that a user must mend."""
    raise errors.UnreachableLossError("too low", 2.0, 1.9, 2.1, 0.25)


def test_a_refusal_comes_back_as_it_is():
    """
    From another process too.
    """
    with (
        joblib.parallel_config("loky", n_jobs=2),
        pytest.raises(errors.UnreachableLossError, match="too low") as error,
    ):
        mapped(refused, [1, 2], "refusing")

    assert (2.0, 0.25) == (error.value.floor, error.value.reachable)


@pytest.mark.parametrize(
    "error",
    [
        errors.P2LawError("a"),
        errors.RecordError("a", [1, 2]),
        errors.UnreachableLossError("a", 1.0, 2.0, 3.0, 0.5),
        errors.StoppedError("run", 15),
        errors.MissingExtraError("pyarrow", "parquet", "reading"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_error_can_travel(error):
    """
    Those that are made of more than their text, too.
    """
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own

    assert (type(error), str(error), vars(error)) == (type(back), str(back), vars(back))


def law_of_a_script(monkeypatch):
    """A law as the module of a script or notebook holds it."""

    def fading(
        tokens: Annotated[float, p2law.Domain("> 0", unit="token")],
        *,
        floor: Annotated[float, p2law.Bounds(0, None, "nat", "what no data removes")],
        scale: Annotated[float, p2law.Bounds(0, None, "nat token^beta", "what data remove")],
        beta: Annotated[float, p2law.Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
    ):
        return floor + scale * tokens**-beta

    fading.__module__ = "__main__"
    fading.__qualname__ = "fading"
    made = p2law.form(linear=("floor", "scale"))(fading)
    monkeypatch.setattr(sys.modules["__main__"], "fading", made, raising=False)
    return made


def test_a_law_of_a_script_is_known_in_other_processes(monkeypatch, p2_records):
    """
    They do not have the script's own module, and need its parts.
    """
    law, records = law_of_a_script(monkeypatch), p2_records(noise=0.003)
    alone = p2law.compare(records, [law], holdout.rollout)

    with joblib.parallel_config("loky", n_jobs=2):
        found = p2law.compare(records, [law], holdout.rollout)

    pd.testing.assert_frame_equal(alone.table, found.table, check_exact=True)
    assert not found.table["why"].iloc[0].startswith("ScoreError")


@pytest.mark.parametrize("there", [True, False])
def test_a_law_of_a_script_is_itself_at_home(monkeypatch, there):
    """
    Where the script runs, it comes back by name, with joblib and without.
    """
    law = law_of_a_script(monkeypatch)
    if not there:
        monkeypatch.setitem(sys.modules, "joblib", None)

    assert pickle.loads(pickle.dumps(law)) is law  # noqa: S301 - its own


def test_threads_may_share_a_surface(p2_records):
    """
    Terms at the pivot are remembered with what they belong to, as one.
    """
    fit = p2law.fit(p2_records(noise=0.003), forms.p2)
    surface = fit.known.problem.surface
    q = np.stack([fit.known.drawn.q[k] for k in range(8)])
    alone = [surface.predict(each) for each in q]

    def often(k):
        return all(np.array_equal(surface.predict(q[k]), alone[k]) for _ in range(200))

    with warnings.catch_warnings(), joblib.parallel_config("threading", n_jobs=8):
        assert all(mapped(often, range(8), "predicting"))


def test_the_same_bits_were_kept_on_record():
    """
    Without joblib, by its own processes and threads, by Dask and by Ray: one hash.
    """
    file = Path(__file__).parents[1] / "benchmarks" / "figures" / "scale.json"
    if not file.exists():
        pytest.skip("figures stay with the source tree")
    rows = json.loads(file.read_text(encoding="utf-8"))["tables"]["jobs"]

    assert 5 == len(rows)
    assert 1 == len({each["hash of all answers"] for each in rows})
