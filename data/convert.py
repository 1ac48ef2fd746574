"""Convert the raw tables in ``raw`` to records of p2law: one function per source.

    python data/convert.py            write every table again
    python data/convert.py --check    compare, byte for byte, and write nothing

Needs pandas only. README.md says where every raw table comes from and what each choice
below means. Losses are passed on as they are: nothing is filled, clipped or rounded.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent

CIFAR_IMAGES = 50_000  # training images of CIFAR-10, one epoch
GPT2_PARAMS = 124_373_760  # 124,354,560 in matrices and 19,200 in norms, as the logs print them
GEMMA_BLOCKS = 18
GEMMA_REMOVED = 4
CORPORA = {"rw": "RefinedWeb", "owt2": "OpenWebText2"}
GEMSTONE_SCHEDULES = {
    "hot": "constant",
    "cool_end": "constant, then cooled down",
    "lr_ablation_hot": "constant, other learning rate",
}


def cifar_retrain(raw: pd.DataFrame) -> pd.DataFrame:
    """Image classifiers pruned and retrained; the loss is a test error, a token an image."""
    how = raw["iterative"].map({0: "one-shot", 1: "iterative"})
    parts = [raw["network"], raw["prune_method"].str.lower(), how, raw["retrain_method"]]
    run = joined(*parts, raw["rho"].astype(str), raw["trial"].str.removeprefix("trial_"))
    return pd.DataFrame(
        {
            "run": run,
            "params": raw["N0_params"],
            "tokens": raw["retrain_epochs"] * CIFAR_IMAGES,
            "pruning_rate": raw["rho"],
            "base_loss": raw["L0_test_error"],
            "loss": raw["test_error"],
            "model": raw["network"],
            "family": "resnet",
            "method": raw["prune_method"].str.lower(),
            "corpus": "CIFAR-10",
            "eval_text": "CIFAR-10 test",
            "schedule": raw["retrain_method"],
            "metric": "test error",
            "iterative": raw["iterative"],
            "trial": raw["trial"].str.removeprefix("trial_"),
            "epochs": raw["retrain_epochs"],
            "val_error": raw["val_error"],
            "base_val_error": raw["L0_val_error"],
        }
    )


def gpt2_sparse_retrain(raw: pd.DataFrame) -> pd.DataFrame:
    """GPT-2 in sparse rounds; base_loss is what the same run's dense round ended with."""
    val = raw[raw["loss_kind"] == "val"]
    dense = val[val["round"] == 1].sort_values("step").groupby("run").last()
    base = dense.loc[val["run"]].set_index(val.index)
    return pd.DataFrame(
        {
            "run": val["run"] + "/round" + val["round"].astype(str),
            "params": GPT2_PARAMS,
            "tokens": val["tokens"],
            "pruning_rate": val["rho"],
            "base_loss": base["loss"],
            "loss": val["loss"],
            "model": "gpt2-124m/" + val["run"],
            "family": "gpt2",
            "method": "unstructured",
            "seed": val["run"].str.extract(r"_seed(\d+)")[0],
            "corpus": "OpenWebText",
            "eval_text": "OpenWebText validation",
            "schedule": "constant",
            "round": val["round"],
            "step": val["step"],
            "base_tokens": base["tokens"],
        }
    )


def qwen3_distill(raw: pd.DataFrame) -> pd.DataFrame:
    """Qwen3-8B pruned to 0.7x and distilled on two corpora, each with a base loss of its own."""
    return pd.DataFrame(
        {
            "run": raw["model"] + "/" + raw["corpus"],
            "params": raw["N0_params"],
            "tokens": raw["tokens"],
            "pruning_rate": raw["rho"],
            "base_loss": raw["L0_teacher_val_ce"],
            "loss": raw["val_ce"],
            "model": raw["model"],
            "family": "qwen3",
            "corpus": raw["corpus"],
            "eval_text": raw["corpus"] + " validation",
            "val_kd": raw["val_kd"],
            "mmlu_pct": raw["mmlu_pct"],
            "mmlu_pro_pct": raw["mmlu_pro_pct"],
        }
    )


