"""What the run should have written: every table as key -> values, in the names of the published columns."""

from collections import defaultdict
from decimal import Decimal

from bill import Billed, invoices
from count import OUTCOMES, Usage, buckets
from exact import ZERO, number
from facts import Facts
from job import Job
from rate import Line


def line_key(billed: Billed) -> tuple:
    line = billed.line
    return line.subscription["subscription_id"], line.charge, line.kind, line.tier, line.dimensions


def list_unit_price(job: Job, line: Line) -> Decimal | None:
    """By the product's own price: that of per_unit, else what was applied when it is the product's own price that was."""
    product, name = line.charge.split("/")
    listed = job.book.products[product]["charges"][name]
    if listed["model"] == "per_unit":
        return number(listed["unit_price"])
    return line.unit_price if line.price["layer"] == "list" and line.kind != "allowance" else None


def lines(job: Job, facts: Facts, all_billed: list[Billed]) -> dict[tuple, dict]:
    result = {}
    for one in all_billed:
        line, account = one.line, one.account["account_id"]
        key = line_key(one)
        assert key not in result, f"two lines of one key {key}"
        result[key] = {
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "list_unit_price": list_unit_price(job, line),
            "amount_rated": line.rated,
            "amount_list": one.full,
            "amount_discount": one.discount,
            "amount_net": one.net,
            "currency": one.currency,
            "account_id": account,
            "account_path": facts.path(account),
            "bill_to_account_id": facts.bill_to(account),
            "order_id": line.subscription["order_id"],
            "plan": line.subscription["plan"],
            "product": line.charge.split("/")[0],
            "model": "allowance" if line.kind == "allowance" else line.price["model"],
            "meter": line.price.get("meter", ""),
            "gl_account": one.product["gl_account"],
            "tax_category": one.product["tax_category"],
            "tax_jurisdiction": facts.jurisdiction(account),
            "price_layer": line.price["layer"],
        }
    return result


def taxes(facts: Facts, all_billed: list[Billed]) -> dict[tuple, dict]:
    return {
        (*line_key(one), tax.row["tax"]): {
            "account_id": one.account["account_id"],
            "bill_to_account_id": facts.bill_to(one.account["account_id"]),
            "tax_jurisdiction": tax.row["jurisdiction"],
            "tax_category": one.product["tax_category"],
            "rate_percent": Decimal(tax.row["rate"]),
            "taxable_amount": tax.taxable,
            "amount": tax.amount,
            "exempt": tax.exempt,
            "currency": one.currency,
        }
        for one in all_billed
        for tax in one.taxes
    }


def invoice_rows(facts: Facts, all_billed: list[Billed]) -> dict[tuple, dict]:
    found = invoices(facts, all_billed)
    return {key: {"bill_to_name": facts.accounts[key[0]]["name"], **sums} for key, sums in found.items()}


def bucket_rows(job: Job, facts: Facts, usage: Usage) -> dict[tuple, dict]:
    result = {}
    for key, (quantity, count) in buckets(usage, job.book.meters).items():
        one = facts.subscriptions[key[0]]
        who = {name: one[name] for name in ("account_id", "plan", "product")}
        result[key] = {"quantity": quantity, "record_count": count, **who}
    return result


def suspense_rows(usage: Usage) -> dict[tuple, dict]:
    return {key: {"reason": reason} for key, reason in usage.suspense.items()}


def control_rows(job: Job, usage: Usage, all_billed: list[Billed], bucketed: dict, invoiced: dict) -> dict[tuple, dict]:
    """(scope, what is counted, measure) -> value; the file scope is keyed by source and file."""
    totals: dict[tuple, Decimal] = defaultdict(lambda: ZERO)
    for source, declared in job.sources.items():
        for name, _ in job.files(source):
            for outcome in OUTCOMES:
                count = usage.outcomes[source, name, outcome]
                for scope, what in (("file", f"{source} {name}"), ("source", source), ("run", "")):
                    totals[scope, what, f"records_{outcome}"] += count
    for (_, meter), records in usage.metered.items():
        totals["meter", meter, "records_metered"] += len(records)
        if job.book.meters[meter]["aggregate"] in ("sum", "count"):
            totals["meter", meter, "quantity_metered"] += sum(r.quantity for r in records if r.quantity is not None)
    for (_, meter, *_), row in bucketed.items():
        totals["meter", meter, "records_in_buckets"] += row["record_count"]
        totals["meter", meter, "quantity_in_buckets"] += row["quantity"]
    for one in all_billed:
        if one.line.kind in ("usage", "allowance"):
            # What is billed of a charge is what its subscriptions used, so both totals have the same value.
            totals["charge", one.line.charge, "quantity_on_lines"] += one.line.quantity
            totals["charge", one.line.charge, "quantity_in_buckets"] += one.line.quantity
        parts = {"lines": 1, "amount_list": one.full, "amount_discount": one.discount, "amount_net": one.net}
        for measure, value in {**parts, "amount_tax": sum((t.amount for t in one.taxes), ZERO)}.items():
            totals["currency", one.currency, measure] += value
    for (_, currency), sums in invoiced.items():
        parts = {"lines": "line_count", "net": "amount_net", "tax": "amount_tax", "gross": "amount_gross"}
        totals["currency", currency, "invoices"] += 1
        for measure, name in parts.items():
            totals["currency", currency, f"invoice_{measure}"] += sums[name]
    return {key: {"value": value} for key, value in totals.items()}
