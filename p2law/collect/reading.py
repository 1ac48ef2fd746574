"""The parts of a sweep file, one by one: texts, trainings, ways to prune.

What one part alone gives away is refused here; what takes two of them, in
`p2law.collect.spec`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from p2law.collect.settings import Corpus, Evaluation, Measure, Prune, Training
from p2law.collect.tables import KeyPath, build, said

ENDINGS = (".txt", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_Text = TypeVar("_Text", Corpus, Evaluation)

GOES_WITH = {
    "kd_weight": ("objective", ("kd",)),
    "temperature": ("objective", ("kd",)),
    "decay_tokens": ("schedule", ("wsd",)),
    "final_rate": ("schedule", ("cosine", "wsd")),
    "criterion": ("method", ("2:4", "unstructured")),
    "axes": ("method", ("width",)),
    "multiple": ("method", ("width",)),
    "rates": ("method", ("depth", "width", "unstructured")),
}
"""Keys that only say something beside certain values of another key."""


def tables(value: Any, at: KeyPath) -> list[Any]:
    """A list of tables, as double brackets make it."""
    if not isinstance(value, list):
        raise at.error(f"is {said(value)}; write [[{at.path}]] with two brackets, once for each")
    return value


def check_distinct(values: Iterable[Any], at: KeyPath) -> None:
    """Refuse what stands there twice."""
    seen: set[Any] = set()
    for each in values:
        if each in seen:
            raise at.error(f"has {each!r} twice; once is enough")
        seen.add(each)


def check_named(name: str, at: KeyPath) -> None:
    """Refuse a name that is empty."""
    if not name.strip():
        raise at.key("name").error("is empty; records and folders need a name to go by")


def _check_applies(table: Mapping[str, Any], made: Any, at: KeyPath) -> None:
    """Refuse keys that would not be looked at."""
    for key in table:
        name, values = GOES_WITH.get(key, ("", ()))
        if hasattr(made, name) and getattr(made, name) not in values:
            goes = " or ".join(map(repr, values))
            raise at.key(key).error(f"goes with {name} = {goes}; take it out")


# -- texts ---------------------------------------------------------------------------


def read_corpora(value: Any, at: KeyPath, folder: Path) -> dict[str, Corpus]:
    """The texts to train on, by name."""
    if not isinstance(value, Mapping):
        raise at.error(f"is {said(value)}; write [corpora.NAME] above each corpus")
    made = {
        name: build(Corpus, table, at.key(name), name=name, paths=())
        for name, table in value.items()
    }
    for name, corpus in made.items():
        check_named(name, at)
        _check_source(corpus, value[name], at.key(name))
        if corpus.hub and corpus.tokens is None:
            raise at.key(name).key("tokens").error("is missing; say how much of the hub is read")
    return {name: _located(corpus, at.key(name), folder) for name, corpus in made.items()}


def read_evaluations(value: Any, at: KeyPath, folder: Path) -> tuple[Evaluation, ...]:
    """The texts to measure the loss on."""
    given = tables(value, at)
    made = [build(Evaluation, each, at.item(k), paths=()) for k, each in enumerate(given)]
    if not made:
        raise at.error("is missing; every run needs a text to measure the loss on")
    for k, each in enumerate(made):
        check_named(each.name, at.item(k))
        _check_source(each, given[k], at.item(k))
    check_distinct((each.name for each in made), at)
    return tuple(_located(each, at.item(k), folder) for k, each in enumerate(made))


def _check_source(text: Corpus | Evaluation, table: Mapping[str, Any], at: KeyPath) -> None:
    if bool(text.files) == bool(text.hub):
        raise at.error("must have either files or a data set of the hub (hub = ...), and not both")
    for key in ("subset", "split", "revision"):
        if key in table and not text.hub:
            raise at.key(key).error("goes with hub = ..., and this text is read from files")


def _located(text: _Text, at: KeyPath, folder: Path) -> _Text:
    """The text with its globs expanded."""
    found = [
        name
        for k, pattern in enumerate(text.files)
        for name in _found(pattern, folder, at.key("files").item(k))
    ]
    check_distinct(found, at.key("files"))
    return replace(text, files=tuple(found), paths=tuple(folder / each for each in found))


def _found(pattern: str, folder: Path, at: KeyPath) -> list[str]:
    """Files of a path or glob, relative to the sweep file where they were written so."""
    if not pattern.lower().endswith(ENDINGS):
        raise at.error(f"is {pattern!r}; texts end in {', '.join(ENDINGS)}")
    whole = Path(pattern).is_absolute()
    base = Path(Path(pattern).anchor) if whole else folder
    rest = Path(pattern).relative_to(base) if whole else Path(pattern)
    try:
        if (folder / pattern).is_file():
            return [Path(pattern).as_posix()]
        found = sorted(each for each in base.glob(str(rest)) if each.is_file())
    except ValueError as error:
        raise at.error(f"is {pattern!r}; {error}") from error
    except OSError as error:
        raise at.error(f"is {said(pattern)}; it cannot be looked up: {error.strerror}") from error
    if not found:
        raise at.error(f"is {pattern!r}; there is no such file in {folder}")
    return [(each if whole else each.relative_to(folder)).as_posix() for each in found]


# -- training and pruning ------------------------------------------------------------


def read_training(base: Any, changes: Any, at: KeyPath, sequence: int) -> Training:
    """A training, with what one model changes in it.

    `at` is where the changes stand, or the base where there are none.
    """
    for table in (base, changes):
        if not isinstance(table, Mapping):
            raise at.error(f"is {said(table)}; it must be a table of keys")
    table = {**base, **changes}
    measure = table.pop("measure", {})
    _check_measure(measure, at.key("measure"))
    measure = {"at": measure} if isinstance(measure, list) else measure
    training = build(Training, table, at, measure=build(Measure, measure, at.key("measure")))
    _check_applies(changes or base, training, at)
    _check_amounts(training, at, sequence)
    return training


def _check_measure(value: Any, at: KeyPath) -> None:
    """Refuse an empty list of counts, and keys that would not be looked at beside one."""
    counts = value.get("at") if isinstance(value, Mapping) else value
    if isinstance(counts, list):
        if not counts:
            raise at.error("is empty; name counts, or leave it out for log-spaced ones")
        if odd := [each for each in counts if isinstance(each, (list, Mapping))]:
            raise at.error(f"has {said(odd[0])} in its list; write token counts")
        check_distinct(counts, at)
        if isinstance(value, Mapping) and len(value) > 1:
            raise at.error("has `at`, beside which nothing else is looked at; give the list alone")


def _check_amounts(training: Training, at: KeyPath, sequence: int) -> None:
    batch, whole = training.batch_tokens, training.warmup_tokens
    decays = training.schedule == "wsd"  # a model may do without the decay of the base
    whole += training.decay_tokens * decays
    if batch % sequence:
        near = max(1, round(batch / sequence)) * sequence
        raise at.key("batch_tokens").error(
            f"is {batch}; it must be a multiple of sequence = {sequence}, such as {near}"
        )
    if training.tokens < batch:
        raise at.key("tokens").error(
            f"is {training.tokens}, less than one batch (batch_tokens = {batch})"
        )
    if decays and not training.decay_tokens:
        raise at.key("decay_tokens").error("is missing; wsd ends with a decay over so many tokens")
    if whole > training.total:
        raise at.key("tokens").error(
            f"comes to {training.total} in whole batches, less than "
            f"warmup_tokens{' + decay_tokens' * decays} = {whole}"
        )
    last = max((training.measure.first, *training.measure.at))
    if last > training.tokens:
        raise at.key("measure").error(
            f"asks for {last} tokens, but the run ends at tokens = {training.tokens}"
        )
    for k, each in enumerate(training.measure.at):
        if each % batch:
            whole = max(1, round(each / batch)) * batch
            raise (
                at.key("measure")
                .item(k)
                .error(
                    f"is {each}, no whole number of batches (batch_tokens = {batch}); "
                    f"the nearest is {whole}"
                )
            )


def read_prune(table: Any, at: KeyPath) -> Prune:
    """One way to prune."""
    prune = build(Prune, table, at)
    _check_applies(table, prune, at)
    if prune.method not in ("none", "2:4") and not prune.rates:
        raise at.key("rates").error("is missing; name at least one, such as [0.25]")
    if not prune.axes:
        raise at.key("axes").error("is empty; name what becomes narrower, or leave it out")
    for key in ("rates", "axes", "models", "seeds"):
        check_distinct(getattr(prune, key), at.key(key))
    return prune
