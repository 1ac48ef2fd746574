"""Folders of sweeps as runs leave them, without running any."""

import json

from p2law.collect.place import Place
from p2law.collect.standing import remember

LINE = {"params": 1000, "eval_text": "held-out", "method": "depth", "pruning_rate": 0.25}


def lay(out, run, *losses, ending=None, failure="", **columns):
    """Lay down the folder of a run that measured these losses, one every 1,024 tokens."""
    place = Place(out, run)
    place.folder.mkdir(parents=True)
    (place.folder / "run.json").write_text("{}")
    columns = {"run": run, **LINE, **columns}
    for k, loss in enumerate(losses):
        line = {"loss": loss} if isinstance(loss, float) else {"trouble": loss}
        place.ledger.append({**columns, "tokens": 1024 * k, "base_loss": 1.0, **line})
    if ending is not None:
        (place.folder / "done.json").write_text(json.dumps({"trouble": ending}))
    if failure:
        (place.folder / "failed.json").write_text(json.dumps({"reason": failure}))
    return place


def sweep(out):
    """A sweep with a run in every state but running, and one that it no longer names."""
    names = ("old", "good", "nan", "full", "half", "none")
    remember(out, "study", dict.fromkeys(names[:2], 2048))
    remember(out, "study", dict.fromkeys(names[1:], 2_000_000))
    lay(out, "old", 2.0, 1.5, ending="")
    lay(out, "good", 2.25, 1.75, ending="")
    lay(out, "nan", 2.5, "the training loss became nan", ending="the training loss became nan")
    lay(out, "full", 2.0, failure="cannot write a checkpoint:\nNo space left on device")
    lay(out, "half", 2.0, 1.875)
    return out
