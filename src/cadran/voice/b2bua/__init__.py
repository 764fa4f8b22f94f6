"""The shell around the call logic: sippy's transactions and user agents, one process, SIP in its main thread."""
