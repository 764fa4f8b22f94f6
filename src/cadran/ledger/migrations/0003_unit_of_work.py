from pathlib import Path

from django.db import migrations

from cadran.ledger.schema import statements
from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """Legs and balances are written by the process that owns the books; the database checks them."""

    dependencies = [("ledger", "0002_reads")]
    operations = [SqlByDatabase(statements(Path(__file__).with_name("0003_unit_of_work.sql")))]
