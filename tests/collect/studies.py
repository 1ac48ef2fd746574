"""A study small enough for a test: a two-layer byte model and a few kilobytes of text."""

from pathlib import Path

from p2law.collect import jobs, spec

TEXT = Path(__file__).parents[2] / "examples" / "text"

SWEEP = """
name = "tiny"
tokenizer = "bytes"
sequence = 16

[corpora.first]
files = ["one.txt"]
[corpora.second]
files = ["two.txt"]

[[evaluations]]
name = "held-out"
files = ["three.txt"]
tokens = 512
[[evaluations]]
name = "other"
files = ["four.txt"]
tokens = 160

{models}
[dense]
corpus = "first"
tokens = 3_200
batch_tokens = 128
learning_rate = 1e-2
measure = {{ first = 128, count = 5 }}

[post_training]
corpus = "second"
tokens = {tokens}
batch_tokens = 128
learning_rate = 3e-3
warmup_tokens = 256
measure = {{ first = 128, count = 6 }}
{training}

[calibration]
sequences = 8

[[prune]]
method = "depth"
rates = [0.25]

[[prune]]
method = "2:4"

[execution]
micro_batch = {micro_batch}
processes = {processes}
checkpoint_minutes = {minutes}
{execution}
"""


MODEL = """
[[models]]
name = "small-{family}"
[models.shape]
model_type = "{family}"
vocab_size = 256
hidden_size = 16
intermediate_size = 24
num_hidden_layers = 3
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 8
max_position_embeddings = 64
tie_word_embeddings = {tied}
"""


def write(
    folder,
    *,
    families=("llama",),
    tokens=2560,
    training="",
    micro_batch=4,
    processes=1,
    minutes=60.0,
    execution="",
):
    """Write a sweep file and its texts into a folder; the path of the file. Qwen2 is tied."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source, start in (
        ("one", "one", 0),
        ("two", "two", 0),
        ("three", "three", 0),
        ("four", "three", 9000),
    ):
        text = (TEXT / f"treasure_island_{source}.txt").read_text(encoding="utf-8")
        (folder / f"{name}.txt").write_text(text[start : start + 6000], encoding="utf-8")
    path = folder / "sweep.toml"
    content = SWEEP.format(
        models="".join(
            MODEL.format(family=each, tied=str(each == "qwen2").lower()) for each in families
        ),
        tokens=tokens,
        training=training,
        micro_batch=micro_batch,
        processes=processes,
        minutes=minutes,
        execution=execution,
    )
    path.write_text(content, encoding="utf-8")
    return path


def runs(path):
    """The runs of a sweep file: dense ones, then depth and 2:4 of each."""
    return jobs.expand(spec.read(path))


def records(out, run):
    """The bytes of a run's record file."""
    return (out / "runs" / run.id / "records.jsonl").read_bytes()
