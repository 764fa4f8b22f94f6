from pathlib import Path

from django.db import migrations, models

from cadran.units.migrating import SqlByDatabase
from cadran.units.schema import statements

HERE = Path(__file__)


class Migration(migrations.Migration):
    """What the legs of one customer's call have in common, and how the call was set up. Records from before have neither."""

    dependencies = [("charging", "0003_evidence")]
    operations = [
        SqlByDatabase(
            statements(HERE.with_name("0004_sqlite.sql")),
            HERE.with_name("0004_postgresql.sql").read_text("utf-8"),
            state_operations=[
                migrations.AddField("Cdr", "family", models.TextField()),
                migrations.AddField("Cdr", "via", models.TextField()),
            ],
        )
    ]
