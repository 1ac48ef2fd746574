"""Scripts of the documentation that draw pictures, run without another Python."""

import contextlib
import importlib.util


def loaded(script):
    """A script, as a module."""
    found = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def drawn(script, picture):
    """Let a script draw into another file, and leave matplotlib and the folder as they were."""
    from matplotlib import pyplot as plt

    made, backend = loaded(script), plt.get_backend()
    made.PICTURE = picture
    try:
        with plt.rc_context(), contextlib.chdir(script.parents[1]):
            made.main()
    finally:
        plt.close("all")
        plt.switch_backend(backend)
