"""What is handed out is built twice, and tested with the versions and extras that are promised."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)


@pytest.fixture
def versions(script):
    """The script that tests what is built in environments of its own."""
    return script("versions")


def git(*words, cwd):
    """What a command of git says."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", *named, *words]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout  # noqa: S603


@pytest.fixture
def tree(tmp_path):
    """A checkout of git with one file."""
    place = (tmp_path / "tree").resolve()
    place.mkdir()
    git("init", "-q", cwd=place)
    (place / "held.txt").write_text("held")
    git("add", ".", cwd=place)
    git("commit", "-q", "-m", "one", cwd=place)
    return place


def test_the_second_build_is_of_a_clone_that_only_its_owner_may_read(script, tree, tmp_path):
    """
    All that is committed, at another path.
    """
    clone = script("building").cloned(tree, tmp_path / "clone")

    assert tmp_path / "clone" == clone
    assert "held" == (clone / "held.txt").read_text()
    if os.name == "posix":
        assert 0 == (clone / "held.txt").stat().st_mode & 0o077


def test_what_is_not_committed_is_in_the_second_build_too(script, tree, tmp_path):
    """
    Changed, staged, new and removed files; what git leaves aside is left aside.
    """
    for name in ("changed", "staged", "gone"):
        (tree / name).write_text("old")
    (tree / ".gitignore").write_text("aside\n")
    git("add", ".", cwd=tree)
    git("commit", "-q", "-m", "two", cwd=tree)
    (tree / "new").mkdir()
    for name in ("changed", "staged", "new/one", "aside"):
        (tree / name).write_text("new")
    git("add", "staged", cwd=tree)
    (tree / "gone").unlink()

    clone = script("building").cloned(tree, tmp_path / "clone")

    found = {
        each.name: each.read_text()
        for each in clone.rglob("*")
        if ".git" not in each.parts and each.is_file()
    }
    assert {"changed": "new", "staged": "new", "one": "new", "held.txt": "held"} == {
        name: text for name, text in found.items() if name != ".gitignore"
    }


def test_what_is_no_checkout_of_its_own_is_not_cloned(script, tree, tmp_path):
    """
    Nor is a folder of another one, as where an sdist was unpacked there.
    """
    part = tree / "part"
    part.mkdir()

    assert script("building").cloned(part, tmp_path / "of a part") is None
    assert script("building").cloned(tmp_path, tmp_path / "of none") is None


def test_the_second_build_has_another_path_mask_and_seed(script, monkeypatch, tmp_path):
    """
    But the same time; files that come out otherwise are not called the same.
    """
    building, asked = script("building"), []

    def told(command, umask=-1, **variables):
        if "build" in command:
            *_, out, source = command
            asked.append(
                (source, umask, variables["PYTHONHASHSEED"], variables["SOURCE_DATE_EPOCH"])
            )
            out.mkdir()
            with zipfile.ZipFile(out / "a.whl", "w") as packed:
                name = zipfile.ZipInfo("a.dist-info/WHEEL")  # of one time, whatever the time
                packed.writestr(name, "Generator: hatchling 9.8\n")
            (out / "a.tar.gz").write_text(str(source))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(building, "told", told)
    monkeypatch.setattr(building, "fresh", lambda *_: tmp_path / "python")
    monkeypatch.setattr(building, "cloned", lambda _, place: place)

    rows, _ = building.built(tmp_path, sys.executable)

    one, two = asked
    assert ([building.ROOT, tmp_path / "clone"], one[3]) == ([one[0], two[0]], two[3])
    assert one[1] != two[1]
    assert one[2] != two[2]
    assert {"a.tar.gz": False, "a.whl": True} == {
        each["file"]: each[building.SAME] for each in rows
    }
    assert {"hatchling 9.8"} == {each["built by"] for each in rows}


def test_a_wheel_says_what_built_it(script, tmp_path):
    """
    The backend with its version, for other versions write other bytes.
    """
    wheel = tmp_path / "p2law-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("p2law-1.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: hatchling 9.8\n")

    assert "hatchling 9.8" == script("building").builder(wheel)


def test_all_extras_that_collect_are_tested_at_their_lowest(versions):
    """
    With the one package beside them that the Trainer wants.
    """
    for title in ("collect, newest", "collect, lowest"):
        asked = {versions.name(each) for each in versions.needed(versions.KNOWN[title])}
        assert asked >= {"torch", "transformers", "datasets", "zstandard", "submitit", "accelerate"}
    pins = [versions.lowest(each) for each in versions.needed(versions.KNOWN["collect, lowest"])]

    assert {"datasets==4.8", "zstandard==0.22", "submitit==1.5", "accelerate==1.1"} <= {*pins}
    assert not [each for each in pins if "==" not in each]


