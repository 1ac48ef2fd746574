"""The columns that laws share, each with its domain, symbol and unit."""

from typing import Annotated

from p2law.declaring import Array, Domain

Params = Annotated[Array, Domain("> 0", symbol="N0", unit="param")]
Tokens = Annotated[Array, Domain("> 0", symbol="D", unit="token")]
TokensFromZero = Annotated[Array, Domain(">= 0", symbol="D", unit="token")]
PruningRate = Annotated[Array, Domain("(0, 1)", symbol="rho")]
BaseLoss = Annotated[Array, Domain("> 0", symbol="L0", unit="nat")]
DenseParams = Annotated[Array, Domain("> 0", symbol="N", unit="param")]
