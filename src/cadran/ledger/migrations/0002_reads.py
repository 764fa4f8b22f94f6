from django.db import migrations


class Migration(migrations.Migration):
    """What the back office asks of all owners at once: the journal by time."""

    dependencies = [("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE INDEX ledger_transfer_when ON ledger_transfer (at)", reverse_sql="DROP INDEX ledger_transfer_when"
        )
    ]
