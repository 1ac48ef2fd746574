"""`p2law collect prune`: one model pruned alone, as a sweep would prune it."""

import json

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from small_models import make
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from p2law.cli import main
from p2law.collect import prepare, spec, work
from p2law.collect.place import Place
from p2law.collect.team import Team

WAYS = (
    ("depth", "--rate", "0.2"),
    ("width", "--rate", "0.2", "--multiple", "4"),
    ("2:4", "--criterion", "wanda"),
    ("unstructured", "--rate", "0.5"),
)


@pytest.fixture(params=[("llama", False), ("qwen2", True)], ids=["llama", "qwen2"])
def model(request, tmp_path):
    """A folder with a small model, its generation settings and a tokenizer of 60 words."""
    folder = tmp_path / "model"
    made = make(*request.param)
    made.generation_config.temperature, made.generation_config.do_sample = 0.5, True
    made.save_pretrained(folder)
    words = {"<end>": 0} | {f"w{k}": k for k in range(1, 60)}
    plain = Tokenizer(WordLevel(words, unk_token="<end>"))  # noqa: S106 - a token, no secret
    plain.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")  # noqa: S106
    for each in (folder, tmp_path / "words"):
        tokenizer.save_pretrained(each)
    text = " ".join(f"w{k * k % 59 + 1}" for k in range(2000))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def prune(model, tmp_path, capsys):
    """Prune that model with further words; exit code, what was said, and on stderr."""

    def call(out, *words):
        words = ["collect", "prune", str(model), str(tmp_path / out), *map(str, words)]
        return (main(words), *capsys.readouterr())

    return call


