"""A sandbox carrier: the public telephone network as a SIP program of its own. `python -m cadran_sandbox.carrier --help`."""
