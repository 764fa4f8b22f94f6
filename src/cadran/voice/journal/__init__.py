"""The journal of the SIP process: what it must find again after kill -9."""
