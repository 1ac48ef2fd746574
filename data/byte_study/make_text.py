"""Build the text that the models of the byte study are trained and measured on.

The novels come from a public collection, the second evaluation text from a public
example; both are read from local clones at the commits below, and nothing else is
needed:

    git clone https://github.com/computationalstylistics/100_english_novels
    git clone https://github.com/pytorch/examples
    python data/byte_study/make_text.py 100_english_novels examples

Four files are written into data/byte_study/text. Their sha256 are checked, so that a
study made from them is the study whose records are in data/.
"""

import argparse
import hashlib
import re
import subprocess
import unicodedata
from pathlib import Path

NOVELS_COMMIT = "143e601875d70e195f2cc5ebd8b034609271194d"
WIKITEXT_COMMIT = "77f55b912142e11fcfdf5b530231fb9c52f181e8"
WIKITEXT = "word_language_model/data/wikitext-2/test.txt"

FIRST = """
Lee_Penelope_1903 Blackmore_Springhaven_1887 James_Tragic_1890 Morris_Roots_1890
Gissing_Warburton_1903 Trollope_Angel_1881 Wcollins_Basil_1852 Stevenson_Catriona_1893
Gaskell_Lovers_1863 Lytton_What_1858 Burnett_Princess_1905 Lawrence_Women_1920 Morris_Wood_1894
Hardy_Jude_1895 Lee_Brown_1884 Stevenson_Arrow_1888 Chesterton_Napoleon_1904 Lytton_Novel_1853
Lytton_Kenelm_1873 Cbronte_Villette_1853 Lawrence_Peacock_1911 Woolf_Night_1919
Braddon_Quest_1871 Eliot_Daniel_1876 Trollope_Warden_1855 Doyle_Micah_1889 Ward_Harvest_1920
Kipling_Kim_1901 Thackeray_Virginians_1859 Schreiner_Undine_1929 Ward_Milly_1881
Morris_Water_1897 Blackmore_Lorna_1869 Gaskell_Ruth_1855 Ward_Ashe_1905 Braddon_Audley_1862
Eliot_Adam_1859 James_Roderick_1875 Dickens_Bleak_1853 Wcollins_Legacy_1889 Galsworthy_Man_1906
Meredith_Marriage_1895 Lawrence_Serpent_1926 Corelli_Satan_1895 Wcollins_Woman_1860
""".split()  # noqa: SIM905 - ninety names
"""Novels that dense models are trained on, in this order."""

SECOND = """
Schreiner_Trooper_1897 Doyle_Lost_1912 Barclay_Rosary_1909 Lee_Albany_1884 Ford_Soldier_1915
Dickens_Expectations_1861 Kipling_Captains_1896 Meredith_Richmond_1871 Conrad_Nostromo_1904
Thackeray_Esmond_1852 Kipling_Light_1891 Conrad_Almayer_1895 James_Ambassadors_1903
Corelli_Innocent_1914 Haggard_She_1887 Gaskell_Wives_1865 Braddon_Phantom_1883
Gissing_Women_1893 Corelli_Romance_1886 Blackmore_Erema_1877 Chesterton_Thursday_1908
Woolf_Lighthouse_1927 Schreiner_Farm_1883 Haggard_Mines_1885 Ford_Girl_1907 Dickens_Oliver_1839
Gissing_Unclassed_1884 Haggard_Sheallan_1921 Thackeray_Pendennis_1850 Chesterton_Innocence_1911
Trollope_Phineas_1869 Ford_Post_1926 Eliot_Felix_1866 Bennet_Babylon_1902 Cbronte_Shirley_1849
Meredith_Feverel_1859 Conrad_Rover_1923 Barclay_Postern_1911 Hardy_Tess_1891
Bennet_Imperial_1930 Burnett_Lord_1886 Anon_Clara_1864 Galsworthy_Saints_1919
Barclay_Ladies_1917 Bennet_Helen_1910
""".split()  # noqa: SIM905 - ninety names
"""Novels that pruned models are post-trained on."""

HELD_OUT = [
    "Hardy_Madding_1874",
    "Doyle_Hound_1902",
    "Cbronte_Jane_1847",
    "Burnett_Garden_1911",
    "Stevenson_Treasure_1883",
]
"""Novels that no model sees; five titles of the collection with foreign rights are not used."""

PASSAGE = 8400
"""Characters at least of the passage that is taken from the middle of each held-out novel."""

PLAIN = {0xA0: " ", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"}
WIDEST = 100
"""A text whose longest line is no longer than this has its paragraphs broken into lines."""
FULL = 0.72
"""Share of the usual width beyond which a line of such a text goes on in the next."""

SHA256 = {
    "novels_first.txt": "9102872c588e8195f2a886ccdfd9e7c9a90b3b01dcf9370ddc54841ae2f6951c",
    "novels_second.txt": "085ccfba979eaf6bb067a393d74213a7a3d26773ea97479954689b7840f75f37",
    "novels_valid.txt": "f3a3b16b657abd3dc002d680749fe39481c0aadddc08468af11681c0f2f713ea",
    "wikitext2_test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
}


def show(clone: Path, commit: str, path: str) -> str:
    """A file of a commit, line ends as they are."""
    command = ["git", "-C", str(clone), "show", f"{commit}:{path}"]
    found = subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return found.stdout.decode("utf-8", errors="replace")


def paragraphs(text: str) -> list[str]:
    """One line a paragraph, plain quotes and dashes, no empty lines."""
    text = unicodedata.normalize("NFC", text).lstrip("\ufeff").translate(PLAIN)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n")]
    lengths = sorted(len(line) for line in lines if line)
    usual, broken = lengths[int(0.9 * len(lengths))], lengths[-1] <= WIDEST
    found: list[str] = []
    goes_on = False
    for line in lines:
        if line and goes_on:
            found[-1] += f" {line}"
        elif line:
            found.append(line)
        goes_on = broken and len(line) > FULL * usual
    return found


def passage(lines: list[str]) -> str:
    """Whole paragraphs from the middle of a novel."""
    half, seen, first = sum(len(line) + 1 for line in lines) - 1, 0, 0
    while seen < half // 2:
        seen, first = seen + len(lines[first]) + 1, first + 1
    last, length = first, 0
    while length < PASSAGE:
        length, last = length + len(lines[last]) + 1, last + 1
    return "\n".join(lines[first:last])


def build(novels: Path, examples: Path) -> dict[str, str]:
    """The texts by file name."""

    def novel(name: str) -> list[str]:
        return paragraphs(show(novels, NOVELS_COMMIT, f"corpus/{name}.txt"))

    whole = ["\n\n\n".join("\n".join(novel(name)) for name in half) for half in (FIRST, SECOND)]
    return {
        "novels_first.txt": whole[0],
        "novels_second.txt": f"\n{whole[1]}\n",
        "novels_valid.txt": "\n\n".join(passage(novel(name)) for name in HELD_OUT) + "\n",
        "wikitext2_test.txt": show(examples, WIKITEXT_COMMIT, WIKITEXT),
    }


def main() -> None:
    """Write the four files, or say which one is not what it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("novels", type=Path, help="clone of 100_english_novels")
    parser.add_argument("examples", type=Path, help="clone of pytorch/examples")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "text")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, text in build(asked.novels, asked.examples).items():
        content = text.encode()
        found = hashlib.sha256(content).hexdigest()
        if found != SHA256[name]:
            raise SystemExit(
                f"{name} is not the text of the study: sha256 {found}, not {SHA256[name]}"
            )
        (asked.out / name).write_bytes(content)
        print(f"{asked.out / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
