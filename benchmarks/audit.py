"""Known vulnerabilities of what p2law needs, by pip-audit, and what could not be asked about.

Where the service of PyPI cannot be reached, every package is said to be skipped, and that is kept:
silence is no clean bill. Exit code 1 where something is known, or pip-audit gives no answer at all.
`bash .ci/supply` does the same for an environment of its own.

    python benchmarks/audit.py [--save FILE]
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import keeping
from licences import listed
from options import parser_of

CLEAN, SKIPPED = "none known", "could not be asked about here"


def outcome(pins: list[str]) -> list[dict[str, str]]:
    """A row for each package: its known vulnerabilities, or why it was skipped."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "needed.txt"
        file.write_text("\n".join(pins) + "\n", encoding="utf-8")
        options = ["--disable-pip", "--no-deps", "-r", str(file), "-f", "json"]
        command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        raise SystemExit(
            f"pip-audit gave no answer, so nothing is kept: {last[:200]}; it is there after "
            f"`pip install pip-audit`"
        ) from None
    return [{"package": each["name"], "outcome": _said(each)} for each in told]


def _said(about: dict[str, object]) -> str:
    if "skip_reason" in about:
        return SKIPPED
    vulns = about["vulns"]
    known = ", ".join(each["id"] for each in vulns) if isinstance(vulns, list) else ""
    return known or CLEAN


def main() -> None:
    """Ask, tell, keep."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    rows, _ = listed()
    found = outcome([f"{each['package']}=={str(each['version']).split('+')[0]}" for each in rows])
    asked = [each for each in found if each["outcome"] == CLEAN]
    silent = [each for each in found if each["outcome"] == SKIPPED]
    known = [each for each in found if each not in asked and each not in silent]
    reached = "reached" if asked or known else "could not be reached here"
    summary = {
        "service": reached,
        "none known": len(asked),
        "known": len(known),
        "not asked about": len(silent),
    }
    print(json.dumps(summary), *(f"{each['package']}: {each['outcome']}" for each in known))
    if options.save:
        keeping.keep(options.save, {"summary": [summary], "packages": found}, ("pip-audit",))
    if known:
        sys.exit(1)


if __name__ == "__main__":
    main()
