"""The SQL of the sample job, translated to Python BY HAND. Each translation stands beside the text it was made from;
when that text changes in the pipeline or the price book, the oracle stops and asks for a new translation.

A comparison with null is not true, as in SQL.
"""

from exact import e18


def video_call(r):
    """FROM input WHERE leg_kind <> 'probe'; None is a filtered record."""
    if r["leg_kind"] is None or r["leg_kind"] == "probe":
        return None
    return {
        "record_id": r["call_leg_id"],
        "record_type": "video." + r["leg_kind"],
        "identifier": r["room"],
        "record_time": r["started_at"],
        **{name: r[name] for name in ("duration_s", "region", "device", "participant_id", "peak_participants")},
    }


def media_event(r):
    return {
        "record_id": r["event_id"],
        "record_type": None if r["kind"] is None else "media." + r["kind"],
        "identifier": r["tenant"],
        "record_time": r["occurred_at"],
        **{name: r[name] for name in ("measured", "destination", "number_type")},
    }


def recording_event(r):
    return {
        "record_id": r["event_id"],
        "record_type": None if r["event"] is None else "recording." + r["event"],
        "identifier": r["room"],
        "record_time": r["happened_at"],
        **{name: r[name] for name in ("seconds", "language", "gross")},
    }


MEDIATION = {
    "SELECT call_leg_id AS record_id, 'video.' || leg_kind AS record_type, room AS identifier, "
    "started_at AS record_time, duration_s, region, device, participant_id, peak_participants "
    "FROM input WHERE leg_kind <> 'probe'": video_call,
    "SELECT event_id AS record_id, 'media.' || kind AS record_type, tenant AS identifier, occurred_at AS record_time, "
    "measured, destination, number_type FROM input": media_event,
    "SELECT event_id AS record_id, 'recording.' || event AS record_type, room AS identifier, "
    "happened_at AS record_time, seconds, language, gross FROM input": recording_event,
}

SUSPEND = {
    "duration_s < 0": lambda r: r["duration_s"] is not None and r["duration_s"] < 0,
    "duration_s > 86400": lambda r: r["duration_s"] is not None and r["duration_s"] > 86400,
    "measured < 0": lambda r: r["measured"] is not None and r["measured"] < 0,
    "record_type = 'recording.finished' AND seconds = 0": lambda r: r["record_type"] == "recording.finished"
    and r["seconds"] is not None
    and r["seconds"] == 0,
}


def column(name):
    return lambda r: r[name]


def sixtieth(name):
    return lambda r: None if r[name] is None else e18(r[name] / 60)


EXPRESSIONS = {
    "duration_s / 60": sixtieth("duration_s"),
    "seconds / 60": sixtieth("seconds"),
    "measured / 60": sixtieth("measured"),
    "measured": column("measured"),
    "gross": column("gross"),
    "peak_participants": column("peak_participants"),
    "participant_id": column("participant_id"),
}


def translated(where: dict, sql: str):
    text = " ".join(sql.split())
    if text not in where:
        raise SystemExit(f"by_hand.py has no translation of: {text}")
    return where[text]
