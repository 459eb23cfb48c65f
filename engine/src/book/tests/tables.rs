//! Price tables: long lists of tiers and cells in files of their own.

use std::sync::Arc;

use arrow::array::{Decimal128Array, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use super::*;

const TABLES: &str = "\
book: b
meters: { m: { record_type: r, quantity: q, dimensions: [region, device] } }
products:
  p:
    charges:
      cells: { meter: m, model: matrix, by: [region, device], cells: { table: tables/cells.csv } }
      bands: { meter: m, model: volume, tiers: { table: tables/bands.csv } }
";

#[tokio::test]
async fn long_price_lists_are_tables() {
    let cells = "region,device,unit_price\nUS,room,0.02\nEU,\"a,b\",0.01\n";
    let bands = "up_to,unit_price,flat_fee\n10,1.5,\n,1,2\n";
    let files = [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", bands)];
    let book = load_files("tables", &files).await.unwrap();
    let Model::Volume { tiers } = &book.charges[0].price.model else { panic!() };
    assert_eq!((tiers[0].up_to, tiers[1].up_to, tiers[1].flat_fee), (Some(dec("10")), None, dec("2")));
    let Model::Matrix { cells: found, .. } = &book.charges[1].price.model else { panic!() };
    assert_eq!(found[0], (vec!["EU".to_owned(), "a,b".to_owned()], dec("0.01")));
    assert_eq!(book.charges[1].price.lines_by, ["region", "device"]);
    let elsewhere = load_files("tables-elsewhere", &files).await.unwrap();
    assert_eq!(book.digest, elsewhere.digest);
    let changed = [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", "up_to,unit_price\n,1\n")];
    assert_ne!(book.digest, load_files("tables-changed", &changed).await.unwrap().digest);
}

#[tokio::test]
async fn faults_of_tables_name_their_rows() {
    let cells = "region,devise,unit_price\nUS,room,0.02\n";
    let bands = "up_to,unit_price\n10,1.5\n5,1,5\n";
    let files = [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", bands)];
    assert_eq!(
        faults_of("rows-1", &files).await,
        ["b.yaml: B006 6 tables/cells.csv", "b.yaml: B006 6 tables/cells.csv", "bands.csv: B006 3 5,1,5"]
    );
    let cells = "region,device,unit_price\nUS,room,0.02\nEU,room,abc\nUS,room,0.03\n";
    let bands = "up_to,unit_price\n10,1.5\n5,1\n,1\n";
    let files = [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", bands)];
    assert_eq!(
        faults_of("rows-2", &files).await,
        ["bands.csv: B004 3 5,1", "cells.csv: B001 3 EU,room,abc", "cells.csv: B008 4 US,room,0.03"]
    );
    assert_eq!(
        faults_of("rows-3", &[("b.yaml", TABLES)]).await,
        ["B006 6 tables/cells.csv", "B006 7 tables/bands.csv"]
    );
}

#[tokio::test]
async fn a_price_table_may_not_name_a_column_twice() {
    let cells = "region,device,unit_price,unit_price\nUS,room,0.02,0.03\n";
    let files = [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", "up_to,unit_price\n,1\n")];
    assert_eq!(faults_of("twice", &files).await, ["b.yaml: B006 6 tables/cells.csv"]);
}

#[tokio::test]
async fn more_tiers_than_lines_can_number_are_refused() {
    let cells = "region,device,unit_price\nUS,room,0.02\n";
    let bands = |tiers: u32| {
        let rows: String = (1..tiers).map(|tier| format!("{tier},1\n")).collect();
        format!("up_to,unit_price\n{rows},1\n")
    };
    let (most, over) = (bands(65_535), bands(65_536));
    let files = |bands| [("b.yaml", TABLES), ("tables/cells.csv", cells), ("tables/bands.csv", bands)];
    assert!(load_files("tiers-most", &files(&most)).await.is_ok());
    assert_eq!(faults_of("tiers-over", &files(&over)).await, ["bands.csv: B004 65537 ,1"]);
}

fn parquet(columns: Vec<(&str, arrow::array::ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[tokio::test]
async fn parquet_prices_are_exact_and_floats_are_refused() {
    let text = "book: b\nmeters: { m: { record_type: r, quantity: q, dimensions: [region] } }\nproducts: { p: { charges: { c: { meter: m, model: matrix, by: [region], cells: { table: c.parquet } } } } }\n";
    let regions = || Arc::new(StringArray::from(vec!["US", "EU"]));
    let prices = Decimal128Array::from(vec![20_i128, 1]).with_precision_and_scale(18, 6).unwrap();
    put("exact", "c.parquet", parquet(vec![("region", regions()), ("unit_price", Arc::new(prices))])).await;
    let book = load_files("exact", &[("b.yaml", text)]).await.unwrap();
    let Model::Matrix { cells, .. } = &book.charges[0].price.model else { panic!() };
    assert_eq!(cells[0], (vec!["EU".to_owned()], dec("0.000001")));
    let floats = parquet(vec![("region", regions()), ("unit_price", Arc::new(Float64Array::from(vec![0.1, 0.2])))]);
    put("floats", "c.parquet", floats).await;
    assert_eq!(faults_of("floats", &[("b.yaml", text)]).await, ["B006 3 c.parquet"]);
}
