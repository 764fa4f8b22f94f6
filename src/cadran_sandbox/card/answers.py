"""The provider's answers in its own form."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response


def api_error(status: int, kind: str, message: str, **more: object) -> Response:
    """An error as the API's documentation describes it: `type`, `message`, and for a refused card `code` and `decline_code`."""
    return JSONResponse({"error": {"type": kind, "message": message, **more}}, status_code=status)
