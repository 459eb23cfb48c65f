"""Charges of subscriptions -> lines before discount, by the charge models of the language."""

import decimal
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from count import Usage, aggregate
from exact import ZERO, e18, number, optional_number
from facts import Facts, active
from job import Job

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
SHARED = ("graduated", "volume", "package")
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


def fits(charge: dict, fields: dict) -> bool:
    """An override passes over a price whose model does not take its fields."""
    model = fields.get("model", charge["model"])
    others = set().union(*MODEL_KEYS.values()) - MODEL_KEYS[model]
    return not set(fields) & others


def replaced(charge: dict, fields: dict) -> dict:
    """The charge with fields laid over it."""
    kept = charge
    if "model" in fields and fields["model"] != charge["model"]:
        kept = {k: v for k, v in charge.items() if k not in MODEL_KEYS[charge["model"]]}
    result = {**kept, **fields}
    assert not set(result) - KNOWN, f"the oracle does not know {set(result) - KNOWN}"
    return result


class Rater:
    def __init__(self, job: Job, facts: Facts, usage: Usage):
        self.book, self.facts, self.usage, self.lines = job.book, facts, usage, []

    def price(self, one: dict, charge: str) -> dict:
        """The price of the whole period: the packages of ancestors may begin and end in it when that changes nothing."""
        _, *ancestors = self.facts.up(one["account_id"])
        above = [sub for account in ancestors for sub in self.facts.of_account.get(account, [])]
        first, after = self.facts.period.first, self.facts.period.after
        days = {first} | {day for sub in above for day in (sub["first"], sub["last"]) if first < day < after}
        price, *others = [self.price_on(day, one, charge) for day in sorted(days)]
        assert all(other == price for other in others), f"the oracle does not split a period: {one}, {charge}"
        return price

    def price_on(self, day, one: dict, charge: str) -> dict:
        """Product default; over it what ancestors have, the farthest first; its plan; its account's override."""
        price, layer = self.book.charges_of(one)[charge], "list"
        account, *ancestors = self.facts.up(one["account_id"])
        over = []
        for above in reversed(ancestors):
            packages = [sub for sub in self.facts.of_account.get(above, []) if self.passes_on(sub, day, charge, account)]
            over += [self.plan(sub, charge) for sub in reversed(packages)] + [self.facts.override(above, charge)]
        path = [(price, layer)]
        for layer, fields in filter(None, [*over, self.plan(one, charge), self.facts.override(account, charge)]):
            # A plan prices the charge as a whole, over the list; an override passes over what it does not fit.
            if layer.startswith("plan:"):
                path = path[:1]
            if fits(path[-1][0], fields):
                path.append((replaced(path[-1][0], fields), layer))
        price, layer = path[-1]
        return {**price, "layer": layer}

    def plan(self, one: dict, charge: str) -> tuple[str, dict] | None:
        fields = self.book.plans[one["plan"]].get("prices", {}).get(charge) if one["plan"] else None
        return None if fields is None else (f"plan:{one['plan']}", fields)

    def passes_on(self, one: dict, day, charge: str, below: str) -> bool:
        """Whether an ancestor's package says something of the charge to an account below, in that account's currency."""
        if self.plan(one, charge) is None or not active(one, day):
            return False
        return self.book.plans[one["plan"]].get("currency") in (None, self.facts.accounts[below]["currency"])

    def rate(self) -> list[Line]:
        for subscriptions in self.facts.of_account.values():
            running = [one for one in subscriptions if self.facts.days_active(one) > 0]
            by_charge = defaultdict(list)
            for one in running:
                for charge in self.book.charges_of(one):
                    price = self.price(one, charge)
                    if price["model"] in ("recurring", "one_time"):
                        self.fixed(one, charge, price)
                    else:
                        by_charge[charge].append((one, price))
            for charge in sorted(by_charge):
                # Allowances come off the usage of the meter before any price: each charge has the whole of them.
                self.metered(charge, by_charge[charge], Pools(self.book, running))
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
                if price["model"] not in SHARED:
                    self.model(one, charge, price, dimensions, rest)
                elif rest != 0:
                    shared[self.shares_tiers(one, price)].append((one, price, dimensions, rest))
        for shares in shared.values():
            getattr(self, shares[0][1]["model"])(charge, shares)

    def shares_tiers(self, one: dict, price: dict) -> tuple:
        """The same for all that fills the same tiers or packages: other tiers of the account are filled apart, lines by
        dimension always share those of their charge."""
        if price.get("scope", "subscription") == "subscription":
            return (one["subscription_id"],)
        return (price["model"], repr([price.get(key) for key in sorted(MODEL_KEYS[price["model"]])]))

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
        elif model == "percentage":
            share = number(price["percent"]) / 100
            minimum, maximum = optional_number(price.get("minimum")), optional_number(price.get("maximum"))
            rated = e18(quantity * share)
            if quantity > 0:
                rated = rated if minimum is None else max(rated, minimum)
                rated = rated if maximum is None else min(rated, maximum)
            self.add(one, charge, "usage", price, dimensions, "", quantity, e18(share), rated)
        else:
            raise NotImplementedError(model)

    def package(self, charge: str, shares: list[tuple]):
        """A running total: each share pays what it adds to the packages, or parts of packages, of the total."""
        size, block = (number(shares[0][1][key]) for key in ("size", "price"))
        rounding = {"up": decimal.ROUND_UP, "down": decimal.ROUND_DOWN, "exact": None}[shares[0][1].get("round", "up")]
        total, paid = ZERO, ZERO
        for one, price, dimensions, quantity in shares:
            total += quantity
            if rounding is None:
                due = e18(total * block / size)
            else:
                due = e18((total / size).to_integral_value(rounding) * block)
            self.add(one, charge, "usage", price, dimensions, "", quantity, block, due - paid)
            paid = due

    def graduated(self, charge: str, shares: list[tuple]):
        """A running total that moves up, and down where usage is negative; each share pays what its move is worth."""
        end, before, entered = sum(quantity for *_, quantity in shares), ZERO, set()
        for one, price, dimensions, quantity in shares:
            after, begins = before + quantity, ZERO
            for at, tier in enumerate(price["tiers"], 1):
                ends = optional_number(tier.get("up_to"))

                def inside(total):  # how much of the total lies in the tier; the first one goes on below zero
                    total = total if ends is None else min(total, ends)
                    return total if at == 1 else max(total, begins) - begins

                moved, flat, unit = inside(after) - inside(before), ZERO, number(tier["unit_price"])
                if at not in entered and after > begins and end > begins:
                    entered.add(at)
                    flat = number(tier.get("flat_fee", "0"))
                self.add(one, charge, "usage", price, dimensions, str(at), moved, unit, moved * unit + flat)
                begins = ends
            before = after

    def volume(self, charge: str, shares: list[tuple]):
        """All of it at the price of the tier the total lies in; the flat fee is due once, on the first share."""
        total = sum(quantity for *_, quantity in shares)
        for index, (one, price, dimensions, quantity) in enumerate(shares):
            bounds = [optional_number(tier.get("up_to")) for tier in price["tiers"]]
            at = next(at for at, bound in enumerate(bounds) if bound is None or total <= bound)
            unit = number(price["tiers"][at]["unit_price"])
            flat = number(price["tiers"][at].get("flat_fee", "0")) if index == 0 and total > 0 else ZERO
            self.add(one, charge, "usage", price, dimensions, str(at + 1), quantity, unit, quantity * unit + flat)


