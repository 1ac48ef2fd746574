"""Small files that would be large tables are refused before memory is taken for them."""

import gzip
import json
import tracemalloc

import pandas as pd
import pytest

from p2law.errors import RecordError
from p2law.files import lines, textfiles
from p2law.records import load
from tests.hostile.running import outcome


def _packed(path, head, piece, count):
    """Write a text of many equal pieces, packed if its name says so."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as text:
        text.write(head)
        text.writelines(piece for _ in range(count))


def _peak(work):
    """The most memory that work took at once, in MB, of what Python and numpy ask for."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.jsonl.gz"])
@pytest.mark.parametrize("head", ["", "loss,tokens\n2.5,1e6\n"], ids=["first", "later"])
def test_a_line_of_many_megabytes_is_refused_before_it_is_read(tmp_path, name, head):
    """
    A small packed file may hold a line of gigabytes; no more of it is taken than a record needs.
    """
    path = tmp_path / name
    if "jsonl" in name and head:
        head = '{"loss": 2.5}\n'
    _packed(path, head, "0" * 1_000_000, 150)

    def refused():
        with pytest.raises(RecordError, match=r"has a line of more than 10,000,000 characters"):
            load(path)

    assert _peak(refused) < 100


def test_lines_of_any_end_may_follow_each_other_beyond_the_limit(tmp_path, monkeypatch):
    """
    The limit is one of a line, not of a file, whatever ends the lines.
    """
    monkeypatch.setattr(lines, "LONGEST", 40)
    for k, end in enumerate(("\n", "\r\n", "\r")):
        text = end.join(["loss,note", *["2.5," + "x" * 30] * 50, "2.5," + "y" * 36])
        path = tmp_path / f"{k}.csv"
        path.write_bytes(text.encode())

        assert 51 == len(load(path))

        path.write_bytes((text + "y").encode())
        with pytest.raises(RecordError, match=r"more than 40 characters"):
            load(path)


def test_jsonl_whose_lines_share_no_columns_is_refused_before_it_is_a_table(tmp_path):
    """
    Half a megabyte of lines with a name of their own each would be a table of gigabytes.
    """
    path = tmp_path / "x.jsonl"
    rows = [json.dumps({f"c{k}": 1, "loss": 2.5}) for k in range(20_000)]

    def refused(rows, said):
        path.write_text("\n".join(rows))
        with pytest.raises(RecordError, match=said):
            load(path)

    assert _peak(lambda: refused(rows, "10,001 columns; keep those that matter")) < 50
    assert _peak(lambda: refused(rows[:9_000], "hold 18,000 of 81,009,000 values")) < 50


def test_a_csv_of_many_columns_with_short_lines_is_refused_before_it_is_a_table(tmp_path):
    """
    A short line under a long header would be filled up in memory.
    """
    path = tmp_path / "x.csv"
    path.write_text(",".join(f"c{k}" for k in range(5_000)) + "\n1" * 10_000)

    def refused():
        with pytest.raises(RecordError, match="line 2 has 1 cell, but the header has 5000"):
            load(path)

    assert _peak(refused) < 50


def test_parquet_of_too_many_columns_is_refused_by_its_header(tmp_path, monkeypatch):
    """
    The names are in the file's footer; nothing else of it need be read.
    """
    pd.DataFrame({f"c{k}": [1.0] for k in range(10_001)}).to_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(pd, "read_parquet", None)

    with pytest.raises(RecordError, match=r"x\.parquet: 10,001 columns; keep those that matter"):
        load(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    "raised",
    [
        MemoryError("Unable to allocate 3 GiB"),
        pytest.importorskip("pyarrow").lib.ArrowMemoryError("realloc of size 4194304 failed"),
        pd.errors.ParserError("Error tokenizing data. C error: out of memory"),
    ],
    ids=["numpy", "pyarrow", "pandas"],
)
def test_want_of_memory_is_no_fault_of_the_file(tmp_path, monkeypatch, raised):
    """
    The same file can be read on a larger machine, so it is not refused as damaged.
    """

    def read(*_, **__):
        raise raised

    path, table = tmp_path / "x.parquet", pd.DataFrame({"loss": [2.5]})
    table.to_parquet(path)
    monkeypatch.setattr(pd, "read_parquet", read)
    with pytest.raises(MemoryError):
        load(path)

    path = tmp_path / "x.csv"
    table.to_csv(path, index=False)
    monkeypatch.setattr(pd, "read_csv", read)

    with pytest.raises(MemoryError):
        load(path)


@pytest.mark.parametrize("told", ["as it is", "as the cause", "on the way"])
def test_the_search_for_hostile_input_sees_want_of_memory(told):
    """
    A refusal whose cause is that memory ran out is none.
    """

    def lacking():
        raise MemoryError("Unable to allocate 3 GiB")

    def work(_):
        try:
            lacking()
        except MemoryError as error:
            if told == "as it is":
                raise
            if told == "as the cause":
                raise RecordError("this table cannot be read") from error
            raise RecordError("this table cannot be read")  # noqa: B904 - that is looked for

    assert "unexplained" == outcome(work)[0]


def test_a_small_text_takes_no_memory_for_the_largest(tmp_path):
    """
    Of a file so much is asked for as it has, not as it may have.
    """
    (tmp_path / "x.txt").write_text("loss")

    assert _peak(lambda: textfiles.text_of(tmp_path / "x.txt", 2**30)) < 10
