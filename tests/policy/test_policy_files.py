"""Files of terms: each error is told with its file and line, all of them at once, and nothing half right is used."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoiling import appended, replaced

from cadran.policy import files, queries
from cadran.policy.sections import MAX_BYTES, PolicyError
from cadran.policy.terms import UnknownValue


def test_a_right_folder_loads_with_values_units_clauses_and_places(load):
    read = load()
    value = read.terms["2020-01"].value("credit.validity_days")
    assert (value.content, value.unit, value.clause) == (180, "day", "IPP-9.2-180-days")
    assert value.source == "brands/acme/terms/2020-01.toml:7"
    assert read.terms["2020-01"].effective_from == date(2020, 1, 1)
    assert (read.brand.terms, read.brand.language, read.brand.versions) == ("acme/2020-01", "fr", ("2020-01",))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('clause = "IPP-9.2-180-days"', 'clause = "IPP-9.9"', 10, "unknown clause 'IPP-9.9'"),
        ('unit = "day"\n', "", 7, "unit is missing in [credit.validity_days]"),
        ('unit = "day"', 'unit = "fortnight"', 8, "unknown unit 'fortnight'"),
        ('unit = "day"', 'unit = "second"', 8, "a name that ends in _days is in day, not second"),
        ('unit = "day"', "unit = 3", 9, "unit must be a text, not 3"),
        ("value = 180", 'value = "180"', 8, "a value in day is made of whole numbers, not '180'"),
        ("value = 180", "value = -1", 8, "a value in day cannot be negative"),
        ('value = 180\nunit = "day"', 'value = "Mars"\nunit = "zone"', 8, "'Mars' is no time zone"),
        ("value = 180", "value = 180.5", 8, "a value is never a float"),
        ("value = 180", "value = 2020-01-01", 8, "value must be a text, a whole number"),
        ("value = 180", "value = [1, 'a']", 8, "value must be a text, a whole number"),
        ("value = 180", "value = [[1]]", 8, "value must be a text, a whole number"),
        ("value = 180", "value = true", 8, "a value in day is made of whole numbers, not True"),
        ("value = 180", "value = 99999999999999999999", 8, "value must be a text, a whole number"),
        ("value = 180\n", "", 7, "value is missing"),
        ("value = 180", "value = 180\ncolour = 1", 9, "unknown key 'colour'"),
        ("value = 180", "value = 180\nvalue = 181", 9, "is not TOML here: Cannot overwrite a value"),
        ("value = 180", "value = ", 8, "is not TOML here"),
        ("value = 180", "value = " + "[" * 5000, 8, "is not TOML here"),
        ("value = 180", "value = " + "9" * 5000, 8, "is not TOML here"),
        ("[credit.validity_days]", "[Credit.Validity_days]", 7, "the name 'Credit.Validity_days' must be"),
        ("[credit.validity_days]", "[[credit.validity_days]]", 7, "must be [credit.validity_days]"),
        ("effective_from = 2020-01-01", 'effective_from = "soon"', 5, "effective_from must be a date"),
        ("effective_from = 2020-01-01", "effective_from = 2020-02-30", 5, "is not TOML here"),
        ("effective_from = 2020-01-01", "effective_from = 2020-01-01T00:00:00Z", 5, "effective_from"),
        ("effective_from = 2020-01-01\n", "", 1, "effective_from is missing"),
        ('brand = "acme"', 'brand = "other"', 2, "brand must be the folder's name"),
        ('version = "2020-01"', 'version = "2021-01"', 3, "version must be the file's name"),
        ('title = "Terms"', 'title = " "', 4, "title is empty"),
        ("[terms]", "[term]", 1, "[terms] is missing"),
        ("[terms]", "stray = 1\n[terms]", 1, "'stray' stands before any header"),
    ],
)
def test_each_error_of_a_terms_file_names_its_file_and_line(folder, complaints, old, new, line, message):
    replaced(folder / "terms" / "2020-01.toml", old, new)
    told = complaints()
    assert any(text.startswith(f"brands/acme/terms/2020-01.toml:{line}: ") and message in text for text in told), told


def test_a_name_that_stands_twice_is_told_with_both_lines(folder, complaints):
    appended(
        folder / "terms" / "2020-01.toml",
        '[credit.validity_days]\nvalue = 1\nunit = "day"\nclause = "IPP-9.2-180-days"\n',
    )
    assert complaints() == ["brands/acme/terms/2020-01.toml:11: [credit.validity_days] stands twice: first at line 7"]


def test_all_errors_of_all_files_are_told_at_once(folder, complaints):
    replaced(folder / "terms" / "2020-01.toml", "value = 180", "value = ")
    appended(folder / "terms" / "2020-01.toml", '[a.b]\nvalue = 1\n\n[c.d]\nvalue = 1\nunit = "day"\nclause = "X"\n')
    replaced(folder / "brand.toml", 'country = "FR"', 'country = "France"')
    (folder / "terms" / "notes.txt").write_text("x")
    told = complaints()
    assert [text.split(": ")[0] for text in told] == [
        "brands/acme/brand.toml:5",
        "brands/acme/terms/2020-01.toml:8",
        "brands/acme/terms/2020-01.toml:11",
        "brands/acme/terms/2020-01.toml:11",
        "brands/acme/terms/2020-01.toml:17",
        "brands/acme/terms/notes.txt:1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('key = "acme"', 'key = "other"', 2, "key must be the folder's name"),
        ('currency = "EUR"', 'currency = "euro"', 6, "three capital letters"),
        ('zone = "Europe/Paris"', 'zone = "Paris"', 7, "IANA name"),
        ('zone = "Europe/Paris"', 'zone = "../../etc/passwd"', 7, "IANA name"),
        ('languages = ["fr", "en"]', "languages = []", 8, "at least one"),
        ('languages = ["fr", "en"]', "languages = [1]", 8, "a list of texts"),
        ('default_terms = "2020-01"', 'default_terms = "2019-01"', 9, "names no file of terms/"),
        ('primary = "#000000"', 'primary = "black"', 18, "a colour such as"),
        ('primary = "#000000"', 'primary = "#000000;}</style>"', 18, "a colour such as"),
        ('verify = ["email"]', 'verify = ["post"]', 25, "unknown 'post'"),
        ("minimum_age = 18", 'minimum_age = "18"', 26, "minimum_age must be a whole number"),
        ("[summary]", "[resume]", 13, "unknown section [resume]"),
        ("[emergency]\n", "", 1, "[emergency] is missing"),
    ],
)
def test_each_error_of_a_brand_file_names_its_line(folder, complaints, old, new, line, message):
    replaced(folder / "brand.toml", old, new)
    told = complaints()
    assert any(text.startswith(f"brands/acme/brand.toml:{line}: ") and message in text for text in told), told


def test_a_file_that_is_not_utf8_is_told_with_the_line_of_the_wrong_byte(folder, complaints):
    (folder / "terms" / "2020-01.toml").write_bytes(b'[terms]\n# \xe9t\xe9\nbrand = "acme"\n')
    assert "brands/acme/terms/2020-01.toml:2: is not UTF-8 text: save it with that encoding" in complaints()


def test_an_oversized_file_is_refused_without_being_read(folder, complaints):
    (folder / "terms" / "2020-01.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    assert any("is larger than" in text for text in complaints())


def test_an_empty_or_missing_text_is_refused_since_customers_accept_it(folder, complaints):
    text = folder / "terms" / "2020-01.fr.md"
    text.write_text(" \n")
    assert complaints() == ["brands/acme/terms/2020-01.fr.md:1: is empty: customers accept this text"]
    text.unlink()
    assert complaints() == [
        "brands/acme/terms/2020-01.toml:1: its text in the official language is missing: 2020-01.fr.md"
    ]


def test_two_versions_from_one_day_are_refused(folder, complaints):
    for suffix in ("toml", "fr.md"):
        text = (folder / "terms" / f"2020-01.{suffix}").read_text()
        (folder / "terms" / f"2020-01b.{suffix}").write_text(text.replace('"2020-01"', '"2020-01b"'))
    assert complaints() == [
        "brands/acme/terms/2020-01b.toml:1: takes effect on 2020-01-01, as 2020-01 does: one version at each instant"
    ]


def test_the_hash_of_a_text_is_the_sha256_of_its_bytes(folder, load):
    expected = hashlib.sha256(b"# Conditions\n").hexdigest()
    assert load().terms["2020-01"].sha256 == {"fr": expected}
    (folder / "terms" / "2020-01.en.md").write_text("# Terms\n")
    assert load().terms["2020-01"].sha256["en"] == hashlib.sha256(b"# Terms\n").hexdigest()


@pytest.mark.parametrize("name", ["brand.toml", "terms/2020-01.toml", "terms/2020-01.fr.md"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8"))))
def test_whatever_bytes_a_file_holds_loading_ends_well_or_with_its_errors(folder, load, name, raw):
    path = folder / name
    right = path.read_bytes()
    path.write_bytes(raw)
    try:
        load()
        faults = ()
    except PolicyError as error:
        faults = error.faults
    finally:
        path.write_bytes(right)
    assert all(fault.line >= 1 and fault.file.startswith("brands/acme/") for fault in faults)


def test_a_terms_value_of_another_kind_is_refused_by_name(load):
    terms = load().terms["2020-01"]
    for read in (terms.text, terms.flag, terms.texts, terms.integers):
        with pytest.raises(UnknownValue, match=r"terms/2020-01\.toml:7"):
            read("credit.validity_days")
    with pytest.raises(UnknownValue):
        terms.integer("credit.nothing")


def test_the_shipped_files_of_policy_are_right():
    queries.check()
    assert [brand.key for brand in queries.brands()] == ["ippi", "izikall", "kavkom", "kryptoow"]
    assert len(queries.clauses()) == 145


@pytest.mark.parametrize(
    "ref", ["", "ippi", "ippi/", "ippi/2017-01", "../etc/passwd", "ippi/../../x", "IPPI/2018-04", "\x00/1"]
)
def test_a_reference_that_names_no_version_is_refused_by_name(ref):
    with pytest.raises(queries.UnknownTerms):
        queries.terms(ref)


class TestInForce:
    """By date: the newest version that took effect by that day in the brand's zone."""

    @pytest.fixture(autouse=True)
    def two_versions(self, folder, settings):
        settings.BRANDS = folder.parent
        for suffix in ("toml", "fr.md"):
            text = (folder / "terms" / f"2020-01.{suffix}").read_text()
            text = text.replace('"2020-01"', '"2020-07"').replace("2020-01-01", "2020-07-01").replace("= 180", "= 90")
            (folder / "terms" / f"2020-07.{suffix}").write_text(text)

    @pytest.mark.parametrize(
        ("at", "version"),
        [
            (datetime(2019, 12, 31, 23, 0, 0, tzinfo=UTC), "2020-01"),
            (datetime(2020, 6, 30, 21, 59, 59, tzinfo=UTC), "2020-01"),
            (datetime(2020, 6, 30, 22, 0, 0, tzinfo=UTC), "2020-07"),
            (datetime(2030, 1, 1, tzinfo=UTC), "2020-07"),
        ],
    )
    def test_a_version_takes_effect_at_midnight_in_the_brands_zone(self, at, version):
        assert queries.terms_in_force("acme", at).version == version

    def test_before_the_first_version_none_is_in_force(self):
        with pytest.raises(queries.UnknownTerms):
            queries.terms_in_force("acme", datetime(2019, 12, 31, 22, 59, 59, tzinfo=UTC))

    def test_the_version_accepted_is_read_whatever_is_in_force(self):
        assert queries.terms("acme/2020-01").integer("credit.validity_days") == 180
        assert queries.terms("acme/2020-07").integer("credit.validity_days") == 90

    def test_a_changed_file_is_read_anew_and_a_spoilt_one_leaves_the_last_good_reading(self, folder):
        assert queries.terms("acme/2020-01").integer("credit.validity_days") == 180
        replaced(folder / "terms" / "2020-01.toml", "value = 180", "value = 1812")
        assert queries.terms("acme/2020-01").integer("credit.validity_days") == 1812
        replaced(folder / "terms" / "2020-01.toml", "value = 1812", "value = oops")
        assert queries.terms("acme/2020-01").integer("credit.validity_days") == 1812
        with pytest.raises(PolicyError, match=r"brands/acme/terms/2020-01\.toml:8"):
            queries.check()


