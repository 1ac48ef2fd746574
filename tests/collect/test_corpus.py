"""Text becomes tokens once, and which come next is a function of the position."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("filelock")

from p2law.collect import corpus
from p2law.collect.corpus import Text, TokenFile, some, tokenised, upcoming
from p2law.errors import RunError


def made(folder, text, **settings):
    """A token file of one text file."""
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return tokenised(Text(files=(path,), **settings), "bytes", folder / "tokens")


def content(file):
    """All tokens of a token file."""
    return np.fromfile(file.path, dtype="<u4").tolist()


# -- tokens --------------------------------------------------------------------------


def test_bytes_are_the_tokens_and_a_zero_ends_the_document(tmp_path):
    """
    UTF-8 bytes, then byte 0, which no text holds.
    """
    assert [*"né".encode(), 0] == content(made(tmp_path, "né"))


def test_documents_of_jsonl_are_kept_apart(tmp_path):
    """
    One object a line, its text under the field that was named.
    """
    path = tmp_path / "text.jsonl"
    path.write_text('{"body": "ab"}\n\n{"body": "c"}\n')

    file = tokenised(Text(files=(path,), field="body"), "bytes", tmp_path / "tokens")

    assert [97, 98, 0, 99, 0] == content(file)


def test_compressed_jsonl_reads_alike(tmp_path):
    """
    A .jsonl.gz holds the same documents.
    """
    path = tmp_path / "text.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write('{"text": "ab"}\n')

    assert [97, 98, 0] == content(tokenised(Text(files=(path,)), "bytes", tmp_path / "tokens"))


@pytest.mark.parametrize("ending", ["parquet", "jsonl.zst"])
def test_other_formats_come_through_the_datasets_package(tmp_path, ending):
    """
    Parquet and zstandard are read where the extra is installed.
    """
    pytest.importorskip("datasets")
    path = tmp_path / f"text.{ending}"
    if ending == "parquet":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        pandas.DataFrame({"text": ["ab", "c"]}).to_parquet(path)
    else:
        zstandard = pytest.importorskip("zstandard")
        lines = "".join(json.dumps({"text": each}) + "\n" for each in ("ab", "c"))
        path.write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))

    file = tokenised(Text(files=(path,)), "bytes", tmp_path / "tokens")

    assert [97, 98, 0, 99, 0] == content(file)


def test_at_most_so_many_tokens_are_read(tmp_path):
    """
    The limit is exact.
    """
    file = made(tmp_path, "abcdef", most=4)

    assert (4, [97, 98, 99, 100]) == (file.count, content(file))


def test_long_texts_are_tokenised_piece_by_piece(tmp_path, monkeypatch):
    """
    Pieces break at line ends and leave nothing out.
    """
    monkeypatch.setattr(corpus, "PIECE", 10)
    text = "one line\nanother line\nthe last"

    assert [*text.encode(), 0] == content(made(tmp_path, text))


def test_a_line_without_text_is_named(tmp_path):
    """
    File, line and field stand in the message.
    """
    path = tmp_path / "text.jsonl"
    path.write_text('{"text": "ab"}\n{"body": "c"}\n')

    with pytest.raises(RunError, match=r"text.jsonl: line 2 has no text under 'text'"):
        tokenised(Text(files=(path,)), "bytes", tmp_path / "tokens")


def test_what_was_tokenised_is_not_tokenised_again(tmp_path):
    """
    The second time the folder is enough, even without the text.
    """
    first = made(tmp_path, "abc")
    path = tmp_path / "text.txt"
    path.unlink()

    assert first == tokenised(Text(files=(path,)), "bytes", tmp_path / "tokens")


def test_a_text_that_has_changed_is_refused(tmp_path):
    """
    Records of two texts must not meet under one name.
    """
    made(tmp_path, "abc")

    with pytest.raises(RunError, match=r"text.txt has changed since it was tokenised"):
        made(tmp_path, "abd")


def test_a_text_that_was_only_touched_is_the_same(tmp_path):
    """
    Another time stamp is not another text.
    """
    first = made(tmp_path, "abc")
    (tmp_path / "text.txt").touch()

    assert first == made(tmp_path, "abc")


def test_an_empty_text_is_refused(tmp_path):
    """
    There is nothing to train on.
    """
    path = tmp_path / "none.jsonl"
    path.write_text("\n")

    with pytest.raises(RunError, match="there is no text"):
        tokenised(Text(files=(path,)), "bytes", tmp_path / "tokens")


def test_a_tokenizer_that_is_none_is_refused(tmp_path):
    """
    A folder without a tokenizer cannot encode.
    """
    pytest.importorskip("transformers")

    with pytest.raises(RunError, match="cannot open the tokenizer"):
        corpus.tokenizer(str(tmp_path))


def test_code_in_a_tokenizer_folder_is_never_run(tmp_path, monkeypatch):
    """
    A folder that names code of its own is refused, and nobody is asked whether to run it.
    """
    pytest.importorskip("transformers")
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    (tmp_path / "own.py").write_text(code + "class Own: ...\n")
    settings = {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    monkeypatch.setattr("builtins.input", lambda *_: "y")

    with pytest.raises(RunError, match="cannot open the tokenizer"):
        corpus.tokenizer(str(tmp_path))

    assert not (tmp_path / "ran").exists()


def test_some_windows_can_be_had_without_a_folder(tmp_path):
    """
    Calibration of a single model writes nothing.
    """
    path = tmp_path / "text.txt"
    path.write_text("abcdef")

    assert [[97, 98], [99, 100]] == some(Text(files=(path,)), "bytes", 2, 2).tolist()


def test_too_little_text_for_calibration_is_told(tmp_path):
    """
    How many tokens there are, and how many are needed.
    """
    path = tmp_path / "text.txt"
    path.write_text("abc")

    with pytest.raises(RunError, match="4 tokens, but 2 windows of 8 need 16"):
        some(Text(files=(path,)), "bytes", 8, 2)


# -- windows and their order ---------------------------------------------------------


def test_windows_share_one_token_so_that_each_is_a_target_once(tmp_path):
    """
    The last target of a window is the first input of the next.
    """
    file = made(tmp_path, "abcdefg")  # and the zero

    assert (2, [[97, 98, 99, 100], [100, 101, 102, 103]]) == (
        file.windows(3),
        file.read([0, 1], 3).tolist(),
    )


def test_a_file_too_short_for_a_window_has_none(tmp_path):
    """
    Whole windows only.
    """
    assert 0 == TokenFile(tmp_path, 3, "").windows(3)


@given(
    windows=st.integers(1, 50),
    seed=st.integers(0, 5),
    start=st.integers(0, 200),
    parts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
def test_what_comes_next_does_not_depend_on_how_it_is_asked_for(windows, seed, start, parts):
    """
    Asked for at once or piece by piece: the same windows in the same order.
    """
    whole = upcoming(windows, seed, start, sum(parts))
    position, pieces = start, []
    for part in parts:
        pieces.append(upcoming(windows, seed, position, part))
        position += part

    np.testing.assert_array_equal(whole, np.concatenate(pieces))


@given(windows=st.integers(1, 50), seed=st.integers(0, 5), epoch=st.integers(0, 3))
def test_an_epoch_goes_through_every_window_once(windows, seed, epoch):
    """
    Nothing is left out and nothing comes twice.
    """
    found = upcoming(windows, seed, epoch * windows, windows)

    assert list(range(windows)) == sorted(found.tolist())


ORDERS = {2: "4cbbd8ca5215b8d1", 255: "de5e0f82884991f8", 70_001: "b6b9275c0c24be26"}
"""SHA-256, first digits, of the orders of so many windows with seed 1 in epoch 2, as <i8."""


def test_orders_are_those_of_every_numpy():
    """
    numpy does not promise that permutations stay; numpy 1.26.4 and 2.4.6 give these.

    Records depend on them. Should a numpy give others, pin the order in `corpus.order`.
    """
    found = {
        windows: hashlib.sha256(corpus.order(windows, 1, 2).astype("<i8").tobytes()).hexdigest()
        for windows in ORDERS
    }

    assert ORDERS == {windows: digest[:16] for windows, digest in found.items()}
    assert [4, 2, 5, 8, 7, 3, 11, 10, 0, 1, 9, 6] == corpus.order(12, 7, 3).tolist()


def test_epochs_and_seeds_have_orders_of_their_own():
    """
    Another epoch, another seed: another order.
    """
    first, second = upcoming(40, 0, 0, 40), upcoming(40, 0, 40, 40)

    assert first.tolist() != second.tolist()
    assert first.tolist() != upcoming(40, 1, 0, 40).tolist()
