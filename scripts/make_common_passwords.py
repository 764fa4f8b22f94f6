"""Make src/cadran/party/common_passwords.bin: the passwords that attackers try first, as sorted five-byte prefixes of SHA-256.

Sources: the list that Django ships (20,000 passwords seen in breaches, from Royce Williams' work, itself public domain), words that
French people choose and that the list lacks, and the names of this house. Each is put in its plain forms (see `passwords.plain_forms`:
small letters, look-alikes read as letters, digits and signs taken off), and enlarged by rules: backwards, doubled, two of the two
hundred most common side by side. Run: python scripts/make_common_passwords.py
"""

from __future__ import annotations

import gzip
import itertools
import sys
from pathlib import Path

import django.contrib.auth

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from cadran.party import passwords

FRENCH = """
azerty azertyuiop azertyui motdepasse motdepasses bonjour bonsoir soleil doudou loulou louloute chouchou chouchoute
coucou jetaime jtaime jeteaime bisous amour amoureux toujours monamour moncoeur mamour cheri cherie princesse marseille
olympique psg paris lyon bordeaux toulouse lille nantes rennes strasbourg france francais bretagne corsica chocolat
caramel cannelle noisette vanille fraise framboise cerise papillon coccinelle libellule dauphin cheval chevaux poney
chaton minou minette toutou chien lapin lapinou nounours maman papa mamie papy famille enfant bebe vacances voiture moto
camion maison jardin fleur rose violette marguerite tournesol etoile lune ciel nuage orage pluie neige ete hiver
printemps automne janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre lundi mardi mercredi
jeudi vendredi samedi dimanche nicolas julien thomas alexandre maxime antoine benjamin florian guillaume sebastien
christophe laurent philippe stephane frederic olivier pascal thierry patrick camille marine manon pauline charlotte
juliette clemence mathilde celine sandrine isabelle nathalie sylvie valerie veronique christine catherine tartempion
secret secrete confidentiel ordinateur internet telephone portable bienvenue nouveau changer changemoi administrateur
utilisateur invite entreprise societe telecom operateur recharge credit orange bouygues gratuit connexion identifiant
compte client service motdepasse1 azerty123
""".split()  # noqa: SIM905 - as words, they are read and mended
HOUSE = ["cadran", "ippi", "kryptoow", "izikall", "kavkom", "voip", "sipphone", "softphone"]
COMMONEST = 200


def main() -> None:
    source = Path(django.contrib.auth.__file__).with_name("common-passwords.txt.gz")
    with gzip.open(source, "rt", encoding="utf-8") as file:
        listed = [line.strip() for line in file if len(line.strip()) >= 4]
    words = [*listed, *FRENCH, *HOUSE]
    forms = {form for word in words for form in passwords.plain_forms(word.casefold())}
    forms |= {word.casefold()[::-1] for word in words}
    short = [word for word in [*listed[:COMMONEST], *FRENCH[:60], *HOUSE] if word.isalpha()]
    forms |= {first + second for first, second in itertools.product(short, repeat=2)}
    table = b"".join(sorted({passwords.digest(form) for form in forms if len(form) >= 4}))
    passwords.LIST.write_bytes(table)
    print(f"{passwords.LIST.name}: {len(table) // passwords.PREFIX_BYTES} entries, {len(table)} bytes")


if __name__ == "__main__":
    main()
