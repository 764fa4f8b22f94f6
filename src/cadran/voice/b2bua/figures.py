"""Prometheus figures of the SIP process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CALLS = Gauge("cadran_voice_calls_in_progress", "Calls in progress", multiprocess_mode="livesum")
STARTED = Counter("cadran_voice_calls_started_total", "Calls whose caller is known", ["direction"])
ANSWERED = Counter("cadran_voice_calls_answered_total", "Calls answered")
REFUSED = Counter("cadran_voice_calls_refused_total", "Calls refused, by final SIP code", ["code"])
ENDED = Counter("cadran_voice_calls_ended_total", "Answered calls that ended, by who or what ended them", ["by"])
WATCHDOG = Counter("cadran_voice_watchdog_firings_total", "Legs that did not answer their BYE in time", ["leg"])
LAG = Gauge("cadran_voice_loop_lag_seconds", "How late the SIP loop is", multiprocess_mode="livemax")
ADMISSION = Counter("cadran_voice_admission_refusals_total", "New requests turned away at overload", ["method", "how"])
DROPPED = Counter("cadran_voice_datagrams_dropped_total", "Datagrams dropped unread", ["why"])
ERRORS = Counter("cadran_voice_stack_errors_total", "Errors contained at the edge of the SIP stack", ["where"])
REGISTRATIONS = Gauge("cadran_voice_registrations", "Devices registered", multiprocess_mode="livesum")
REGISTERS = Counter("cadran_voice_registers_total", "REGISTER requests by final code", ["code"])
DIGEST = Counter("cadran_voice_digest_total", "Digest verdicts", ["verdict"])
SETTLEMENTS = Gauge("cadran_voice_settlements_waiting", "Settlements not yet acknowledged", multiprocess_mode="livesum")