def test_one_package_has_one_lowest_version_in_all_extras(versions):
    """
    Of two of them one would never be tried; 4.66.3 is the least tqdm beside the lowest datasets.
    """
    extras = [*versions.EXTRAS, *versions.COLLECT]
    asked = versions.needed(versions.Environment("all", extras))
    names = [versions.name(each) for each in asked]

    assert len({*names}) == len(names)
    assert "tqdm>=4.66.3" in asked


def test_the_callback_of_the_trainer_is_tested_where_the_trainer_is(versions, monkeypatch):
    """
    Its tests stand beside those of the core, where no Trainer is installed.
    """
    commands = []

    def told(command, **_):
        commands.append([str(each) for each in command])
        return subprocess.CompletedProcess(command, 4, "", "")

    monkeypatch.setattr(versions, "told", told)
    for which in ("core", "collect"):
        versions._outcome(Path(sys.executable), Path("made"), which, [])

    core, collect = commands
    callback = str(Path("made/tests/test_stop_when_saturated.py"))
    assert [str(Path("made/tests"))] == core[-1:]
    assert [str(Path("made/tests/collect")), callback] == collect[-2:]
    assert (Path(__file__).parent / "test_stop_when_saturated.py").is_file()


def python_of(folder, version):
    """A command that says it is Python of a version."""
    folder.mkdir(parents=True)
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho {version}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.skipif(os.name == "nt", reason="the commands are scripts of a shell")
def test_one_environment_has_the_newest_python_that_is_here(
    script, versions, monkeypatch, tmp_path
):
    """
    Once, and with none of those that were asked for; 3.99.9 is not newer than 3.99.10.
    """
    made = script("environments")
    here = tmp_path / ".pyenv" / "versions"
    old, new = (
        python_of(here / each / "bin", each.replace(".", " ")) for each in ("3.9.1", "3.99.10")
    )
    python_of(here / "3.99.9" / "bin", "3 99 9")
    (here / "3.98.0" / "bin").mkdir(parents=True)
    monkeypatch.setattr(made.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(made.shutil, "which", lambda _: None)
    chosen = [versions.KNOWN[each] for each in ("newest, newest Python", "newest")]

    found = [(each.title, python, why) for each, python, why in versions.turns(chosen, [old, old])]

    assert [("newest", old, "")] * 2 + [("newest, newest Python", new, "")] == found


def test_where_no_newer_python_is_here_the_row_says_so(script, versions, monkeypatch, tmp_path):
    """
    That is no failure; a page shows it as what was not tried.
    """
    made = script("environments")
    monkeypatch.setattr(made.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(made.shutil, "which", lambda _: None)
    monkeypatch.setattr(made, "version_of", lambda _: (3, 98, 1))
    each = versions.KNOWN["newest, newest Python"]

    assert [(each, "", "needs Python 3.99 or newer, which was not found here")] == list(
        versions.turns([each], [sys.executable])
    )


def test_the_newest_python_of_today_takes_the_place_of_an_older_one(versions):
    """
    Elsewhere each Python has a row.
    """
    ahead, usual = "newest, newest Python", "newest"
    rows = [{"environment": each, "python": "3.13.0"} for each in (ahead, usual)]

    for title, count in ((ahead, 2), (usual, 3)):
        assert count == len(versions._with(rows, {"environment": title, "python": "3.14.0"}))


def test_an_environment_without_tests_is_shown_with_the_reason(script, versions):
    """
    One that could not be made as a failure, one that was not tried apart from it.
    """
    text, pages, page = script("reliability_text"), script("pages"), script("reliability_page")
    lost = versions.empty(versions.KNOWN["lowest"]) | {"tests": "none", "trouble": "no network"}
    left = versions.empty(versions.KNOWN["newest, newest Python"])
    left |= {"tests": "none", "why skipped": "none is here"}
    file = {"file": "a.whl", "same the second time": True, "second time from": "the same tree"}
    (columns,) = (each.tables for each in page.PARTS if each.figures == "versions")

    told = text.of_versions({"built": [file], "environments": [lost, left]})

    assert "In 1 environments 0 tests passed and 0 failed." in told
    assert "What failed: lowest: no network." in told
    assert "Not tried, newest, newest Python: none is here." in told
    shown = pages.table([lost, left], columns["environments"])
    assert 2 == shown.count("| none | - | - | - |")
