"""A sweep file is read into frozen values, or refused by file, key, value and cure."""

import ast
import dataclasses
import inspect
import json
import math
from pathlib import Path

import pytest

from p2law.collect import settings, spec, stored
from p2law.collect.configs import from_config
from p2law.errors import SweepFileError

SWEEP = """
name = "study"
tokenizer = "bytes"
sequence = 16
seeds = [0, 1]

[corpora.first]
files = ["text/a.txt"]

[corpora.second]
files = ["text/b*.txt"]
tokens = 9_000

[[evaluations]]
name = "held-out"
files = ["text/v.txt"]
tokens = 80

[[models]]
name = "llama-s"
shape = { model_type = "llama", hidden_size = 32, num_hidden_layers = 4, num_attention_heads = 4, \
num_key_value_heads = 2, intermediate_size = 88, vocab_size = 256 }

[dense]
corpus = "first"
tokens = 8_000
batch_tokens = 64
learning_rate = 3e-3

[post_training]
corpus = "second"
tokens = 4_000
batch_tokens = 64
learning_rate = 1e-3

[[prune]]
method = "depth"
rates = [0.25, 0.5]

[[prune]]
method = "2:4"
"""
SHAPE = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 88,
    "vocab_size": 256,
}


@pytest.fixture
def folder(tmp_path):
    """A folder with four texts."""
    (tmp_path / "text").mkdir()
    (tmp_path / "empty.txt").write_text("")
    for name in ("a", "b1", "b2", "v"):
        (tmp_path / "text" / f"{name}.txt").write_text(f"text {name} " * 150)
    return tmp_path


@pytest.fixture
def read(folder):
    """Read the sweep above, with pieces of it replaced or added."""

    def make(*changes, extra=""):
        text = SWEEP + extra
        for old, new in changes:
            assert 1 == text.count(old), old
            text = text.replace(old, new)
        (folder / "sweep.toml").write_text(text)
        return spec.read(folder / "sweep.toml")

    return make


@pytest.fixture
def refusal(read):
    """The words with which a changed sweep is refused."""

    def make(*changes, extra=""):
        with pytest.raises(SweepFileError) as error:
            read(*changes, extra=extra)
        return str(error.value)

    return make


# -- what is read --------------------------------------------------------------------


def test_a_sweep_is_read_whole(read, folder):
    """
    Texts are found, defaults filled in, and each model carries its own training.
    """
    sweep = read()

    assert ("study", 16, (0, 1)) == (sweep.name, sweep.sequence, sweep.seeds)
    assert ("text/b1.txt", "text/b2.txt") == sweep.corpora["second"].files
    assert (folder / "text/b1.txt", folder / "text/b2.txt") == sweep.corpora["second"].paths
    assert 9_000 == sweep.corpora["second"].tokens
    assert ("held-out", 80) == (sweep.evaluations[0].name, sweep.evaluations[0].tokens)
    model = sweep.models[0]
    assert ("llama-s", "bytes", 0, "") == (model.name, model.tokenizer, model.seed, model.source)
    assert SHAPE == model.config
    assert sweep.dense == model.dense
    assert sweep.post_training == model.post_training
    assert ("constant", "ce", "float32", 0.1) == (
        sweep.dense.schedule,
        sweep.dense.objective,
        sweep.dense.dtype,
        sweep.dense.weight_decay,
    )
    assert [("depth", (0.25, 0.5)), ("2:4", ())] == [(p.method, p.rates) for p in sweep.prune]
    assert 128 == sweep.calibration.sequences
    assert (8, 1, True) == (
        sweep.execution.micro_batch,
        sweep.execution.processes,
        sweep.execution.keep_models,
    )


def test_a_model_changes_only_what_it_names(read):
    """
    Overrides are partial; other models keep the sweep's training.
    """
    sizes = ", ".join(f"{key} = {json.dumps(value)}" for key, value in SHAPE.items())
    wide = f"""[[models]]
name = "wide"
seed = 7
shape = {{ {sizes} }}
dense = {{ learning_rate = 1 }}
post_training = {{ schedule = "cosine", final_rate = 0.0 }}

[[models]]"""
    sweep = read(("[[models]]", wide))
    wide, usual = sweep.models

    assert (1.0, 8_000) == (wide.dense.learning_rate, wide.dense.tokens)
    assert ("cosine", 0.0, 1e-3) == (
        wide.post_training.schedule,
        wide.post_training.final_rate,
        wide.post_training.learning_rate,
    )
    assert 7 == wide.seed
    assert "constant" == usual.post_training.schedule == sweep.post_training.schedule


