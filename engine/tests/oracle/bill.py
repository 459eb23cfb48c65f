"""Lines -> discount, rounding, taxes, invoices."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from exact import ZERO, e18, number, to_minor
from facts import Facts
from job import Job
from rate import Line


@dataclass
class Tax:
    row: dict
    taxable: Decimal
    amount: Decimal
    exempt: bool


@dataclass
class Billed:
    line: Line
    account: dict
    product: dict
    full: Decimal
    discount: Decimal
    net: Decimal
    taxes: list[Tax] = field(default_factory=list)

    @property
    def currency(self) -> str:
        return self.account["currency"]


def bill(job: Job, facts: Facts, lines: list[Line]) -> list[Billed]:
    return [billed(job, facts, line) for line in lines]


def billed(job: Job, facts: Facts, line: Line) -> Billed:
    book, account = job.book, facts.accounts[line.subscription["account_id"]]
    currency = account["currency"]
    full = to_minor(line.rated, currency, book.mode)
    unrounded = book.discount_base == "unrounded"
    left = line.rated if unrounded else full
    for percent in discount_percents(book, facts, account, line.charge):
        left -= e18(left * percent / 100) if unrounded else to_minor(left * percent / 100, currency, book.mode)
    net = to_minor(left, currency, book.mode)
    product = book.products[line.charge.split("/")[0]]
    result = Billed(line, account, product, full, full - net, net)
    earlier = ZERO
    for row in facts.taxes(account["account_id"], product["tax_category"]):
        taxable = net + earlier if row["compound"] == "true" else net
        exempt = facts.exempt(account["account_id"], row["tax"])
        amount = ZERO if exempt else to_minor(taxable * number(row["rate"]) / 100, currency, book.mode)
        result.taxes.append(Tax(row, taxable, amount, exempt))
        earlier += amount
    return result


def discount_percents(book, facts: Facts, account: dict, charge: str):
    """Of the discounts that match, as declared; a blank in their column takes the nearest ancestor's."""
    for discount in book.discounts:
        on = discount.get("on")
        if on is not None and charge not in on and charge.split("/")[0] not in on:
            continue
        column, text = discount.get("percent_column"), discount.get("percent")
        if column is not None:
            upwards = (facts.accounts[name][column] for name in facts.up(account["account_id"]))
            text = next((own for own in upwards if own != ""), "")
        if text != "":
            yield number(text)


def invoices(facts: Facts, lines: list[Billed]) -> dict[tuple[str, str], dict]:
    """(bill-to account, currency) -> sums of its lines."""
    sums: dict[tuple, dict] = defaultdict(lambda: defaultdict(Decimal))
    for one in lines:
        invoice = sums[facts.bill_to(one.account["account_id"]), one.currency]
        tax = sum((t.amount for t in one.taxes), ZERO)
        parts = {"line_count": 1, "amount_list": one.full, "amount_discount": one.discount, "amount_net": one.net}
        for name, amount in {**parts, "amount_tax": tax, "amount_gross": one.net + tax}.items():
            invoice[name] += amount
    return {key: dict(invoice) for key, invoice in sums.items()}
