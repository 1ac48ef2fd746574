"""Disks that are full or read-only for real, where mounting is allowed."""

import shutil
import subprocess

import pytest


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
