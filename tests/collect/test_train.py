"""The loop: what is learned depends on the tokens seen, and on nothing else."""

import dataclasses
import itertools
import json
import math

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from p2law.collect import prepare, spec
from p2law.collect.place import Place
from p2law.collect.team import Team
from p2law.collect.train import Progress, train


def task(folder, **settings):
    """The dense run of a tiny study, ready to train."""
    path = studies.write(folder, **settings)
    sweep, team = spec.read(path), Team()
    run = studies.runs(path)[0]
    place = Place(folder / "out", run.id)
    place.folder.mkdir(parents=True, exist_ok=True)
    corpus, ruler = prepare.texts(run, sweep, place, team)
    prepare.start(run, sweep, place, team)
    return prepare.task(run, sweep, place, corpus, ruler)


def nothing(_progress):
    """Keep no checkpoint."""


def test_measurements_come_at_the_counts_that_were_planned(tmp_path):
    """
    Zero, then ascending whole batches, the last at the end.
    """
    made = task(tmp_path)

    found = list(train(made, Progress(), nothing))

    assert made.training.counts() == tuple(each.tokens for each in found)
    assert {"held-out", "other"} == set(found[0].losses)


def test_training_teaches(tmp_path):
    """
    The held-out loss begins near that of a guess among 256 bytes and falls clearly.
    """
    found = list(train(task(tmp_path), Progress(), nothing))

    assert found[0].losses["held-out"] == pytest.approx(math.log(256), abs=0.1)
    assert found[-1].losses["held-out"] < 4.0


def test_every_token_is_a_trained_target_once(tmp_path):
    """
    As many targets reach the loss as tokens are counted, and no window comes twice.
    """
    made = task(tmp_path)
    seen = []

    def see(module, inputs):
        if module.training:
            seen.extend(map(tuple, inputs[0][:, 1:].tolist()))

    made.objective.register_forward_pre_hook(see)

    last = list(train(made, Progress(), nothing))[-1]

    assert last.tokens == sum(map(len, seen))
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_the_size_of_a_forward_pass_changes_nothing_but_rounding(tmp_path, micro_batch):
    """
    Gradient accumulation gives the losses of one large batch.
    """
    whole = list(train(task(tmp_path / "a", micro_batch=8), Progress(), nothing))
    parts = list(train(task(tmp_path / "b", micro_batch=micro_batch), Progress(), nothing))

    for one, other in zip(whole, parts, strict=True):
        assert one.losses["held-out"] == pytest.approx(other.losses["held-out"], abs=2e-5)


def test_the_training_loss_is_the_mean_since_the_measurement_before(tmp_path):
    """
    Before anything is learned it is the loss of a guess.
    """
    steps = {}

    def watch(tokens, loss):
        steps[tokens] = loss
        return False

    found = list(train(task(tmp_path), Progress(), nothing, watch))

    assert found[0].train_loss is None
    assert found[1].train_loss == pytest.approx(math.log(256), abs=0.1)
    for before, each in itertools.pairwise(found):
        since = [loss for tokens, loss in steps.items() if before.tokens < tokens <= each.tokens]
        assert each.train_loss == pytest.approx(sum(since) / len(since))


def test_a_loss_that_is_no_number_ends_the_run_with_words(tmp_path):
    """
    The last measurement has no loss and says why; it is never a number.
    """
    made = task(tmp_path)
    with torch.no_grad():
        made.objective.model.lm_head.weight[0, 0] = float("nan")

    (only,) = train(made, Progress(tokens=128), nothing)

    assert (256, {}, "the training loss became nan") == (only.tokens, only.losses, only.trouble)


def test_a_start_that_is_no_number_is_not_trained_from(tmp_path):
    """
    A model that is broken before its first step is measured as such.
    """
    made = task(tmp_path)
    with torch.no_grad():
        made.objective.model.lm_head.weight[0, 0] = float("inf")

    (only,) = train(made, Progress(), nothing)

    assert "the loss on held-out is nan" == only.trouble


