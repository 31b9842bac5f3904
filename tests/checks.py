# SPDX-License-Identifier: GPL-2.0-or-later
"""What test programs in Python say of what they saw, and their list of cases."""
CASES = []


def case(function):
    CASES.append(function)
    return function


def must(condition, what):
    if not condition:
        raise AssertionError(what)


def must_be(got, expected, what=""):
    must(got == expected, f"{what}: got {got!r}, expected {expected!r}")


def must_have(text, *parts):
    for part in parts:
        must(part in text, f"{part!r} is not in {text!r}")
