"""What SECURITY.md promises of the code and of what it needs."""

import importlib
import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import scanning

import p2law
from p2law import forms
from p2law.errors import SavedFitError

ROOT = Path(__file__).parents[1]
PACKAGE = Path(p2law.__file__).parent
READ = ("*.py", "benchmarks/*.py", "benchmarks/tools/*.py", "data/*/*.py", "data/*.py")
READ += ("docs/*.py", "docs/*.md", "examples/*", "README.md")
"""What users run or paste, beside the package."""

ALLOWED = {
    ("collect/trusting.py", "pickle"): "the reader that refuses names derives from pickle's own",
    ("p2law/__init__.py", "imports by name"): "a table of p2law's own modules, loaded when asked",
    ("cli/shell.py", "imports by name"): "--form module:name, which the user gives and trusts",
    ("collect/tracking.py", "imports by name"): "--tracker module:attribute, likewise",
    ("plotting/line_values.py", "evaluates"): "the nearest points of a tree, not a table's rows",
    ("docs/first_look.py", "evaluates"): "draws what the first page of the documentation shows",
    ("docs/which_law.py", "evaluates"): "rows of a schedule, whose name stands in the script",
    ("benchmarks/coverage_targets.py", "imports by name"): "all of p2law, to see what is reached",
    ("collect/zoo.py", "network"): "a model of the hub, where a sweep file names one",
    ("collect/sizing.py", "network"): "the config of a model of the hub, likewise",
    ("collect/tokenizing.py", "network"): "the tokenizer of such a model, likewise",
    ("benchmarks/sweeping.py", "network"): "a free port of this machine, for two processes",
    ("benchmarks/tools/run.py", "imports by name"): "one of the scripts beside it, by a benchmark",
}
"""What breaks a rule on purpose, and why it may."""


def broken(folder, patterns):
    """Rules that files break, each with where; those that are allowed by the place they have."""
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    for path in paths:
        if path.suffix in {".py", ".ipynb", ".md"}:
            for program in scanning.programs(path):
                yield from ((path, each) for each in scanning.findings(program))


def reason(path, found):
    """The key of `ALLOWED` under which a file may break a rule."""
    keys = (key for key in ALLOWED if key[1] == found.rule)
    return next((key for key in keys if path.as_posix().endswith(f"/{key[0]}")), None)


def test_neither_the_package_nor_what_is_beside_it_runs_what_it_reads():
    """
    No pickle, evaluated text, shell, stranger's module or remote code; but for what is allowed.
    """
    found = [*broken(PACKAGE, ("**/*.py",)), *broken(ROOT, READ)]

    assert [(str(path), each) for path, each in found if not reason(path, each)] == []
    assert {reason(path, each) for path, each in found} == {*ALLOWED}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("pickle", "import pickle"),
        ("pickle", "from dill import loads"),
        ("pickle", "def f():\n    import _pickle as plain"),
        ("pickle", "numpy.load(file, allow_pickle=True)"),
        ("pickle", "pd.read_pickle(path)"),
        ("pickle", "import joblib as j\nj.load(path)"),
        ("evaluates", "eval(text)"),
        ("evaluates", "run = exec"),
        ("evaluates", "import builtins as b\nb.eval(text)"),
        ("evaluates", "table.query(text)"),
        ("evaluates", "table.eval(expr=text)"),
        ("evaluates", "__import__(name)"),
        ("imports by name", "import importlib\nimportlib.import_module(found['form'])"),
        ("imports by name", "from importlib import import_module as get\nget(name)"),
        ("imports by name", "importlib.import_module(f'{name}.p2law')"),
        ("imports by name", "runpy.run_path(path)"),
        ("shell", "subprocess.run(words, shell=True)"),
        ("shell", "subprocess.run(words, shell=wanted)"),
        ("shell", "from os import system as run\nrun(words)"),
        ("yaml", "yaml.load(text)"),
        ("yaml", "yaml.load(text, Loader=yaml.UnsafeLoader)"),
        ("yaml", "from yaml import full_load\nfull_load(text)"),
        ("torch.load", "torch.load(path)"),
        ("torch.load", "from torch import load\nload(path, weights_only=False)"),
        ("remote code", "AutoTokenizer.from_pretrained(name)"),
        ("remote code", "AutoModelForCausalLM.from_pretrained(name, trust_remote_code=False)"),
        ("remote code", "Llama.from_pretrained(name, trust_remote_code=False)"),
        ("remote code", "AutoConfig.from_pretrained(name, trust_remote_code=True)"),
        ("remote code", "load_dataset(name, trust_remote_code=given)"),
        ("unpacks", "archive.extractall(folder)"),
        ("network", "from urllib import request"),
        ("network", "import requests"),
        ("network", "import socket"),
        ("network", "from urllib3 import PoolManager"),
        ("network", "import websockets.sync.client"),
        ("network", "import http\nhttp.client.HTTPSConnection(host)"),
        ("network", "from huggingface_hub import HfApi"),
        ("shell", "asyncio.create_subprocess_shell(words)"),
        ("imports by name", "pkgutil.resolve_name(name)"),
        ("evaluates", "import builtins\ngetattr(builtins, 'eval')(text)"),
        ("torch.load", "torch.serialization.load(path)"),
    ],
)
def test_what_breaks_a_rule_is_found(rule, code):
    """
    Also under another name, in a function, and where a value is only known when it runs.
    """
    assert rule in {each.rule for each in scanning.findings(code)}


