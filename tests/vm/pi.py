"""The digits of pi, and the check that a guest printed every one once."""

from __future__ import annotations

import re

DIGITS = 1000                           # with the 3 before the point
PROBE = 20                              # so many digits identify a place


def arctan_inverse(x: int, unity: int) -> int:
    """unity * arctan(1/x), by its series."""
    term = total = unity // x
    divisor, sign = 3, -1
    while term:
        term //= x * x
        total += sign * (term // divisor)
        divisor, sign = divisor + 2, -sign
    return total


def pi_digits(count: int = DIGITS) -> str:
    """The first digits of pi, the 3 included, without the point (Machin)."""
    guard = 10
    unity = 10 ** (count - 1 + guard)
    value = 4 * (4 * arctan_inverse(5, unity) - arctan_inverse(239, unity))
    return str(value // 10 ** guard)


def extract_digits(section: str) -> str:
    """The digits in what one run printed, without the messages around them.

    A line of nothing but digits is the guest's.  Where the run was stopped
    in mid-line, a message may follow the digits, set off by a word or
    bracket; a line in which a blank follows the number is all message.
    """
    digits = ""
    for line in section.splitlines():
        if re.fullmatch(r"[0-9. ]*", line):
            digits += line
        elif found := re.match(r"[0-9.]+(?=[A-Za-z\[(<])", line):
            digits += found[0]
    return re.sub(r"[^0-9]", "", digits)


def first_difference(got: str, wanted: str) -> int:
    """How many characters are the same from the start."""
    same = 0
    while same < min(len(got), len(wanted)) and got[same] == wanted[same]:
        same += 1
    return same


def check_digits(first: str, second: str, wanted: str) -> str | None:
    """What is wrong with the digits of two runs that should follow on.

    None when they are the wanted ones, each once, and the first run ended in
    the middle.
    """
    if not first:
        return "the first boot printed no digits"
    if len(first) >= len(wanted):
        return "the first boot printed all digits: it was not interrupted"
    if not second:
        return "the second boot printed no digits"
    if first + second == wanted:
        return None
    if (at := first_difference(first, wanted)) < len(first):
        return (f"digit {at + 1}, in the first boot, "
                f"is {first[at]} and should be {wanted[at]}")
    return check_second(len(first), second, wanted)


def check_second(start: int, second: str, wanted: str) -> str:
    """Why the second run's digits are not those from place start on."""
    rest = wanted[start:]
    at = first_difference(second, rest)
    if at == len(second):
        return f"{len(rest) - at} digits are missing at the end"
    if at == len(rest):
        return f"{len(second) - at} digits too many at the end"
    place = wanted.find(second[:PROBE]) if at < PROBE else -1
    if 0 <= place < start:
        return f"{start - place} digits came twice where the boots meet"
    if place > start:
        return f"{place - start} digits are missing where the boots meet"
    return (f"digit {start + at + 1}, in the second boot, "
            f"is {second[at]} and should be {rest[at]}")
