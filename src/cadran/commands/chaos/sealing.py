"""`python -m cadran.commands.chaos.sealing EVERY_S`: seals what charging put on record, as the jobs process does, until it is killed.

EVERY_S of 0: seal all that is there, once.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from cadran.commands import main


def seal(every_s: float) -> None:
    """Seal again and again; with 0 until nothing is left."""
    import django.db
    import psycopg

    from cadran.policy.proof import operations

    while True:
        try:
            count = operations.seal(at=datetime.now(UTC))
        except (django.db.Error, psycopg.Error):  # the database was killed as well
            count = 1
            django.db.connections.close_all()
        if not every_s and not count:
            return
        time.sleep(every_s)


if __name__ == "__main__":
    main.django_ready()
    seal(float(sys.argv[1]))