@pytest.mark.parametrize(
    "code",
    [
        "import re\nre.compile(text)",
        "model.eval()",
        "getattr(model, 'eval')()",
        "from http import HTTPStatus\nHTTPStatus.OK",
        "table.query('params > 1e9')",
        "'eval(text)'",
        "# import pickle",
        "numpy.load(file)",
        "numpy.load(file, allow_pickle=False)",
        "importlib.import_module('numpy')",
        "importlib.import_module(f'p2law.{name}')",
        "subprocess.run(words, shell=False)",
        "yaml.safe_load(text)",
        "torch.load(path, weights_only=True)",
        "AutoTokenizer.from_pretrained(name, trust_remote_code=False)",
        "AutoModel.from_pretrained(name, use_safetensors=True, trust_remote_code=False)",
        "p2law.load(path)",
        "archive.extractall(folder, filter='data')",
    ],
)
def test_what_breaks_none_is_not(code):
    """
    Texts, comments, and calls that only look alike.
    """
    assert [] == scanning.findings(code)


@pytest.mark.parametrize("name", ["antigravity", "antigravity:fly", "os.system", "__main__.law"])
def test_a_saved_fit_imports_no_law(dense_records, name):
    """
    Whatever it names, it is looked for among laws that are there already.
    """
    content = json.loads(p2law.fit(dense_records, forms.chinchilla).to_json())
    content["form"] = name

    with pytest.raises(SavedFitError, match="not built in; hand it over"):
        p2law.Fit.from_json(json.dumps(content))

    assert "antigravity" not in sys.modules


def test_the_sdist_holds_all_that_is_kept():
    """
    Whoever unpacks it can run these tests, which read pages, scripts and data, too.
    """
    if not ((git := shutil.which("git")) and (ROOT / ".git").exists()):
        pytest.skip("what is kept is asked of git")
    told = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    assert {path.split("/")[0] for path in told.stdout.splitlines()} == {
        *(each.removeprefix("/") for each in included),
        *("pyproject.toml", ".gitignore"),  # are always there
    }


def test_the_promises_are_written_down():
    """
    What is tested here stands in SECURITY.md.
    """
    said = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())

    for words in (
        "no pickle, no `eval`",
        "safetensors only",
        "`trust_remote_code` is always False",
        "pip-audit",
        "benchmarks/licences.py",
        "brings CUDA, which is Nvidia's own",
        "same sha256",
        "`python benchmarks/versions.py --collect`",
        "`bash .ci/supply` is the short form",
    ):
        assert words in said


