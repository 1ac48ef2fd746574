"""The command line says what Python says, and one clear message on bad input."""

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import p2law
from p2law import cli, forms
from p2law.cli import shell
from p2law.errors import P2LawError

INPUTS = ("--params", "8.03e9", "--tokens", "10e9", "--pruning-rate", "0.25", "--base-loss", "2.05")
LAW = '''
"""A law of the user's, and things that are none."""

from typing import Annotated

import numpy as np

from p2law import Bounds, Domain, form


@form("L = c * exp(-k * D / 1e9)", linear=("c",))
def fading(
    tokens: Annotated[np.ndarray, Domain(">= 0", "D", "token")],
    *,
    c: Annotated[float, Bounds(0, None, "nat")],
    k: Annotated[float, Bounds(0, 10)] = 1.0,
):
    """A law for tests."""
    return c * np.exp(-k * tokens / 1e9)


@form("L = c + k * t", linear=("c", "k"))
def tempered(
    t: Annotated[np.ndarray, Domain()],
    *,
    c: Annotated[float, Bounds(None, None, "nat")],
    k: Annotated[float, Bounds(None, None, "nat")],
):
    """A law whose input may be negative."""
    return c + k * t


@form("L = c + k * level / D", linear=("c", "k"))
def levelled(
    tokens: Annotated[np.ndarray, Domain("> 0", "D", "token")],
    level: Annotated[np.ndarray, Domain("> 0")],
    *,
    c: Annotated[float, Bounds(0, None, "nat")],
    k: Annotated[float, Bounds(0, None, "nat")],
):
    """A law whose input is called as an option of commands is."""
    return c + k * level / tokens


@form("L = c + k * gain / D", linear=("c", "k"))
def gaining(
    tokens: Annotated[np.ndarray, Domain("> 0", "D", "token")],
    gain: Annotated[np.ndarray, Domain("> 0")],
    *,
    c: Annotated[float, Bounds(0, None, "nat")],
    k: Annotated[float, Bounds(0, None, "nat")],
):
    """Another."""
    return c + k * gain / tokens


@form()
def failing(tokens: Annotated[np.ndarray, Domain("> 0")], *, k: Annotated[float, Bounds(0, 9)] = 1):
    """A law that cannot be computed."""
    raise ZeroDivisionError("no such thing")


number = 3
'''


