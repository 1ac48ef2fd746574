"""The records that travel with p2law: readable, reproducible, and what their README says."""

import hashlib
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from p2law.errors import RecordError
from p2law.records import check, load

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
NIST = ROOT / "tests" / "reference" / "nist_strd"
PRUNED = ("run", "params", "tokens", "pruning_rate", "base_loss", "loss")
NEEDS = {
    "cifar_retrain": PRUNED,
    "gemma3_recovery": PRUNED,
    "gpt2_sparse_retrain": PRUNED,
    "qwen3_distill": PRUNED,
    "chinchilla": ("run", "params", "tokens", "loss"),
    "gemstones": ("run", "params", "tokens", "loss"),
    "t5_sparse": ("run", "params", "tokens", "pruning_rate", "loss", "params_after"),
    "routed_lm": ("run", "params", "loss", "num_experts"),
    "compute_optimal": ("flops", "params", "tokens", "loss"),
}
OURS = {
    "byte_llama": PRUNED,
    "byte_qwen2": PRUNED,
    "byte_llama_dense": ("run", "params", "tokens", "loss"),
    "byte_qwen2_dense": ("run", "params", "tokens", "loss"),
}
"""Tables that `p2law collect gather` wrote."""
EVERY = NEEDS | OURS
names = pytest.mark.parametrize("name", sorted(NEEDS))
every_name = pytest.mark.parametrize("name", sorted(EVERY))


def table(name: str) -> pd.DataFrame:
    """Read and check one table, as a user's would be."""
    needs = [column for column in EVERY[name] if column != "run"]
    return load(DATA / f"{name}.csv", needs=needs)


def converter(folder: Path = DATA) -> ModuleType:
    """Load the conversion script of a folder as a module."""
    spec = importlib.util.spec_from_file_location("convert", folder / "convert.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stated() -> dict[str, dict[str, str]]:
    """Read rows, raw rows, rows left out and runs of each file from the README."""
    lines = (DATA / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1:6] for line in lines if line.startswith("| `")]
    rows = [[cell.strip(" `").replace(",", "") for cell in row] for row in cells]
    columns = ("rows", "raw", "left_out", "runs")
    return {name: dict(zip(columns, counts, strict=True)) for name, *counts in rows}


def log_huber(predicted: pd.Series, loss: pd.Series, delta: float) -> pd.Series:
    """Return the Huber loss of the residual of the logarithm, row by row."""
    size = np.abs(np.log(loss) - np.log(predicted))
    return pd.Series(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)))


# -- all tables ----------------------------------------------------------------------


def test_every_table_is_tested() -> None:
    """No table lies in the folder without the tests below."""
    assert sorted(EVERY) == sorted(path.stem for path in DATA.glob("*.csv"))


@every_name
def test_every_table_is_readable(name: str) -> None:
    """Each table passes the checks of `load`, and no row is lost or changed."""
    records = table(name)
    written = pd.read_csv(DATA / f"{name}.csv", dtype=str)
    assert len(written) == len(records)
    assert list(written.columns) == list(records.columns)
    for column in ("params", "tokens", "pruning_rate", "base_loss", "loss"):
        if column in written:
            np.testing.assert_array_equal(written[column].map(float), records[column])


@pytest.mark.parametrize("name", sorted({*EVERY} - {"compute_optimal"}))
def test_the_vocabulary_comes_first(name: str) -> None:
    """Run, size, tokens, rate, base loss and loss open each table of runs, in this order."""
    columns = list(pd.read_csv(DATA / f"{name}.csv", nrows=1).columns)
    known = [column for column in PRUNED if column in columns]
    assert known == columns[: len(known)]
    assert set(EVERY[name]) <= set(columns)


