
import django.db.models.deletion
from django.db import migrations, models


def find_those_there(apps, schema_editor):
    """The words of the customers that are there already."""
    from cadran.party.staff import words

    Customer, Word = apps.get_model("party", "Customer"), apps.get_model("party", "CustomerWord")
    batch = []
    for row in Customer.objects.only("pk", "first_names", "name", "company").iterator():
        batch += [Word(customer_id=row.pk, word=word) for word in words(f"{row.first_names} {row.name} {row.company}")]
        if len(batch) > 5000:
            Word.objects.bulk_create(batch)
            batch = []
    Word.objects.bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('party', '0003_staff'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomerWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('word', models.CharField(max_length=40)),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='words', to='party.customer')),
            ],
            options={
                'indexes': [models.Index(fields=['word', 'customer'], name='party_word')],
            },
        ),
        migrations.RunPython(find_those_there, migrations.RunPython.noop),
    ]
