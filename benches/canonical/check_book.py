"""Reads Ratemill's job folder back and compares it with the canonical reference tables: check_book.py REFERENCE JOB.

Separate from book.py, and sharing no code with it, because a wrong mapping and a wrong engine look the same in the
comparison of invoice lines. It resolves the price of every account and meter twice, once from the canonical tables and
once from the written YAML and tables by Ratemill's rules (override, then plan, then product). Exit 1 with every fault.
"""
import csv
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as parquet
import yaml

OPEN_END = Decimal("999999999999")


def main(reference: Path, job: Path) -> int:
    canonical = {path.stem: parquet.read_table(path).to_pylist() for path in reference.glob("*.parquet")}
    tables = {path.stem: parquet.read_table(path).to_pylist() for path in (job / "reference").glob("*.parquet")}
    book = read_book(job / "book")
    faults = [*faults_of_plans(canonical, book), *faults_of_tables(canonical, tables)]
    if not faults:  # prices can only be resolved through plans and tables that are whole
        faults = list(faults_of_resolution(canonical, tables, book, job / "book"))
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    variants = len(book["plans"]) - 200
    print(f"book checked: {len(book['plans'])} plans ({variants} variants), {len(faults)} faults", file=sys.stderr)
    return bool(faults)


def read_book(folder: Path) -> dict:
    """All YAML files of the book merged; every scalar stays text."""
    merged = {}
    for path in sorted(folder.rglob("*.yaml")):
        merged |= yaml.load(path.read_text(), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    return merged


def faults_of_plans(canonical: dict, book: dict):
    meters = sorted(row["meter"] for row in canonical["meters"])
    for name, plan in book["plans"].items():
        counted = [book["meters"][charge_of(book, product)["meter"]]["record_type"] for product in plan["includes"]]
        if sorted(counted) != meters:
            yield f"plan {name} does not count each of the 8 meters once: {counted}"
        if {f"{product}/use" for product in plan["includes"]} != set(plan["prices"]):
            yield f"plan {name} has prices for other charges than it includes"


def faults_of_tables(canonical: dict, tables: dict):
    counts = {"accounts": 100_000, "subscriptions": 250_140, "identifiers": 250_140, "tax_rates": 1_000, "price_overrides": 10_000}
    for name, count in counts.items():
        if len(tables[name]) != count:
            yield f"{name} has {len(tables[name])} rows, not {count}"
    percent = {row["account_id"]: row["pct"] * 100 for row in canonical["discounts"]}
    accounts = {row["account_id"]: row for row in tables["accounts"]}
    for row in canonical["accounts"]:
        account = accounts[row["account_id"]]
        discount = account["discount_percent"] and Decimal(account["discount_percent"])
        written = (account["bill_to"], account["parent_id"], account["currency"], account["tax_jurisdiction"], account["tax_exemptions"], discount)
        wanted = (row["parent_id"] or row["account_id"], None, row["currency"], row["pcode"], "all" if row["tax_exempt"] else None, percent.get(row["account_id"]))
        if written != wanted:
            yield f"account {row['account_id']}: {written} instead of {wanted}"
    if {row["jurisdiction"]: Decimal(row["rate"]) for row in tables["tax_rates"]} != {row["pcode"]: row["rate"] * 100 for row in canonical["tax_rates"]}:
        yield "tax rates differ"
    sites = {row["site_id"]: row["account_id"] for row in canonical["sites"]}
    if {row["subscription_id"]: row["account_id"] for row in tables["subscriptions"]} != sites:
        yield "subscriptions are not the sites"
    if {row["identifier"]: row["subscription_id"] for row in tables["identifiers"]} != {site: site for site in sites}:
        yield "identifiers are not the sites"


def faults_of_resolution(canonical: dict, tables: dict, book: dict, folder: Path):
    """Every account x meter: the canonical price against what Ratemill's rules find in the written book."""
    wanted_of_plan = canonical_prices(canonical)
    own = {(row["account_id"], row["meter"]): row["unit_price"] for row in canonical["overrides"]}
    written_own = {(row["account_id"], row["charge"]): row for row in tables["price_overrides"]}
    plans_of_account = defaultdict(set)
    for row in tables["subscriptions"]:
        plans_of_account[row["account_id"]].add(row["plan"])
    written_of_plan = {name: written_prices(book, plan, folder) for name, plan in book["plans"].items()}

    used = Counter()
    for row in canonical["accounts"]:
        account = row["account_id"]
        (plan,) = plans_of_account[account]
        for meter, (charge, written) in written_of_plan[plan].items():
            replaced = written_own.get((account, charge))
            if replaced:
                used[account, charge] += 1
                # An override changes the model; an allowance of the plan would stay.
                written = (replaced["model"], Decimal(replaced["unit_price"]), *written[-1:])
            price = own.get((account, meter))
            wanted = wanted_of_plan[row["plan_id"], meter] if price is None else ("per_unit", price, None)
            if written != wanted:
                yield f"{account} {meter} in {plan}: {written} instead of {wanted}"
    if set(used) != set(written_own):
        yield "some overrides name a charge that their account does not have"


def canonical_prices(canonical: dict) -> dict:
    """(plan, meter) -> model, its numbers, and last the included units of an allowance."""
    tiers, cells = defaultdict(list), defaultdict(dict)
    for row in canonical["price_tiers"]:
        tiers[row["plan_id"], row["meter"]].append((row["lo"], row["hi"], row["unit_price"]))
    for row in canonical["price_matrix"]:
        cells[row["plan_id"], row["meter"]][row["region"], row["device"]] = row["unit_price"]
    prices = {}
    for row in canonical["price_meters"]:
        key, price = (row["plan_id"], row["meter"]), row["unit_price"]
        prices[key] = {
            "per_unit": lambda: ("per_unit", price, None),
            "allowance": lambda: ("per_unit", price, row["included"]),
            "graduated": lambda: ("graduated", "subscription", tiers[key], None),
            "volume": lambda: ("volume", "account", tiers[key], None),
            "package": lambda: ("package", row["package_size"], price, None),
            "percentage": lambda: ("percentage", price, row["min_fee"], row["max_fee"], None),
            "matrix": lambda: ("matrix", cells[key], None),
        }[row["model"]]()
    return prices


def written_prices(book: dict, plan: dict, folder: Path) -> dict:
    """meter -> (charge, price) of a plan, in the shape of canonical_prices."""
    included = {row["meter"]: Decimal(row["quantity"]) for row in plan.get("allowances", [])}
    if any((row["per"], row["shared_over"]) != ("month", "account") for row in plan.get("allowances", [])):
        raise SystemExit("an allowance is not shared by its account for a month")
    prices = {}
    for product in plan["includes"]:
        charge = charge_of(book, product)
        terms = charge | plan["prices"][f"{product}/use"]
        meter = book["meters"][charge["meter"]]
        prices[meter["record_type"]] = (f"{product}/use", (*numbers_of(terms, meter, folder), included.get(charge["meter"])))
    return prices


def numbers_of(terms: dict, meter: dict, folder: Path) -> tuple:
    number = lambda key: Decimal(terms[key])
    match terms["model"]:
        case "per_unit":
            return ("per_unit", number("unit_price"))
        case "graduated" | "volume":
            ends = [Decimal(tier["up_to"]) for tier in terms["tiers"][:-1]]
            bounds = zip([Decimal(0), *ends], [*ends, OPEN_END])
            bands = [(lo, hi, Decimal(tier["unit_price"])) for (lo, hi), tier in zip(bounds, terms["tiers"])]
            return (terms["model"], terms.get("scope", "subscription"), bands)
        case "package":
            return ("package", number("size"), number("price"))
        case "percentage":
            return ("percentage", number("percent") / 100, number("minimum"), number("maximum"))
        case "matrix":
            if terms["by"] != ["region", "device"] or meter["dimensions"] != ["region", "device"]:
                raise SystemExit("a matrix price is not by region and device")
            with (folder / terms["cells"]["table"]).open() as file:
                cells = {(row["region"], row["device"]): Decimal(row["unit_price"]) for row in csv.DictReader(file)}
            return ("matrix", cells)
    raise SystemExit(f"unexpected model {terms['model']}")


def charge_of(book: dict, product: str) -> dict:
    return book["products"][product]["charges"]["use"]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