class TestMutation:
    """CADRAN_TERMS_MUTATION, for the mutation check alone."""

    def test_it_changes_one_value(self, monkeypatch):
        monkeypatch.setenv("CADRAN_TERMS_MUTATION", "ippi/2018-04:credit.validity_days=181")
        assert queries.terms("ippi/2018-04").integer("credit.validity_days") == 181
        assert queries.terms("ippi/2018-04").text("credit.zone") == "Europe/Paris"
        monkeypatch.delenv("CADRAN_TERMS_MUTATION")
        assert queries.terms("ippi/2018-04").integer("credit.validity_days") == 180

    def test_it_changes_a_value_of_the_law(self, monkeypatch):
        monkeypatch.setenv("CADRAN_TERMS_MUTATION", "law/2014-06-14:withdrawal.days=15")
        assert queries.law("withdrawal.days", datetime(2020, 1, 1, tzinfo=UTC)).content == 15

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "ippi/2018-04:credit.validity_days",
            "ippi/2018-04:credit.validity_days={",
            "a/b:c=1.5",
            "=",
            "a/b:c.d=null",
        ],
    )
    def test_one_that_cannot_be_read_is_refused(self, text):
        with pytest.raises(files.InvalidMutation):
            files.read_mutation(text, public=False)

    @pytest.mark.parametrize("text", ["ippi/2018-04:credit.nothing=1", "ippi/2017:credit.validity_days=1"])
    def test_one_that_names_nothing_is_refused(self, monkeypatch, text):
        monkeypatch.setenv("CADRAN_TERMS_MUTATION", text)
        with pytest.raises(files.InvalidMutation):
            queries.terms("ippi/2018-04")

    def test_it_is_refused_in_public(self, monkeypatch, settings):
        settings.PUBLIC = True
        monkeypatch.setenv("CADRAN_TERMS_MUTATION", "ippi/2018-04:credit.validity_days=181")
        with pytest.raises(files.InvalidMutation):
            queries.terms("ippi/2018-04")
