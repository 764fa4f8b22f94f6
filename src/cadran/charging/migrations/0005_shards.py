from pathlib import Path

from django.db import migrations

from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """How many processes share the accounts, where the database lets several write."""

    dependencies = [("charging", "0004_family")]
    operations = [SqlByDatabase([], Path(__file__).with_name("0005_postgresql.sql").read_text("utf-8"))]
