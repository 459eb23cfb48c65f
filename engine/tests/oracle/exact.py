"""Decimals and rounding. Products and quotients have 200 digits and are rounded once; nothing here is ever a float."""

import decimal
import re
from decimal import Decimal

decimal.setcontext(
    decimal.Context(
        prec=200,
        rounding=decimal.ROUND_HALF_UP,
        traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.FloatOperation],
    )
)

ZERO = Decimal(0)
MODES = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}
# ISO 4217 minor units of the currencies that differ from two.
MINOR_UNITS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3, "CLF": 4}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def number(text: str) -> Decimal:
    """A number from its text; anything but a plain decimal number raises ValueError."""
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def optional_number(text: str | None) -> Decimal | None:
    return None if text is None or text == "" else number(text)


def e18(value: Decimal) -> Decimal:
    """Rounded to the 18 decimals of quantities, unit prices and rated amounts."""
    return value.quantize(Decimal("1e-18"), rounding=decimal.ROUND_HALF_UP)


def to_step(value: Decimal, step: Decimal, mode: str) -> Decimal:
    """Rounded to a multiple of the step."""
    return (value / step).quantize(Decimal(1), rounding=MODES[mode]) * step


def to_minor(value: Decimal, currency: str, mode: str) -> Decimal:
    """Rounded to the minor unit of the currency."""
    return value.quantize(Decimal(1).scaleb(-MINOR_UNITS.get(currency, 2)), rounding=MODES[mode])
