"""The commands `p2law tokens`, `saturation` and `plan` say what Python says."""

import json

import pytest

import p2law
from p2law import planning
from p2law.cli import main, planfile
from p2law.errors import PlanError

PLAN = """
loss = 2.3
rates = [0.2, 0.35]
level = 0.8
frontier = "params_after"
[fits]
depth = "depth.json"
width = "width.json"
[[models]]
name = "3B"
params = 3e9
base_loss = 2.0
[[models]]
name = "8B"
params = 8e9
base_loss = 2.0
params_after = [[0.2, 6.5e9]]
[prices]
peak_flops = 1e15
mfu = 0.4
gpu_hour = 2.5
[limits]
params_after = 7e9
probability = 0.9
[[dense]]
name = "2B"
params = 2e9
loss = 2.6
"""
HERE = "--params 3e9 --pruning-rate 0.25 --base-loss 2.0"
INPUTS = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}


@pytest.fixture(scope="module")
def place(tmp_path_factory, plan_fits):
    """A folder with two saved fits and a plan."""
    folder = tmp_path_factory.mktemp("planning")
    for name in ("depth", "width"):
        (folder / f"{name}.json").write_text(plan_fits[name].to_json(), encoding="utf-8")
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    return folder


@pytest.fixture
def said(place, monkeypatch, capsys):
    """What a command prints in the folder."""
    monkeypatch.chdir(place)

    def run(words, code=0):
        assert code == main(words.split())
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return run


def test_tokens_are_told_as_in_python(said, plan_fits):
    """
    Text and JSON.
    """
    expected = p2law.tokens_for(plan_fits["depth"], loss=2.2, level=0.8, **INPUTS)

    shown = said(f"tokens depth.json --loss 2.2 --level 0.8 {HERE}")
    plain = json.loads(said(f"tokens depth.json --loss 2.2 --level 0.8 --json {HERE}"))

    assert f"{expected}\n" == shown
    assert [expected.tokens, expected.low, expected.high] == [
        plain[name] for name in ("tokens", "low", "high")
    ]


def test_saturation_is_told_as_in_python(said, plan_fits):
    """
    Text and JSON.
    """
    expected = planning.saturation(plan_fits["depth"], gain=0.01, **INPUTS)

    assert f"{expected}\n" == said(f"saturation depth.json --gain 0.01 {HERE}")
    plain = json.loads(said(f"saturation depth.json --gain 0.01 --json {HERE}"))
    assert expected.tokens == plain["tokens"]


def test_a_plan_is_told_as_in_python(said, plan_fits):
    """
    The choice, then the frontier.
    """
    fits = {name: plan_fits[name] for name in ("depth", "width")}
    models = [
        planning.Model("3B", 3e9, 2.0),
        planning.Model("8B", 8e9, 2.0, params_after=((0.2, 6.5e9),)),
    ]
    table = planning.candidates(models, [0.2, 0.35], ["depth", "width"])
    common = {
        "loss": 2.3,
        "level": 0.8,
        "prices": planning.Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.5),
        "limits": planning.Limits(params_after=7e9, probability=0.9),
    }
    choice = planning.choose(fits, table, dense=planning.Dense("2B", 2e9, 2.6), **common)
    frontier = planning.frontier(fits, table, against="params_after", **common)

    assert f"{choice}\n\n{frontier}\n" == said("plan plan.toml")
    plain = json.loads(said("plan plan.toml --json"))
    assert choice.best == plain["choice"]["best"]
    assert choice.table["cost"].tolist() == [row["cost"] for row in plain["choice"]["table"]]
    assert len(frontier.table) == len(plain["frontier"]["table"])


def test_a_plan_for_several_amounts_has_a_choice_for_each(said, place, plan_fits):
    """
    They are no rivals; the frontier of what may be spent is one of all.
    """
    text = PLAN.replace("loss = 2.3", "tokens = [1e8, 1e9]")
    text = text.replace("probability = 0.9\n", "")
    (place / "two.toml").write_text(text, encoding="utf-8")

    plain = json.loads(said("plan two.toml --json"))
    words = said("plan two.toml")

    plan = planfile.read(place / "two.toml")
    table = planning.candidates(plan.models, plan.rates, ["depth", "width"])
    asked = {"tokens": [1e8, 1e9], "level": 0.8, "prices": plan.prices, "limits": plan.limits}
    one = planning.frontier(plan_fits, table, against="params_after", **asked)
    assert {"choices", "frontier"} == set(plain)
    assert [{1e8}, {1e9}] == [{row["tokens"] for row in c["table"]} for c in plain["choices"]]
    found = plain["frontier"]
    assert len(one.candidates) == found["plans"] == 2 * len(table)
    assert one.table["tokens"].tolist() == [row["tokens"] for row in found["table"]]
    assert words.index("lowest loss with tokens 1e8") < words.index("lowest loss with tokens 1e9")