def benchmark(name):
    """Imports a script of the benchmarks."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def licences():
    """The script that lists licences."""
    pytest.importorskip("packaging")
    return benchmark("licences")


@pytest.fixture(scope="module")
def versions():
    """The script that tests what is built in environments of its own."""
    return benchmark("versions")


def test_a_list_of_licences_that_is_not_current_is_told(licences, tmp_path):
    """
    What is new, and what is under another licence; but not what torch brings on some machines.
    """
    names = ("numpy", "pandas", "new-one", "triton")
    rows = [{"package": name, "licence": "BSD-3-Clause"} for name in names]
    file = tmp_path / "kept.json"
    kept = [rows[0], rows[1] | {"licence": "MIT"}]
    licences.keeping.keep(file, {"packages": kept})

    assert licences.changed(rows, file) == [
        "pandas is under BSD-3-Clause, kept was MIT",
        "new-one is under BSD-3-Clause, kept was nothing of it",
    ]
    assert licences.changed(rows[:1], file) == []


def test_what_is_handed_out_is_checked_by_one_script():
    """
    Built, compared, tested away from the tree; licences; known vulnerabilities.
    """
    script = (ROOT / ".ci" / "supply").read_text(encoding="utf-8")

    for name in ("versions.py", "licences.py --check benchmarks/figures/licences.json", "audit.py"):
        assert f"$python benchmarks/{name}" in script
    assert "`bash .ci/supply`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_environments_that_the_check_names_are_tested(versions):
    """
    The lowest versions among them; any other name is refused, not passed over.
    """
    script = (ROOT / ".ci" / "supply").read_text(encoding="utf-8").replace("\\\n", "")
    (line,) = (each for each in script.splitlines() if "versions.py" in each)

    asked = versions._asked(shlex.split(line.partition("versions.py")[2]))

    assert ["lowest", "core alone, lowest", "core alone, newest", "sdist, its own tests"] == [
        each.title for each in asked.chosen
    ]
    assert all((ROOT / "tests" / each).is_file() for each in asked.tests)
    for words in (["--only", "nonsense"], ["--only"], ["--python"], ["--tests"]):
        with pytest.raises(SystemExit):
            versions._asked(words)


def test_an_interpreter_that_is_not_there_is_told_before_anything_is_built(versions, capsys):
    """
    With its name; others are looked for on the path.
    """
    assert [sys.executable] == versions._asked(["--python", sys.executable]).python
    with pytest.raises(SystemExit):
        versions._asked(["--python", sys.executable, "python3.99"])
    assert "--python python3.99: no such interpreter here" in capsys.readouterr().err


def test_an_environment_that_cannot_be_made_says_why(versions, monkeypatch, tmp_path):
    """
    The last word of the step that failed, though no line of it begins with ERROR.
    """
    monkeypatch.setattr(benchmark("building"), "VENVS", tmp_path)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Error: ensurepip is missing' >&2\nexit 1\n")
    python.chmod(0o755)

    assert "Error: ensurepip is missing" == versions.fresh("core, newest", str(python), [])


def test_an_environment_is_tested_by_its_name_alone(versions):
    """
    Also one of those that are tested only with --collect where none is named.
    """
    assert [each.title for each in versions._asked(["--only", "collect, newest"]).chosen] == [
        "collect, newest"
    ]
    assert list(versions.ENVIRONMENTS) == versions._asked([]).chosen
    assert list(versions.KNOWN.values()) == versions._asked(["--collect"]).chosen


@pytest.mark.parametrize(
    ("stated", "kind"),
    [
        ("MIT", "permissive"),
        ("MPL-2.0 AND MIT", "weak copyleft"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "weak copyleft"),
        ("GNU General Public License v3 (GPLv3)", "copyleft"),
        ("GPL-2.0-only OR MIT", "permissive"),
        ("BSD License; GNU Affero General Public License v3", "copyleft"),
        ("AGPL-3.0", "copyleft"),
        ("NVIDIA Proprietary Software", "proprietary"),
        ("not stated", "unknown"),
    ],
)
def test_licences_are_told_apart(licences, stated, kind):
    """
    All of what is stated holds, unless there is a choice.
    """
    assert kind == licences.kind(stated)


def test_nothing_that_is_needed_here_is_under_strong_copyleft(licences):
    """
    The core and all extras, as far as they are installed, with all that these need.
    """
    rows, _ = licences.listed()

    assert {"numpy", "scipy", "pandas", "lmfit", "asteval"} <= {each["package"] for each in rows}
    assert [] == licences.refused(rows)


def test_what_is_under_weak_copyleft_was_kept_on_record():
    """
    One package, which p2law uses as it is: tqdm (MPL-2.0).
    """
    kept = json.loads((ROOT / "benchmarks/figures/licences.json").read_text(encoding="utf-8"))
    rows = kept["tables"]["packages"]

    assert ["tqdm"] == [each["package"] for each in rows if each["kind"] == "weak copyleft"]
    assert {"permissive", "weak copyleft"} == {each["kind"] for each in rows}
