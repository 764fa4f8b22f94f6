"""Staff, what it sees and does, and its notes. The database itself refuses to change or remove a line of the log."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQLITE = """
CREATE TRIGGER party_staffact_stays BEFORE UPDATE ON party_staffact
BEGIN SELECT RAISE(ABORT, 'the log of staff is append-only'); END;
CREATE TRIGGER party_staffact_kept BEFORE DELETE ON party_staffact
BEGIN SELECT RAISE(ABORT, 'the log of staff is append-only'); END;
"""
POSTGRESQL = """
CREATE FUNCTION party_staffact_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log of staff is append-only'; END $$;
CREATE TRIGGER party_staffact_stays BEFORE UPDATE OR DELETE ON party_staffact
FOR EACH ROW EXECUTE FUNCTION party_staffact_stays();
"""


def keep(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in SQLITE.strip().split("END;"):
            if statement.strip():
                schema_editor.execute(statement + "END;")
    else:
        schema_editor.execute(POSTGRESQL)


def let_go(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER party_staffact_stays")
        schema_editor.execute("DROP TRIGGER party_staffact_kept")
    else:
        schema_editor.execute("DROP TRIGGER party_staffact_stays ON party_staffact")
        schema_editor.execute("DROP FUNCTION party_staffact_stays()")


class Migration(migrations.Migration):

    dependencies = [
        ('party', '0002_acceptances_stay'),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('support', 'support'), ('billing', 'billing'), ('compliance', 'compliance'), ('routing', 'routing'), ('admin', 'admin'), ('read-only', 'read-only')], max_length=16)),
                ('brands', models.JSONField(default=list)),
                ('active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='staff_member', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='StaffNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=2000)),
                ('at', models.DateTimeField()),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='staff_notes', to='party.customer')),
                ('staff', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='party.staffmember')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='StaffAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=32)),
                ('account', models.CharField(blank=True, max_length=16)),
                ('subject', models.CharField(blank=True, max_length=120)),
                ('page', models.CharField(max_length=64)),
                ('reason', models.CharField(blank=True, max_length=400)),
                ('at', models.DateTimeField()),
                ('ip', models.GenericIPAddressField(null=True)),
                ('staff', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='party.staffmember')),
            ],
            options={
                'indexes': [models.Index(fields=['account', '-id'], name='party_staffact_account'), models.Index(fields=['staff', '-id'], name='party_staffact_staff')],
            },
        ),
        migrations.RunPython(keep, let_go),
    ]
