"""What SECURITY.md promises of the code and of what it needs."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest

import p2law
from p2law import forms
from p2law.errors import SavedFitError

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "p2law").rglob("*.py"))
PICKLES = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml"}
READ_BY_PANDAS = {"read_pickle", "read_hdf"}


def calls(path):
    """Names that a file calls, dotted, with their keyword arguments."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {each.arg: each.value for each in node.keywords}


def imported(path):
    """Packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name.split(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_nothing_is_unpickled_or_evaluated():
    """
    Only `trusting` knows pickles: it reads those of torch's checkpoints, and refuses.
    """
    users = {path.stem: found for path in FILES if (found := PICKLES & {*imported(path)})}

    assert {"trusting": {"pickle"}, "parallel": {"joblib"}} == users
    for path in FILES:
        said = {name for name, _ in calls(path)}
        assert not said & {"eval", "exec", "compile", "__import__"}, path
        assert not {name.rsplit(".", maxsplit=1)[-1] for name in said} & READ_BY_PANDAS, path


def test_torch_reads_plain_values_only():
    """
    Every `torch.load` says so.
    """
    found = [more for path in FILES for name, more in calls(path) if name == "torch.load"]

    assert 1 == len(found)
    assert all(ast.unparse(more["weights_only"]) == "True" for more in found)


def test_no_model_brings_code():
    """
    Every door of transformers is told not to trust remote code, and models are safetensors.
    """
    doors = [
        (name, more)
        for path in FILES
        for name, more in calls(path)
        if name.endswith((".from_pretrained", ".from_config"))
    ]
    opened = [(name, more) for name, more in doors if name.endswith(".from_pretrained")]

    assert 3 <= len(opened)
    for _, more in opened:
        assert ast.unparse(more["trust_remote_code"]) == "False"
    models = [more for name, more in opened if name.startswith("AutoModel")]
    assert models
    assert all(ast.unparse(more["use_safetensors"]) == "True" for more in models)
    whole = "".join(path.read_text(encoding="utf-8") for path in FILES)
    assert "trust_remote_code=True" not in whole
    assert "allow_pickle=True" not in whole


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


def test_the_promises_are_written_down():
    """
    What is tested here stands in SECURITY.md.
    """
    said = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())

    for words in (
        "no pickle, no `eval`",
        "safetensors only",
        "`trust_remote_code` is never set",
        "pip-audit",
        "benchmarks/licences.py",
        "same sha256",
    ):
        assert words in said


@pytest.fixture(scope="module")
def licences():
    """The script that lists licences."""
    pytest.importorskip("packaging")
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        found = importlib.util.spec_from_file_location("licences", ROOT / "benchmarks/licences.py")
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


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
