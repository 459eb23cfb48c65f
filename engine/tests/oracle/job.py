"""The pipeline and its price book as plain mappings; every number stays the text it is in the YAML."""

import calendar
import csv
import glob
import os
import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def load_yaml(path: Path):
    with open(path, encoding="utf-8") as opened:
        return yaml.load(opened, Loader=yaml.BaseLoader)  # BaseLoader: 0.10 stays "0.10", `on` stays "on"


def filled(text: str) -> str:
    def value(found):
        given = os.environ.get(found[1], found[2])
        if given is None:
            raise KeyError(f"environment variable {found[1]} is not set")
        return given

    return VARIABLE.sub(value, text)


class Period:
    """A month, half-open, in the time zone of the pipeline."""

    def __init__(self, name: str, zone: str):
        year, month = map(int, name.split("-"))
        self.name, self.zone = name, ZoneInfo(zone)
        self.days = calendar.monthrange(year, month)[1]
        self.first = date(year, month, 1)
        self.after = self.first + timedelta(days=self.days)
        self.start, self.end = self.midnight(self.first), self.midnight(self.after)

    def midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(timezone.utc)

    def day_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


class Job:
    def __init__(self, pipeline: Path):
        self.folder = pipeline.resolve().parent
        self.text = load_yaml(pipeline)
        self.zone = self.text.get("timezone", "UTC")
        self.sources = self.text["usage"]
        self.book = Book(self.place(self.text["book"]))
        self.check_layers()

    def check_layers(self) -> None:
        """Layers and contracts are beyond the oracle: it holds that none of the sample's accounts has one."""
        held = {row.get("contract", "") for row in self.reference("subscriptions")}
        assert not held & self.book.contracts.keys(), "a contract of the book is held: the oracle would bill it wrongly"
        countries = {row.get("country", "") for row in self.reference("accounts")}
        for layer in self.book.layers:
            named = re.fullmatch(r"account\.country IN \(([^)]*)\)", layer["when"])
            strangers = named and not countries & set(re.findall(r"'([^']*)'", named[1]))
            later = layer.get("valid_from", "") >= "2027"
            assert strangers or later, f"layer {layer['id']}: the oracle would bill it wrongly"
        for product in self.book.products.values():
            for charge in product["charges"].values():
                dated = [version.get("valid_from", "") for version in charge.get("versions", [])]
                assert all(first >= "2027" for first in dated), "a list price changes in the sample's time"

    def place(self, text: str) -> Path:
        return Path(os.path.normpath(self.folder / filled(text)))

    def files(self, source: str) -> list[tuple[str, Path]]:
        """Name and place of the source's files; the name is the path below the part of the glob without wildcards."""
        pattern = str(self.place(self.sources[source]["path"]))
        fixed = Path(*[part for part in Path(re.split(r"[*?\[]", pattern)[0] + "x").parts][:-1])
        found = [Path(path) for path in glob.glob(pattern, recursive=True)]
        return sorted((path.relative_to(fixed).as_posix(), path) for path in found)

    def reference(self, name: str) -> list[dict[str, str]]:
        if name not in self.text["reference"]:
            return []
        with open(self.place(self.text["reference"][name]), newline="", encoding="utf-8") as opened:
            return list(csv.DictReader(opened))


class Book:
    """All YAML files below a folder, merged in order of their paths."""

    def __init__(self, folder: Path):
        self.meters, self.products, self.plans, self.discounts, self.overrides, self.rounding = {}, {}, {}, [], [], {}
        self.layers, self.contracts = [], {}
        for path in sorted(path for path in folder.rglob("*.yaml") if not path.name.endswith(".test.yaml")):
            text = load_yaml(path)
            read_tables(text, path.parent)
            for key in ("meters", "products", "plans", "contracts"):
                ours, more = getattr(self, key), text.pop(key, {})
                assert not ours.keys() & more.keys(), f"{key}: declared twice"
                ours.update(more)
            self.discounts += text.pop("discounts", [])
            self.overrides += text.pop("overrides", [])
            self.layers += text.pop("layers", [])
            self.rounding |= text.pop("rounding", {})
            text.pop("book", None)
            assert text.pop("currency", "account") == "account", "only prices in the account's currency are known"
            assert not text, f"{path}: the oracle does not know {list(text)}"
        self.mode = self.rounding.get("mode", "half_up")
        self.discount_base = self.rounding.get("discount_base", "unrounded")

    def charges_of(self, subscription: dict) -> dict[str, dict]:
        """Charges by their name product/charge, as the plan or the product lists them."""
        plan = self.plans[subscription["plan"]] if subscription["plan"] else {}
        products = plan.get("includes", []) if plan else [subscription["product"]]
        return {f"{p}/{name}": charge for p in products for name, charge in self.products[p]["charges"].items()}


def read_tables(node, folder: Path):
    """Puts the rows of every `{ table: FILE }` in its place."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in list(pairs):
        if isinstance(inner, dict) and set(inner) == {"table"}:
            with open(folder / inner["table"], newline="", encoding="utf-8") as opened:
                node[key] = [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(opened)]
        else:
            read_tables(inner, folder)
