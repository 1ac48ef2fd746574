"""Which weights of one matrix become zero, and what then becomes of the others.

By magnitude, Wanda or SparseGPT; anywhere, or two in four. All arithmetic is in
float32, whatever the dtype of the weights. Equal scores go in order of row and column,
so the same weights and inputs always give the same zeros.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from p2law.collect.cuts import SPARSEGPT_BLOCK, Cut, group_zeros
from p2law.errors import PruningError

LOG = logging.getLogger("p2law.collect")

DAMPING = 0.01
"""What SparseGPT adds to the diagonal of the Hessian, as a share of its mean."""

SCORES_AT_ONCE = 2**22
"""How many scores of rows that do not compete are in memory."""

Choice = Callable[[Tensor], Tensor]
"""From scores (rows, columns) to a mask of the weights that become zero."""


# -- which weights go ----------------------------------------------------------------


def two_in_four(scores: Tensor) -> Tensor:
    """The two lowest of every four neighbours in a row.

    Parameters
    ----------
    scores : Tensor, (rows, columns)
        The columns divide into fours.

    Returns
    -------
    Tensor of bool, (rows, columns)
    """
    four = scores.reshape(len(scores), -1, 4).unbind(2)
    low = []
    for place, one in enumerate(four):
        lower = [other < one for other in four[place + 1 :]]
        lower += [other <= one for other in four[:place]]  # of equals the first goes
        low.append(torch.stack(lower).sum(0, dtype=torch.int8) < 2)
    return torch.stack(low, 2).flatten(1)


def lowest_of_each_row(scores: Tensor, count: int) -> Tensor:
    """The `count` lowest of every row.

    Parameters
    ----------
    scores : Tensor, (rows, columns)
    count : int

    Returns
    -------
    Tensor of bool, (rows, columns)
    """
    mask = torch.zeros_like(scores, dtype=torch.bool)
    if not count:
        return mask
    last = scores.kthvalue(count, dim=1, keepdim=True).values
    below, equal = scores < last, scores == last
    wanted = count - below.sum(1, keepdim=True)
    if bool((equal.sum(1, keepdim=True) == wanted).all()):
        return below | equal
    return below | (equal & (equal.cumsum(1) <= wanted))


def lowest_of_all(scores: Tensor, count: int) -> Tensor:
    """The `count` lowest of the whole matrix.

    Parameters
    ----------
    scores : Tensor, (rows, columns)
    count : int

    Returns
    -------
    Tensor of bool, (rows, columns)
    """
    return lowest_of_each_row(scores.reshape(1, -1), count).reshape(scores.shape)


def chooser(cut: Cut) -> Choice:
    """How a cut's zeros are chosen among weights that are compared with each other.

    Parameters
    ----------
    cut : Cut
        Of method ``"2:4"`` or ``"unstructured"``.

    Returns
    -------
    callable from scores to a mask
    """
    if cut.method == "2:4":
        return two_in_four
    group = functools.partial(group_zeros, rate=cut.rate, criterion=cut.criterion)
    if cut.criterion == "wanda":
        return lambda scores: lowest_of_each_row(scores, group(scores.shape[1]))
    return lambda scores: lowest_of_all(scores, group(scores.numel()))


# -- one matrix ----------------------------------------------------------------------


def magnitude(weight: Tensor, choose: Choice) -> Tensor:
    """Drop the weights that are smallest.

    Parameters
    ----------
    weight : Tensor, (outputs, inputs)
    choose : callable

    Returns
    -------
    Tensor
        Pruned, in the dtype of `weight`.
    """
    out = weight.clone()
    for part in _rows(out) if choose is two_in_four else [out]:
        part.masked_fill_(choose(part.abs()), 0.0)
    return out


def wanda(weight: Tensor, squares: Tensor, choose: Choice) -> Tensor:
    """Drop the weights that contribute least: magnitude times length of the input.

    Sun et al. 2023, "A simple and effective pruning approach for large language models".

    Parameters
    ----------
    weight : Tensor, (outputs, inputs)
    squares : Tensor, (inputs,)
        Mean square of each input.
    choose : callable

    Returns
    -------
    Tensor
        Pruned, in the dtype of `weight`.
    """
    lengths = squares.to(weight.device, torch.float32).sqrt()
    out = weight.clone()
    for part in _rows(out):
        part.masked_fill_(choose(part.float().abs() * lengths), 0.0)
    return out


def _rows(weight: Tensor) -> list[Tensor]:
    """Views of some rows each: rows do not compete, and so their scores take less memory."""
    count = max(1, SCORES_AT_ONCE // weight.shape[1])
    return [weight[first : first + count] for first in range(0, len(weight), count)]


@dataclass(frozen=True)
class Curvature:
    """How the error of a linear map grows with changes of its weights.

    Attributes
    ----------
    factor : Tensor, (inputs, inputs)
        Upper Cholesky factor of the inverse of the damped Hessian.
    scale : Tensor, (inputs,)
        Its diagonal; infinite for inputs that are always zero, so that their
        weights count as worthless.
    """

    factor: Tensor
    scale: Tensor


def curvature(gram: Tensor, where: str = "") -> Curvature:
    """Invert the Hessian of a linear map.

    Parameters
    ----------
    gram : Tensor of float32, (inputs, inputs)
        What a `Gram` has seen: the Hessian, up to a factor; changed.
    where : str
        Which map, for messages.

    Returns
    -------
    Curvature

    Raises
    ------
    PruningError
        The Hessian cannot be inverted even with a thousand times the usual damping.
    """
    diagonal = gram.diagonal()  # a view: what is written to it is written to the Hessian
    dead = diagonal == 0
    diagonal.masked_fill_(dead, 1.0)
    damping = DAMPING * float(diagonal.mean())
    for tenfold in range(4):
        diagonal += damping * (9 * 10 ** (tenfold - 1) if tenfold else 1)
        factor = _inverse_factor(gram)
        if factor is not None:
            return Curvature(factor, factor.diagonal().masked_fill(dead, torch.inf))
        LOG.warning("%s: the Hessian is not positive definite; damped ten times more", where)
    raise PruningError(
        f"{where}: the Hessian of the calibration inputs cannot be inverted; calibrate on more "
        f"tokens, or prune by 'wanda'"
    )


def _inverse_factor(hessian: Tensor) -> Tensor | None:
    """Upper Cholesky factor of the inverse, unless rounding is in the way."""
    root, failed = torch.linalg.cholesky_ex(hessian)
    if failed:
        return None
    inverse = torch.cholesky_inverse(root)
    del root  # as large as the Hessian
    factor, failed = torch.linalg.cholesky_ex(inverse, upper=True)
    return None if failed else factor


def sparsegpt(weight: Tensor, curve: Curvature, choose: Choice) -> Tensor:
    """Drop weights and change those to their right so that the outputs change least.

    Frantar and Alistarh 2023, "SparseGPT". For two-in-four the mask of four columns
    is chosen when the first of them is reached, for the rest that of a whole block.

    Parameters
    ----------
    weight : Tensor, (outputs, inputs)
    curve : Curvature
    choose : callable

    Returns
    -------
    Tensor
        Pruned, in the dtype of `weight`.
    """
    left = weight.to(torch.float32, copy=True)
    step = 4 if choose is two_in_four else SPARSEGPT_BLOCK
    for start in range(0, left.shape[1], SPARSEGPT_BLOCK):
        here = slice(start, min(start + SPARSEGPT_BLOCK, left.shape[1]))
        part = Curvature(curve.factor[here, here], curve.scale[here])
        block = left[:, here].T.contiguous()  # a column at a time is read and written
        errors = _sweep(block, part, choose, step)
        left[:, here] = block.T
        left[:, here.stop :].addmm_(errors.T, curve.factor[here, here.stop :], alpha=-1)
    return left.to(weight.dtype)


def _sweep(block: Tensor, curve: Curvature, choose: Choice, step: int) -> Tensor:
    """Prune (inputs, outputs) in place, input by input; the errors that this leaves."""
    errors = torch.zeros_like(block)
    for first in range(0, len(block), step):
        these = slice(first, first + step)
        gone = choose(block[these].T ** 2 / curve.scale[these] ** 2).T
        for column, drop in enumerate(gone, start=first):
            row = curve.factor[column, column:]
            errors[column] = block[column].where(drop, 0.0) / row[0]
            block[column:].sub_(torch.outer(row, errors[column]))
            block[column].masked_fill_(drop, 0.0)
    return errors
