"""Calls: call logic, the SIP plane, media, the terminal phone."""