def test_a_local_model_is_found_beside_the_sweep_file(read, folder):
    """
    A source that is a folder is one; its own tokenizer is used where none is named.
    """
    (folder / "small").mkdir()
    (folder / "small/config.json").write_text(json.dumps(SHAPE))
    vocabulary = {"model": {"vocab": {"a": 0, "b": 254}}, "added_tokens": [{"id": 255}]}
    (folder / "small/tokenizer.json").write_text(json.dumps(vocabulary))
    (folder / "small/tokenizer_config.json").write_text('{"eos_token": "b"}')
    sweep = read(('tokenizer = "bytes"\n', ""), (shape_line(), 'source = "small"'))

    assert (folder / "small", "small") == (sweep.models[0].folder, sweep.models[0].tokenizer)
    assert sweep.models[0].dense is None


def test_a_hub_model_is_not_looked_up(read):
    """
    Reading costs no download.
    """
    sweep = read((shape_line(), 'source = "meta-llama/Llama-3.2-1B"'))

    assert ("meta-llama/Llama-3.2-1B", None) == (sweep.models[0].source, sweep.models[0].folder)


def test_a_file_of_windows_is_read(read, folder):
    """
    With a byte order mark and its own line ends.
    """
    whole = read()
    text = (folder / "sweep.toml").read_text()
    (folder / "sweep.toml").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))

    assert whole == spec.read(folder / "sweep.toml")


def test_whole_numbers_may_be_written_as_floats(read):
    """
    1e9 tokens are a thousand million.
    """
    assert 8_000_000 == read(("tokens = 8_000\n", "tokens = 8e6\n")).dense.tokens


# -- measured counts -----------------------------------------------------------------


