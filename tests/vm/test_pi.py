"""The checker of the demonstration must notice every kind of wrong digits."""

import pytest

from pi import check_digits, extract_digits, pi_digits

PI = pi_digits()
CUT = 400
FIRST, SECOND = PI[:CUT], PI[CUT:]


def test_digits_are_those_of_pi():
    assert len(PI) == 1000
    assert PI.startswith("31415926535897932384626433832795")
    # The six nines at the 762nd decimal are famous, the end is in tables.
    assert PI[762:768] == "999999"
    assert pi_digits(1001).endswith("64201989")


def test_right_digits_pass():
    assert check_digits(FIRST, SECOND, PI) is None


@pytest.mark.parametrize("first, second, said", [
    ("", PI, "first boot printed no digits"),
    (PI, "", "not interrupted"),
    (PI, SECOND, "not interrupted"),
    (FIRST, "", "second boot printed no digits"),
    (FIRST, SECOND[:-1], "1 digits are missing at the end"),
    (FIRST, SECOND + "2", "1 digits too many at the end"),
    (FIRST, SECOND[1:], "1 digits are missing where the boots meet"),
    (FIRST, SECOND[50:], "50 digits are missing where the boots meet"),
    (FIRST, FIRST[-1] + SECOND, "1 digits came twice where the boots meet"),
    (FIRST, PI, "400 digits came twice where the boots meet"),
    ("4" + FIRST[1:], SECOND, "digit 1, in the first boot"),
    (FIRST[:-1] + "x", SECOND, "digit 400, in the first boot"),
    (FIRST[:100] + FIRST[101:], SECOND, "in the first boot"),
    (FIRST, SECOND[:99] + "x" + SECOND[100:], "digit 500, in the second"),
    (FIRST, SECOND[:99] + SECOND[100:], "in the second boot"),
    (FIRST, SECOND[:99] + SECOND[98:], "in the second boot"),
])
def test_wrong_digits_are_named(first, second, said):
    assert said in (check_digits(first, second, PI) or "passed")


@pytest.mark.parametrize("place", range(0, 1000, 37))
def test_any_one_wrong_digit_is_found(place):
    wrong = PI[:place] + str((int(PI[place]) + 1) % 10) + PI[place + 1:]
    assert check_digits(wrong[:CUT], wrong[CUT:], PI) is not None


@pytest.mark.parametrize("text, digits", [
    ("3.1415\n926\n", "31415926"),
    ("3.1415 92653\n", "3141592653"),
    ("running partition 2\n3.14\n15hvctl: stopped after 6\n", "31415"),
    ("3.14\n15[stopped after 400 characters]\n", "31415"),
    ("3.14\n400 characters printed\n", "314"),
    ("partition 2: 65536 exits\n", ""),
    ("", ""),
])
def test_messages_are_not_digits(text, digits):
    assert extract_digits(text) == digits
