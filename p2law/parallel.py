"""One function over many tasks: here, or wherever joblib was told to take them."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from p2law.progress import steps

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def mapped(function: Callable[[Task], Answer], tasks: Sequence[Task], what: str) -> list[Answer]:
    """Call a function for each task, at once where the caller has asked joblib for that.

    ``with joblib.parallel_config(...)`` around any call of p2law is how to ask (extra
    ``parallel``). Whatever is random is drawn before, so that the answers are the same
    wherever they come from. What a task maps itself stays where the task is.

    Parameters
    ----------
    function : callable
    tasks : sequence
    what : str
        What is done to each, in a word or two.

    Returns
    -------
    list
        Answers in the order of the tasks.

    Examples
    --------
    >>> mapped(abs, [-1, 2], "sizes")
    [1, 2]
    """
    pool = _pool() if len(tasks) > 1 else None
    if pool is None:
        return [function(each) for each in steps(tasks, what)]
    done = pool(_call(function, each) for each in tasks)
    return list(steps(done, what, len(tasks)))


def _pool() -> Any:
    """What joblib was told to use, or None where nobody told it of more than one job."""
    joblib = sys.modules.get("joblib")  # nobody has told it anything before importing it
    if joblib is None or joblib.effective_n_jobs(None) == 1:
        return None
    try:
        return joblib.Parallel(return_as="generator")
    except ValueError:  # not every backend gives answers one by one, for the bar
        return joblib.Parallel()


def _call(function: Callable[[Task], Answer], task: Task) -> Any:
    """A call as joblib wants it."""
    return _alone, (function, task), {}


def _alone(function: Callable[[Task], Answer], task: Task) -> Answer:
    """Do a task without asking for help again: all jobs are taken."""
    import joblib

    with joblib.parallel_config("sequential"):
        return function(task)
