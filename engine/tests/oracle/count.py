"""Usage record by record: each is counted once, by the first outcome that is true; rated ones are metered."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from by_hand import EXPRESSIONS, MEDIATION, SUSPEND, translated
from exact import ZERO, number, to_step
from facts import Facts, active
from job import Job, Period
from usage import rows

OUTCOMES = ("read", "rated", "suspended", "duplicate", "out_of_window", "filtered")


@dataclass
class Counted:
    """One record that a meter counts for a subscription."""

    dimensions: tuple[tuple[str, str], ...]
    day: date
    time: datetime
    quantity: Decimal | None
    value: str | None  # what a `unique` meter counts


@dataclass
class Usage:
    suspense: dict[tuple[str, str, int], str] = field(default_factory=dict)
    outcomes: Counter = field(default_factory=Counter)  # (source, file, outcome) -> records
    # (subscription, meter) -> records in path and row order
    metered: dict[tuple[str, str], list[Counted]] = field(default_factory=lambda: defaultdict(list))

    def of(self, subscription: str, meter: str) -> list[Counted]:
        return self.metered.get((subscription, meter), [])


class Tally:
    """Knows the job, the facts and the period; counts the records of all sources."""

    def __init__(self, job: Job, facts: Facts, period: Period):
        self.job, self.facts, self.period, self.usage = job, facts, period, Usage()
        self.meters_of_type: dict[str, list[str]] = defaultdict(list)
        for name, meter in job.book.meters.items():
            types = meter["record_type"]
            for one in types if isinstance(types, list) else [types]:
                self.meters_of_type[one].append(name)
        # The meters that the charges of each subscription use.
        self.charged = {
            key: {charge["meter"] for charge in job.book.charges_of(one).values() if "meter" in charge}
            for key, one in facts.subscriptions.items()
        }

    def count(self) -> Usage:
        for source, declared in self.job.sources.items():
            mediate = translated(MEDIATION, declared["mediate"])
            rules = [(rule["code"], translated(SUSPEND, rule["when"])) for rule in declared.get("suspend", [])]
            seen: dict[tuple, dict] = {}  # the window of days is longer than the period
            for name, path in self.job.files(source):
                for at, row, unreadable in rows(declared, path):
                    outcome = unreadable or self.one(mediate, rules, declared["dedup"]["key"], seen, row)
                    self.usage.outcomes[source, name, "read"] += 1
                    counted_as = outcome if outcome in OUTCOMES else "suspended"
                    self.usage.outcomes[source, name, counted_as] += 1
                    if counted_as == "suspended":
                        self.usage.suspense[source, name, at] = outcome
        return self.usage

    def one(self, mediate, rules, key, seen, row) -> str:
        """What becomes of a record that could be read: an outcome, or the reason it is suspended."""
        record = mediate(row)
        if record is None:
            return "filtered"
        # Blank text is no id and no identifier.
        if any(record[name] in (None, "") for name in ("record_id", "record_type", "identifier", "record_time")):
            return "missing_required"
        for code, holds in rules:
            if holds(record):
                return code
        if record["record_time"] not in self.period:
            return "out_of_window"
        first = seen.setdefault(tuple(record[name] for name in key), record)
        if first is not record:
            return "duplicate" if first == record else "conflicting_key"
        return self.guide(record)

    def guide(self, record: dict) -> str:
        identifier, at = record["identifier"], record["record_time"]
        meters = self.meters_of_type.get(record["record_type"])
        if not meters:
            return "no_meter"
        if identifier not in self.facts.identifiers:
            return "unknown_identifier"
        holders = self.facts.holders(identifier, at)
        if not holders:
            return "identifier_not_valid"
        candidates = []
        for holder in holders:
            if holder["subscription_id"]:
                candidates.append(self.facts.subscriptions[holder["subscription_id"]])
            else:
                candidates += self.facts.of_account.get(holder["account_id"], [])
        day = self.period.day_of(at)
        candidates = [one for one in candidates if active(one, day)]
        if not candidates:
            return "subscription_not_active"
        candidates = [one for one in candidates if self.charged[one["subscription_id"]].intersection(meters)]
        if not candidates:
            return "not_in_plan"
        if len(candidates) > 1:
            return "ambiguous_subscription"
        key = candidates[0]["subscription_id"]
        counted = {meter: self.meter(meter, record, day) for meter in meters if meter in self.charged[key]}
        if any(one.quantity is None for one in counted.values()):
            return "no_quantity"
        for meter, one in counted.items():
            self.usage.metered[key, meter].append(one)
        return "rated"

    def meter(self, name: str, record: dict, day: date) -> Counted:
        meter = self.job.book.meters[name]
        quantity, value = Decimal(1), None
        if meter["aggregate"] == "unique":
            value = translated(EXPRESSIONS, meter["of"])(record)
        elif meter["aggregate"] != "count":
            quantity = translated(EXPRESSIONS, meter["quantity"])(record)
            quantity = None if quantity is None else Decimal(quantity)
            if quantity is not None and "round_each" in meter:
                quantity = to_step(quantity, number(meter["round_each"]["step"]), meter["round_each"]["mode"])
        dimensions = tuple(sorted((d, record[d] or "") for d in meter.get("dimensions", [])))
        return Counted(dimensions, day, record["record_time"], quantity, value)


def aggregate(kind: str, records: list[Counted]) -> Decimal:
    """One quantity of many records, in path and row order; nulls are left out, as in SQL aggregates."""
    if kind != "unique":
        records = [r for r in records if r.quantity is not None]
        if not records:
            return ZERO
    if kind in ("sum", "count"):
        return sum((r.quantity for r in records), ZERO)
    if kind == "unique":
        return Decimal(len({r.value for r in records if r.value is not None}))
    if kind == "latest":  # of the same instant: the last in path and row order
        return max(enumerate(records), key=lambda pair: (pair[1].time, pair[0]))[1].quantity
    return {"max": max, "min": min}[kind](r.quantity for r in records)


def buckets(usage: Usage, meters: dict) -> dict[tuple, tuple[Decimal, int]]:
    """(subscription, meter, dimensions, day) -> (quantity, records)"""
    groups: dict[tuple, list[Counted]] = defaultdict(list)
    for (subscription, meter), records in usage.metered.items():
        for record in records:
            groups[subscription, meter, record.dimensions, record.day].append(record)
    return {key: (aggregate(meters[key[1]]["aggregate"], records), len(records)) for key, records in groups.items()}
