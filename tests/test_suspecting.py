"""What of records looks unlike what their columns mean is said, and nothing is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import forms
from p2law.records import suspecting
from p2law.result import Fit
from p2law.solving.gathering import mixtures

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def sound(p2_records):
    """Records as they should be."""
    return p2_records(noise=0.003, seed=1)


def doubts(records, form=None):
    """What a fit says of its records, beside of how well they tell the law."""
    law = form or forms.p2
    used = (*law.columns, law.target)
    said = suspecting.repeats(records, np.ones(len(records), dtype=bool), used)
    return [*suspecting.suspicions(records, records["run"], used), *said]


def test_sound_records_are_not_suspected(sound):
    """
    Records as they should be say nothing.
    """
    assert doubts(sound.assign(model="a" + sound["params"].astype(str))) == []
    fitted = p2law.fit(sound)
    assert fitted.trouble == fitted.known.doubts


@pytest.mark.parametrize("path", sorted(DATA.glob("*.csv")), ids=lambda path: path.stem)
def test_real_records_are_suspected_only_of_what_is_true(path):
    """
    Distilled on the text that is measured, a model fell below its base loss; no other file is odd.
    """
    records = p2law.load(path, needs=())
    if "run" not in records:
        records = records.assign(run=np.arange(len(records)))

    everything = suspecting.suspicions(records, records["run"], list(records.columns))
    assert len(everything) == (path.stem == "qwen3_distill"), everything
    for law in forms.builtin:
        if {*law.columns, law.target} <= {*records.columns}:
            said = doubts(records.dropna(subset=[law.target]), law)
            true = path.stem == "qwen3_distill" and "base_loss" in law.columns
            assert len(said) == true, said
            assert all("10 of 12 losses are below the base loss" in each for each in said)


def test_rows_that_stand_twice_are_counted(sound):
    """
    A repeated row weighs twice, so it is said; nothing is taken out.
    """
    doubled = pd.concat([sound, sound.iloc[3:8]], ignore_index=True)
    fit = p2law.fit(doubled)

    assert len(fit.records) == len(sound) + 5
    assert (
        f"5 of {len(doubled)} rows repeat another in every column (first row {len(sound)}): "
        f"they count twice; take out what is the same measurement" in fit.trouble
    )
    assert Fit.from_json(fit.to_json()).trouble == fit.trouble


def test_a_file_that_is_read_twice_under_two_names_is_noticed(tmp_path, sound):
    """
    A copy of a file in the same folder doubles every row.
    """
    for name in ("one.csv", "copy.csv"):
        sound.to_csv(tmp_path / name, index=False)
    count = len(sound)

    said = doubts(p2law.load(tmp_path))

    assert said[0].startswith(f"{count} of {2 * count} rows repeat another in every column")


def test_rows_that_differ_in_any_column_are_no_repeats(sound):
    """
    Two seeds may give one loss, and what cannot be hashed can still be compared.
    """
    seeds = pd.concat([sound.assign(seed=k) for k in range(2)], ignore_index=True)
    notes = seeds.assign(seed=0, note=[[k] for k in range(len(seeds))])
    same = seeds.assign(seed=0, note=[["a"]] * len(seeds))
    half = same.assign(note=pd.Series(["\ud800"] * len(seeds), dtype=object))

    assert doubts(seeds) == []
    assert doubts(notes) == []
    assert "rows repeat another" in doubts(same)[0]
    assert doubts(half) == doubts(same)


def test_rows_that_a_law_cannot_use_do_not_count_as_repeats(sound):
    """
    Rows left out at zero tokens weigh nothing, however often they stand there.
    """
    start = sound.head(1).assign(tokens=0.0, loss=9.0)
    fit = p2law.fit(pd.concat([sound, start, start], ignore_index=True))

    assert not any("repeat" in each for each in fit.trouble)


def test_losses_below_the_base_loss_are_counted(sound):
    """
    A base loss of another text shows in losses below it; a few of these are no sign of that.
    """
    below = sound.assign(loss=sound["base_loss"] - 0.5)
    some = sound.assign(loss=sound["loss"].where(sound.index % 7 > 0, 1.0))

    assert doubts(below)[0].startswith(
        f"{len(below)} of {len(below)} losses are below the base loss, by up to 0.5: "
    )
    assert doubts(some) == []


def test_perplexities_are_suspected(sound):
    """
    No trained language model has more than 5 nat per token; of one model in perplexities it is
    said, too.
    """
    both = sound.assign(loss=np.exp(sound["loss"]), base_loss=9.0)
    largest = sound["params"] == sound["params"].max()
    mixed = sound.assign(loss=sound["loss"].where(~largest, 7.25))
    sizes = sound["params"].nunique()
    cure = "if these are perplexities, a loss is their logarithm"

    assert doubts(both)[0].startswith("base_loss is up to 9, above 5 nat per token (a perplex")
    assert doubts(mixed)[0].startswith(f"even the lowest loss of 1 of {sizes} model sizes is 7.25,")
    assert doubts(mixed)[0].endswith(cure)
    assert doubts(both.assign(metric="test error")) == doubts(sound)


def test_the_smallest_of_a_study_of_training_may_know_little(dense_records):
    """
    Where models are trained from nothing, one size may end above 5 nat, but hardly all.
    """
    run = np.arange(len(dense_records))
    smallest = dense_records["params"] == dense_records["params"].min()
    poor = dense_records.assign(run=run, loss=dense_records["loss"].where(~smallest, 5.2))

    assert doubts(poor, forms.chinchilla) == []
    assert "even the lowest loss is 9" in doubts(poor.assign(loss=9.0), forms.chinchilla)[0]


def test_params_after_pruning_are_suspected(sound):
    """
    One model with one base loss has one size before pruning.
    """
    left = sound["params"] * (1 - sound["pruning_rate"])
    models = sound.assign(model="a")

    said = doubts(models.assign(params=left, base_loss=2.0))
    assert said[0].startswith("1 model with several values of params and one base_loss (a): ")
    assert doubts(models.assign(base_loss=sound["params"].rank() / 100)) == []


def test_params_after_that_contradict_the_rate_are_counted(sound):
    """
    A rate may be rounded, but not be that of something else.
    """
    left = sound["params"] * (1 - sound["pruning_rate"])
    count = len(sound)

    assert doubts(sound.assign(params_after=1.05 * left)) == []
    assert doubts(sound.assign(params_after=0.6 * left))[0].startswith(
        f"params_after is not params x (1 - pruning_rate) in {count} of {count} rows: row 0 keeps "
    )


def test_losses_that_rise_with_tokens_are_counted(sound):
    """
    What rises in most runs is no recovery; what scatters, or is constant, is none of this.
    """
    runs = sound["run"].nunique()
    log = np.log10(sound["tokens"])
    scatter = np.random.default_rng(0).normal(0, 0.01, len(sound))

    assert doubts(sound.assign(loss=sound["base_loss"] + log / 10))[0].startswith(
        f"loss rises with tokens in {runs} of {runs} runs: "
    )
    assert doubts(sound.assign(loss=3 + scatter)) == []
    assert doubts(sound.assign(loss=3.0)) == []


@pytest.mark.parametrize("loss", [1.7, 2.3, 2.72, 3.3, 2.201305975126517])
def test_what_rises_by_rounding_does_not_rise(loss):
    """
    Twenty equal losses at one token count, and losses that differ in their last digit.
    """
    run = pd.DataFrame({"run": "a", "tokens": 1e8, "loss": [loss] * 20})
    longer = run.assign(tokens=1e8 * np.arange(1, 21))
    digit = loss * (1 + 2**-52 * np.arange(20))

    for records in (run, longer, longer.assign(loss=digit)):
        assert list(suspecting.suspicions(records, records["run"], ("tokens", "loss"))) == []


def test_runs_whose_tokens_do_not_vary_are_not_counted(sound):
    """
    Neither as rising nor among those that could rise.
    """
    rising = sound.assign(loss=sound["base_loss"] + np.log10(sound["tokens"]) / 10)
    ends = sound.assign(run="end of " + sound["run"].astype(str), tokens=1e9, loss=2.3)
    runs = sound["run"].nunique()

    assert doubts(pd.concat([rising, ends]).reset_index(drop=True))[0].startswith(
        f"loss rises with tokens in {runs} of {runs} runs: "
    )


def test_damage_that_falls_with_the_rate_is_said(sound):
    """
    A share kept in place of the share removed fits as well, with the wrong sign.
    """
    kept = sound.assign(pruning_rate=1 - sound["pruning_rate"])
    words = "`pruning_rate` is the share removed, not the share kept"

    fit = p2law.fit(kept)

    assert fit.values["gamma"] > 0
    assert any(
        each.startswith("the fitted damage falls with the pruning rate, from ") and words in each
        for each in fit.trouble
    )
    assert not any(words in each for each in p2law.fit(sound).trouble)


@pytest.mark.parametrize(
    ("most", "slip"),
    [(999, "look like billions"), (1e-4, "look like billions"), (9e-5, "are below 1")],
)
def test_only_counts_that_may_be_billions_are_said_to_look_like_them(sound, most, slip):
    """
    From 100,000 tokens to a trillion; less is said to be no count.
    """
    small = sound.assign(tokens=sound["tokens"] * (most / sound["tokens"].max()))

    assert doubts(small) == [f"tokens {slip}, but `tokens` is a plain count"]


def test_mixtures_and_suspicions_do_not_say_the_same(sound):
    """
    Two texts in one table are a mixture, and no slip of a column.
    """
    both = pd.concat([sound.assign(eval_text="a"), sound.assign(eval_text="b", base_loss=1.9)])

    assert doubts(both.reset_index(drop=True)) == []
    assert len(mixtures(both)) == 1


def test_losses_of_any_size_are_looked_at_without_a_warning(sound):
    """
    What overflows when it is squared is no sign of anything.
    """
    huge = sound.assign(loss=sound["loss"] * 1e200, params_after=1e308, params=1e-3)

    assert doubts(huge)
