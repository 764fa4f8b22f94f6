"""The database itself refuses to change a receipt. (Deleting stays possible: the law lets it go after ten years, and a gap is found.)"""

from django.db import migrations

SQLITE = [
    """
    CREATE TRIGGER invoicing_receipt_stays BEFORE UPDATE ON invoicing_receipt
    BEGIN SELECT RAISE(ABORT, 'a receipt is written once'); END;
    """
]
POSTGRESQL = [
    """
    CREATE FUNCTION invoicing_receipt_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a receipt is written once'; END $$;
    """,
    """
    CREATE TRIGGER invoicing_receipt_stays BEFORE UPDATE ON invoicing_receipt
    FOR EACH ROW EXECUTE FUNCTION invoicing_receipt_stays();
    """,
]


def add(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    on = "" if schema_editor.connection.vendor == "sqlite" else " ON invoicing_receipt"
    schema_editor.execute(f"DROP TRIGGER invoicing_receipt_stays{on}")
    if on:
        schema_editor.execute("DROP FUNCTION invoicing_receipt_stays()")


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