def test_a_plan_for_several_losses_has_a_choice_and_a_frontier_for_each(said, place):
    """
    What takes less to a higher loss is no rival of what takes more to a lower one.
    """
    text = PLAN.replace("loss = 2.3", "loss = [2.3, 2.4]").replace("probability = 0.9\n", "")
    (place / "losses.toml").write_text(text, encoding="utf-8")
    for each in ("2.3", "2.4"):
        alone = text.replace("[2.3, 2.4]", each)
        (place / f"{each}.toml").write_text(alone, encoding="utf-8")

    plain = json.loads(said("plan losses.toml --json"))
    words = said("plan losses.toml")

    single = [json.loads(said(f"plan {each}.toml --json")) for each in ("2.3", "2.4")]
    assert {
        "choices": [each["choice"] for each in single],
        "frontiers": [each["frontier"] for each in single],
    } == plain
    assert words.index("frontier of cost and size, loss 2.3") < words.index(
        "frontier of cost and size, loss 2.4"
    )


def test_a_plan_of_one_size_prunes_every_model_down_to_it(said, place):
    """
    `size` in place of `rates`.
    """
    text = PLAN.replace("rates = [0.2, 0.35]", "size = 2e9").replace(
        'frontier = "params_after"', ""
    )
    text = text.replace("[limits]\nparams_after = 7e9\nprobability = 0.9\n", "")
    (place / "size.toml").write_text(text, encoding="utf-8")

    plain = json.loads(said("plan size.toml --json"))

    assert {2e9} == {row["params_after"] for row in plain["choice"]["table"]}
    assert "frontier" not in plain


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tokens none.json --loss 2 --params 1e9", "cannot read the saved fit 'none.json'"),
        (f"tokens depth.json --loss 2.001 {HERE}", "loss 2.001 is out of reach"),
        (f"tokens depth.json --loss -1 {HERE}", "loss is a positive number"),
        (f"saturation depth.json --gain 0 {HERE}", "gain is a positive number"),
        ("plan none.toml", "none.toml: no such file"),
    ],
)
def test_what_cannot_be_answered_is_refused(said, words, message):
    """
    One message, exit code 2.
    """
    assert message in said(words, code=2)


def test_a_missing_input_is_named_with_the_usage(said, capsys):
    """
    All inputs of the law but tokens.
    """
    with pytest.raises(SystemExit) as error:
        said("tokens depth.json --loss 2.2 --params 3e9")

    assert 2 == error.value.code
    err = " ".join(capsys.readouterr().err.split())
    assert "required: --pruning-rate, --base-loss" in err
    assert "[--level L] [--json] FIT --loss LOSS --params VALUE" in err


@pytest.mark.parametrize(
    ("words", "example"),
    [
        ("tokens none.json --loss 2 --params 1e9", "p2law tokens fit.json --loss LOSS ..."),
        ("saturation none.json --gain 1 --params 1e9", "p2law saturation fit.json --gain GAIN ..."),
        ("next-runs none.json runs.csv --target tokens=1e9", "p2law next-runs fit.json runs.csv"),
        ("predict none.json --params 1e9", "p2law predict fit.json --params 8e9 ..."),
    ],
)
def test_each_command_shows_where_its_fit_stands(said, words, example):
    """
    The example is of the command that was asked, not of another one.
    """
    assert f"It comes first: {example}" in said(words, code=2)


def test_a_plan_that_nothing_fulfils_ends_with_code_two(place, monkeypatch, capsys):
    """
    The answer is printed all the same, as text and as JSON.
    """
    text = PLAN.replace("params_after = 7e9", "params_after = 1e6")
    (place / "unmet.toml").write_text(text, encoding="utf-8")

    monkeypatch.chdir(place)
    codes = [main(["plan", "unmet.toml"]), main(["plan", "unmet.toml", "--json"])]
    text, _, plain = capsys.readouterr().out.partition("\n{")

    assert [2, 2] == codes
    assert "no candidate is a plan" in text
    assert json.loads("{" + plain)["choice"]["best"] is None


