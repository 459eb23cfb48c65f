"""Charges of subscriptions -> lines before discount, by the charge models of the language."""

import decimal
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from count import Usage, aggregate
from exact import ZERO, e18, number, optional_number
from facts import Facts
from job import Job
from readings import Readings

# The keys of each model: a new model drops those of the old one.
MODEL_KEYS = {
    "per_unit": {"unit_price"},
    "graduated": {"tiers"},
    "volume": {"tiers"},
    "package": {"size", "price", "round"},
    "percentage": {"percent", "minimum", "maximum"},
    "matrix": {"by", "cells", "default_unit_price"},
    "recurring": {"every", "amount", "bill", "prorate"},
    "one_time": {"amount"},
}
KNOWN = set().union(*MODEL_KEYS.values()) | {"model", "meter", "scope", "name", "unit", "lines_by"}
KNOWN_OF_ALLOWANCE = {"meter", "quantity", "per", "shared_over"}


@dataclass
class Line:
    subscription: dict
    charge: str
    kind: str
    price: dict
    dimensions: tuple
    tier: str
    quantity: Decimal
    unit_price: Decimal | None
    rated: Decimal


def replaced(charge: dict, fields: dict) -> dict:
    """The charge with fields laid over it."""
    kept = charge
    if "model" in fields and fields["model"] != charge["model"]:
        kept = {k: v for k, v in charge.items() if k not in MODEL_KEYS[charge["model"]]}
    result = {**kept, **fields}
    assert not set(result) - KNOWN, f"the oracle does not know {set(result) - KNOWN}"
    return result


class Rater:
    def __init__(self, job: Job, facts: Facts, usage: Usage, readings: Readings):
        self.book, self.facts, self.usage, self.readings, self.lines = job.book, facts, usage, readings, []

    def price(self, one: dict, charge: str) -> dict:
        """Product default, plan price over it, the nearest account override over that; and its origin."""
        price, layer = self.book.charges_of(one)[charge], "list"
        plan = self.book.plans[one["plan"]].get("prices", {}).get(charge) if one["plan"] else None
        if plan is not None:
            price, layer = replaced(price, plan), f"plan:{one['plan']}"
        override = self.facts.override(one["account_id"], charge)
        if override is not None:
            price, layer = replaced(price, override[1]), f"override:{override[0]}"
        return {**price, "layer": layer}

    def rate(self) -> list[Line]:
        for subscriptions in self.facts.of_account.values():
            running = [one for one in subscriptions if self.facts.days_active(one) > 0]
            pools = Pools(self.book, running, self.readings)
            by_charge = defaultdict(list)
            for one in running:
                for charge in self.book.charges_of(one):
                    price = self.price(one, charge)
                    if price["model"] in ("recurring", "one_time"):
                        self.fixed(one, charge, price)
                    else:
                        by_charge[charge].append((one, price))
            # Two charges on one meter: who draws first from an allowance is not said; the name decides.
            for charge in sorted(by_charge):
                self.metered(charge, by_charge[charge], pools)
        return self.lines

    def add(self, one, charge, kind, price, dimensions, tier, quantity, unit_price, rated):
        if quantity != 0:
            self.lines.append(Line(one, charge, kind, price, dimensions, tier, quantity, unit_price, e18(rated)))

    def fixed(self, one: dict, charge: str, price: dict):
        period, amount, quantity = self.facts.period, number(price["amount"]), one["quantity"]
        if price["model"] == "one_time":
            if period.first <= one["first"] < period.after:
                self.add(one, charge, "one_time", price, (), "", quantity, amount, quantity * amount)
            return
        rated = quantity * amount
        if price.get("prorate", "by_day") == "by_day":
            rated = rated * self.facts.days_active(one) / period.days
        self.add(one, charge, "recurring", price, (), "", quantity, amount, rated)

    def metered(self, charge: str, sold: list[tuple[dict, dict]], pools: "Pools"):
        """One charge of all subscriptions of an account, in subscription_id order."""
        shared: dict[tuple, list] = defaultdict(list)  # what fills the same tiers, in order
        for one, price in sold:
            for dimensions, quantity in self.groups(one, price).items():
                drawn = pools.draw(one, price["meter"], quantity)
                self.add(one, charge, "allowance", price, dimensions, "included", drawn, ZERO, ZERO)
                rest = quantity - drawn
                if price["model"] in ("graduated", "volume"):
                    shared[self.shares_tiers(one, price)].append((one, price, dimensions, rest))
                else:
                    self.model(one, charge, price, dimensions, rest)
        for shares in shared.values():
            total, before = sum(rest for *_, rest in shares), ZERO
            for one, price, dimensions, rest in shares:
                self.tiers(one, charge, price, dimensions, before, rest, total)
                before += rest

    def shares_tiers(self, one: dict, price: dict) -> tuple:
        """The same for all that fills the same tiers: lines by dimension always share those of their charge."""
        if price.get("scope", "subscription") == "subscription":
            return (one["subscription_id"],)
        return (price["model"], repr(price["tiers"]) if self.readings.other_tiers_are_filled_apart else None)

    def groups(self, one: dict, price: dict) -> dict[tuple, Decimal]:
        """The quantity of the period by the dimensions that get lines of their own."""
        by = price.get("lines_by", price.get("by", []))
        if price["model"] == "matrix":
            by = price["by"]
        found = defaultdict(list)
        for record in self.usage.of(one["subscription_id"], price["meter"]):
            found[tuple(pair for pair in record.dimensions if pair[0] in by)].append(record)
        kind = self.book.meters[price["meter"]]["aggregate"]
        return {dimensions: aggregate(kind, found[dimensions]) for dimensions in sorted(found)}

    def model(self, one, charge, price, dimensions, quantity):
        model = price["model"]
        if model == "per_unit":
            unit = number(price["unit_price"])
            self.add(one, charge, "usage", price, dimensions, "", quantity, unit, quantity * unit)
        elif model == "matrix":
            unit = cell(price, dict(dimensions))
            self.add(one, charge, "usage", price, dimensions, "", quantity, unit, quantity * unit)
        elif model == "package":
            blocks = quantity / number(price["size"])
            rounding = {"up": decimal.ROUND_CEILING, "down": decimal.ROUND_FLOOR}.get(price.get("round", "up"))
            blocks = blocks if rounding is None else blocks.to_integral_value(rounding)
            block = number(price["price"])
            unit = block if self.readings.package_has_unit_price else None
            self.add(one, charge, "usage", price, dimensions, "", quantity, unit, blocks * block)
        elif model == "percentage":
            share = number(price["percent"]) / 100
            minimum, maximum = optional_number(price.get("minimum")), optional_number(price.get("maximum"))
            rated = e18(quantity * share)
            rated = rated if minimum is None else max(rated, minimum)
            rated = rated if maximum is None else min(rated, maximum)
            unit = e18(share) if self.readings.percentage_has_unit_price and rated == e18(quantity * share) else None
            self.add(one, charge, "usage", price, dimensions, "", quantity, unit, rated)
        else:
            raise NotImplementedError(model)

    def tiers(self, one, charge, price, dimensions, before, quantity, total):
        """The part (before, before + quantity] of a total, through tiers that end at `up_to` inclusive."""
        lower = ZERO
        for at, tier in enumerate(price["tiers"], 1):
            upper = optional_number(tier.get("up_to"))
            unit, flat = number(tier["unit_price"]), number(tier.get("flat_fee", "0"))
            if price["model"] == "volume":
                if upper is None or total <= upper:
                    # The flat fee is due once: on the first share.
                    flat = flat if before == 0 else ZERO
                    self.add(one, charge, "usage", price, dimensions, str(at), quantity, unit, quantity * unit + flat)
                    return
            else:
                top = before + quantity if upper is None else min(before + quantity, upper)
                inside = max(top - max(before, lower), ZERO)
                # Who enters the tier pays its flat fee.
                flat = flat if before <= lower else ZERO
                self.add(one, charge, "usage", price, dimensions, str(at), inside, unit, inside * unit + flat)
                lower = upper


