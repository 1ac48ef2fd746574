"""The built-in laws, one a file."""

from p2law.forms.chinchilla import chinchilla
from p2law.forms.p2 import p2

builtin = (p2, chinchilla)

__all__ = ["builtin", "chinchilla", "p2"]
