"""Reference facts: accounts and their hierarchy, subscriptions, identifiers, price overrides, tax rates."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from exact import number
from job import Job, Period
from usage import instant

FIRST, LAST = date.min, date.max


class Facts:
    def __init__(self, job: Job, period: Period):
        self.period = period
        self.accounts = {row["account_id"]: row for row in job.reference("accounts")}
        self.subscriptions = {row["subscription_id"]: subscription(row) for row in job.reference("subscriptions")}
        self.of_account: dict[str, list[dict]] = {}
        for key in sorted(self.subscriptions):
            one = self.subscriptions[key]
            self.of_account.setdefault(one["account_id"], []).append(one)
        self.identifiers: dict[str, list[dict]] = {}
        for row in job.reference("identifiers"):
            row["from"] = self.bound(row["valid_from"])
            row["to"] = self.bound(row["valid_to"])
            self.identifiers.setdefault(row["identifier"], []).append(row)
        self.tax_rates = job.reference("tax_rates")
        self.overrides: dict[tuple[str, str], dict] = {}
        for row in [*job.book.overrides, *job.reference("price_overrides")]:
            fields = {k: v for k, v in row.items() if v != ""}
            key = (fields.pop("account", None) or fields.pop("account_id"), fields.pop("charge"))
            assert key not in self.overrides, f"two overrides of {key}"
            self.overrides[key] = fields

    def bound(self, text: str) -> datetime | None:
        """An instant; a date means midnight in the time zone of the pipeline, blank (None) means open."""
        if text == "":
            return None
        return self.period.midnight(date.fromisoformat(text)) if len(text) == 10 else instant(text)

    def up(self, account: str):
        """The account and its ancestors, nearest first."""
        while account:
            yield account
            account = self.accounts[account]["parent_id"]

    def path(self, account: str) -> str:
        return "/".join(reversed(list(self.up(account))))

    def bill_to(self, account: str) -> str:
        """Its own bill_to; blank: the root of its tree."""
        return self.accounts[account]["bill_to"] or list(self.up(account))[-1]

    def jurisdiction(self, account: str) -> str:
        """Its own; blank: its parent's."""
        return next((j for j in (self.accounts[a]["tax_jurisdiction"] for a in self.up(account)) if j), "")

    def override(self, account: str, charge: str) -> tuple[str, dict] | None:
        """The account's own override, and its layer."""
        fields = self.overrides.get((account, charge))
        return None if fields is None else (f"override:{account}", fields)

    def exempt(self, account: str, tax: str) -> bool:
        named = [name.strip() for name in self.accounts[account]["tax_exemptions"].split(";")]
        return "all" in named or tax in named

    def holders(self, identifier: str, at: datetime) -> list[dict]:
        rows = self.identifiers[identifier]
        return [r for r in rows if (r["from"] is None or r["from"] <= at) and (r["to"] is None or at < r["to"])]

    def days_active(self, one: dict) -> int:
        """Days of the period that the subscription runs."""
        days = min(one["last"], self.period.after) - max(one["first"], self.period.first)
        return max(days.days, 0)

    def taxes(self, account: str, category: str) -> list[dict]:
        """Rates valid on the last day of the period; those of the category beat those of every category, tax by tax."""
        day, won = self.period.after - timedelta(days=1), {}
        for row in self.tax_rates:
            starts = date.fromisoformat(row["valid_from"]) if row["valid_from"] else FIRST
            ends = date.fromisoformat(row["valid_to"]) if row["valid_to"] else LAST
            if row["jurisdiction"] != self.jurisdiction(account) or not starts <= day < ends:
                continue
            if row["tax_category"] == category or (row["tax_category"] == "" and row["tax"] not in won):
                won[row["tax"]] = row
        return sorted(won.values(), key=lambda row: (row["compound"] == "true", row["tax"]))


def subscription(row: dict) -> dict:
    return {
        **row,
        "first": date.fromisoformat(row["start"]) if row["start"] else FIRST,
        "last": date.fromisoformat(row["end"]) if row["end"] else LAST,
        "quantity": number(row["quantity"]) if row["quantity"] else Decimal(1),
    }


def active(one: dict, day: date) -> bool:
    """Start and end are midnights in the time zone of the pipeline, so the local day of the record decides."""
    return one["first"] <= day < one["last"]
