from pathlib import Path

from django.db import migrations

from cadran.units.migrating import SqlByDatabase
from cadran.units.schema import statements

HERE = Path(__file__)


class Migration(migrations.Migration):
    """The same keys and checks with fewer indexes: each is a page more that every batch writes."""

    dependencies = [("charging", "0005_shards")]
    operations = [
        SqlByDatabase(
            statements(HERE.with_name("0006_sqlite.sql")), HERE.with_name("0006_postgresql.sql").read_text("utf-8")
        )
    ]