def test_counts_are_log_spaced_whole_batches_with_zero_and_the_end(read):
    """
    Two decades by default; the end is rounded down to whole batches.
    """
    counts = read().post_training.counts()

    assert (0, 64) == counts[:2]
    assert 4_000 // 64 * 64 == counts[-1]
    assert list(counts) == sorted({each // 64 * 64 for each in counts})
    assert 16 < len(counts) <= 25


def test_counts_can_be_set(read):
    """
    First and number, or a list of whole batches.
    """
    log = read(("1e-3\n", "1e-3\nmeasure = { first = 640, count = 3 }\n"))
    given = read(("1e-3\n", "1e-3\nmeasure = [128, 64, 1_984]\n"))

    assert (0, 640, 1600, 3968) == log.post_training.counts()
    assert (0, 64, 128, 1984, 3968) == given.post_training.counts()


def test_one_count_is_the_end(read):
    """
    At most so many, the end included: one is no second.
    """
    one = read(("1e-3\n", "1e-3\nmeasure = { first = 640, count = 1 }\n"))

    assert (0, 3968) == one.post_training.counts()


def test_one_batch_is_measured_before_and_after(read):
    """
    The smallest run has two records.
    """
    assert (0, 64) == read(("tokens = 4_000", "tokens = 100")).post_training.counts()


# -- what is refused: the file -------------------------------------------------------


def shape_line():
    """The line of the sweep above that gives a shape."""
    start = SWEEP.index("shape = {")
    return SWEEP[start : SWEEP.index("}", start) + 1]


def test_files_that_are_none_are_refused(tmp_path):
    """
    Missing, or no TOML: with the place.
    """
    (tmp_path / "broken.toml").write_text("name = \n")
    (tmp_path / "latin.toml").write_bytes('name = "grün"'.encode("latin-1"))
    (tmp_path / "twice.toml").write_text("[prune]\nrates = [0.2]\n[prune]\nrates = [0.3]\n")

    with pytest.raises(SweepFileError, match=r"latin\.toml: this is not UTF-8 text"):
        spec.read(tmp_path / "latin.toml")
    with pytest.raises(SweepFileError, match="cannot be read: Is a directory"):
        spec.read(tmp_path)
    with pytest.raises(SweepFileError, match="cannot be read: embedded null byte"):
        spec.read("\0")
    with pytest.raises(SweepFileError, match=r"none\.toml: no such file"):
        spec.read(tmp_path / "none.toml")
    with pytest.raises(SweepFileError, match=r"broken\.toml: this is not TOML: .*line 1"):
        spec.read(tmp_path / "broken.toml")
    with pytest.raises(SweepFileError, match=r"write \[\[prune\]\] above each of several"):
        spec.read(tmp_path / "twice.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[dense]", "[Dense]", "Dense is no key; did you mean 'dense'?"),
        ("sequence =", "sequnce =", "sequnce is no key; did you mean 'sequence'?"),
        ("rates = [0.25, 0.5]", "rate = [0.25]", "prune[0].rate is no key; did you mean 'rates'?"),
        ("batch_tokens = 64\nlearning_rate = 1e-3", "lr = 1", "post_training.lr is no key; known"),
        ("tokens = 9_000", "token = 9", "corpora.second.token is no key; did you mean 'tokens'?"),
        ("tokens = 80\n", "tokens = 80\nfolder = 1", "evaluations[0].folder is no key"),
        ('name = "llama-s"', 'title = "x"', "models[0].title is no key; known are dense"),
        ('name = "study"\n', "", "sweep.toml: name is missing; it must be given"),
        ("learning_rate = 3e-3", "", "dense.learning_rate is missing"),
    ],
)
def test_keys_that_are_unknown_or_missing_are_named(refusal, old, new, words):
    """
    With the nearest key there is.
    """
    assert words in refusal((old, new))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sequence = 16", 'sequence = "16"', "sequence is '16' (text); it must be a whole number"),
        ("sequence = 16", "sequence = 16.5", "sequence is 16.5 (number); it must be a whole"),
        ("sequence = 16", "sequence = true", "sequence is True (truth value)"),
        ("sequence = 16", "sequence = 0", "sequence is 0; it must be >= 1"),
        ('name = "study"', "name = 3", "name is 3 (number); it must be text in quotes"),
        ("seeds = [0, 1]", "seeds = 0", "seeds is 0 (number); it must be a list in [ ]"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "seeds has 0 twice; once is enough"),
        ("seeds = [0, 1]", "seeds = [0, -1]", "seeds[1] is -1; it must lie in [0, 4294967295]"),
        ("seeds = [0, 1]", "seeds = []", "seeds is empty; one seed is needed"),
        ("= 3e-3", "= nan", "dense.learning_rate is nan; it must be > 0"),
        ("= 3e-3", "= 3e-3\nbetas = [0.9]", "dense.betas has 1 items; it must have 2"),
        ("= 3e-3", "= 3e-3\nbetas = [0.9, 1.0]", "dense.betas[1] is 1.0; it must lie in [0, 1)"),
        (
            "= 3e-3",
            '= 3e-3\nschedule = "cosin"',
            "dense.schedule is 'cosin' (text); did you mean 'cosine'?",
        ),
        ("= 3e-3", '= 3e-3\nschedule = "step"', "known are constant, cosine, wsd"),
        ("= 3e-3", "= 3e-3\nmeasure = 3", "dense.measure is 3 (number); it must be a table"),
    ],
)
def test_values_of_another_type_or_size_are_refused(refusal, old, new, words):
    """
    Got, with its type, and expected.
    """
    assert words in refusal((old, new))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[0.25, 0.5]", "[" * 3_000 + "]" * 3_000, "nested too deeply"),
        ('"llama"', "[1]", "model_type"),
        ("intermediate_size = 88", "intermediate_size = 9223372036854775807", "no model has more"),
        ("= 3e-3", f"= {10**400}", "(number); it must be a number below 1.8e308"),
    ],
)
def test_what_no_sweep_holds_is_refused_in_words(refusal, old, new, words):
    """
    Brackets without end, a list for a word, sizes and numbers that nothing holds.
    """
    assert words in refusal((old, new))


