"""Cadran, an operator in a box: the contract is the program."""

__version__ = "0.1.0"
