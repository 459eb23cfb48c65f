//! Properties over any input: nothing panics, every record comes out once, and well-formed text is read as its writer
//! meant it. `read` itself compares batch sizes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{CSV, Format, read, source};

proptest! {
    #[test]
    fn any_csv_text_is_records_or_a_fault(text in "[,\"\n\ra1. -]{0,200}", header in any::<bool>()) {
        let format = Format::Csv { delimiter: b',', header };
        let text = if header { format!("a,n\n{text}") } else { text };
        read(&source(format, "a:text n:dec9.2?"), "x.csv", text.as_bytes()).unwrap();
    }

    #[test]
    fn any_lines_are_ndjson_records(lines in vec(r#"(\{("a"|"n"|"z"|,|:|1|null|"\\n"|\[|\]){0,8}\}?|[ \r]*)"#, 0..20)) {
        let text = lines.join("\n");
        let lines = text.split('\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let records = read(&source(Format::Ndjson, "a:text n:int?"), "x.ndjson", text.as_bytes()).unwrap();
        prop_assert_eq!(records.len(), lines);
    }

    #[test]
    fn any_bytes_are_records_or_a_fault(bytes in vec(any::<u8>(), 0..300)) {
        for (format, name) in [
            (CSV, "x.csv"), (Format::Ndjson, "x.ndjson"), (CSV, "x.csv.gz"), (CSV, "x.csv.zst"), (Format::Parquet, "x.parquet"),
        ] {
            drop(read(&source(format, "a:text? n:int?"), name, &bytes));
        }
    }

    #[test]
    fn what_a_csv_writer_writes_is_read_back(rows in vec(("[a-c,\"\n\r ]{0,12}", 0_i64..1000), 0..30), crlf in any::<bool>()) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["n", "a"]).unwrap();
        for (text, number) in &rows {
            writer.write_record([&number.to_string(), text]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let expected: Vec<String> = rows.iter().enumerate().map(|(row, (text, number))| {
            format!("{row} {}|{number}", if text.is_empty() { "-" } else { text })
        }).collect();
        prop_assert_eq!(read(&source(CSV, "a:text n:int"), "x.csv", &bytes).unwrap(), expected);
    }

    #[test]
    fn any_decimal_text_is_read_as_the_scalar_parser_reads_it(text in "[+-]?[0-9]{0,22}(\\.[0-9]{0,20})?(e[+-]?[0-9]{1,2})?") {
        let exact = crate::money::Decimal::parse(&text);
        let read = crate::read::values::decimal(text.as_bytes(), 38, 18);
        prop_assert_eq!(read.ok(), exact.ok().map(crate::money::Decimal::units));
    }
}
