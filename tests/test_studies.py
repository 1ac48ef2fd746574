"""Simulated studies of the benchmarks: they go on where they were stopped, and count fairly."""

from pathlib import Path

import pytest

from p2law import forms, testing
from p2law.solving import resampling

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)


@pytest.fixture
def predictions(script):
    """The study of predictions."""
    return script("interval_coverage")


def test_a_study_goes_on_from_its_whole_lines_of_this_commit(script, monkeypatch, tmp_path):
    """
    A line that a kill cut off is done again; those of another commit are refused.
    """
    monkeypatch.setattr(script("keeping"), "COMMIT", "ccccccccc")
    repeating, lines = script("repeating"), tmp_path / "lines.jsonl"
    assert ([], "ccccccccc") == repeating.before(lines, other=False)
    made = repeating.add(lines, [{"seed": 0}, {"seed": 1}])
    whole = lines.read_text(encoding="utf-8")
    lines.write_text(whole + '{"seed": 2, "com', encoding="utf-8")

    assert (made, "ccccccccc") == repeating.before(lines, other=False)
    assert whole == lines.read_text(encoding="utf-8")

    lines.write_text(whole.replace("ccccccccc", "aaaaaaaaa"), encoding="utf-8")
    with pytest.raises(SystemExit, match="of commit aaaaaaaaa, and this is"):
        repeating.before(lines, other=False)
    assert "aaaaaaaaa and ccccccccc" == repeating.before(lines, other=True)[1]


def test_coverage_of_a_page_is_counted_from_its_rows(script):
    """
    Cells of three sizes and shifts by model do not count, nor do widths that nothing covers beside.
    """
    page = script("coverage_page")

    def row(design, held, width):
        widths = {f"{what}, width": width for what in page.ASKED}
        return {"design": design, "repeats": 500, **dict.fromkeys(page.ASKED, held), **widths}

    tables = {
        "independent, squared()": [row("3 x 3", 0.1, 9.0), row("4 x 3", 0.9, 1.0)],
        "heavy tails, squared()": [row("4 x 3", 0.85, None), row("4 x 4", 0.96, 1.5)],
        "shifts by model, squared()": [row("4 x 3", 0.5, None)],
    }
    (told,) = page.in_sum(tables)

    assert "500 studies of a cell" in told
    assert "between 87% and 93%" in told
    assert "over 12 cells" in told
    assert "coverage 85.0% to 96.0%, 90.3% on average, below 86% in 4, above 95% in 4" in told
    assert (
        "width 1.25 times that of the best other in the median, more than 1.25 times in 4" in told
    )


def test_only_what_is_missing_of_a_study_is_worked_out(script, tmp_path):
    """
    Each outcome is a line of its own as soon as it is there.
    """
    repeating, lines, worked = script("repeating"), tmp_path / "lines.jsonl", []
    cells = [{"design": design, "seed": seed} for design in "ab" for seed in (0, 1)]
    done = repeating.add(lines, [{"design": "a", "seed": 1, "found": "before"}])

    every = repeating.completed(
        lines, done, cells, lambda **cell: worked.append(cell) or {"found": "now"}
    )

    assert [cells[0], *cells[2:]] == worked
    assert ["before", "now", "now", "now"] == [each["found"] for each in every]
    assert every == repeating.before(lines, other=False)[0]


def test_intervals_of_plans_are_counted_by_design_and_by_noise(script):
    """
    An answer that is withheld is a miss, and a width without an end is none.
    """
    study = script("planning_coverage")
    inside, longer = study.ASKED.values()
    cell = {"noise": "independent", "4 x tokens": [longer / 10, longer, float("inf")]}
    held, none = [inside / 10, inside, inside * 10], [float("nan")] * 3
    done = [
        {**cell, "design": "3 x 3", "inside": held},
        {**cell, "design": "3 x 3", "inside": none},
        {**cell, "design": "4 x 3", "inside": held},
    ]

    found = study.cells(done)
    (row,) = study.by_noise(found)

    assert [0.5, 1.0] == [each["inside"] for each in found]
    assert [1.0, 1.0] == [pytest.approx(each["inside, decades"]) for each in found]
    assert [None, None] == [each["4 x tokens, decades"] for each in found]
    assert (0.75, 0.5, 1.0) == tuple(row[f"inside, {how}"] for how in ("mean", "min", "max"))


def test_intervals_of_large_tables_are_counted_beside_those_of_thinned_ones(script):
    """
    Shares of all that was asked, and the median of how wide one is beside the other.
    """
    study = script("large_coverage")
    own = {"design": "4 x 4", "noise": "independent", "all": [True, False, True, True]}
    own |= {"all, width": [1.0, 2.0, 3.0, 4.0], "all, exponents": [True, True, True, False]}
    own |= {"thinned": [True] * 4, "thinned, width": [2.0, 4.0, 5.0, 8.0]}
    own |= {"thinned, exponents": [False] * 4}

    (row,) = study.cells([own, own])

    assert (0.75, 1.0) == (row["all, predictions"], row["thinned, predictions"])
    assert (0.75, 0.0) == (row["all, exponents"], row["thinned, exponents"])
    assert (2, 0.5) == (row["repeats"], row["width"])


def test_a_large_table_has_the_noise_that_is_named(script):
    """
    Shared by the rows of a run, or not; no more rows than are refitted would be no large table.
    """
    study = script("large_coverage")

    for design, runs in (("4 x 4", 16), ("4 x 32", 128)):
        alone, shared = (study.records(design, kind, 0) for kind in study.NOISES)

        assert study.ROWS == len(alone) > resampling.DEAR >= len(alone[:: study.THINNED])
        law = testing.synthesize(forms.p2, study.TRUTH, alone.drop(columns="loss"))["loss"]
        off = [each["loss"] - law for each in (alone, shared)]
        means = [each.groupby(alone["run"]).mean() for each in off]
        assert runs == len(means[0])
        assert means[0].std() < 0.3 * study.SIGMA < 0.6 * study.SIGMA < means[1].std()


def test_a_width_is_compared_only_where_another_method_covers(predictions):
    """
    The narrowest of those that do; where none does there is no ratio.
    """
    study = predictions
    cell = {"noise": "independent", "objective": "squared()", "design": "3 x 3"}
    held, missed = [1.0] * 4, [0.0] * 4
    ours = {**cell, "p2law": held + [3.0] * 4, "jackknife-t": missed + [0.5] * 4}
    some = {**ours, "wild": held + [2.0] * 4, "weights": held + [1.5] * 4}
    none = {**ours, "design": "4 x 4", "wild": missed + [1.0] * 4, "weights": missed + [1.0] * 4}

    (first, last) = study.summary([some, none])["independent, squared()"]

    assert [2.0] * 4 == [first[f"{what}, width"] for what in study.ASKED]
    assert [None] * 4 == [last[f"{what}, width"] for what in study.ASKED]
    assert 1.0 == first["inside"]
