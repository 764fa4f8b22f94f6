"""Why a run could not be made."""

from __future__ import annotations

from cadran.units import errors


class ChaosFailed(errors.CadranError):
    """The run could not be set up, or a process did not come back."""

    error_id = "chaos-failed"
