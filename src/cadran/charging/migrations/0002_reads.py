from django.db import migrations

from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """What the back office asks of all accounts at once: by time, by id, by number called. Ids and times grow, so that these
    indexes are appended to; only the number's is written here and there."""

    dependencies = [("charging", "0001_initial")]
    operations = [
        SqlByDatabase(
            [
                "CREATE INDEX charging_cdr_when ON charging_cdr (ended_at)",
                "CREATE INDEX charging_cdr_id ON charging_cdr (cdr_id)",
                "CREATE INDEX charging_cdr_destination ON charging_cdr (destination, ended_at)",
                "CREATE INDEX charging_cdr_call ON charging_cdr (call_id) WHERE call_id <> ''",
            ]
        )
    ]
