"""The built-in laws, one a file.

Attributes
----------
builtin : tuple of Form
    All of them, the core law first.
"""

from p2law.forms.chinchilla import chinchilla
from p2law.forms.compression import compression
from p2law.forms.p2 import p2
from p2law.forms.p2_no_delta import p2_no_delta
from p2law.forms.p2_rectified import p2_rectified
from p2law.forms.repeated_data import repeated_data
from p2law.forms.retention import retention
from p2law.forms.sparse_pretraining import sparse_pretraining
from p2law.forms.token_power import token_power

builtin = (
    p2,
    p2_no_delta,
    p2_rectified,
    token_power,
    chinchilla,
    sparse_pretraining,
    compression,
    retention,
    repeated_data,
)

__all__ = [
    "builtin",
    "chinchilla",
    "compression",
    "p2",
    "p2_no_delta",
    "p2_rectified",
    "repeated_data",
    "retention",
    "sparse_pretraining",
    "token_power",
]
