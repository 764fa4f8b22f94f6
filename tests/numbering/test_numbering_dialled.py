"""What people dial, read to E.164 and a class: each row is a fact of a numbering plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.numbering.rules import NumberClass, UnknownCountry, UnreadableNumber, international, national, read_dialled
from cadran.units.e164 import E164
from cadran.units.errors import CadranError


@pytest.mark.parametrize(
    ("text", "country", "e164", "of_country"),
    [
        ("0142000001", "FR", "+33142000001", "FR"),
        ("01 42 00 00 01", "FR", "+33142000001", "FR"),
        ("01.42.00.00.01", "FR", "+33142000001", "FR"),
        ("01-42-00-00-01", "FR", "+33142000001", "FR"),
        ("01\u00a042\u202f00 00 01", "FR", "+33142000001", "FR"),
        ("+33 1 42 00 00 01", "FR", "+33142000001", "FR"),
        ("+33 (0)1 42 00 00 01", "FR", "+33142000001", "FR"),
        ("+330142000001", "FR", "+33142000001", "FR"),
        ("0033142000001", "FR", "+33142000001", "FR"),
        ("00 33 1 42 00 00 01", "US", "+33142000001", "FR"),
        ("011 33 1 42 00 00 01", "US", "+33142000001", "FR"),
        ("810 33 1 42 00 00 01", "RU", "+33142000001", "FR"),
        ("tel:+33142000001", "US", "+33142000001", "FR"),
        ("tel:0142000001;phone-context=+33", "US", "+33142000001", "FR"),
        ("00442079460000", "FR", "+442079460000", "GB"),
        ("020 7946 0000", "GB", "+442079460000", "GB"),
        ("(212) 555-1234", "US", "+12125551234", "US"),
        ("1 212 555 1234", "US", "+12125551234", "US"),
        ("06 1234 5678", "IT", "+390612345678", "IT"),
        ("0912345678", "FR", "+33912345678", "FR"),
        ("0590 27 12 34", "FR", "+590590271234", "GP"),
        ("0142000001", "RE", "+33142000001", "FR"),
        ("0947512345", "FR", "+590947512345", "GP"),
        ("0947612345", "FR", "+594947612345", "GF"),
        ("0947712345", "FR", "+596947712345", "MQ"),
        ("0947812345", "FR", "+262947812345", "RE"),
        ("0947912345", "FR", "+262947912345", "RE"),
        ("0508 41 23 45", "FR", "+508412345", "PM"),
    ],
)
def test_a_landline_or_non_geographic_number_is_geographic(text, country, e164, of_country):
    dialled = read_dialled(text, country)
    assert dialled.number_class is NumberClass.GEOGRAPHIC
    assert dialled.e164 == E164(e164)
    assert dialled.country == of_country
    assert dialled.text == text


@pytest.mark.parametrize(
    ("text", "country", "e164", "of_country"),
    [
        ("0612345678", "FR", "+33612345678", "FR"),
        ("0712345678", "FR", "+33712345678", "FR"),
        ("0690 12 34 56", "FR", "+590690123456", "GP"),
        ("0692123456", "GP", "+262692123456", "RE"),
        ("+34 612 345 678", "FR", "+34612345678", "ES"),
        ("07400 123456", "GB", "+447400123456", "GB"),
    ],
)
def test_a_mobile_number_is_mobile(text, country, e164, of_country):
    dialled = read_dialled(text, country)
    assert (dialled.number_class, dialled.e164, dialled.country) == (NumberClass.MOBILE, E164(e164), of_country)


@pytest.mark.clause("IPP-0-restrictions")
@pytest.mark.parametrize(
    "text", ["15", "17", "18", "112", "114", "115", "116000", "116117", "119", "191", "196", "197", "1 1 2", "+33112"]
)
def test_emergency_numbers_of_france_are_emergency(text):
    dialled = read_dialled(text, "FR")
    assert dialled.number_class is NumberClass.EMERGENCY
    assert dialled.short
    assert dialled.e164 is None


@pytest.mark.clause("IPP-0-restrictions")
@pytest.mark.parametrize(
    ("text", "country"), [("911", "US"), ("999", "GB"), ("110", "DE"), ("+44999", "FR"), ("112", "US"), ("17", "RE")]
)
def test_emergency_numbers_of_other_countries_are_emergency_there(text, country):
    assert read_dialled(text, country).number_class is NumberClass.EMERGENCY


def test_fifteen_is_no_emergency_number_in_the_united_states():
    assert read_dialled("15", "US").number_class is NumberClass.UNKNOWN


@pytest.mark.clause("IPP-0-restrictions")
@pytest.mark.parametrize(
    "text", ["+870773110000", "00881612345678", "+88299123456", "+8835110123456", "+881 6 1234 5678"]
)
def test_satellite_and_global_codes_are_satellite(text):
    assert read_dialled(text, "FR").number_class is NumberClass.SATELLITE


@pytest.mark.clause("IPP-10.1-free-on-net", "IPP-9.1-free")
@pytest.mark.parametrize("text", ["+883510012345678", "00883510012345678", "883510012345678", "883 5100 12345678"])
def test_an_inum_is_eight_digits_after_883_5100(text):
    dialled = read_dialled(text, "FR")
    assert dialled.number_class is NumberClass.INUM
    assert dialled.e164 == E164("+883510012345678")


@pytest.mark.parametrize("text", ["+88351001234567", "+8835100"])
def test_an_inum_of_another_length_is_unknown(text):
    assert read_dialled(text, "FR").number_class is NumberClass.UNKNOWN


@pytest.mark.clause("IPP-0-restrictions")
@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("0800123456", "sva-free"),
        ("0805123456", "sva-free"),
        ("0806123456", "sva-ordinary"),
        ("0809123456", "sva-ordinary"),
        ("0811123456", "sva-premium"),
        ("0820123456", "sva-premium"),
        ("0899123456", "sva-premium"),
        ("+33 899 12 34 56", "sva-premium"),
        ("3631", "sva-premium"),
        ("+333631", "sva-premium"),
        ("3020", "sva-free"),
        ("3179", "sva-free"),
        ("1016", "sva-premium"),
        ("118218", "sva-premium"),
        ("116006", "sva-free"),
        ("+979 1 2345 6789", "international-premium"),
        ("+800 1234 5678", "international-freephone"),
        ("+44 70 1234 5678", "personal"),
        ("+44 909 879 0000", "premium"),
    ],
)
def test_special_numbers_are_special_and_say_of_which_kind(text, use):
    dialled = read_dialled(text, "FR")
    assert (dialled.number_class, dialled.use) == (NumberClass.SPECIAL, use)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("0937123456", "technical-platform"),
        ("0938123456", "technical-platform"),
        ("0939123456", "technical-platform"),
        ("07001234567890", "machine-to-machine"),
        ("+337001234567890", "machine-to-machine"),
    ],
)
def test_platforms_and_machines_are_excluded(text, use):
    dialled = read_dialled(text, "FR")
    assert (dialled.number_class, dialled.use) == (NumberClass.EXCLUDED, use)


@pytest.mark.parametrize(
    "prefix", ["0162", "0163", "0270", "0271", "0377", "0378", "0424", "0425", "0568", "0569", "0948", "0949"]
)
def test_verified_multipurpose_numbers_are_known_and_cost_what_a_landline_costs(prefix):
    dialled = read_dialled(prefix + "123456", "FR")
    assert (dialled.number_class, dialled.use) == (NumberClass.GEOGRAPHIC, "multipurpose")


@pytest.mark.clause("IPP-10.1-free-on-net", "IPP-9.1-free")
@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:alice@example.org", "sip:alice@example.org"),
        ("SIP:Alice@Example.ORG:5060;transport=tcp", "sip:Alice@example.org:5060"),
        ("sips:alice@example.org?subject=x", "sips:alice@example.org"),
        ("alice@example.org", "sip:alice@example.org"),
        ("sip:+33142000001@example.org;user=phone", "sip:+33142000001@example.org"),
        ("sip:bob@[2001:db8::1]:5080", "sip:bob@[2001:db8::1]:5080"),
    ],
)
def test_a_sip_address_elsewhere_is_open_sip(text, uri):
    dialled = read_dialled(text, "FR", own_domains=("cadran.local",))
    assert (dialled.number_class, dialled.sip_uri, dialled.e164) == (NumberClass.OPEN_SIP, uri, None)


def test_a_sip_address_of_our_own_domain_is_on_the_network():
    assert read_dialled("sip:bob@Cadran.Local", "FR", ("cadran.local",)).number_class is NumberClass.ON_NET


def test_a_number_before_our_own_domain_is_read_as_dialled():
    dialled = read_dialled("sip:0142000001@cadran.local;user=phone", "FR", ("cadran.local",))
    assert (dialled.number_class, dialled.e164) == (NumberClass.GEOGRAPHIC, E164("+33142000001"))


@pytest.mark.clause("IPP-0-restrictions")
def test_an_emergency_number_before_our_own_domain_is_an_emergency():
    dialled = read_dialled("sip:112@cadran.local", "FR", ("cadran.local",))
    assert dialled.number_class is NumberClass.EMERGENCY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "abc",
        "0142ABC001",
        "+33 1 42 00 00 0l",
        "0142000001\n",
        "01420\x0000001",
        "0142\r\nVia: x",
        "٠١٤٢٠٠٠٠٠١",
        "＋33142000001",
        "+" * 20,
        "+0142000001",
        "+1234567890123456",
        "9" * 300,
        "sip:",
        "sip:@example.org",
        "sip:alice@",
        "sip:alice:secret@example.org",
        "sip:alice@exa mple.org",
        "sip:alice@example.org:99999",
        "sip:alice@[::zz]",
        "sip:a\r\nb@example.org",
        "*123#",
        "' OR 1=1 --",
        "<script>",
        "http://example.org",
    ],
)
def test_hostile_or_unreadable_text_is_refused_by_name(text):
    try:
        dialled = read_dialled(text, "FR")
    except UnreadableNumber:
        return
    assert text == "0142000001\n"  # a trailing line end is trimmed, as pasted text has it
    assert dialled.e164 == E164("+33142000001")


def test_an_unknown_country_is_refused_by_name():
    for country in ("", "fr", "XX", "FRA", "001"):
        with pytest.raises(UnknownCountry):
            read_dialled("0142000001", country)


@given(st.text(max_size=40), st.sampled_from(["FR", "US", "GB", "GP", "RU", "JP", "BR", "IL"]))
def test_any_text_is_read_or_refused_by_name(text, country):
    try:
        dialled = read_dialled(text, country, ("cadran.local",))
    except CadranError:
        return
    assert isinstance(dialled.number_class, NumberClass)


@given(
    st.text(alphabet="+0123456789 .-()#*sip:@;a", max_size=30),
    st.sampled_from(["FR", "US", "GB", "RE", "AU", "FI", "IT"]),
)
def test_texts_that_look_like_numbers_are_read_or_refused_by_name(text, country):
    try:
        dialled = read_dialled(text, country)
    except CadranError:
        return
    if dialled.e164 is not None and dialled.number_class is not NumberClass.UNKNOWN:
        assert read_dialled(dialled.e164.value, country).e164 == dialled.e164


_PREFIXES = ["331", "336", "339", "3308", "590590", "262692", "44207946", "12125", "39061", "4930", "97150", "8835100"]


@given(
    st.builds(
        lambda prefix, rest: f"+{prefix}{rest:09d}"[:16], st.sampled_from(_PREFIXES), st.integers(0, 999_999_999)
    ),
    st.sampled_from(["FR", "GP", "US", "GB", "IT", "DE"]),
)
def test_what_we_display_reads_back_as_the_same_number(value, country):
    number = E164(value)
    try:
        reads = read_dialled(value, country).e164 == number
    except CadranError:
        return
    if reads:
        assert read_dialled(international(number), country).e164 == number
        assert read_dialled(national(number, country), country).e164 == number


def test_numbers_are_displayed_as_people_write_them():
    assert national(E164("+33142000001"), "FR") == "01 42 00 00 01"
    assert national(E164("+33142000001"), "US") == "+33 1 42 00 00 01"
    assert national(E164("+590690123456"), "FR") == "06 90 12 34 56"
    assert national(E164("+12125551234"), "US") == "(212) 555-1234"
    assert international(E164("+442079460000")) == "+44 20 7946 0000"
