"""The call logic without input or output: digest, call state machine, bindings, admission. No sippy, no clock, no randomness."""
