"""Reads the schemas of the money's rooms, for their migrations."""

from cadran.units.schema import statements

__all__ = ["statements"]
