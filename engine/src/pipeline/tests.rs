//! Pipeline texts and what is said about them.

use super::model::{Column, ColumnKind, Format};
use super::*;
use crate::yaml::tests::pointed;

const SOUND: &str = "\
pipeline: nightly
timezone: America/Denver
book: ../rules/video
usage:
  media:
    path: s3://usage/media/**/*.parquet
    format: parquet
    schema:
      id: string
      started: timestamp(Europe/Berlin)
      cost: { column: lineItem/Cost, type: \"decimal(38,18)\", optional: true, float: true }
    mediate: SELECT id AS record_id FROM input
  bridge:
    path: ${USAGE_ROOT:-../sample-data/usage}/bridge/**/*.csv.gz
    format: csv
    csv: { delimiter: \";\" }
    schema: { call_leg_id: string, duration_s: \"decimal(18,3)\", day: date }
    mediate: |
      SELECT call_leg_id AS record_id
      FROM input
    dedup: { key: [record_id, source], window: 40 days }
    suspend: [ { code: negative_duration, when: \"duration_s < 0\" } ]
reference: { accounts: ../ref/accounts.csv, subscriptions: /ref/s.csv, identifiers: ids.csv, tax_rates: t.csv }
output: ${OUT}
";

fn nothing(_: &str) -> Option<String> {
    None
}

fn out(name: &str) -> Option<String> {
    (name == "OUT").then(|| "memory://out".to_owned())
}

fn source(text: &str) -> Arc<SourceText> {
    yaml::source("pipelines/nightly.yaml", text.as_bytes()).unwrap()
}

#[test]
fn a_sound_pipeline_becomes_values() {
    let pipeline = parse(&source(SOUND), &out).unwrap();
    assert_eq!((pipeline.name.as_str(), pipeline.timezone), ("nightly", chrono_tz::America::Denver));
    assert_eq!((pipeline.book.text.as_str(), pipeline.book.place.line), ("rules/video", 3));
    assert_eq!(pipeline.output.text, "memory://out");
    let [bridge, media] = pipeline.sources.as_slice() else { panic!() };
    assert_eq!(bridge.path.text, "sample-data/usage/bridge/**/*.csv.gz");
    assert_eq!(bridge.format, Format::Csv { delimiter: b';', header: true });
    let kinds: Vec<ColumnKind> = bridge.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [ColumnKind::Text, ColumnKind::Decimal(18, 3), ColumnKind::Date]);
    let (mediate, place) = (&bridge.mediate.text, &bridge.mediate.place);
    assert_eq!(mediate, "SELECT call_leg_id AS record_id\nFROM input\n");
    assert_eq!((place.line, place.column), (19, 7));
    assert!(place.source.text[place.offset..].starts_with("SELECT call_leg_id"));
    assert_eq!((bridge.dedup_key.len(), bridge.dedup_window_days), (2, 40));
    assert_eq!(bridge.suspend[0].when.text, "duration_s < 0");
    assert_eq!((media.dedup_key.len(), media.path.text.as_str()), (0, "s3://usage/media/**/*.parquet"));
    let Column { header, kind, optional, float, .. } = &media.columns[2];
    assert_eq!((header.as_str(), *kind, *optional, *float), ("lineItem/Cost", ColumnKind::Decimal(38, 18), true, true));
    assert_eq!(media.columns[1].kind, ColumnKind::Timestamp(chrono_tz::Europe::Berlin));
    assert_eq!(pipeline.reference.accounts.text, "ref/accounts.csv");
    assert_eq!(pipeline.reference.subscriptions.text, "/ref/s.csv");
    assert_eq!(pipeline.reference.identifiers.text, "pipelines/ids.csv");
    assert!(pipeline.reference.fx_rates.is_none());
    let limits = pipeline.limits;
    assert_eq!(
        (limits.suspense_records.to_string(), limits.decompressed_file, limits.row_bytes),
        ("0.05".to_owned(), 4 << 30, 1 << 20)
    );
}

#[test]
fn the_digest_follows_what_shapes_the_result_only() {
    let digest = |text: &str| parse(&source(text), &out).unwrap().digest;
    let same = [
        SOUND.replace("${OUT}", "elsewhere"),
        SOUND.replace("s3://usage", "gs://other"),
        SOUND.replace("timezone:", "# a comment\ntimezone:"),
        SOUND.replace("../ref/accounts.csv", "a.csv"),
        format!("{SOUND}limits: {{ suspense_records: 0.5 }}\n"),
    ];
    for text in same {
        assert_eq!(digest(&text), digest(SOUND), "{text}");
    }
    let other = [
        SOUND.replace("America/Denver", "UTC"),
        SOUND.replace("duration_s < 0", "duration_s < 1"),
        SOUND.replace("decimal(18,3)", "decimal(18,4)"),
        SOUND.replace("AS record_id\n", "AS record_id, 1 AS x\n"),
        SOUND.replace("[record_id, source]", "[record_id]"),
        SOUND.replace("delimiter: \";\"", "delimiter: \"|\""),
        format!("{SOUND}limits: {{ row_bytes: 100 }}\n"),
    ];
    for text in other {
        assert_ne!(digest(&text), digest(SOUND), "{text}");
    }
}

/// Each fault as its code, line and the text it points at.
fn faults_of(text: &str) -> Vec<String> {
    parse(&source(text), &out).err().unwrap_or_default().0.iter().map(pointed).collect()
}

#[test]
fn what_is_wrong_is_reported_at_its_place() {
    for (sound, broken, expected) in [
        ("pipeline: nightly", "pipeline: Nightly Run", "P001 1 Nightly Run"),
        ("America/Denver", "America/Dever", "P002 2 America/Dever"),
        ("timezone:", "timezon:", "Y004 2 timezon"),
        ("book: ../rules/video\n", "", "Y005 0"),
        ("${OUT}", "${NOWHERE}", "P001 24 ${NOWHERE}"),
        ("${OUT}", "${OUT", "P001 24 ${OUT"),
        ("${OUT}", "${1X:-a}", "P001 24 ${1X:-a}"),
        ("${OUT}", "${EMPTY:-}", "P001 24 ${EMPTY:-}"),
        ("  bridge:", "  Bridge 1:", "P001 13 Bridge 1"),
        ("format: csv", "format: tsv", "Y006 15 tsv"),
        ("    csv: { delimiter: \";\" }", "    csv: { delimiter: ';;' }", "P004 16 ;;"),
        ("    format: parquet", "    format: parquet\n    csv: { header: false }", "Y004 8 {"),
        ("call_leg_id: string", "call_leg_id: strong", "P004 17 strong"),
        ("call_leg_id: string", "call-leg-id: string", "P004 17 call-leg-id"),
        ("decimal(18,3)", "decimal(18,19)", "P004 17 decimal(18,19)"),
        ("decimal(18,3)", "decimal", "P004 17 decimal"),
        ("decimal(18,3)", "decimal(3,4)", "P004 17 decimal(3,4)"),
        ("timestamp(Europe/Berlin)", "timestamp(Europe/Berln)", "P002 10 timestamp(Europe/Berln)"),
        ("day: date", "day: { type: date, float: true }", "P004 17 true"),
        ("window: 40 days", "window: a month", "P001 21 a month"),
        ("key: [record_id, source]", "key: []", "P001 21 ["),
        ("code: negative_duration", "code: Negative", "P001 22 Negative"),
        (", identifiers: ids.csv", "", "Y005 23 reference"),
        ("output:", "limits: { suspense_records: 5 }\noutput:", "B001 24 5"),
        ("output:", "limits: { row_bytes: 1 MiB }\noutput:", "Y006 24 1 MiB"),
        ("output:", "incremental: { suspend_late_after: a month }\noutput:", "P001 24 a month"),
        ("output:", "incremental: { late_usage: leave, suspend_late_after: 9 days }\noutput:", "P001 24 9 days"),
    ] {
        assert!(SOUND.contains(sound), "{sound}");
        let found = faults_of(&SOUND.replacen(sound, broken, 1));
        assert_eq!(found, [expected], "{broken}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let text = SOUND.replace("America/Denver", "Mars").replace("day: date", "day: dat").replace("code:", "kode:");
    assert_eq!(faults_of(&text), ["P002 2 Mars", "P004 17 dat", "Y005 22 {", "Y004 22 kode"]);
}

#[tokio::test]
async fn files_of_sql_are_read_and_keep_their_own_places() {
    let put = async |name: &str, text: String| {
        Location::parse(name).unwrap().put(text.into()).await.unwrap();
    };
    let text = SOUND.replace("mediate: SELECT id AS record_id FROM input", "mediate: { file: sql/media.sql }");
    put("memory://p1/nightly.yaml", text.clone()).await;
    put("memory://p1/sql/media.sql", "SELECT id AS record_id\nFROM input\n".to_owned()).await;
    let pipeline = load("memory://p1/nightly.yaml", &out).await.unwrap();
    let mediate = &pipeline.sources[1].mediate;
    assert_eq!((mediate.text.as_str(), mediate.place.line), ("SELECT id AS record_id\nFROM input\n", 1));
    assert_eq!(mediate.place.source.name, "memory://p1/sql/media.sql");
    put("memory://p2/nightly.yaml", text).await;
    let faults = load("memory://p2/nightly.yaml", &nothing).await.unwrap_err();
    let shown: Vec<String> = faults.0.iter().map(Fault::to_string).collect();
    assert_eq!(
        shown,
        [
            "memory://p2/nightly.yaml:12:22: Y007 the file `memory://p2/sql/media.sql` does not exist",
            "memory://p2/nightly.yaml:24:9: P001 the environment variable `OUT` is not set",
        ]
    );
    let missing = load("memory://p3/nightly.yaml", &nothing).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "memory://p3/nightly.yaml: Y007 the file `memory://p3/nightly.yaml` does not exist"
    );
}

proptest::proptest! {
    #[test]
    fn a_damaged_pipeline_is_never_our_fault(at in 0..SOUND.len(), length in 0_usize..12, instead in "[a-z0-9:,{}\\[\\] \n~\"'$-]{0,4}") {
        let mut text = SOUND.to_owned();
        text.replace_range(at..(at + length).min(SOUND.len()), &instead);
        let faults = parse(&source(&text), &out).err().unwrap_or_default();
        proptest::prop_assert!(faults.0.iter().all(|fault| fault.code.id != "X001" && fault.place.is_some()), "{faults}");
    }
}

#[test]
fn loading_can_move_between_threads() {
    fn sent<T: Send>(_: T) {}
    sent(load("nightly.yaml", &nothing));
}