def test_single_brackets_are_explained(refusal):
    """
    The commonest slip of TOML.
    """
    words = refusal(('[[evaluations]]\nname = "held-out"', '[evaluations]\nname = "held-out"'))

    assert "write [[evaluations]] with two brackets" in words


# -- what is refused: texts ----------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("text/a.txt", "text/z.txt", "corpora.first.files[0] is 'text/z.txt'; there is no such"),
        ("text/a.txt", "text/**a.txt", "corpora.first.files[0] is 'text/**a.txt'; Invalid pattern"),
        ("tokens = 9_000", "tokens = 9", "second.tokens is 9, less than one window (sequence = 16"),
        ("text/a.txt", "empty.txt", "corpora.first needs 16 tokens, but empty.txt has 0 bytes"),
        ("text/b*.txt", "text/z*.txt", "corpora.second.files[0] is 'text/z*.txt'; there is no"),
        ("text/a.txt", "text/a.doc", "texts end in .txt, .jsonl"),
        ('["text/a.txt"]', '["text/a.txt", "text/*.txt"]', "has 'text/a.txt' twice"),
        ('files = ["text/a.txt"]', "", "corpora.first must have either files or a data set"),
        ('["text/a.txt"]', '["text/a.txt"]\nhub = "a/b"', "and not both"),
        ('files = ["text/a.txt"]', 'hub = "a/b"', "corpora.first.tokens is missing; say how much"),
        ('["text/a.txt"]', '["text/a.txt"]\nsplit = "x"', "corpora.first.split goes with hub"),
        ("text/v.txt", "text/b1.txt", "which corpora.second trains on; a loss on trained text"),
        ("tokens = 80\n", "", "evaluations[0].tokens is missing"),
        ("tokens = 80\n", "tokens = 8\n", "evaluations[0].tokens is 8, less than one window"),
        (
            "tokens = 80\n",
            "tokens = 1_600\n",
            "evaluations[0] needs 1600 tokens, but text/v.txt has 1050 bytes, which make no more",
        ),
        ('corpus = "first"', 'corpus = "frist"', "is no corpus; did you mean 'first'?"),
    ],
)
def test_texts_that_cannot_be_used_are_refused(refusal, old, new, words):
    """
    Not there, of an unknown kind, or trained on.
    """
    assert words in refusal((old, new))


def test_the_hub_is_compared_too(refusal):
    """
    The split that is trained on is not held out.
    """
    words = refusal(
        ('files = ["text/a.txt"]', 'hub = "a/b"\ntokens = 1_000'),
        ('files = ["text/v.txt"]', 'hub = "a/b"'),
    )

    assert "reads a/b train, which corpora.first trains on" in words


def test_a_sweep_needs_texts_models_and_work(refusal):
    """
    What is missing is named.
    """
    prune = SWEEP[SWEEP.index('[[prune]]\nmethod = "depth"') :]
    evaluation = SWEEP[SWEEP.index("[[evaluations]]") : SWEEP.index("[[models]]")]
    model = SWEEP[SWEEP.index("[[models]]") : SWEEP.index("[dense]")]
    post = SWEEP[SWEEP.index("[post_training]") : SWEEP.index("[[prune]]")]

    assert "evaluations is missing; every run needs a text" in refusal((evaluation, ""))
    assert "models is missing; write [[models]]" in refusal((model, ""))
    assert "post_training is missing; say how pruned models" in refusal((post, ""))
    assert "prune is missing; without it there is nothing to do" in refusal(
        (prune, ""), (shape_line(), 'source = "a/b"')
    )


