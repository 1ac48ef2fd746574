"""The most memory that a process ever held: Linux only."""

from pathlib import Path


def high_water() -> float:
    """Largest resident set of this process so far, in MiB (that of rusage is its parent's too)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
