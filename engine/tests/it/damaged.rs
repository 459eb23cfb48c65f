//! Parquet files with damaged pages: a fault that names the file, whatever the reader makes of them, and no stack trace.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::tiny::Tiny;

/// Ten records of the tiny job.
fn parquet() -> Vec<u8> {
    let started = TimestampMicrosecondArray::from(vec![1_791_194_400_000_000; 10]).with_timezone("UTC");
    let seconds =
        Decimal128Array::from(vec![120_000_000_000_000_000_000; 10]).with_precision_and_scale(38, 18).unwrap();
    let ids: Vec<String> = (0..10).map(|id| format!("call-{id}")).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(ids))),
        ("caller", Arc::new(StringArray::from(vec!["+1"; 10]))),
        ("started", Arc::new(started)),
        ("seconds", Arc::new(seconds)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_damaged_page_is_a_fault_and_no_stack_trace() {
    let whole = parquet();
    let tiny = Tiny::new().format("parquet").usage("calls.parquet", &whole);
    let mut broke_off = 0;
    // The first page of ids: its header and the width of its numbers.
    for at in 130..142 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        tiny.write("usage/calls.parquet", bytes);
        let ran = tiny.call().run();
        if ran.status.success() {
            continue;
        }
        // Says that no panic is told on stderr.
        let ran = ran.exits(3).says("U002").says("calls.parquet");
        broke_off += usize::from(ran.stderr.contains("the Parquet pages are damaged"));
    }
    assert!(broke_off > 0, "the reader has not broken off on any of them: take other bytes");
}
