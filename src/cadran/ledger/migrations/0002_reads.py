from django.db import migrations

from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """What the back office asks of all owners at once: the journal by time."""

    dependencies = [("ledger", "0001_initial")]
    operations = [SqlByDatabase("CREATE INDEX ledger_transfer_when ON ledger_transfer (at)")]
