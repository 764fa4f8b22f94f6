from django.db import migrations

SQLITE = (
    "CREATE TRIGGER journeys_proposalstep_stays BEFORE UPDATE ON journeys_proposalstep "
    "BEGIN SELECT RAISE(ABORT, 'a step is append-only'); END",
    "CREATE TRIGGER journeys_proposal_says_the_same BEFORE UPDATE OF proposal_id, key, kind, brand, account, subject, amount_micros, "
    "currency, body, reason, alone, proposed_by, proposed_at, expires_at ON journeys_proposal "
    "BEGIN SELECT RAISE(ABORT, 'a proposal says the same for ever'); END",
)


def add(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in SQLITE:
            schema_editor.execute(statement)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER journeys_proposalstep_stays")
        schema_editor.execute("DROP TRIGGER journeys_proposal_says_the_same")


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_proposals")]
    operations = [migrations.RunPython(add, remove)]