def cell(price: dict, dimensions: dict) -> Decimal:
    for row in price["cells"]:
        wanted = {name: row[name] for name in price["by"]}
        if all(dimensions[name] in (value if isinstance(value, list) else [value]) for name, value in wanted.items()):
            return number(row["unit_price"])
    return number(price["default_unit_price"])


class Pools:
    """Allowances of the running subscriptions of one account."""

    def __init__(self, book, running: list[dict], readings: Readings):
        self.pools: dict[tuple, Pool] = {}  # in order of subscription, then of declaration
        for one in running:
            declared = book.plans[one["plan"]].get("allowances", []) if one["plan"] else []
            for at, allowance in enumerate(declared):
                assert allowance["per"] == "month" and allowance.keys() <= KNOWN_OF_ALLOWANCE
                shared = allowance.get("shared_over", "subscription") == "account"
                grows = readings.pool_grows_by_subscription or not shared
                key = (one["plan"], at, one["subscription_id"] if grows else None)
                pool = self.pools.setdefault(key, Pool(allowance["meter"], number(allowance["quantity"])))
                if not shared:
                    pool.serves = {one["subscription_id"]}
                elif readings.pool_serves_other_plans:
                    pool.serves = {other["subscription_id"] for other in running}
                else:
                    pool.serves |= {other["subscription_id"] for other in running if other["plan"] == one["plan"]}

    def draw(self, one: dict, meter: str, quantity: Decimal) -> Decimal:
        drawn = ZERO
        for pool in self.pools.values():
            if pool.meter == meter and one["subscription_id"] in pool.serves:
                taken = min(pool.left, quantity - drawn)
                pool.left -= taken
                drawn += taken
        return drawn


@dataclass
class Pool:
    meter: str
    left: Decimal
    serves: set[str] = field(default_factory=set)