def test_checkpoints_come_between_a_measurement_and_the_next_step(tmp_path):
    """
    What has been yielded has been taken away by then, so a checkpoint can vouch for it.
    """
    made = dataclasses.replace(task(tmp_path), checkpoint_minutes=0.0)
    kept, events = [], []

    def keep(progress):
        kept.append(progress)
        events.append(("kept", progress.tokens))

    events.extend(("taken", each.tokens) for each in train(made, Progress(), keep))

    assert list(range(128, 3200, 128)) == [each.tokens for each in kept]
    assert events.index(("taken", 256)) < events.index(("kept", 256))


def test_a_run_that_is_asked_to_stop_keeps_where_it_stands(tmp_path):
    """
    It ends after the next step, with a checkpoint there.
    """
    kept = []

    found = list(train(task(tmp_path), Progress(), kept.append, lambda tokens, _: tokens >= 1280))

    assert [1408] == [each.tokens for each in kept]
    assert found[-1].tokens <= 1408


def test_bfloat16_computes_and_float32_learns(tmp_path):
    """
    Master weights stay float32; the losses of both differ, by a few of bfloat16's last digits.
    """
    exact, coarse = task(tmp_path), task(tmp_path)
    ruler = dataclasses.replace(coarse.ruler, dtype=torch.bfloat16)
    coarse = dataclasses.replace(coarse, ruler=ruler)

    (_, *ours), (_, *theirs) = (list(train(e, Progress(), nothing)) for e in (exact, coarse))

    assert {torch.float32} == {each.dtype for each in coarse.objective.model.parameters()}
    for one, other in zip(ours, theirs, strict=True):
        for left, right in (
            (one.train_loss, other.train_loss),
            (one.losses["held-out"], other.losses["held-out"]),
        ):
            assert left != right
            assert left == pytest.approx(right, rel=4 * 2**-8)


def passes(made):
    """A list that tells of every pass through a layer from now on whether it is of training."""
    seen = []
    for layer in made.objective.model.model.layers:
        layer.mlp.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    return seen


def test_activation_checkpoints_change_nothing_but_rounding(tmp_path):
    """
    What is made anew in the backward pass is what it was: every layer computes twice.
    """
    plain, again = task(tmp_path), task(tmp_path, execution="checkpoint_activations = true")
    once, twice = passes(plain), passes(again)

    for one, other in zip(
        train(plain, Progress(), nothing), train(again, Progress(), nothing), strict=True
    ):
        assert one.losses["held-out"] == pytest.approx(other.losses["held-out"], abs=1e-6)
    assert 2 * sum(once) == sum(twice)


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    """
    Three processes cannot share eight windows evenly.
    """
    path = studies.write(tmp_path)
    sweep, run = spec.read(path), studies.runs(path)[0]
    place = Place(tmp_path / "out", run.id)
    place.folder.mkdir(parents=True)
    corpus, ruler = prepare.texts(run, sweep, place, Team())
    ruler = dataclasses.replace(ruler, team=Team(size=3))

    with pytest.raises(Exception, match="8 windows cannot be shared evenly by 3 processes"):
        prepare.task(run, sweep, place, corpus, ruler)


def test_a_text_too_short_for_a_window_is_refused(tmp_path):
    """
    The text is named, with what it holds and what a window needs.
    """
    path = studies.write(tmp_path)
    run, sweep = studies.runs(path)[1], spec.read(path)
    (tmp_path / "two.txt").write_text("short")

    with pytest.raises(Exception, match=r"second: 6 tokens do not fill one window of 16"):
        prepare.texts(run, sweep, Place(tmp_path / "out", run.id), Team())


def test_settings_are_plain(tmp_path):
    """
    What decides a run can be written down.
    """
    made = task(tmp_path)

    assert json.loads(json.dumps(dataclasses.asdict(made.training)))["batch_tokens"] == 128