@pytest.fixture
def place(tmp_path, monkeypatch, p2_records):
    """A folder with records, a law and a saved fit, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    p2_records(noise=0.003).to_csv("records.csv", index=False)
    (tmp_path / "laws.py").write_text(LAW)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "exits.py").write_text("raise SystemExit('bye')")
    (tmp_path / "fit.json").write_text(p2law.fit(p2law.load("records.csv")).to_json())
    yield tmp_path
    for name in ("laws", "broken", "exits"):
        sys.modules.pop(name, None)


QWEN = Path(__file__).parents[1] / "data" / "qwen3_distill.csv"


@pytest.fixture
def run(capsys):
    """Run a command in this process: its exit code, what it printed, what it complained."""

    def call(*words):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def refused(run):
    """Run a command that must be refused, and give its message."""

    def call(*words):
        code, out, err = run(*words)

        assert (2, "") == (code, out)
        assert "Traceback" not in err
        return err

    return call


def prediction(place):
    """What Python predicts for the inputs above from the saved fit."""
    fit = p2law.Fit.from_json((place / "fit.json").read_text())
    return fit.predict(params=8.03e9, tokens=10e9, pruning_rate=0.25, base_loss=2.05)


# -- what it says --------------------------------------------------------------------


def test_the_command_works_as_a_program(place):
    """
    `python -m p2law` is the command line: answers on the one stream, complaints on the other.
    """

    def program(*words):
        return subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "p2law", *words], capture_output=True, text=True, check=False
        )

    good = program("predict", "fit.json", *INPUTS)
    assert (0, "") == (good.returncode, good.stderr)
    assert good.stdout == prediction(place).to_string(index=False) + "\n"

    bad = program("predict", place / "none.json", *INPUTS)
    assert (2, "") == (bad.returncode, bad.stdout)
    assert bad.stderr.startswith("p2law predict: cannot read the saved fit")
    assert "Traceback" not in bad.stderr


def test_version(run):
    """
    The version is the package's.
    """
    assert (0, f"p2law {p2law.__version__}\n", "") == run("--version")


def test_help_explains_each_command(run):
    """
    Help exists and names what the commands take.
    """
    assert "fit a law to records" in run("--help")[1]
    assert "--objective OBJECTIVE" in run("fit", "--help")[1]
    assert "--params 8.03e9 --tokens 1e9" in run("predict", "--help")[1]


def test_fit_prints_what_python_prints(place, run):
    """
    The text of the fit, nothing more.
    """
    expected = str(p2law.fit(p2law.load(place / "records.csv")))

    assert (0, expected + "\n", "") == run("fit", "records.csv")


def test_fit_as_json_holds_what_python_holds(place, run):
    """
    The same numbers to the last bit, as JSON that any program reads.
    """
    expected = p2law.fit(p2law.load(place / "records.csv"))

    found = json.loads(run("fit", "records.csv", "--json")[1], parse_constant=pytest.fail)

    assert dict(expected.values) == found["values"]
    assert dict(expected.held) == found["held"]
    assert expected.table()["note"].tolist() == [row["note"] for row in found["table"].values()]
    assert "p2" == found["form"]
    assert expected.form.formula == found["formula"]
    assert "CONVERGED" == found["status"]
    assert list(expected.trouble) == found["trouble"]
    assert list(expected.notes) == found["notes"]
    assert len(expected.records) == found["rows"]
    assert expected.search.objective == found["search"]["objective"]
    assert "squared()" == found["settings"]["objective"]


def test_saved_fit_is_the_one_python_saves(place, run):
    """
    `--save` writes what `to_json` gives, byte for byte, and the fit is printed all the same.
    """
    expected = p2law.fit(p2law.load(place / "records.csv"))

    code, out, err = run("fit", "records.csv", "--save", "new.json")

    assert (0, str(expected) + "\n", "") == (code, out, err)
    assert expected.to_json().encode() == (place / "new.json").read_bytes()


def test_every_option_of_fit_reaches_the_fit(place, run):
    """
    Form, objective, weight, fixed and tied coefficients and seed are those of Python.
    """
    expected = p2law.fit(
        p2law.load(place / "records.csv"),
        forms.p2,
        objective=p2law.huber(1e-3, log=True),
        weight="run",
        fixed={"gamma": -1.2, "delta": 0.2},
        tied={"beta": "alpha"},
        seed=3,
    )

    options = ("--form", "p2", "--objective", "huber(1e-3, log=True)", "--weight", "run")
    held = ("--fixed", "gamma=-1.2", "--tied", "beta=alpha", "--fixed", "delta=0.2", "--seed", "3")
    code, out, err = run("fit", "records.csv", *options, *held)

    assert (0, str(expected) + "\n", "") == (code, out, err)


def test_several_sources_are_read_together(place, run):
    """
    Files, folders and globs, as for `load`.
    """
    table = pd.read_csv("records.csv")
    (place / "parts").mkdir()
    for k, (_, part) in enumerate(table.groupby("params")):
        part.to_csv(f"parts/{k}.csv", index=False)
    expected = str(p2law.fit(p2law.load("parts")))

    assert (0, expected + "\n", "") == run("fit", "parts")
    assert (0, expected + "\n", "") == run("fit", "parts/*.csv")
    assert (0, expected + "\n", "") == run("fit", *(f"parts/{k}.csv" for k in range(4)))


@pytest.mark.usefixtures("place")
def test_small_counts_are_accepted_by_name(run, refused):
    """
    Counts that look like billions are refused, unless they are meant.
    """
    table = pd.read_csv("records.csv")
    table.assign(params=table["params"] / 1e9, tokens=table["tokens"] / 1e9).to_csv("small.csv")

    message = refused("fit", "small.csv")

    assert message.startswith("p2law fit: small.csv: 320 of 320 records have params below 1,000:")
    assert message.endswith("\nOn the command line: --accept params\n")
    assert 0 == run("fit", "small.csv", "--accept", "params", "tokens")[0]
    assert 0 == run("fit", "small.csv", "--accept", "params", "--accept", "tokens")[0]


def test_predict_prints_what_python_prints(place, run):
    """
    One row for each combination of the values, as a table.
    """
    fit = p2law.Fit.from_json((place / "fit.json").read_text())
    expected = fit.predict(
        p2law.grid(params=8.03e9, tokens=[1e9, 1e10], pruning_rate=[0.25, 0.5], base_loss=2.05)
    )

    words = ("--params", "8.03e9", "--pruning-rate", "0.25", "0.5", "--base-loss=2.05")
    found = run("predict", "fit.json", *words, "--tokens", "1e9", "--tokens", "1e10")

    assert (0, expected.to_string(index=False) + "\n", "") == found


def test_the_level_and_kind_of_intervals_are_those_of_python(place, run):
    """
    And what is no probability is refused.
    """
    fit = p2law.Fit.from_json((place / "fit.json").read_text())
    inputs = {"params": 8.03e9, "tokens": 10e9, "pruning_rate": 0.25, "base_loss": 2.05}
    expected = fit.predict(**inputs, level=0.5, kind="run").to_string(index=False)

    found = run("predict", "fit.json", *INPUTS, "--level", "0.5", "--kind", "run")
    refused = run("predict", "fit.json", *INPUTS, "--level", "2")

    assert (0, f"{expected}\n", "") == found
    assert (2, "") == refused[:2]
    assert "level" in refused[2]


def test_predict_as_json_is_bit_identical(place, run):
    """
    Every float reads back to the bits that Python has, wherever the options stand.
    """
    expected = prediction(place).to_dict("records")

    for words in (("--json", "fit.json", *INPUTS), ("fit.json", *INPUTS, "--json")):
        code, out, err = run("predict", *words)
        assert (0, "") == (code, err)
        assert expected == json.loads(out)


def test_what_is_not_determined_is_null_and_explained(place, run, p2_records):
    """
    Where the records leave a prediction open there is no number, but the reason.
    """
    p2_records(params=(1e9,), noise=0.003).to_csv("one.csv", index=False)
    run("fit", "one.csv", "--save", "one.json")
    fit = p2law.Fit.from_json((place / "one.json").read_text())

    code, out, _ = run("predict", "one.json", *INPUTS)
    assert 0 == code
    assert out.startswith(f"! {fit.trouble[0]}\n")
    assert "NaN" in out
    assert "! what is determined lies at params " in out

    found = json.loads(run("predict", "one.json", *INPUTS, "--json")[1], parse_constant=pytest.fail)
    assert found[0]["loss"] is None
    assert found[0]["determined"] is False
    assert [f"! {each}" for each in found[0]["trouble"]] == out.splitlines()[:-2]


@pytest.mark.usefixtures("place")
def test_a_law_of_the_user_works_like_a_built_in(run, refused):
    """
    `module:name` is imported from the current folder; a saved fit wants it named again.
    """
    table = pd.DataFrame({"tokens": np.linspace(0, 3e9, 20)})
    table.assign(loss=3 * np.exp(-0.4 * table["tokens"] / 1e9)).to_csv("own.csv", index=False)
    code, out, err = run("fit", "own.csv", "--form", "laws:fading", "--save", "own.json")
    assert (0, "") == (code, err)
    assert out.startswith("fading fitted to 20 records")

    words = ("predict", "own.json", "--tokens", "1e9")
    found = json.loads(run(*words, "--form", "laws:fading", "--json")[1])
    assert found[0]["loss"] == pytest.approx(3 * np.exp(-0.4), rel=1e-9)

    message = refused(*words)
    assert message.startswith("p2law predict: own.json: ")
    assert "the saved fit is of a law 'fading', which is not built in" in message
    assert "On the command line: --form module:name" in message


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("value", ["-5e-1", "-0.5", "-.5e0", "-5.e-1", "-500E-3"])
def test_negative_numbers_are_values_however_they_are_written(run, value):
    """
    An exponent makes no option of a number, alone or among others.
    """
    table = pd.DataFrame({"t": np.linspace(-1, 2, 20)})
    table.assign(loss=3 + 0.5 * table["t"]).to_csv("own.csv", index=False)
    run("fit", "own.csv", "--form", "laws:tempered", "--save", "own.json")

    code, out, err = run(
        "predict", "own.json", "--form", "laws:tempered", "--json", "--t", "-1", value, "2"
    )

    assert (0, "") == (code, err)
    assert [-1, -0.5, 2] == [row["t"] for row in json.loads(out)]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "words",
    [
        "score fit.json records.csv --level -5e-1",
        "predict fit.json INPUTS --level -5e-1",
        "tokens fit.json --level -5e-1 --loss 2 --params 1e9 --pruning-rate 0.25 --base-loss 2",
    ],
)
def test_options_of_every_command_take_negative_numbers(refused, words):
    """
    They are read, and refused for what they say.
    """
    message = refused(*words.replace("INPUTS", " ".join(INPUTS)).split())

    assert "level is a probability between 0 and 1" in message
    assert "-0.5" in message


@pytest.mark.usefixtures("place")
def test_an_input_that_is_called_as_an_option_is_said_to_be(run, refused):
    """
    The option goes before; in Python a table tells the two apart, and only there.
    """
    table = p2law.grid(tokens=[1e6, 1e7, 1e8], level=[1.0, 2.0], gain=[3.0, 4.0])
    for law, name in (("levelled", "level"), ("gaining", "gain")):
        own = table.assign(loss=3 + 1e6 * table[name] / table["tokens"])
        own.to_csv(f"{law}.csv", index=False)
        run("fit", f"{law}.csv", "--form", f"laws:{law}", "--save", f"{law}.json")
    taken = "the law has an input for --{0}, which {1} takes for itself; give the input another"
    levelled, gaining = (
        (f"{law}.json", "--form", f"laws:{law}") for law in ("levelled", "gaining")
    )

    predicted = refused("predict", *levelled, "--tokens", "1e7", "--level", "2")
    reached = refused("tokens", *levelled, "--loss", "3.1", "--level", "2")
    saturated = refused("saturation", *gaining, "--gain", "0.1")

    assert taken.format("level", "predict") in predicted
    assert "or in Python a table to Fit.predict" in predicted
    assert taken.format("level", "tokens") in reached
    assert taken.format("gain", "saturation") in saturated
    assert 0 == run("predict", *gaining, "--tokens", "1e7", "--gain", "3")[0]
    assert 0 == run("tokens", *gaining, "--loss", "3.1", "--gain", "3")[0]
    assert 3.2 == pytest.approx(
        shell.saved(Path("levelled.json"), "laws:levelled")
        .predict(pd.DataFrame({"tokens": [1e7], "level": [2.0]}))["loss"]
        .iloc[0]
    )


# -- what it refuses -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fit none.csv", "p2law fit: none.csv: no such file, folder or glob"),
        ("fit laws.py", "p2law fit: laws.py: cannot tell what this is; records end in .csv"),
        ("fit empty", "p2law fit: folder empty holds no file ending in"),
        ("fit records.csv records.csv", "records.csv would be read more than once"),
        ("fit records.csv --form p3", "no built-in law 'p3'; there are p2, "),
        ("fit records.csv --form none:law", "cannot import 'none' for the law 'none:law'"),
        ("fit records.csv --form broken:law", "cannot import 'broken' for the law 'broken:law'"),
        ("fit records.csv --form exits:law", "SystemExit: bye"),
        ("fit records.csv --form :law", "cannot import '' for the law ':law'"),
        ("fit records.csv --form .laws:fading", "cannot import '.laws'"),
        ("fit records.csv --form laws:number", "laws has no @form function 'number'"),
        ("fit records.csv --form laws:none", "laws has no @form function 'none'"),
        ("fit records.csv --form laws:", "laws has no @form function ''"),
        ("fit records.csv --form laws:failing", "ZeroDivisionError: no such thing"),
        ("fit records.csv --form repeated_data", "unique_tokens: add it"),
        ("fit records.csv --objective cubic", "cannot read the objective 'cubic'"),
        ("fit records.csv --objective huber(-1)", "huber(0.001, log=True)"),
        ("fit records.csv --objective huber(x)", "cannot read the objective"),
        ("fit records.csv --weight size", "missing columns"),
        ("fit records.csv --weight lawless", "lawless: add it"),
        ("fit records.csv --fixed alpha", "--fixed takes NAME=VALUE, got 'alpha'"),
        ("fit records.csv --fixed =3", "--fixed takes NAME=VALUE, got '=3'"),
        ("fit records.csv --fixed alpha=", "--fixed takes NAME=VALUE, got 'alpha='"),
        ("fit records.csv --fixed alpha=x", "alpha = 'x' is not a number"),
        ("fit records.csv --fixed omega=1", "omega"),
        ("fit records.csv --fixed alpha=-1", "alpha"),
        ("fit records.csv --fixed alpha=nan", "alpha"),
        ("fit records.csv --fixed alpha=1 alpha=2", "--fixed names alpha twice"),
        ("fit records.csv --fixed alpha=1 --fixed alpha=2", "--fixed names alpha twice"),
        ("fit records.csv --tied beta", "--tied takes NAME=VALUE, got 'beta'"),
        ("fit records.csv --tied beta=omega", "omega"),
        ("fit records.csv --tied beta=beta", "beta"),
        ("fit records.csv --tied beta=alpha --fixed beta=1", "beta"),
        ("fit records.csv --accept loss", "invalid choice: 'loss'"),
        ("fit records.csv --save none/fit.json", "--save none/fit.json: name a file in a folder"),
        ("fit records.csv --save empty", "--save empty: name a file in a folder that exists"),
        ("fit records.csv --seed -3", "seed is a whole number from 0 on, got -3"),
        ("fit records.csv --starts 3", "unrecognized arguments: --starts 3"),
        ("fit records.csv --js", "unrecognized arguments: --js"),
        ("fit", "the following arguments are required: records"),
        ("predict", "the following arguments are required: fit"),
        ("predict none.json --params 1", "cannot read the saved fit 'none.json': [Errno 2]"),
        ("predict --params 1e9 fit.json", "It comes first: p2law predict fit.json --params"),
        ("predict empty", "cannot read the saved fit 'empty': "),
        ("predict latin.json", "cannot read the saved fit 'latin.json': 'utf-8' codec"),
        ("predict records.csv", "records.csv: not a saved fit"),
        ("predict records.csv INPUTS", "A fit is saved by: p2law fit RECORDS --save FILE"),
        ("predict fit.json", "required: --params, --tokens, --pruning-rate, --base-loss"),
        ("predict fit.json --params 1e9", "required: --tokens, --pruning-rate, --base-loss"),
        ("predict fit.json INPUTS --loss 2", "unrecognized arguments: --loss 2"),
        ("predict fit.json INPUTS --par 2", "unrecognized arguments: --par 2"),
        ("predict fit.json --pruning_rate 0.3", "did you mean '--pruning-rate'?"),
        ("predict fit.json --param 3e9", "arguments: --param 3e9; did you mean '--params'?"),
        ("tokens fit.json --loss 2 --param 3e9", "--param 3e9; did you mean '--params'?"),
        ("tokens fit.json --loss 2", "required: --params, --pruning-rate, --base-loss"),
        ("predict fit.json INPUTS --params", "--params: expected at least one argument"),
        ("predict fit.json INPUTS --params 8b", "--params: invalid float value: '8b'"),
        ("predict fit.json INPUTS --params 1,5", "--params: invalid float value: '1,5'"),
        (
            "predict fit.json INPUTS --params nan",
            "records has params missing or infinite",
        ),
        (
            "predict fit.json INPUTS --params -1",
            "records has params that is not > 0",
        ),
        ("predict fit.json INPUTS --tokens 0", "tokens must be > 0"),
        ("predict fit.json INPUTS --pruning-rate 25", "divide by 100 if these are percentages"),
        ("predict fit.json stray INPUTS", "unrecognized arguments: stray"),
        ("predict fit.json INPUTS --form p3", "no built-in law 'p3'"),
        ("predict fit.json INPUTS --form laws:number", "laws has no @form function 'number'"),
        ("", "the following arguments are required: COMMAND"),
        ("refit records.csv", "invalid choice: 'refit'"),
        ("--verbose", "the following arguments are required: COMMAND"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(place, refused, words, said):
    """
    Whatever is wrong is said in words that name it, on the error stream, without a traceback.
    """
    (place / "empty").mkdir()
    (place / "latin.json").write_bytes("{é".encode("latin-1"))

    assert said in refused(*words.replace("INPUTS", " ".join(INPUTS)).split())


def test_a_refused_table_is_told_as_in_python(place, refused):
    """
    Rows, values and cure come through unchanged, after the name of the command.
    """
    (place / "bad.csv").write_text("loss,pruning_rate\n2.5,25\n2.4,0.2\n")

    expected = (
        "p2law fit: bad.csv: 1 of 2 records has pruning_rate outside [0, 1):\n"
        "  row 0: pruning_rate = 25\n"
        "`pruning_rate` is the fraction of parameters removed; "
        "divide by 100 if these are percentages.\n"
    )

    assert expected == refused("fit", "bad.csv")


def test_nothing_is_fitted_for_a_place_where_nothing_can_be_saved(place, refused, monkeypatch):
    """
    An impossible file is refused before the work, not after it.
    """
    monkeypatch.setattr(p2law, "load", pytest.fail)

    assert "folder that exists" in refused("fit", "records.csv", "--save", place / "no" / "x.json")


def test_records_are_not_written_over_by_their_fit(place, refused):
    """
    A saved fit never takes the place of what it was fitted to.
    """
    before = (place / "records.csv").read_bytes()

    message = refused("fit", "records.csv", "--save", place / "records.csv")

    assert "records.csv is read, and would be lost" in message
    assert before == (place / "records.csv").read_bytes()


def test_a_file_that_cannot_be_written_is_told(place, refused, monkeypatch):
    """
    What the system forbids is told in its words.
    """

    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied", "new.json")

    monkeypatch.setattr("pathlib.Path.write_bytes", forbid)

    message = refused("fit", place / "records.csv", "--save", "new.json")

    assert "p2law fit: [Errno 13] Permission denied: 'new.json'\n" == message


def test_a_reader_who_has_read_enough_is_no_error(place, monkeypatch):
    """
    `p2law fit records.csv | head -1` ends quietly.
    """

    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

        def fileno(self):
            return handle

    handle = os.open(place / "out", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(sys, "stdout", Closed())
    try:
        assert 0 == cli.main(["fit", "records.csv"])
    finally:
        os.close(handle)


def test_a_terminal_without_the_letters_is_no_error(place, monkeypatch):
    """
    What a terminal cannot show is escaped.
    """
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    table = pd.read_csv(place / "records.csv")
    table.assign(family=["café", "naïve"] * (len(table) // 2)).to_csv("x.csv", index=False)

    assert 0 == cli.main(["fit", "x.csv", "--form", "p2"])

    assert b"caf\\xe9" in screen.buffer.getvalue()


# -- any input at all ----------------------------------------------------------------

WORDS = st.lists(
    st.sampled_from(
        ["fit", "predict", "records.csv", "fit.json", *INPUTS, "--form", "p2", "laws:fading", "--",
         "--objective", "huber(1e-3)", "--fixed", "alpha=0.3", "--tied", "beta=alpha", "--weight",
         "run", "--save", "x.json", "--json", "--accept", "params", "-1", "--x", "", "-", "\0", "é"]
    ),
    max_size=7,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS)
def test_any_words_give_an_answer_or_a_message(place, run, words):
    """
    Exit code 0 and an answer, or 2 and a message, in JSON too where that was asked for.
    """
    assert place.is_dir()
    code, out, err = run(*words)

    if code == 2 and "--json" in words and out:
        assert ["error"] == list(json.loads(out))
        out = ""
    assert (code, bool(out), bool(err)) in [(0, True, False), (2, False, True)]


def parts(content, path=()):
    """Where the parts of a JSON value are, the first three of long lists."""
    yield path
    if isinstance(content, dict):
        for name in content:
            yield from parts(content[name], (*path, name))
    elif isinstance(content, list):
        for k in range(min(len(content), 3)):
            yield from parts(content[k], (*path, k))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    random=st.randoms(use_true_random=False),
    new=st.sampled_from(
        ["CUT", "GONE", None, True, -1, 0, 1.5, "x", "", [], {}, [1], {"a": 1}, 10**400, "run",
         "CONVERGED", float("nan"), 1e308]
    ),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_damaged_fit_gives_an_answer_or_a_message(place, run, random, new):
    """
    A saved fit with any part cut, missing or replaced is answered or refused in words.
    """
    content = json.loads((place / "fit.json").read_text())
    *way, last = random.choice([*parts(content)][1:])
    inner = content
    for step in way:
        inner = inner[step]
    if new == "GONE":
        del inner[last]
    else:
        inner[last] = new
    text = json.dumps(content)
    text = text[: random.randrange(len(text))] if new == "CUT" else text
    (place / "damaged.json").write_text(text)

    code, out, err = run("predict", "damaged.json", *INPUTS)

    assert (code, bool(out), bool(err)) in [(0, True, False), (2, False, True)]
    assert 0 == code or "damaged.json" in err or err.startswith("p2law predict: p2 ")


# -- the surface ---------------------------------------------------------------------


def test_the_surface_of_the_command_line():
    """
    A new option is a decision: it belongs in this list, the README and the changelog.
    """

    def surface(parser, words=""):
        inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        for name, command in inner[0].choices.items() if inner else ():
            yield from surface(command, f"{words} {name}".strip())
        if not inner:
            options = [o for a in parser._actions for o in (a.option_strings or [a.dest])]
            yield words, sorted(options)

    assert dict(surface(cli._parser())) == {
        "fit": ["--accept", "--fixed", "--form", "--help", "--json", "--objective", "--save",
                "--seed", "--tied", "--weight", "--where", "-h", "records"],
        "predict": ["--form", "--help", "--json", "--kind", "--level", "-h", "fit"],
        "score": ["--accept", "--form", "--help", "--json", "--level", "--per", "--where", "-h",
                  "fit", "records"],
        "compare": ["--accept", "--forms", "--help", "--hold", "--json", "--objective",
                    "--seed", "--weight", "--where", "-h", "records"],
        "import-log": ["--accept", "--averaged", "--base-at", "--base-log", "--base-loss",
                       "--bytes-per-token", "--column", "--corpus", "--drop-first",
                       "--drop-first-steps", "--eval-text", "--fact", "--help", "--json", "--kind",
                       "--loss", "--method", "--missing", "--model", "--no-averaged", "--output",
                       "--params", "--partial", "--pruning-rate", "--repeats", "--run", "--seed",
                       "--smooth", "--step", "--thin", "--tokens", "--tokens-per-step", "--unit",
                       "-h", "-o", "log"],
        "tokens": ["--form", "--help", "--json", "--level", "--loss", "-h", "fit"],
        "saturation": ["--form", "--gain", "--help", "--json", "--level", "-h", "fit"],
        "plan": ["--form", "--help", "--json", "-h", "plan"],
        "next-runs": ["--budget", "--cost", "--form", "--guesses", "--help", "--json", "--level",
                      "--target", "-h", "candidates", "fit"],
        "report": ["--form", "--held", "--help", "--level", "--losses", "--no-holdouts",
                   "--no-pictures", "--output", "--title", "--tokens", "-h", "-o", "fit"],
        "collect plan": ["--gpu-memory", "--help", "--json", "--mfu", "--peak-flops",
                         "--tokens-per-second", "-h", "sweep"],
        "collect run": ["--gpus", "--help", "--index", "--only", "--option", "--out", "--submit",
                        "--tracker", "--workers", "-h", "sweep"],
        "collect status": ["--help", "--json", "-h", "out"],
        "collect gather": ["--earlier", "--eval-text", "--help", "--output", "--unfinished", "-h",
                           "-o", "out"],
        "collect prune": ["--axes", "--criterion", "--device", "--help", "--json", "--method",
                          "--multiple", "--rate", "--seed", "--sequence", "--sequences", "--text",
                          "--tokenizer", "--tokens", "-h", "model", "out"],
    }  # fmt: skip


def test_the_inputs_of_predict_are_those_of_the_law():
    """
    Every built-in law can be asked with its own columns as options.
    """
    for form in forms.builtin:
        words = [w for name in form.columns for w in (f"--{name.replace('_', '-')}", "0.5")]
        assert {name: [0.5] for name in form.columns} == cli._inputs(
            argparse.Namespace(command="predict"), words, form
        )


def test_json_has_words_for_what_is_no_number():
    """
    NaN, the unknown, becomes null, and what is infinite a text, however deep they lie.
    """
    inf = float("inf")
    found = shell.as_json({"a": [float("nan"), (1.5, inf, -inf)], "b": {"c": np.float64(0.1)}})

    assert {"a": [None, [1.5, "inf", "-inf"]], "b": {"c": 0.1}} == json.loads(found)


def test_every_error_of_p2law_ends_with_code_2(place, refused, monkeypatch):
    """
    The base class decides, so errors to come are covered.
    """

    def fail(*_, **__):
        raise P2LawError("in words")

    monkeypatch.setattr(p2law, "load", fail)

    assert "p2law fit: in words\n" == refused("fit", place / "records.csv")


# -- some of the rows --------------------------------------------------------------------


def test_some_of_the_rows_can_be_taken_and_their_number_is_said(run):
    """
    On the side, so that JSON stays JSON.
    """
    words = ("fit", QWEN, "--where", "eval_text == 'WikiText validation'")

    code, out, err = run(*words, "--json")

    assert 0 == code
    assert 5 == json.loads(out)["rows"]
    assert err == "6 of 12 records are where eval_text == 'WikiText validation'\n"


@pytest.mark.parametrize("names", [("bad.csv",), ("bad.csv", "good.csv")])
def test_rows_that_are_not_taken_need_not_be_sound(place, run, refused, names):
    """
    A row that is no record is taken out by what is wrong with it; if it is taken, it is refused.
    """
    table = pd.read_csv(place / "records.csv")
    table.assign(run=table["run"] + "'").to_csv("good.csv", index=False)
    table.assign(loss=table["loss"].where(table.index > 1)).to_csv("bad.csv", index=False)
    whole = len(table) * len(names)

    code, out, err = run("fit", *names, "--where", "loss == loss", "--json")
    message = refused("fit", *names, "--where", "params > 0")

    assert 0 == code
    assert whole - 2 == json.loads(out)["rows"]
    assert f"{whole - 2} of {whole} records are where loss == loss\n2 rows hold no loss: " in err
    assert f"2 of {whole} records have loss missing or infinite" in message


def test_what_cannot_be_compared_is_refused_for_what_it_is(place, refused):
    """
    A number with commas is the fault, not the comparison that stumbles over it.
    """
    (place / "commas.csv").write_text('loss,tokens\n2.5,"1,000,000"\n')

    assert "that is not a number" in refused("fit", "commas.csv", "--where", "tokens > 0")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("tokens > 1e30", "none of 12 records is where tokens > 1e30"),
        ("evaltext == 'a'", "eval_text"),
        ("__import__('os')", "write for instance"),
    ],
)
def test_rows_that_cannot_be_taken_are_refused_with_words(refused, where, words):
    """
    Nothing left, no such column, no comparison.
    """
    assert words in refused("fit", QWEN, "--where", where)
