"""A sweep does what is missing and nothing twice, says how it stands, and becomes one table."""

import gzip
import io
import json
import platform
import re
import shutil
import threading

import pytest
import studies

pytest.importorskip("torch")
pytest.importorskip("transformers")

import p2law
from p2law import collect
from p2law.cli import main
from p2law.collect import launch, submitting, sweep, work
from p2law.collect.place import Place
from p2law.errors import MissingExtraError, RunError, StoppedError


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study: its file, its folder, its runs."""
    folder = tmp_path_factory.mktemp("sweep")
    path = studies.write(folder)
    collect.run(path, folder / "out")
    return path, folder / "out", studies.runs(path)


def states(out):
    """State of every run, by what it is."""
    table = collect.status(out)
    return dict(zip(table["run"], table["state"], strict=True))


# -- running -------------------------------------------------------------------------


def test_everything_is_done_once(finished):
    """
    The report counts all runs; a second call finds them done.
    """
    path, out, runs = finished
    before = [studies.records(out, run) for run in runs]

    report = collect.run(path, out)

    assert tuple(run.id for run in runs) == report.done
    assert ({}, ()) == (report.failed, report.elsewhere)
    assert before == [studies.records(out, run) for run in runs]


def test_models_do_not_tell_where_they_were_made(finished, tmp_path):
    """
    In another folder they are the same byte by byte, and so is their fingerprint.
    """
    _, out, runs = finished
    collect.run(studies.write(tmp_path), tmp_path / "out", only=[0])
    model = f"runs/{runs[0].id}/model"

    for name in ("config.json", "model.safetensors"):
        assert (out / model / name).read_bytes() == (tmp_path / "out" / model / name).read_bytes()


def test_two_at_once_do_the_work_of_one(finished, tmp_path):
    """
    Started twice, the runs are shared out and each is done once.
    """
    _, out, runs = finished
    path, reports = studies.write(tmp_path), []
    workers = [
        threading.Thread(target=lambda: reports.append(collect.run(path, tmp_path / "out")))
        for _ in range(2)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    done = {name for report in reports for name in report.done}
    assert {run.id for run in runs} == done
    for run in runs:
        assert studies.records(out, run) == studies.records(tmp_path / "out", run)


def test_records_of_a_run_that_has_ended_are_put_back(finished, tmp_path):
    """
    A last line that is no longer whole is told by status and gather, and mended by the command.
    """
    path, whole, runs = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    records = out / "runs" / runs[1].id / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-7])

    for look in (collect.status, collect.gather):
        with pytest.raises(RunError, match="no longer what the run ended with; give the command"):
            look(out)
    report = collect.run(path, out)

    assert 3 == len(report.done)
    assert studies.records(whole, runs[1]) == studies.records(out, runs[1])


def test_a_growing_sweep_keeps_what_is_done(finished, tmp_path):
    """
    Another way to prune, written into the file, adds runs and repeats none.
    """
    _, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path)
    path.write_text(path.read_text() + '\n[[prune]]\nmethod = "none"\n')
    before = [studies.records(out, run) for run in runs]

    report = collect.run(path, tmp_path / "out")

    assert 4 == len(report.done)
    assert before == [studies.records(tmp_path / "out", run) for run in runs]
    assert ["done"] * 4 == list(states(tmp_path / "out").values())


def test_a_run_that_is_not_pruned_has_rate_zero(finished, tmp_path):
    """
    The control of a study: what the same tokens do to the whole model.
    """
    _, out, _ = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path)
    path.write_text(path.read_text() + '\n[[prune]]\nmethod = "none"\n')
    collect.run(path, tmp_path / "out")

    table = collect.gather(tmp_path / "out").records
    control = table[table["method"] == "none"]

    assert {0.0} == set(control["pruning_rate"]) | set(control["nominal_rate"])
    first = control[control["tokens"] == 0]
    assert first["loss"].tolist() == first["base_loss"].tolist()


def test_a_folder_that_is_read_only_is_named_with_the_cure(finished, read_only):
    """
    Before anything is done.
    """
    with pytest.raises(RunError, match=r"read-only: Read-only file system; name another, or make"):
        collect.run(finished[0], read_only)


@pytest.mark.parametrize("how", ["run", "run --workers 2", "prune"])
def test_a_system_that_cannot_sync_folders_is_told_at_once(tmp_path, monkeypatch, capsys, how):
    """
    Before a folder is made or a model is read; plans are made there, too.
    """
    path, out = studies.write(tmp_path), tmp_path / "out"
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    words = ["run", path, "--out", out, *how.split()[1:]]
    if how == "prune":
        words = ["prune", tmp_path / "model", out, "--method", "depth", "--rate", 0.25]

    assert 2 == main(["collect", *map(str, words)])

    assert "p2law.collect needs a POSIX system, such as Linux or macOS" in capsys.readouterr().err
    assert not out.exists()
    assert 3 == len(collect.forecast(collect.read(path)).runs)


def test_only_the_runs_that_were_asked_for(tmp_path):
    """
    A number as the plan counts them; what is no number of a run is refused.
    """
    path = studies.write(tmp_path)

    report = collect.run(path, tmp_path / "out", only=[0])

    assert 1 == len(report.done)
    assert ["done", "waiting", "waiting"] == list(states(tmp_path / "out").values())
    with pytest.raises(RunError, match="no run 3; the sweep has runs 0 to 2"):
        collect.run(path, tmp_path / "out", only=[3])


def test_a_pruned_run_alone_says_what_comes_first(tmp_path):
    """
    Without its model a run fails, with the id of the run that makes it.
    """
    path = studies.write(tmp_path)

    report = collect.run(path, tmp_path / "out", only=[1])

    (reason,) = report.failed.values()
    assert "its model is not there yet: do small-llama-dense-" in reason
    assert reason.endswith("first, --index 0")


def test_one_failure_does_not_keep_others_from_being_done(finished, tmp_path, monkeypatch):
    """
    The failed run is reported with its reason, the next one is tried.
    """
    _, out, _ = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path, tokens=1280)
    first, second = studies.runs(path)[1:]

    def failing(run, *others):
        if run.id == first.id:
            raise RunError("the disk is full")
        return carry_out(run, *others)

    carry_out = work.carry_out
    monkeypatch.setattr(sweep, "carry_out", failing)
    report = collect.run(path, tmp_path / "out")

    assert {first.id: "the disk is full"} == report.failed
    assert second.id in report.done


def test_an_error_that_nobody_foresaw_ends_one_run_only(finished, tmp_path, monkeypatch):
    """
    Its kind is told, and the next run is tried; so is where a run's folder is damaged.
    """
    _, out, _ = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path, tokens=1280)
    text = path.read_text() + '\n[[prune]]\nmethod = "none"\n'
    path.write_text(text)
    first, second, third = studies.runs(path)[1:]
    damaged = tmp_path / "out" / "runs" / second.id / "done.json"
    damaged.parent.mkdir()
    damaged.write_text("{")

    def failing(run, *others):
        if run.id == first.id:
            raise KeyError("a bug")
        return carry_out(run, *others)

    carry_out = work.carry_out
    monkeypatch.setattr(sweep, "carry_out", failing)
    report = collect.run(path, tmp_path / "out")

    assert "KeyError: 'a bug'" == report.failed[first.id]
    assert "done.json cannot be read" in report.failed[second.id]
    assert third.id in report.done


def test_a_request_to_stop_ends_the_sweep(finished, tmp_path, monkeypatch):
    """
    It is no failure, and no other run is begun.
    """
    path, begun = finished[0], []

    def stopped(run, *_):
        begun.append(run.id)
        raise StoppedError(run.id, 15)

    monkeypatch.setattr(sweep, "carry_out", stopped)
    with pytest.raises(StoppedError, match="was asked to stop"):
        collect.run(path, tmp_path / "out")

    assert 1 == len(begun)


def test_what_a_kill_left_of_a_finished_run_is_cleared_away(finished, tmp_path):
    """
    The next look at the run does it, without doing the run again.
    """
    path, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    place = Place(tmp_path / "out", runs[1].id)
    (place.start / "deep").mkdir(parents=True)
    (place.folder / "checkpoints" / "step-1").mkdir(parents=True)
    (place.folder / "done.json.1.2.part").touch()

    collect.run(path, tmp_path / "out")

    left = {each.name for each in place.folder.iterdir()}
    assert not left & {"start", "checkpoints", "done.json.1.2.part"}
    assert studies.records(out, runs[1]) == studies.records(tmp_path / "out", runs[1])


def test_what_a_kill_left_beside_files_of_all_runs_is_cleared_away(finished, tmp_path):
    """
    Unfinished drafts of them go when the run that wrote them is done again.
    """
    path, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    (tmp_path / "out" / "runs" / runs[1].id / "done.json").unlink()
    shared = [tmp_path / "out" / "sweep.json", *(tmp_path / "out" / "bases").glob("*.json")]
    drafts = [each.with_name(f"{each.name}.1.2.part") for each in shared]
    for each in drafts:
        each.touch()

    collect.run(path, tmp_path / "out")

    names = {each.name.partition("-")[0] for each in shared}
    assert {"sweep.json", "checksums.json", "small"} == names
    assert [] == [each.name for each in drafts if each.exists()]


def test_names_that_look_like_paths_stay_in_the_folder(tmp_path):
    """
    Texts and models may be called anything; nothing is written outside.
    """
    path = studies.write(tmp_path / "study")
    text = path.read_text().replace('name = "held-out"', 'name = "../../held out"')
    text = text.replace("[corpora.first]", '[corpora."../../first"]')
    text = text.replace('corpus = "first"', 'corpus = "../../first"')
    text = text.replace('name = "small-llama"', 'name = "../../small"')
    path.write_text(text)

    report = collect.run(path, tmp_path / "study" / "out", only=[0, 1])

    assert {} == report.failed
    assert ["study"] == [each.name for each in tmp_path.iterdir()]
    known = {"sweep.toml", "one.txt", "two.txt", "three.txt", "four.txt", "out"}
    assert known == {each.name for each in (tmp_path / "study").iterdir()}
    found = collect.gather(tmp_path / "study" / "out", eval_text="../../held out")
    assert {"../../small"} == set(found.records["model"])


def test_a_model_that_diverged_is_not_pruned(tmp_path):
    """
    Runs that need it fail with its reason.
    """
    path = studies.write(tmp_path)
    path.write_text(path.read_text().replace("learning_rate = 1e-2", "learning_rate = 1e30"))

    report = collect.run(path, tmp_path / "out")

    assert 2 == len(report.failed)
    assert all("its model could not be made: the " in each for each in report.failed.values())
    assert ["diverged", "waiting", "waiting"] == list(states(tmp_path / "out").values())


def test_a_changed_text_is_refused_before_it_is_mixed_in(finished, tmp_path):
    """
    Records of two texts never meet under one name.
    """
    _, out, _ = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path, tokens=1280)
    (tmp_path / "two.txt").write_text("another text " * 500)

    report = collect.run(path, tmp_path / "out")

    assert all("has changed since it was tokenised" in each for each in report.failed.values())
    assert 2 == len(report.failed)


def test_a_run_that_has_ended_is_not_called_done_for_a_text_that_has_changed(finished, tmp_path):
    """
    Its records are of the old text and stay; a text that was only touched is the same.
    """
    _, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    path = studies.write(tmp_path)
    assert {} == collect.run(path, tmp_path / "out").failed
    (tmp_path / "two.txt").write_text("another text " * 500)

    report = collect.run(path, tmp_path / "out")

    assert (runs[0].id,) == report.done
    assert {each.id for each in runs[1:]} == set(report.failed)
    for why in report.failed.values():
        assert re.search(r"two\.txt has changed since .*: put it back, or collect into", why)
    for each in runs:
        assert studies.records(out, each) == studies.records(tmp_path / "out", each)


def test_a_held_out_text_that_is_too_short_is_refused_before_training(tmp_path):
    """
    Fewer tokens than were asked for are never taken for them.
    """
    path = studies.write(tmp_path)
    lines = json.dumps({"text": "a loss is measured on this" * 10}) + "\n"
    (tmp_path / "three.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    path.write_text(path.read_text().replace("three.txt", "three.jsonl.gz"))

    report = collect.run(path, tmp_path / "out", only=[0])

    (reason,) = report.failed.values()
    assert "held-out: the text has 261 tokens and cannot be evaluated on 512; give" in reason
    assert reason.endswith("ask for 256")


def test_calibration_never_sees_a_window_twice(tmp_path):
    """
    A text whose length is only known once it is read is refused then, before anything is pruned.
    """
    path = studies.write(tmp_path)
    lines = json.dumps({"text": (tmp_path / "two.txt").read_text()[:2000]}) + "\n"
    (tmp_path / "two.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    text = path.read_text().replace("two.txt", "two.jsonl.gz")
    path.write_text(text.replace("sequences = 8", "sequences = 200"))

    report = collect.run(path, tmp_path / "out")

    assert 2 == len(report.failed)
    for reason in report.failed.values():
        assert "'second': 20" in reason
        assert "tokens make 12" in reason
        assert "windows of 16, but calibration.sequences asks for 200; give more" in reason


# -- how it stands -------------------------------------------------------------------


def test_status_tells_every_run_apart(finished, tmp_path):
    """
    Done, running, interrupted, failed: each is said, with tokens, loss and reason.
    """
    _, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    dense, depth, sparse = (Place(tmp_path / "out", run.id) for run in runs)
    for place in (depth, sparse):
        (place.folder / "done.json").unlink()
    (sparse.folder / "failed.json").write_text('{"reason": "no space\\nleft"}')

    with depth.lock():
        table = collect.status(tmp_path / "out").set_index("run")

    assert ["done", "running", "failed"] == table["state"].tolist()
    assert "no space left" == table.loc[sparse.run, "reason"]
    assert [3200, 2560, 2560] == table["tokens"].tolist() == table["of"].tolist()
    assert "interrupted" == states(tmp_path / "out")[depth.run]
    last = [json.loads(line) for line in studies.records(out, runs[0]).splitlines()][-2]
    assert last["loss"] == table.loc[dense.run, "loss"]


def test_status_of_nothing_is_refused(tmp_path):
    """
    A folder without a sweep is named, with the command that begins one.
    """
    with pytest.raises(RunError, match="holds no sweep; p2law collect run SWEEP --out"):
        collect.status(tmp_path)


# -- one table -----------------------------------------------------------------------


def test_the_table_is_one_that_load_takes(finished, tmp_path):
    """
    Pruned runs in the vocabulary of p2law.load, dense runs beside them.
    """
    _, out, runs = finished
    found = collect.gather(out, eval_text="held-out")

    written = found.save(tmp_path / "losses.csv")

    assert ["losses.csv", "losses_dense.csv", "losses.provenance.json"] == [e.name for e in written]
    table = p2law.load(tmp_path / "losses.csv")
    assert {run.id for run in runs[1:]} == set(table["run"])
    assert 0 == table["tokens"].min()
    assert set(found.records.columns) == set(table.columns)
    for one, other in zip(found.records["loss"], table["loss"], strict=True):
        assert one == other
    assert not {"base_loss", "pruning_rate"} & set(found.dense.columns)


def test_the_table_says_where_it_comes_from(finished):
    """
    By run what decided it and which versions made it; by text its checksums.
    """
    _, out, runs = finished

    origin = collect.gather(out).provenance

    run = origin["runs"][runs[1].id]
    assert "post_training" not in run["run"]
    assert 2560 == run["run"]["training"]["counts"][-1]
    assert {"torch", "transformers", "python", "p2law", "threads"} <= set(run["started"][0])
    assert {64} == {len(text["sha256"]) for text in origin["texts"].values()}


def test_times_that_a_power_cut_damaged_are_left_out(finished, tmp_path):
    """
    Records are gathered all the same.
    """
    _, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    timing = tmp_path / "out" / "runs" / runs[1].id / "timing.jsonl"
    with timing.open("ab") as file:
        file.write(b"\0\0\0\n" + b'{"event": "mea')

    found = collect.gather(tmp_path / "out")

    assert 0 < found.provenance["runs"][runs[1].id]["seconds"]
    assert len(collect.gather(out).records) == len(found.records)


def test_the_provenance_names_the_weights(finished):
    """
    Pruned runs say which model they began with; those of the study itself by their run.
    """
    _, out, runs = finished

    origin = collect.gather(out).provenance["runs"]

    (base,) = (each["base"] for each in origin[runs[1].id]["started"])
    assert (runs[0].id, "", 64) == (base["source"], base["commit"], len(base["sha256"]))
    assert {} == origin[runs[0].id]["started"][0]["base"]


def test_what_is_left_out_is_listed(finished, tmp_path):
    """
    Runs that have not ended, and losses that were no number.
    """
    _, out, runs = finished
    shutil.copytree(out, tmp_path / "out")
    depth, sparse = (Place(tmp_path / "out", run.id) for run in runs[1:])
    (depth.folder / "done.json").unlink()
    sparse.ledger.append({"run": sparse.run, "tokens": 9999, "trouble": "the loss became nan"})
    done = {**sparse.ending, "records": sparse.ledger.vouch()}
    (sparse.folder / "done.json").write_text(json.dumps(done))

    found = collect.gather(tmp_path / "out")

    assert [(depth.run, "interrupted")] == [(e.run, e.state) for e in found.left_out]
    assert {sparse.run} == set(found.records["run"])
    assert 9999 not in set(found.records["tokens"])
    both = collect.gather(tmp_path / "out", unfinished=True)
    assert {depth.run, sparse.run} == set(both.records["run"])


def test_a_text_that_was_not_measured_is_refused(finished):
    """
    The texts there are stand in the message.
    """
    with pytest.raises(RunError, match="no loss was measured on 'wiki'; there are held-out, other"):
        collect.gather(finished[1], eval_text="wiki")


def test_nothing_to_gather_is_refused(tmp_path):
    """
    The command that makes runs is named.
    """
    with pytest.raises(RunError, match="holds no runs; p2law collect run SWEEP"):
        collect.gather(tmp_path)


# -- processes -----------------------------------------------------------------------


def test_workers_are_processes_that_share_the_runs(finished, tmp_path, monkeypatch):
    """
    As many as asked for, each with its own GPUs where there are any.
    """
    started = []

    class Process:
        returncode = 0

        def __init__(self, command, env, **_settings):
            self.stdout = io.StringIO()
            started.append((command[1:], env.get("CUDA_VISIBLE_DEVICES")))

        def wait(self):
            return 0

    monkeypatch.setattr(launch.subprocess, "Popen", Process)

    code = launch.workers(finished[0], tmp_path, 2, ["0", "1", "2", "3"], ["--only", "x"])

    assert 0 == code
    assert ["0,1", "2,3"] == [gpus for _, gpus in started]
    assert [str(finished[0]), "--out", str(tmp_path), "--only", "x"] == list(started[0][0][-5:])


def test_jobs_of_a_cluster_do_the_runs(finished, tmp_path):
    """
    Submitted to processes of this machine; an unknown option is refused with its name.
    """
    pytest.importorskip("submitit")
    path, out, runs = finished
    shutil.copytree(out, tmp_path / "out")

    (job,) = submitting.submit(path, tmp_path / "out", [[runs[0].id]], cluster="local")

    assert 0 == job.result()
    with pytest.raises(RunError, match=r"submitit: .*no_such_option"):
        submitting.submit(path, out, [["x"]], cluster="local", options={"no_such_option": 1})
    with pytest.raises(RunError, match="nodes = 2: a job is one task on one node"):
        submitting.submit(path, out, [["x"]], cluster="local", options={"nodes": 2})


def test_jobs_wait_for_those_that_make_their_models(tmp_path, monkeypatch):
    """
    On SLURM the second stage depends on the first; a job that makes room is queued again.
    """
    submitit = pytest.importorskip("submitit")
    executors = []

    class Executor:
        def __init__(self, **_settings):
            self.parameters, self.jobs = {}, []
            executors.append(self)

        def update_parameters(self, **parameters):
            self.parameters = parameters

        def batch(self):
            return threading.Lock()

        def submit(self, job):
            self.jobs.append(job)
            return type("Submitted", (), {"job_id": f"17_{len(self.jobs)}"})

    monkeypatch.setattr(submitit, "AutoExecutor", Executor)

    jobs = submitting.submit(
        tmp_path / "s.toml",
        tmp_path,
        [["a", "b"], ["c"]],
        options={"timeout_min": 5},
        words=("--tracker", "tensorboard"),
    )

    assert 3 == len(jobs)
    assert {"timeout_min": 5} == executors[0].parameters
    assert {"dependency": "afterany:17"} == executors[1].parameters["slurm_additional_parameters"]
    assert ("--only", "c", "--tracker", "tensorboard") == executors[1].jobs[0].command[-4:]
    assert executors[1].jobs[0] is executors[1].jobs[0].checkpoint().function


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    """
    The optional package and the extra that has it.
    """
    monkeypatch.setitem(launch.sys.modules, "submitit", None)

    with pytest.raises(
        MissingExtraError, match=r"'submitit'.*pip install 'p2law\[collect-slurm\]'"
    ):
        submitting.submit(tmp_path, tmp_path, [["a"]])