def test_errors_are_json_too(place, monkeypatch, capsys):
    """
    Of any command that can answer in JSON.
    """
    monkeypatch.chdir(place)
    for words in ("tokens depth.json --loss -1 --json " + HERE, "plan none-at-all.toml --json"):
        code = main(words.split())
        printed = capsys.readouterr()

        assert 2 == code
        assert f"p2law {words.split()[0]}: {json.loads(printed.out)['error']}\n" == printed.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tokens depth.json --loss abc " + HERE, "argument --loss: invalid float value: 'abc'"),
        ("tokens depth.json --loss 2.2", "the following arguments are required: --params, --prun"),
        ("predict depth.json --params 3B", "argument --params: invalid float value: '3B'"),
        ("saturation depth.json --gain 1 --tokens 1e9", "unrecognized arguments: --tokens 1e9"),
        ("compare records.csv", "the following arguments are required: --hold"),
        ("plan plan.toml --lvl 3", "unrecognized arguments: --lvl 3"),
        ("import-log log --kind csv", "the following arguments are required: -o/--output"),
        ("collect plan", "the following arguments are required: sweep"),
        ("plna", "argument COMMAND: invalid choice: 'plna'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_words_that_are_no_command_are_told_in_json_too(place, monkeypatch, capsys, words, message):
    """
    Of the program, of a command and of the inputs of a law; without --json on the side alone.
    """
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.argv", ["p2law", *words.split(), "--json"])

    for given in (None, [*words.split(), "--json"], words.split()):
        with pytest.raises(SystemExit) as error:
            main(given)
        printed = capsys.readouterr()

        assert 2 == error.value.code
        assert message in " ".join(printed.err.split())
        if given == words.split():
            assert not printed.out
        else:
            assert message in json.loads(printed.out)["error"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("level =", "levle =", "plan.toml: levle is no key; did you mean 'level'?"),
        ("mfu =", "mfuu =", r"plan.toml: prices.mfuu is no key; did you mean 'mfu'\?"),
        ("base_loss = 2.0\n[[m", "[[m", r"plan.toml: models\[0\].base_loss is missing"),
        ("loss = 2.3", "loss = 2.3\ntokens = 1e9", "must ask for exactly one of loss, tokens"),
        ("loss = 2.3", "", "must ask for exactly one of loss, tokens"),
        ("rates = [0.2, 0.35]", "", "needs either rates or size, and not both"),
        ("rates =", "size = 1e9\nrates =", "needs either rates or size, and not both"),
        ("rates = [0.2, 0.35]", "size = 1e9", "with size there is no frontier"),
        ("rates = [0.2, 0.35]", "rates = [20]", r"rates\[0\] is 20.*divide by 100"),
        ("mfu = 0.4", "mfu = 40", "plan.toml: prices is wrong: mfu is a share of the peak, got 40"),
        ("probability = 0.9", "probability = 9", "limits is wrong: probability lies between 0 and"),
        ('depth = "depth.json"', "depth = 1", "fits.depth is 1 .number.; it must be text"),
        ('frontier = "params_after"', 'frontier = "size"', "frontier is 'size' .*; known are cost"),
        ("[[models]]", "[models]", r"plan.toml.*twice.*; write \[\[models\]\] above each of"),
        ("loss = 2.3", 'loss = "low"', r"loss\[0\] is 'low' .text.; it must be a number"),
        ("loss = 2.3", "loss = [", "plan.toml: this is not TOML"),
    ],
)
def test_a_plan_that_says_something_else_is_refused(tmp_path, old, new, words):
    """
    File, key, what stands there, and the nearest that may.
    """
    assert old in PLAN
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace(old, new, 2 if "models" in new else 1), encoding="utf-8")

    with pytest.raises(PlanError, match=words):
        planfile.read(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({'"params_after"': '"cost"'}, "already; name another: gpu_hours, flops, tokens, params"),
        ({"loss = 2.3": "cost = 500", "mfu = 0.4\n": "", "peak_flops = 1e15\n": ""}, "[prices]"),
        (
            {'"params_after"': '"gpu_hours"', "mfu = 0.4\n": "", "peak_flops = 1e15\n": ""},
            "[prices]",
        ),
        (
            {"params_after = 7e9": "cost = 5", "mfu = 0.4\n": "", "peak_flops = 1e15\n": ""},
            "in a plan file [prices]",
        ),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused_in_the_keys_of_its_file(said, place, changes, words):
    """
    No argument of Python is asked for.
    """
    text = PLAN.replace("probability = 0.9\n", "")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (place / "keys.toml").write_text(text, encoding="utf-8")

    shown = said("plan keys.toml", code=2)

    assert words in shown
    assert "=" not in shown


@pytest.mark.parametrize("part", ["fits", "models"])
def test_a_plan_without_fits_or_models_is_refused(tmp_path, part):
    """
    The message says what belongs there.
    """
    path = tmp_path / "plan.toml"
    only = {
        "fits": "[[models]]\nname='a'\nparams=1e9\nbase_loss=2.0\n",
        "models": "[fits]\na='b'\n",
    }
    path.write_text(f"loss = 2.3\nrates = [0.2]\n{only[part]}", encoding="utf-8")
    words = {"fits": "fits must name a saved fit by method", "models": r"has no \[\[models\]\]"}

    with pytest.raises(PlanError, match=words[part]):
        planfile.read(path)


def test_the_plan_in_the_documentation_of_the_file_can_be_read(tmp_path):
    """
    The example is no prose.
    """
    text = "\n".join(line[4:] for line in planfile.__doc__.splitlines() if line.startswith("    "))
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")

    plan = planfile.read(path)

    assert {"loss": (2.2,)} == plan.asked
    assert tmp_path / "sparse.json" == plan.fits["2:4"]
    assert 0.9 == plan.limits.probability


def test_a_loss_out_of_reach_is_json_too(place, monkeypatch, capsys):
    """
    The floor and its interval are there for programs; the exit code is 2 all the same.
    """
    monkeypatch.chdir(place)

    code = main(f"tokens depth.json --loss 2.001 --json {HERE}".split())
    printed = capsys.readouterr()
    plain = json.loads(printed.out)

    assert 2 == code
    assert {"error", "floor", "low", "high", "reachable", "beyond", "trouble"} == set(plain)
    assert plain["low"] <= plain["floor"] <= plain["high"]
    assert "out of reach" in printed.err