def cell(price: dict, dimensions: dict) -> Decimal:
    for row in price["cells"]:
        wanted = {name: row[name] for name in price["by"]}
        if all(dimensions[name] in (value if isinstance(value, list) else [value]) for name, value in wanted.items()):
            return number(row["unit_price"])
    return number(price["default_unit_price"])


class Pools:
    """Allowances of the running subscriptions of one account: one pool for the account and plan, or for each of them."""

    def __init__(self, book, running: list[dict]):
        self.pools: dict[tuple, Pool] = {}  # in order of subscription, then of declaration
        for one in running:
            declared = book.plans[one["plan"]].get("allowances", []) if one["plan"] else []
            for at, allowance in enumerate(declared):
                assert allowance["per"] == "month" and allowance.keys() <= KNOWN_OF_ALLOWANCE
                shared = allowance.get("shared_over", "subscription") == "account"
                key = (one["plan"], at, None if shared else one["subscription_id"])
                pool = self.pools.setdefault(key, Pool(allowance["meter"], number(allowance["quantity"])))
                pool.serves.add(one["subscription_id"])

    def draw(self, one: dict, meter: str, quantity: Decimal) -> Decimal:
        drawn = ZERO
        for pool in self.pools.values():
            if pool.meter == meter and one["subscription_id"] in pool.serves:
                taken = max(min(pool.left, quantity - drawn), ZERO)
                pool.left -= taken
                drawn += taken
        return drawn


@dataclass
class Pool:
    meter: str
    left: Decimal
    serves: set[str] = field(default_factory=set)
