from pathlib import Path

from django.db import migrations

import cadran.policy
from cadran.units.migrating import SqlByDatabase
from cadran.units.schema import statements

HERE = Path(cadran.policy.__path__[0]) / "migrations"


class Migration(migrations.Migration):
    """Evidence of the money's file: the same tables as in the house's."""

    dependencies = [("charging", "0002_reads")]
    operations = [
        SqlByDatabase(
            statements(HERE / "0002_evidence.sql"), (HERE / "0002_evidence_postgresql.sql").read_text("utf-8")
        ),
        migrations.RunSQL(
            "INSERT INTO evidence_start SELECT 'charging_cdr', coalesce(max(position), 0) FROM charging_cdr",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "INSERT INTO evidence_start SELECT 'ledger_transfer', count(*) FROM ledger_transfer WHERE kind <> 'pending'",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