def gemma3_recovery(raw: pd.DataFrame) -> pd.DataFrame:
    """Gemma-3-270M less 4 of 18 blocks; tokens are an upper bound (sequences are padded)."""
    recipe = raw["recipe"].str.split().str.join(" ")
    small = raw["notebook"].str.contains("_NB01_")
    removed = raw["N0_params"] - raw["N_pruned_params"]
    of_run = small.map({True: "of the 180-sequence run", False: "of the 1800-sequence runs"})
    unique = raw["max_tokens_seen"] // raw["epochs"].where(raw["epochs"] > 0)
    return pd.DataFrame(
        {
            "run": raw["notebook"].str.removeprefix("CH06_") + "/" + recipe,
            "params": raw["N0_params"],
            "tokens": raw["max_tokens_seen"],
            "pruning_rate": removed / raw["N0_params"],
            "base_loss": raw["L0_val_loss"],
            "loss": raw["val_loss"],
            "model": raw["model"],
            "family": "gemma-3",
            "method": "depth",
            "corpus": "Cosmopedia",
            "eval_text": "Cosmopedia validation " + of_run,
            "params_after": raw["N_pruned_params"],
            "nominal_rate": GEMMA_REMOVED / GEMMA_BLOCKS,
            "unique_tokens": unique.astype("Int64"),
            "blocks_removed": raw["prune"].str.extract(r"depth: (.+) 4 of 18")[0],
            "recipe": recipe,
            "train_sequences": raw["train_sequences"],
            "epochs": raw["epochs"],
        }
    )


def chinchilla(raw: pd.DataFrame) -> pd.DataFrame:
    """Points read off figure 4 of Hoffmann et al.; tokens are training FLOP / (6 params)."""
    kept = raw["loss"] < raw["loss"].sort_values().iloc[-5]
    return pd.DataFrame(
        {
            "run": [f"point-{number:03d}" for number in range(1, len(raw) + 1)],
            "params": raw["Model Size"],
            "tokens": raw["Training FLOP"] / (6 * raw["Model Size"]),
            "loss": raw["loss"],
            "corpus": "MassiveText",
            "in_published_fit": kept.astype(int),
            "training_flop": raw["Training FLOP"],
        }
    )


def gemstones(raw: pd.DataFrame) -> pd.DataFrame:
    """Dense models of many shapes in three phases: hot, cool_end, lr_ablation_hot."""
    shape = raw["width"].astype(str) + "x" + raw["depth"].astype(str)
    return pd.DataFrame(
        {
            "run": raw["phase"] + "/" + raw["run"],
            "params": raw["N_params"],
            "tokens": raw["tokens"],
            "loss": raw["loss"],
            "model": "gemstone-" + shape,
            "family": "gemstones",
            "corpus": "Dolma",
            "schedule": raw["phase"].map(GEMSTONE_SCHEDULES),
            "phase": raw["phase"],
            "width": raw["width"],
            "depth": raw["depth"],
            "step": raw["step"],
        }
    )


def t5_sparse(raw: pd.DataFrame) -> pd.DataFrame:
    """T5 trained sparse; params is the dense count, params_after the non-zeros."""
    params = raw["params_nonzero"] / (1 - raw["sparsity"])
    sparsity = "S" + raw["sparsity"].astype(str)
    nonzero = "N" + raw["params_nonzero"].astype(str)
    return pd.DataFrame(
        {
            "run": joined("t5", sparsity, nonzero, raw["steps"].astype(str)),
            "params": params.astype("int64"),
            "tokens": raw["tokens"],
            "pruning_rate": raw["sparsity"],
            "loss": raw["loss"],
            "family": "t5",
            "method": "unstructured",
            "corpus": "C4",
            "eval_text": "C4 validation",
            "params_after": raw["params_nonzero"],
            "steps": raw["steps"],
        }
    )