# -- what is refused: training and pruning -------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("batch_tokens", "100", "is 100; it must be a multiple of sequence = 16, such as 96"),
        ("tokens", "63", "post_training.tokens is 63, less than one batch (batch_tokens = 64)"),
        (
            "warmup_tokens",
            "3_969",
            "tokens comes to 3968 in whole batches, less than warmup_tokens = 3969",
        ),
        ("final_rate", "1.5", "post_training.final_rate is 1.5; it must lie in [0, 1]"),
        ("decay_tokens", "64", "goes with schedule = 'wsd'; take it out"),
        ("final_rate", "0.1", "goes with schedule = 'cosine' or 'wsd'; take it out"),
        ("kd_weight", "0.5", "post_training.kd_weight goes with objective = 'kd'; take it out"),
        ("schedule", '"wsd"', "decay_tokens is missing; wsd ends with a decay"),
        ("measure", "[5_000]", "asks for 5000 tokens, but the run ends at tokens = 4000"),
        ("measure", "{ first = 5_000 }", "asks for 5000 tokens"),
        (
            "measure",
            "[640, 1_000]",
            "[1] is 1000, no whole number of batches (batch_tokens = 64); the nearest is 1024",
        ),
        ("measure", "[1]", "the nearest is 64"),
        ("measure", "[]", "post_training.measure is empty; name counts, or leave it out"),
        ("measure", "[64, 64]", "post_training.measure has 64 twice"),
        (
            "measure",
            "[[64]]",
            "post_training.measure has [64] (list) in its list; write token counts",
        ),
        ("measure", "{ at = [64], count = 3 }", "`at`, beside which nothing else is looked at"),
        ("tokens", "1e30", "it must lie in [1, 1e15]"),
    ],
)
def test_trainings_that_contradict_themselves_are_refused(refusal, key, value, words):
    """
    Amounts that do not add up, keys that would not be looked at.
    """
    lines = SWEEP[SWEEP.index("[post_training]") : SWEEP.index("[[prune]]")]
    kept = [each for each in lines.strip().splitlines() if not each.startswith(f"{key} =")]

    assert words in refusal((lines, "\n".join([*kept, f"{key} = {value}\n\n"])))


def test_warm_up_and_decay_of_wsd_fit_into_the_run_together(refusal):
    """
    Neither alone is too long.
    """
    more = 'schedule = "wsd"\nwarmup_tokens = 2_000\ndecay_tokens = 2_000\n'

    words = refusal(("learning_rate = 1e-3\n", f"learning_rate = 1e-3\n{more}"))

    assert "comes to 3968 in whole batches, less than warmup_tokens + decay_tokens = 4000" in words


def test_a_decay_that_a_model_does_without_takes_no_tokens_of_it(read):
    """
    The base decays over more tokens than this model is trained on, which stays constant.
    """
    wsd = 'learning_rate = 1e-3\nschedule = "wsd"\nwarmup_tokens = 640\ndecay_tokens = 2_048\n'
    change = 'post_training = { schedule = "constant", tokens = 1_280 }'

    made = read(
        ("learning_rate = 1e-3\n", wsd), ('name = "llama-s"', f'name = "llama-s"\n{change}')
    )

    assert ("constant", 1280) == (
        made.models[0].post_training.schedule,
        made.models[0].post_training.total,
    )


def test_an_override_is_named_where_it_stands(refusal):
    """
    What one model changes is blamed on that model.
    """
    words = refusal(
        ('name = "llama-s"', 'name = "llama-s"\npost_training = { batch_tokens = 100 }')
    )

    assert "models[0].post_training.batch_tokens is 100" in words


def test_a_dense_model_has_no_teacher(refusal):
    """
    Distillation needs a model that was there before.
    """
    assert "dense.objective is 'kd', but a dense model has no teacher" in refusal(
        ("= 3e-3", '= 3e-3\nobjective = "kd"')
    )


def test_processes_share_a_batch_evenly(refusal):
    """
    Four windows cannot be shared by three.
    """
    assert "dense.batch_tokens is 4 windows, which 3 processes" in refusal(
        extra="[execution]\nprocesses = 3"
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('method = "depth"', "prune[2].rates is missing; name at least one"),
        ('method = "depth"\nrates = [25]', "prune[2].rates[0] is 25.0; it must lie in (0, 1)"),
        ('method = "depth"\nrates = [25]', "divide by 100 if this is per cent"),
        ('method = "depth"\nrates = [0.0]', "rates[0] is 0.0; it must lie in (0, 1)"),
        ('method = "depth"\nrates = [0.2, 0.2]', "prune[2].rates has 0.2 twice"),
        ('method = "2:4"\nrates = [0.5]', "rates goes with method = 'depth' or 'width'"),
        ('method = "deep"\nrates = [0.5]', "prune[2].method is 'deep' (text); did you mean"),
        ('method = "depth"\nrates = [0.5]\naxes = ["ffn"]', "axes goes with method = 'width'"),
        ('method = "width"\nrates = [0.5]\naxes = []', "axes is empty"),
        ('method = "width"\nrates = [0.5]\naxes = ["fnn"]', "did you mean 'ffn'?"),
        (
            'method = "width"\nrates = [0.5]\ncriterion = "wanda"',
            "criterion goes with method = '2:4' or 'unstructured'; take it out",
        ),
        (
            'method = "2:4"\nmodels = ["lama-s"]',
            "prune[2].models[0] is 'lama-s', which is no model; did you mean 'llama-s'?",
        ),
    ],
)
def test_ways_to_prune_that_cannot_be_are_refused(refusal, table, words):
    """
    Impossible rates, keys of another method, models that are not there.
    """
    assert words in refusal(extra=f"[[prune]]\n{table}\n")


