"""Usage files, row by row: (row number, values by column) or (row number, reason code) where the row cannot be read."""

import csv
import gzip
import io
import json
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet

from exact import number

INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(\.\d+)?(?:([Zz])|([+-]\d\d):?(\d\d)?)?")
DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")


class Unreadable(Exception):
    """A row that goes to suspense, with its reason code."""


class Columns:
    """The schema of a source: how the value of each column is read from text."""

    def __init__(self, schema: dict):
        self.all = []
        for name, declared in schema.items():
            if isinstance(declared, str):
                declared = {"type": declared}
            self.all.append((name, declared.get("column", name), declared["type"], declared.get("optional") == "true"))

    def value(self, kind: str, text):
        if text is None:
            return None
        if kind == "string":
            return str(text)
        decimal = DECIMAL.fullmatch(kind)
        if decimal:
            try:
                read = text if isinstance(text, Decimal) else number(str(text).strip())
            except ValueError:
                raise Unreadable("not_a_decimal") from None
            return fitting(read, int(decimal[1]), int(decimal[2]))
        if kind == "int":
            if not re.fullmatch(r"[+-]?[0-9]+", str(text).strip()):
                raise Unreadable("not_an_integer")
            if not -(2**63) <= int(text) < 2**63:
                raise Unreadable("integer_out_of_range")
            return int(text)
        if kind == "timestamp":
            return instant(text)
        raise NotImplementedError(f"the oracle does not read {kind}")


def fitting(read: Decimal, precision: int, scale: int) -> Decimal:
    shifted = read.scaleb(scale)
    if shifted != shifted.to_integral_value():
        raise Unreadable("decimal_too_precise")
    if abs(shifted) >= Decimal(10) ** precision:
        raise Unreadable("decimal_out_of_range")
    return read


def instant(text) -> datetime:
    if isinstance(text, datetime):
        return text.astimezone(timezone.utc)
    found = INSTANT.fullmatch(str(text))
    if not found:
        raise Unreadable("not_a_timestamp")
    day, minutes, seconds, fraction, utc, hours, rest = found.groups()
    offset = "+00:00" if utc or not hours else f"{hours}:{rest or '00'}"
    try:
        read = datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}{(fraction or '.0')[:7]}{offset}")
    except ValueError:
        raise Unreadable("not_a_timestamp") from None
    return read.astimezone(timezone.utc)


def rows(source: dict, path: Path):
    """Every record of the file, in order."""
    columns = Columns(source["schema"])
    read = {"csv": csv_rows, "ndjson": json_rows, "parquet": parquet_rows}[source["format"]]
    for at, found in enumerate(read(columns, path)):
        if isinstance(found, Unreadable):
            yield at, None, str(found)
            continue
        try:
            yield at, {name: columns.value(kind, found[name]) for name, _, kind, _ in columns.all}, None
        except Unreadable as reason:
            yield at, None, str(reason)


def opened_text(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    compression = {".zst": "zstd"}.get(path.suffix.lower())
    return io.StringIO(pyarrow.input_stream(str(path), compression=compression).read().decode("utf-8"), newline="")


def csv_rows(columns: Columns, path: Path):
    with opened_text(path) as opened:
        records = csv.reader(opened)
        header = next(records)
        for fields in records:
            if not fields:  # a blank line is no record
                continue
            if len(fields) != len(header):
                yield Unreadable("missing_field" if len(fields) < len(header) else "extra_field")
                continue
            by_header = dict(zip(header, fields))
            # Text that is not there and text that is empty are the same in CSV: null.
            yield {name: by_header[column] or None for name, column, _, _ in columns.all}


def json_rows(columns: Columns, path: Path):
    with opened_text(path) as opened:
        for line in opened:
            if not line.strip():
                continue
            try:
                found = json.loads(
                    line, parse_float=Decimal, parse_int=Decimal, parse_constant=not_json, object_pairs_hook=keys_once
                )
            except Unreadable as reason:
                yield reason
                continue
            except ValueError:
                yield Unreadable("not_json")
                continue
            if not isinstance(found, dict):
                yield Unreadable("not_an_object")
            elif any(isinstance(found.get(column), (list, dict)) for _, column, _, _ in columns.all):
                yield Unreadable("not_a_scalar")
            elif any(column not in found and not optional for _, column, _, optional in columns.all):
                yield Unreadable("missing_field")
            else:
                yield {name: found.get(column) for name, column, _, _ in columns.all}


def not_json(constant: str):
    raise Unreadable("not_json")  # NaN and Infinity are words of Python, not of JSON


def keys_once(pairs: list) -> dict:
    if len(dict(pairs)) < len(pairs):
        raise Unreadable("duplicate_key")
    return dict(pairs)


def parquet_rows(columns: Columns, path: Path):
    for found in pyarrow.parquet.ParquetFile(path).read().to_pylist():
        yield {name: found[column] for name, column, _, _ in columns.all}