def routed_lm(raw: pd.DataFrame) -> pd.DataFrame:
    """Dense and routed models every 10,000 steps; rows without a validation loss are left out."""
    rows = raw[raw["loss_validation"].notna()]
    number = rows["hyper_id"].map("{:03d}".format)
    experts = "E" + rows["num_experts"].astype(str)
    return pd.DataFrame(
        {
            "run": joined(number, rows["router_type"], rows["model_size_label"], experts),
            "params": rows["dense_parameter_count"],
            "loss": rows["loss_validation"],
            "model": rows["model_size_label"],
            "family": rows["router_type"],
            "seed": rows["seed"],
            "step": rows["step"],
            "num_experts": rows["num_experts"],
            "k": rows["k"],
            "routing_frequency": rows["routing_frequency"],
            "flop_increase": rows["flop_increase"],
            "total_params": rows["total_parameter_count"],
            "loss_c4": rows["loss_c4"],
            "loss_wikitext103": rows["loss_wikitext103"],
        }
    )


def compute_optimal(raw: pd.DataFrame) -> pd.DataFrame:
    """Compute-optimal sizes against training FLOP; budgets without an optimum are left out."""
    rows = raw[raw["n"].notna()]
    parts = ["dataset", "hparams", "warmup", "decay", "param_count", "val"]
    return pd.DataFrame(
        {
            "setup": rows[parts].agg(" ".join, axis=1),
            "flops": rows["flops"],
            "params": rows["n"],
            "tokens": rows["t"],
            "tokens_per_param": rows["multiplier"],
            "loss": rows["loss"],
            "corpus": rows["dataset"].map(CORPORA),
            "schedule": rows["decay"],
            "hparams": rows["hparams"],
            "warmup": rows["warmup"],
            "counting": rows["param_count"],
            "loss_split": rows["val"],
            "loss_at_tokens": rows["loss_t"],
            "sd_ln_params": rows["n_star_std"],
            "sd_ln_tokens": rows["t_star_std"],
            "sd_ln_tokens_per_param": rows["multiplier_star_std"],
            "sd_ln_loss": rows["loss_star_std"],
        }
    )


SOURCES: dict[Callable[[pd.DataFrame], pd.DataFrame], str] = {
    cifar_retrain: "retrain_after_pruning_cifar_r20_r56.csv.xz",
    gpt2_sparse_retrain: "gpt2_124m_sparse_retrain_short.csv.xz",
    qwen3_distill: "qwen3_8b_pruned_distill_a.csv",
    gemma3_recovery: "gemma270m_pruned_recovery_small_val.csv",
    chinchilla: "chinchilla_epoch.csv",
    gemstones: "gemstones_loss.csv",
    t5_sparse: "sparse_pretraining_t5.csv",
    routed_lm: "routed_lm_curves.csv.xz",
    compute_optimal: "compute_optimal_pairs.csv",
}


def joined(first: "pd.Series[str] | str", *others: "pd.Series[str]") -> "pd.Series[str]":
    """Join columns of text with slashes."""
    text = first + "/" + others[0]
    for other in others[1:]:
        text = text + "/" + other
    return text


def numbers(column: pd.Series) -> pd.Series:
    """Turn text into integers or else floats, exactly rounded in every pandas; words stay."""
    for kind in ("int64", "float64"):
        try:
            return column.astype(kind)
        except ValueError:
            continue
    return column


def converted() -> dict[Path, bytes]:
    r"""Convert every raw table.

    Returns
    -------
    dict
        Path of each table beside this script, and what belongs in it: CSV, UTF-8, ``\n``.
    """
    tables = {}
    for convert, name in SOURCES.items():
        raw = pd.read_csv(HERE / "raw" / name, dtype=str).apply(numbers)
        text = convert(raw).to_csv(index=False, lineterminator="\n")
        tables[HERE / f"{convert.__name__}.csv"] = text.encode()
    return tables


def main(arguments: list[str] | None = None) -> int:
    """Write the tables, or with ``--check`` name those that differ.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line where left out.

    Returns
    -------
    int
        0, or 1 where a table differs.
    """
    parser = argparse.ArgumentParser(description="Convert the raw tables to records.")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    check = parser.parse_args(arguments).check
    differing = []
    for path, content in converted().items():
        if check and not (path.is_file() and path.read_bytes() == content):
            differing.append(path.name)
        elif not check:
            path.write_bytes(content)
    if differing:
        print(f"not what convert.py makes of raw/: {', '.join(differing)}", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