def test_more_windows_than_a_text_has_are_refused(read, refusal):
    """
    Calibration never sees a window twice; what is not calibrated asks for none.
    """
    size = 2 * len("text b1 ") * 150
    more = f"[calibration]\nsequences = {size // 16 + 1}"

    assert (
        f"calibration.sequences is {size // 16 + 1}, and corpora.second has at most {size // 16} "
        f"windows of 16 tokens; give more text or ask for fewer"
    ) in refusal(extra=more)
    assert "corpora.second has at most 62 windows" in refusal(
        ("tokens = 9_000", "tokens = 1_000"), extra="[calibration]\nsequences = 63"
    )
    blind = 'method = "2:4"\ncriterion = "magnitude"'
    depth = '[[prune]]\nmethod = "depth"\nrates = [0.25, 0.5]\n'
    assert 151 == read(('method = "2:4"', blind), (depth, ""), extra=more).calibration.sequences


def test_the_corpus_of_calibration_must_be_there(refusal):
    """
    With the nearest name.
    """
    assert "calibration.corpus is 'secnd', which is no corpus; did you mean 'second'?" in refusal(
        extra='[calibration]\ncorpus = "secnd"'
    )


# -- what is refused: models ---------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hidden_size = 32", "hidden_size = 30", "models[0].shape cannot be used: hidden_size 30"),
        ('"llama"', '"gpt2"', "model_type is 'gpt2'; only 'llama'"),
        (
            "hidden_size = 32",
            "hiden_size = 32",
            "hiden_size is no key; did you mean 'hidden_size'?",
        ),
        ("shape = {", 'shape = { rms_norm_eps = "x",', "shape.rms_norm_eps is 'x' (text); it must"),
        ("shape = {", "shape = { attention_dropout = 5,", "attention_dropout is 5.0; it must lie"),
        ("hidden_size = 32,", "", "models[0].shape cannot be used: hidden_size is missing"),
        (
            "shape = {",
            "shape = { rope_tetha = 1e6,",
            "rope_tetha is no key; did you mean 'rope_theta'?",
        ),
        (
            "shape = {",
            "shape = { layer_types = [],",
            "models[0].shape.layer_types is no key; known",
        ),
        (
            "shape = {",
            "shape = { max_position_embeddings = 8,",
            "is 8; it must be a number of tokens, no less than sequence = 16",
        ),
        (
            "shape = {",
            'shape = { max_position_embeddings = "9",',
            "max_position_embeddings is '9'; it",
        ),
        ("vocab_size = 256", "vocab_size = 200", "'bytes' has 256 ids, and vocab_size is only 200"),
        ('"llama-s"', '"llama-s"\nsource = "a/b"', "must have either a source (it exists) or"),
        ('"llama-s"', '"llama-s"\nrevision = "main"', "models[0].revision goes with a source"),
        ('tokenizer = "bytes"\n', "", "tokenizer is missing; 'llama-s' has a shape"),
        ('tokenizer = "bytes"', 'tokenizer = "byte"', "is 'byte'; it is neither a folder in"),
    ],
)
def test_shapes_that_make_no_model_are_refused(refusal, old, new, words):
    """
    Sizes, architecture, vocabulary.
    """
    assert words in refusal((old, new))


