"""Calls to access numbers: who calls, what the menu asks of accounts and prices, the call that carries both legs."""