@every_name
def test_tables_are_plain_text(name: str) -> None:
    """UTF-8, one kind of line ending, no spaces around values, no words for a missing value."""
    text = (DATA / f"{name}.csv").read_bytes().decode("utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    cells = pd.read_csv(DATA / f"{name}.csv", dtype=str, keep_default_na=False)
    for column in cells:
        assert cells[column].equals(cells[column].str.strip())
        words = {"nan", "none", "na", "null", "inf"} - ({"none"} if column == "method" else set())
        assert not cells[column].str.lower().isin(words).any()


def test_conversions_are_reproducible() -> None:
    """The script makes every table from the raw files, byte for byte, and no other."""
    made = converter().converted()
    assert sorted(path.stem for path in made) == sorted(NEEDS)
    for path, content in made.items():
        assert content == path.read_bytes(), path.name


def test_a_changed_table_is_named_and_can_be_rewritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` fails on one changed digit, names the file and leaves it; a plain run cures it."""
    copy = tmp_path / "data"
    shutil.copytree(DATA, copy)
    right = (copy / "t5_sparse.csv").read_bytes()
    wrong = right.replace(b"3.1256", b"3.1257")
    (copy / "t5_sparse.csv").write_bytes(wrong)
    script = converter(copy)
    assert script.main(["--check"]) == 1
    assert "t5_sparse.csv" in capsys.readouterr().err
    assert (copy / "t5_sparse.csv").read_bytes() == wrong
    assert script.main([]) == 0
    assert (copy / "t5_sparse.csv").read_bytes() == right
    assert script.main(["--check"]) == 0


def test_checksums_are_those_of_the_list() -> None:
    """SHA256SUMS lists every table and every raw file, and each has the checksum it states."""
    lines = (DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    shipped = [*DATA.glob("*.csv"), *(DATA / "raw").iterdir()]
    assert sorted(listed) == sorted(path.relative_to(DATA).as_posix() for path in shipped)
    for name, digest in listed.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest, name


@names
def test_counts_are_those_of_the_readme(name: str) -> None:
    """Rows, raw rows, rows left out and runs are what the README's first table states."""
    script = converter()
    claimed = stated()[f"{name}.csv"]
    records = pd.read_csv(DATA / f"{name}.csv")
    raw = pd.read_csv(DATA / "raw" / script.SOURCES[getattr(script, name)])
    assert len(records) == int(claimed["rows"])
    assert len(raw) == int(claimed["raw"])
    assert len(raw) - len(records) == int(claimed["left_out"])
    if "run" in records:
        assert records["run"].nunique() == int(claimed["runs"])


def test_the_readme_lists_every_table() -> None:
    """The README's first table has a line for each file, and each has a section."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert sorted(stated()) == sorted(f"{name}.csv" for name in NEEDS)
    for name in NEEDS:
        assert f"### `{name}.csv`" in text


def test_the_folder_is_small() -> None:
    """Everything in the folder together stays under 6 MB."""
    aside = {"__pycache__", "text"}  # what scripts leave
    files = (path for path in DATA.rglob("*") if not aside & {*path.parts})
    assert sum(path.stat().st_size for path in files if path.is_file()) < 6e6


# -- byte-level models, pruned and post-trained --------------------------------------

byte_study = pytest.mark.parametrize("family", ["llama", "qwen2"])


@byte_study
def test_the_byte_study_is_the_one_that_its_sweep_file_asks_for(
    family: str, tmp_path: Path
) -> None:
    """Every run of the file is there, whole, under the name that its settings give it."""
    from p2law.collect import jobs, spec

    (tmp_path / "text").mkdir()
    for name in ("novels_first", "novels_second", "novels_valid", "wikitext2_test"):
        (tmp_path / "text" / f"{name}.txt").write_text("any text " * 10_000)
    path = shutil.copy(DATA / "byte_study" / f"byte_{family}.toml", tmp_path)
    runs = jobs.expand(spec.read(path))
    pruned, dense = table(f"byte_{family}"), table(f"byte_{family}_dense")
    assert {run.id for run in runs if run.cut} == {*pruned["run"]}
    assert {run.id for run in runs if not run.cut} == {*dense["run"]}
    for found in (pruned, dense):
        assert (found.groupby(["run", "eval_text"])["tokens"].nunique() == 29).all()
    assert pruned.groupby("run")["tokens"].agg(["min", "max"]).drop_duplicates().shape == (1, 2)


@byte_study
def test_the_larger_study_can_be_planned(family: str, tmp_path: Path) -> None:
    """Its five sizes go from 3 to 100 million parameters, and every run can be made."""
    from p2law.collect import jobs, spec

    (tmp_path / "text").mkdir()
    for name in ("novels_first", "novels_second", "novels_valid", "wikitext2_test"):
        (tmp_path / "text" / f"{name}.txt").write_text("any text " * 4_000_000)
    path = shutil.copy(DATA / "byte_study" / f"large_{family}.toml", tmp_path)
    runs = jobs.expand(spec.read(path))
    sizes = [run.shape.params for run in runs if not run.cut]
    assert (len(runs), len(sizes)) == (74, 5)
    assert 3e6 < min(sizes) < 3.3e6
    assert 9e7 < max(sizes) < 1e8


@byte_study
def test_losses_before_pruning_are_those_that_dense_training_ended_with(family: str) -> None:
    """The base loss of a pruned model is the last loss of its dense one, to the last digit."""
    pruned, dense = table(f"byte_{family}"), table(f"byte_{family}_dense")
    last = dense[dense["tokens"] == dense["tokens"].max()].set_index(["model", "eval_text"])["loss"]
    for keys, losses in pruned.groupby(["model", "eval_text"])["base_loss"]:
        assert losses.to_numpy() == pytest.approx(last[keys], abs=1e-12)


@byte_study
def test_larger_dense_models_are_better(family: str) -> None:
    """Real models: a quarter of a million parameters reach 1.50 nat a byte, and more reach less."""
    dense = table(f"byte_{family}_dense").query("eval_text == 'novels'")
    last = dense[dense["tokens"] == dense["tokens"].max()].sort_values("params")
    assert last["loss"].is_monotonic_decreasing
    assert last["params"].max() / last["params"].min() > 10
    assert (last["loss"][last["params"] > 230_000] < 1.50).all()


@byte_study
def test_the_readme_states_the_rates_that_were_reached(family: str) -> None:
    """What each method removed, from the smallest share to the largest."""
    lines = (DATA / "README.md").read_text(encoding="utf-8").splitlines()
    cell = 1 if family == "llama" else 2
    found = table(f"byte_{family}")
    asked = found["run"].str.extract(r"-(0\.\d+)-s\d", expand=False).fillna("")
    for (method, rate), each in found["pruning_rate"].groupby([found["method"], asked]):
        if method in ("none", "width"):
            continue
        (line,) = (each for each in lines if each.startswith(f"  | {f'{method} {rate}'.strip()} |"))
        stated = line.split("|")[1 + cell].strip()
        assert stated == f"{each.min():.3f} to {each.max():.3f}"


@byte_study
def test_the_readme_counts_the_byte_study(family: str) -> None:
    """Rows and runs of both tables are what the README states."""
    text = (DATA / "README.md").read_text(encoding="utf-8")
    for name in (f"byte_{family}", f"byte_{family}_dense"):
        found = table(name)
        assert f"| {name}.csv | {len(found):,} | {found['run'].nunique()} |" in text


# -- models pruned, then trained again -----------------------------------------------


def test_gpt2_base_loss_is_where_the_dense_round_ended() -> None:
    """Each GPT-2 run has one base loss: the last loss of its first, dense round."""
    records = table("gpt2_sparse_retrain")
    for _, run in records.groupby("model"):
        dense = run[run["round"] == 1].sort_values("tokens").iloc[-1]
        assert dense["pruning_rate"] == 0
        assert (run["base_loss"] == dense["loss"]).all()
        assert (run["base_tokens"] == dense["tokens"]).all()
    np.testing.assert_array_equal(records["tokens"], records["step"] * 12 * 1024 * 20)


def test_gpt2_keeps_untrained_dense_and_low_rows() -> None:
    """Rows at zero tokens, at zero rate and below the base loss stay, as the README counts them."""
    records = table("gpt2_sparse_retrain")
    usable = records[(records["tokens"] > 0) & (records["pruning_rate"] > 0)]
    assert (records["tokens"] == 0).sum() == 35
    assert (records["pruning_rate"] == 0).sum() == 31
    assert len(usable) == 59
    assert (usable["loss"] < usable["base_loss"]).sum() == 22
    short = records[records["base_tokens"] < 7e8]["model"].str.split("/").str[-1]
    assert set(short) == {"A2_seed0", "lth_877756", "lth_hf_877713"}


def test_qwen3_falls_below_its_base_loss() -> None:
    """Both Qwen3 curves lie below the dense model from 0.7 million tokens on."""
    records = table("qwen3_distill")
    trained = records["tokens"] >= 0.7e6
    assert (records["loss"] < records["base_loss"]).equals(trained)
    assert records.groupby("eval_text")["base_loss"].nunique().tolist() == [1, 1]


@pytest.mark.parametrize("name", ["qwen3_distill", "gemma3_recovery"])
def test_texts_must_be_told_apart(name: str) -> None:
    """Without the evaluation text two base losses of one model would contradict each other."""
    with pytest.raises(RecordError, match="base_loss"):
        check(table(name).drop(columns="eval_text"))


def test_gpt2_runs_must_be_told_apart() -> None:
    """Every GPT-2 run has a dense model of its own, so one model name for all is refused."""
    with pytest.raises(RecordError, match="base_loss"):
        check(table("gpt2_sparse_retrain").assign(model="gpt2-124m"))


def test_gemma3_rate_is_the_achieved_one() -> None:
    """The rate of Gemma-3 is the share of parameters removed, the nominal one that of blocks."""
    records = table("gemma3_recovery")
    achieved = 1 - records["params_after"] / records["params"]
    np.testing.assert_allclose(records["pruning_rate"], achieved, rtol=1e-12)
    np.testing.assert_allclose(records["pruning_rate"], 0.083158, atol=5e-7)
    assert set(records["nominal_rate"]) == {4 / 18}
    trained = records[records["tokens"] > 0]
    np.testing.assert_array_equal(trained["tokens"], trained["unique_tokens"] * trained["epochs"])
    assert records.loc[records["tokens"] == 0, "unique_tokens"].isna().all()


def test_cifar_losses_are_error_rates() -> None:
    """The CIFAR losses are shares of 8,000 test images, and tokens are whole epochs of images."""
    records = table("cifar_retrain")
    wrong = records["loss"] * 8000
    np.testing.assert_allclose(wrong, wrong.round(), atol=1e-9)
    np.testing.assert_array_equal(records["tokens"], records["epochs"] * 50_000)
    assert set(records["metric"]) == {"test error"}
    assert records["params"].nunique() == 2
    assert (records.groupby("run").size() == 10).all()


# -- dense and sparse scaling runs ---------------------------------------------------


def test_t5_counts_non_zeros_and_matches_the_published_fit() -> None:
    """48 runs; dense and non-zero counts agree; the published constants score 7.6036e-06."""
    records = table("t5_sparse")
    assert len(records) == 48
    dense = 1 - records["pruning_rate"]
    np.testing.assert_array_equal(records["params_after"], records["params"] * dense)
    np.testing.assert_array_equal(records["tokens"], records["steps"] * 65_536)
    size = 0.56778512 * dense**0.72161276 + 1.52265016
    size = size * (records["params_after"] / 1e6) ** -0.24513173
    predicted = size + 0.63361517 * (records["steps"] / 1e5) ** -0.20270772 + 0.65074219
    assert log_huber(predicted, records["loss"], 1e-3).mean() == pytest.approx(7.6036e-6, rel=1e-5)


def test_chinchilla_marks_the_points_of_the_published_fit() -> None:
    """240 of 245 points are marked; the others are the 5 highest losses; the optimum scores."""
    records = table("chinchilla")
    kept = records["in_published_fit"] == 1
    assert len(records) == 245
    assert kept.sum() == 240
    assert records.loc[~kept, "loss"].min() > records.loc[kept, "loss"].max()
    flop = 6 * records["params"] * records["tokens"]
    np.testing.assert_allclose(flop, records["training_flop"], rtol=1e-14)
    points = records[kept]
    predicted = (
        1.817235504
        + 477.841713 * points["params"] ** -0.347312658
        + 2143.863788 * points["tokens"] ** -0.367182617
    )
    total = log_huber(predicted, points["loss"], 1e-3).sum()
    assert total == pytest.approx(0.00101827403, rel=1e-7)


@pytest.mark.parametrize(
    ("phase", "rows", "published", "objective"),
    [
        (
            "hot",
            220,
            (5.4574988414, 14.9719740349, 0.7663168139, 0.2989180518, 0.6928331414),
            0.0002076018,
        ),
        (
            "cool_end",
            199,
            (5.3627962101, 14.9717677508, 0.7458889548, 0.2970133066, 0.6903991635),
            0.0002059406,
        ),
        (
            "lr_ablation_hot",
            200,
            (5.8752636648, 14.9094432032, 0.7967035756, 0.3277969208, 0.6776928797),
            0.0002059023,
        ),
    ],
)
def test_gemstones_phases_score_as_published(
    phase: str, rows: int, published: tuple[float, ...], objective: float
) -> None:
    """Each phase has its rows, and the source's fit scores the objective that it reports."""
    records = table("gemstones")
    records = records[records["phase"] == phase]
    assert len(records) == rows
    a, b, e, alpha, beta = published
    size = np.exp(a) * records["params"] ** -alpha
    predicted = np.exp(e) + size + np.exp(b) * records["tokens"] ** -beta
    total = log_huber(predicted, records["loss"], 1e-4).sum()
    assert total == pytest.approx(objective, abs=6e-11)


@pytest.mark.parametrize(
    ("router", "rows", "law", "rms"),
    [
        ("S-Base", 53, (-0.082, -0.108, 0.009, 1.104, 1.847, 314.478), 0.0038),
        ("RL-R", 54, (-0.083, -0.126, 0.012, 1.111, 1.880, 469.982), 0.0081),
        ("Hash", 51, (-0.087, -0.136, 0.012, 1.157, 4.175, 477.741), 0.0055),
    ],
)
def test_routed_runs_follow_the_published_law(
    router: str, rows: int, law: tuple[float, ...], rms: float
) -> None:
    """The last losses of a router lie where the paper's law puts them, in log base 10."""
    records = table("routed_lm")
    last = records[records["step"] == records.groupby("run")["step"].transform("max")]
    last = last[(last["k"] == 1) & (last["routing_frequency"] == 0.5)]
    last = last[last["family"] == router]
    assert len(last) == rows
    a, b, c, d, start, most = law
    share = 1 / (last["num_experts"] - 1 + 1 / (1 / start - 1 / most)) + 1 / most
    size, experts = np.log10(last["params"]), np.log10(1 / share)
    residual = np.log10(last["loss"]) - (a * size + b * experts + c * size * experts + d)
    assert np.sqrt((residual**2).mean()) == pytest.approx(rms, abs=5e-5)


def test_routed_runs_end_where_the_readme_says() -> None:
    """223 runs end at step 249,000 but for two; other texts have 2 and 3 empty cells."""
    records = table("routed_lm")
    last = records.groupby("run")["step"].max()
    assert last.value_counts().to_dict() == {249_000: 221, 248_000: 1, 250_000: 1}
    assert records["loss_c4"].isna().sum() == 2
    assert records["loss_wikitext103"].isna().sum() == 3
    assert "tokens" not in records


@pytest.mark.parametrize(
    ("setup", "rw", "owt2"),
    [
        ("base long kaplan kaplan train", 0.8338, 0.8700),
        ("base long kaplan standard val", 0.7009, 0.7000),
        ("base short kaplan standard val", 0.6035, 0.6016),
        ("base short chinchilla standard val", 0.5714, 0.5689),
        ("tuned short const standard val", 0.4970, 0.5184),
    ],
)
def test_compute_optimal_exponents_are_the_published_ones(
    setup: str, rw: float, owt2: float
) -> None:
    """Least squares of log size on log FLOP gives the exponents of the paper and the README."""
    records = table("compute_optimal")
    for corpus, exponent in (("rw", rw), ("owt2", owt2)):
        rows = records[records["setup"] == f"{corpus} {setup}"]
        slope = np.polyfit(np.log(rows["flops"]), np.log(rows["params"]), 1)[0]
        assert slope == pytest.approx(exponent, abs=5e-5)
    assert f"| {setup} | {rw:.4f} | {owt2:.4f} |" in (DATA / "README.md").read_text("utf-8")


# -- reference problems --------------------------------------------------------------


def test_all_nist_problems_are_there() -> None:
    """27 problems of NIST, each with the certified values that its name promises."""
    files = sorted(NIST.glob("*.dat"))
    assert len(files) == 27
    for path in files:
        text = path.read_text(encoding="ascii")
        assert f"({path.name})" in text
        assert "Certified Values" in text
        assert "Residual Sum of Squares" in text