def test_sources_that_are_none_are_refused(refusal):
    """
    Neither folder nor hub id, and keys that go with a shape.
    """
    assert "models[0].source is './small'; it is neither a folder" in refusal(
        (shape_line(), 'source = "./small"')
    )
    assert "models[0].seed goes with a shape; a model with a source is trained already" in refusal(
        (shape_line(), 'source = "a/b"\nseed = 1')
    )


def test_a_tokenizer_that_does_not_fit_a_local_model_is_refused(refusal, folder):
    """
    The largest id, added ones counted, must have an embedding; the files must be there.
    """
    (folder / "small").mkdir()
    changes = ('tokenizer = "bytes"\n', ""), (shape_line(), 'source = "small"')
    assert "models[0].source cannot be used" in refusal(*changes)
    assert "config.json: no such file" in refusal(*changes)

    (folder / "small/config.json").write_text(json.dumps(SHAPE))
    assert "tokenizer.json: no such file" in refusal(*changes)

    (folder / "small/tokenizer.json").write_text("{}")
    assert "is no tokenizer that can be read" in refusal(*changes)

    vocabulary = {"model": {"vocab": [["a", 0.0]]}, "added_tokens": [{"id": 256}]}
    (folder / "small/tokenizer.json").write_text(json.dumps(vocabulary))
    assert "the tokenizer 'small' has 257 ids, and vocab_size is only 256" in refusal(*changes)


OWN = {"tokenizer_class": "LlamaTokenizer"}
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        (PLAIN, {}),
        (PLAIN | {"eos_token": None}, {}),
        (OWN | {"eos_token": None}, {}),
        ({}, {"pad_token": "a"}),
        (None, None),
    ],
)
def test_a_tokenizer_without_an_end_is_refused(refusal, folder, settings, more):
    """
    Documents need something between them; which file may name it is said.
    """
    with_tokenizer(folder, settings, more)

    words = refusal(('tokenizer = "bytes"', 'tokenizer = "words"'))

    assert "the tokenizer 'words' has no eos token to put between documents; name one" in words
    assert "words/tokenizer_config.json" in words


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        (PLAIN | {"eos_token": "b"}, {}),
        (PLAIN | {"eos_token": {"content": "b"}}, {}),
        (PLAIN, {"eos_token": "b"}),
        (OWN, None),
    ],
)
def test_a_tokenizer_with_an_end_is_taken(read, folder, settings, more):
    """
    The token is named in either file, or is that of the tokenizer's class.
    """
    with_tokenizer(folder, settings, more)

    assert "words" == read(('tokenizer = "bytes"', 'tokenizer = "words"')).models[0].tokenizer


def with_tokenizer(folder, settings, more):
    """A folder "words" with a tokenizer and its settings, None for files that are not there."""
    (folder / "words").mkdir()
    content = {"tokenizer": {"model": {"vocab": {"a": 0, "b": 1}}}}
    content |= {"tokenizer_config": settings, "special_tokens_map": more}
    for name, each in content.items():
        if each is not None:
            (folder / "words" / f"{name}.json").write_text(json.dumps(each))


# -- weights ---------------------------------------------------------------------------


def test_a_folder_with_a_config_alone_can_be_planned(read, folder):
    """
    What a sweep would take is known without the weights.
    """
    with_weights(folder, {})
    (folder / "small/model.safetensors").unlink()

    assert "small" == read((shape_line(), 'source = "small"')).models[0].source


def test_weights_that_fit_are_taken(read, folder):
    """
    Headers are looked at, and all is there.
    """
    with_weights(folder, stored.sizes(from_config(SHAPE)))

    assert "small" == read((shape_line(), 'source = "small"')).models[0].source


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"lm_head.weight": None}, "1 of 39 tensors are missing, first lm_head.weight"),
        ({"lm_head.weight": (9, 9)}, "lm_head.weight is (9, 9), but config.json makes it"),
        ({"lora": (1,)}, "1 tensors are not of a plain llama model, first lora"),
    ],
)
def test_weights_that_do_not_fit_are_refused_before_anything_runs(refusal, folder, spoil, words):
    """
    Missing, of another size, or not of this model: the first is named.
    """
    sizes = {**stored.sizes(from_config(SHAPE)), **spoil}
    with_weights(folder, {name: size for name, size in sizes.items() if size is not None})

    said = refusal((shape_line(), 'source = "small"'))

    assert "models[0].source cannot be used: " in said
    assert words in said


