"""One spelling per identifier, values that stand for nobody, and keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_platform.identity.keys import identifier_key, person_key, profile_id
from journey_platform.identity.normalise import is_well_formed, normalise
from journey_platform.identity.placeholders import is_placeholder
from journey_platform.identity.policy import POLICIES

MIN, MAX = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("kind", "sent", "value"),
    [
        ("email", " Ann@Shop.Example\n", "ann@shop.example"),
        ("phone", "+31 (0)6 1234 5678", "+31612345678"),
        ("phone", "0031 6 1234 5678", "+31612345678"),
        ("phone", "31612345678", "+31612345678"),
        ("phone", "+0031612345678", "+0031612345678"),
        ("phone", "06 1234 5678", "+0612345678"),
        ("phone", "+32 475 12 34 56", "+32475123456"),
        ("email", "Ann.Lee+shop@GoogleMail.com", "annlee@googlemail.com"),
        ("email", "Ann.Lee+shop@shop.example", "ann.lee+shop@shop.example"),
        ("email", "ａｎｎ@shop.example", "ann@shop.example"),
        ("email", "ann@BÜCHER.example", "ann@bücher.example"),
        ("user_id", "Ｕ－1", "U-1"),
        ("social_handle", "@Ann@Social.Example", "ann@social.example"),
        ("user_id", " U-1 ", "U-1"),
        ("cookie_id", "ABC", "ABC"),
    ],
)
def test_spellings_of_one_identifier_become_one(kind: str, sent: str, value: str) -> None:
    assert normalise(kind, sent) == value


@given(st.sampled_from(sorted(POLICIES)), st.text(max_size=30))
def test_normalising_twice_changes_nothing(kind: str, sent: str) -> None:
    once = normalise(kind, sent)
    assert normalise(kind, once) == once


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            ("user_id", word)
            for word in ("null", "None", "undefined", "anonymous", "n/a", "0", "0000", "guest", "-")
        ),
        *(("cookie_id", word) for word in ("0000000000000000", "ffffffffffffffff", "xxx", "")),
        *(
            ("email", word)
            for word in ("test@shop.example", "noreply@shop.example", "test+1@shop.example", "n/a")
        ),
        *(("phone", word) for word in ("+00000000", "+1111111111", "+", "+123456789", "+0123456789")),
    ],
)
def test_values_that_stand_for_nobody(kind: str, value: str) -> None:
    assert is_placeholder(kind, value) or not is_well_formed(kind, value)
    assert value == "" or is_placeholder(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("user_id", "1"),
        ("user_id", "1111"),
        ("user_id", "nullable"),
        ("zendesk_user_id", "5"),
        ("cookie_id", "00000000000000a0"),
        ("email", "testa@shop.example"),
        ("email", "ann@test.example"),
        ("phone", "+31600000000"),
        ("phone", "+12345690"),
        ("phone", "+2345678901"),
        ("social_handle", "no@social.example"),
    ],
)
def test_values_of_real_people_are_not_taken_for_placeholders(kind: str, value: str) -> None:
    assert not is_placeholder(kind, value)
    assert is_well_formed(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ann"),
        ("email", "@shop.example"),
        ("email", "ann@"),
        ("email", "ann@shop@example"),
        ("email", "ann lee@shop.example"),
        ("phone", "+12345"),
        ("phone", "+1234567890123456"),
        ("social_handle", "ann lee"),
        ("user_id", ""),
    ],
)
def test_malformed_values_are_told(kind: str, value: str) -> None:
    assert not is_well_formed(kind, value)


@given(st.integers(MIN, MAX))
def test_a_profile_id_holds_the_bits_of_its_key(key: int) -> None:
    shown = profile_id(key)
    assert len(shown) == 14
    assert shown.startswith("P")
    assert shown.isalnum()
    assert person_key(shown) == key


@pytest.mark.parametrize("shown", ["", "P", "Q" + "A" * 13, "P" + "A" * 12, "P" + "1" * 13])
def test_what_is_no_profile_id_is_refused(shown: str) -> None:
    with pytest.raises(ValueError):
        person_key(shown)


def test_a_key_depends_on_secret_kind_and_value_and_on_nothing_else() -> None:
    keys = [
        identifier_key(secret, kind, value)
        for secret in (b"a", b"b")
        for kind, value in (("email", "x"), ("phone", "x"), ("email", "y"))
    ]
    assert len(set(keys)) == 6
    by_rfc_7693 = -8615588129011076132
    assert identifier_key(b"a", "email", "ann@shop.example") == by_rfc_7693
