from pathlib import Path

from django.db import migrations

from cadran.ledger.schema import statements


class Migration(migrations.Migration):
    """Legs and balances are written by the process that owns the books; the database checks them."""

    dependencies = [("ledger", "0002_reads")]
    operations = [
        migrations.RunSQL(
            statements(Path(__file__).with_name("0003_unit_of_work.sql")), reverse_sql=migrations.RunSQL.noop
        )
    ]