def looking(tmp_path, **changes):
    """Options of calibration. Out of a Qwen2's folder transformers makes a Qwen2 tokenizer."""
    given = {"text": tmp_path / "text.txt", "tokenizer": tmp_path / "words", **changes}
    given = {"sequence": 16, "sequences": 6, **given}
    return [word for key, value in given.items() for word in (f"--{key}", str(value))]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_every_way_leaves_a_whole_folder_and_says_what_it_removed(way, prune, model, tmp_path):
    """
    transformers loads it, tokenizer and generation settings lie beside, rates are as counted.
    """
    code, said, _ = prune("out", "--method", *way, *looking(tmp_path), "--json")

    assert 0 == code
    facts = json.loads(said)
    after, report = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    before = AutoModelForCausalLM.from_pretrained(model)
    assert [] == [each for key in ("missing_keys", "unexpected_keys") for each in report[key]]
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (model / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert 0.5 == after.generation_config.temperature
    gone = before.num_parameters() - after.num_parameters()
    gone += sum(int((each == 0).sum()) for each in after.parameters())
    assert facts["params"] == before.num_parameters()
    assert facts["params_after"] == before.num_parameters() - gone
    assert facts["pruning_rate"] == gone / before.num_parameters()
    assert 0.15 < facts["nominal_rate"] < 0.55


def test_rates_achieved_are_printed_for_people(prune, tmp_path):
    """
    A line a fact, both rates among them.
    """
    code, said, _ = prune("out", "--method", "2:4", "--criterion", "magnitude")

    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert 0 == code
    assert str(tmp_path / "out") == lines["folder"]
    assert "2:4-magnitude" == lines["method"]
    assert "0.500000" == lines["nominal_rate"]
    assert 0.4 < float(lines["pruning_rate"]) < 0.5


def test_sizes_are_multiples_of_what_was_asked_for(prune, tmp_path):
    """
    Width in steps of 16 neurons and channels.
    """
    words = ("--method", "width", "--rate", "0.5", "--multiple", "16", "--axes", "ffn", "hidden")
    prune("out", *words, *looking(tmp_path))

    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert [0, 0] == [config[key] % 16 for key in ("hidden_size", "intermediate_size")]


def test_the_seed_draws_the_windows(prune, tmp_path):
    """
    The same seed gives the same bytes, another seed another model.
    """
    for out, seed in (("one", 3), ("again", 3), ("other", 4)):
        prune(out, "--method", "2:4", *looking(tmp_path, seed=seed))

    one, again, other = (
        (tmp_path / out / "model.safetensors").read_bytes() for out in ("one", "again", "other")
    )
    assert one == again
    assert one != other


def test_a_model_pruned_alone_is_the_one_a_sweep_starts_from(tmp_path, capsys):
    """
    Same text, same windows, same seed: the same bytes, depth and 2:4.
    """
    path, out = studies.write(tmp_path), tmp_path / "out"
    dense, *pruned = studies.runs(path)
    assert work.carry_out(dense, spec.read(path), out, Team())
    model = Place(out, dense.id).model
    ways = {"depth": ["depth", "--rate", "0.25"], "2:4": ["2:4"]}

    for run in pruned:
        place = Place(out, run.id)
        place.folder.mkdir()
        prepare.start(run, spec.read(path), place, Team())
        words = ["collect", "prune", str(model), str(tmp_path / run.id), "--tokenizer", "bytes"]
        words += ["--text", str(tmp_path / "two.txt"), "--sequence", "16", "--sequences", "8"]
        assert 0 == main([*words, "--method", *ways[run.cut.method]])

        for name in ("model.safetensors", "config.json"):
            assert (place.start / name).read_bytes() == (tmp_path / run.id / name).read_bytes()
    capsys.readouterr()


WRONG = [
    ("depth --rate 0.2 --axes ffn", "--axes goes with --method width, not with depth; leave it"),
    ("depth --rate 0.2 --multiple 8", "--multiple goes with --method width"),
    ("width --rate 0.2 --criterion wanda", "--criterion goes with --method 2:4 or unstructured"),
    ("2:4 --rate 0.3 TEXT", "'2:4' takes no rate, got 0.3; leave it out"),
    ("depth TEXT", "depth needs a rate: the share of all parameters that is to go"),
    ("width --rate 25 TEXT", "divide by 100 if these are per cent"),
    ("2:4 --criterion magnitude TEXT", "--text is for calibration, and 2:4-magnitude"),
    ("2:4 --criterion magnitude --seed 1", "--seed is for calibration, and 2:4-magnitude"),
    ("2:4 --criterion size TEXT", "criterion is 'size'; it must be one of magnitude"),
    ("depth --rate 0.2", "depth looks at what flows through the model; name a text"),
    ("2:4 --text nowhere.txt", "--text names nowhere.txt, which is no file"),
    ("2:4 TEXT --sequences 0", "--sequences is 0; it must be 1 or more"),
    ("2:4 TEXT --seed -1", "--seed is -1; it must be 0 or more"),
    ("2:4 TEXT --sequence 600", "2001 tokens make 3 windows of 600, but 128 are asked for; give"),
    ("2:4 TEXT --tokens 50 --sequence 10", "51 tokens make 5 windows of 10, but 128 are asked"),
    ("2:4 TEXT --tokenizer bytes --sequence 9", "take the model's own tokenizer"),
    ("2:4 TEXT --tokenizer a/wrds", "--tokenizer is 'a/wrds', which is no folder here; name one"),
    ("2:4 TEXT --tokenizer=", "--tokenizer is '', which is no folder here; name one"),
    ("2:4 TEXT --device tpu", "--device is 'tpu'; it must be cpu, cuda or cuda:N"),
    ("2:4 TEXT --device cuda", "torch sees no CUDA GPU here; leave it out to compute on the CPU"),
    ("sideways --rate 0.2", "method is 'sideways'; it must be one of none, depth, width"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
@pytest.mark.parametrize("model", [("llama", False)], indirect=True, ids=["llama"])
def test_what_does_not_go_together_is_refused(words, message, prune, tmp_path, monkeypatch):
    """
    One message and code 2, before anything is written.
    """
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    text = ["--text", str(tmp_path / "text.txt")]
    words = [each for word in words.split() for each in (text if word == "TEXT" else [word])]

    code, said, error = prune("out", "--method", *words)

    assert (2, "") == (code, said)
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", [("llama", False)], indirect=True, ids=["llama"])
def test_a_model_without_tokenizer_asks_for_one(prune, model, tmp_path):
    """
    The folder is named, and the option.
    """
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model / name).unlink()

    code, _, error = prune("out", "--method", "2:4", "--text", tmp_path / "text.txt")

    assert 2 == code
    assert f"{model} has no tokenizer.json; say what turns the text" in error
    assert "--tokenizer FOLDER, or --tokenizer bytes\n" in error
