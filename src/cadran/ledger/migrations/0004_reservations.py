from pathlib import Path

from django.db import migrations

from cadran.ledger.schema import statements
from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """What a reservation holds is found by the names of its transfers; PostgreSQL keeps its index, since names sort otherwise there."""

    dependencies = [("ledger", "0003_unit_of_work")]
    operations = [SqlByDatabase(statements(Path(__file__).with_name("0004_sqlite.sql")))]
