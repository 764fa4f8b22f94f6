"""Calls that Cadran places itself: a callback that connects a customer with its correspondent, and a code spoken into a telephone."""