def test_weights_that_cannot_be_read_are_refused_before_anything_runs(refusal, folder):
    """
    A file cut short anywhere, or one of another format.
    """
    path = with_weights(folder, stored.sizes(from_config(SHAPE)))
    whole, source = path.read_bytes(), (shape_line(), 'source = "small"')

    for length in (0, 5, 100):
        path.write_bytes(whole[:length])
        assert "is no readable safetensors file" in refusal(source)
    path.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1:,} bytes and should have {len(whole):,}; copy" in refusal(source)

    path.rename(path.with_name("pytorch_model.bin"))
    assert "pytorch_model.bin is not read: it could run code" in refusal(source)


def test_two_sets_of_weights_in_one_folder_are_refused(refusal, folder):
    """
    Which of them is the model must not depend on who reads it.
    """
    path = with_weights(folder, stored.sizes(from_config(SHAPE)))
    (path.parent / "other.safetensors").write_bytes(path.read_bytes())
    index = {"weight_map": {"lm_head.weight": "other.safetensors"}}
    (path.parent / stored.INDEX).write_text(json.dumps(index))

    assert "has both model.safetensors and" in refusal((shape_line(), 'source = "small"'))


def with_weights(folder, sizes):
    """A folder "small" with tensors of these sizes, all zeros; the path of their file."""
    (folder / "small").mkdir()
    (folder / "small/config.json").write_text(json.dumps(SHAPE))
    header, end = {}, 0
    for name, size in sizes.items():
        start, end = end, end + 2 * math.prod(size)
        header[name] = {"dtype": "BF16", "shape": size, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path = folder / "small" / stored.FILE
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    return path


def test_names_are_given_once(refusal):
    """
    Two models of one name would share a folder.
    """
    model = SWEEP[SWEEP.index("[[models]]") : SWEEP.index("[dense]")]

    assert "models has 'llama-s' twice" in refusal((model, model + model))


def test_names_fit_into_those_of_folders(refusal):
    """
    With what else stands there.
    """
    assert "has a name of 101 characters; 100 fit into a folder's" in refusal(
        ('"llama-s"', f'"{"x" * 101}"')
    )


def test_dense_training_is_needed_for_a_shape(refusal):
    """
    And only then.
    """
    dense = SWEEP[SWEEP.index("[dense]") : SWEEP.index("[post_training]")]

    assert "dense is missing; 'llama-s' has a shape" in refusal((dense, ""))
    assert "models[0].dense changes [dense], which is missing" in refusal(
        (dense, ""), ('"llama-s"', '"llama-s"\ndense = { tokens = 1 }')
    )


# -- documentation -------------------------------------------------------------------

TABLES = [
    each
    for _, each in inspect.getmembers(settings, dataclasses.is_dataclass)
    if each.__module__ == settings.__name__
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_is_documented(table):
    """
    A sentence stands below each field, and none is left of a field that is gone.
    """
    body = ast.parse(Path(inspect.getfile(table)).read_text()).body
    (found,) = [n for n in body if isinstance(n, ast.ClassDef) and n.name == table.__name__]
    documented = [
        node.target.id
        for node, below in zip(found.body, found.body[1:], strict=False)
        if isinstance(node, ast.AnnAssign)
        and isinstance(below, ast.Expr)
        and str(below.value.value).endswith((".", "``"))
    ]

    inherited = {name for base in table.__bases__ for name in getattr(base, "__annotations__", ())}
    own = [each.name for each in dataclasses.fields(table) if each.name not in inherited]
    assert own == documented


def test_tables_are_frozen():
    """
    A sweep that was read does not change.
    """
    for table in TABLES:
        assert table.__dataclass_params__.frozen


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("[corpora.first]", '[corpora.""]'), "corpora.name is empty"),
        (('name = "held-out"', 'name = " "'), r"evaluations[0].name is empty"),
        (('name = "llama-s"', 'name = ""'), r"models[0].name is empty"),
    ],
)
def test_what_has_no_name_is_refused(refusal, change, where):
    """
    Records and folders go by names.
    """
    assert f"{where}; records and folders need a name to go by" in refusal(change)
