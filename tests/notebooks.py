"""What tests of several folders do with the notebooks of examples/."""

import json


def cells(path, kind="code"):
    """The source of each cell of a kind."""
    book = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(each["source"]) for each in book["cells"] if each["cell_type"] == kind]


def last_name(source):
    """The name with which a cell ends, of what it shows; empty where it ends with anything else."""
    last = source.strip().split("\n")[-1]
    return last if last.isidentifier() else ""


def run_through(path):
    """Cell by cell in one session; what a cell ends with can be shown as text and as HTML."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    scope = {"__name__": "notebook"}
    for number, source in enumerate(cells(path)):
        exec(compile(source, f"{path.name}[{number}]", "exec"), scope)  # noqa: S102 - the point
        if name := last_name(source):
            assert repr(scope[name])
            assert scope[name]._repr_html_().startswith("<")
        plt.close("all")
    return scope
