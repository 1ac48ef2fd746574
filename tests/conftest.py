"""What several test files share."""

import importlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

import p2law
from p2law import forms, testing

os.environ.setdefault("MPLBACKEND", "agg")  # no windows

settings.register_profile("p2law", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("p2law")


def pytest_addoption(parser):
    """Let golden files be written anew on purpose."""
    parser.addoption("--rewrite-golden", action="store_true", help="write golden files anew")


BILLION = 1e9
TRUTH = {
    "alpha": 0.4,
    "beta": 0.3,
    "gamma": -1.2,
    "delta": 0.2,
    "N_C": 0.3 * BILLION**0.6,
    "D_C": 0.3 * BILLION**0.5,
    "E": 0.3 * BILLION**0.2,
}


@pytest.fixture
def script(monkeypatch):
    """Imports a benchmark by its name, where the source tree is."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module


@pytest.fixture
def truth():
    """A P² law, in plain counts."""
    return dict(TRUTH)


@pytest.fixture(scope="session")
def p2_records():
    """Make P² records for given sizes, rates and noise."""

    def make(params=(0.5e9, 1.5e9, 3e9, 8e9), rates=(0.15, 0.25, 0.35, 0.5), **noise):
        table = testing.design(params, rates, np.geomspace(2e7, 1e9, 20))
        return testing.synthesize(forms.p2, TRUTH, table, **noise)

    return make


@pytest.fixture(scope="session")
def dense_records():
    """Chinchilla records of nine dense runs, noisy."""
    sizes, tokens = np.meshgrid([1e8, 1e9, 1e10], np.geomspace(1e9, 1e11, 8), indexing="ij")
    table = pd.DataFrame({"params": sizes.ravel(), "tokens": tokens.ravel()})
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    return testing.synthesize(forms.chinchilla, truth, table, noise=0.005, seed=3)


@pytest.fixture(scope="session")
def plan_fits(p2_records):
    """One P² fit for each of three methods, exponents told: width loses a little less than depth.

    What 2:4 loses is told from so noisy records that hardly anything is known of it.
    """
    held = {name: TRUTH[name] for name in ("alpha", "beta", "gamma", "delta")}

    def fitted(factor, noise, seed):
        records = p2_records(noise=noise, seed=seed)
        records["loss"] = 2.0 + factor * (records["loss"] - 2.0)
        return p2law.fit(records, forms.p2, fixed=held)

    return {
        "depth": fitted(1.0, 0.004, 1),
        "width": fitted(0.9, 0.004, 2),
        "2:4": fitted(0.9, 0.05, 3),
    }


# -- disks that are full or read-only for real, where mounting is allowed --------------------


def mounted(folder, options):
    """Mount a disk in memory on a folder, until the test is over."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    words = ["-t", "tmpfs", "-o", options, "tmpfs", folder]
    if (
        not (mount and umount)
        or subprocess.run([mount, *words], stderr=subprocess.DEVNULL, check=False).returncode
    ):
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run([umount, folder], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte."""
    yield from mounted(tmp_path / "disk", "size=1m")


@pytest.fixture
def read_only(tmp_path):
    """A folder that not even root may write to."""
    yield from mounted(tmp_path / "read-only", "ro")
