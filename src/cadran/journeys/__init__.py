"""Flows across rooms, and what subscribes to the rooms' events."""
