//! CSV: rows, headers, quotes and what is set aside.

use super::{CSV, Format, read, refused, source};

/// Reads `text` with columns `a:text n:dec9.2`.
fn rows(text: &str) -> Vec<String> {
    read(&source(CSV, "a:text n:dec9.2"), "x.csv", text.as_bytes()).unwrap()
}

#[test]
fn every_row_is_a_record_however_its_line_ends() {
    for text in
        ["a,n\nx,1.5\ny,2\n", "a,n\r\nx,1.5\r\ny,2\r\n", "\u{feff}a,n\nx,1.5\ny,2", "\n\na,n\n\nx,1.5\n\n\ny,2\n\n"]
    {
        assert_eq!(rows(text), ["0 x|1.50", "1 y|2.00"], "{text:?}");
    }
}

#[test]
fn a_file_without_rows_has_no_records() {
    for text in ["", "a,n", "a,n\n", "\u{feff}", "\n\n", "\u{feff}a,n\r\n\r\n"] {
        assert_eq!(rows(text), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    assert_eq!(rows("z,n, a \nq,1,x\n"), ["0 x|1.00"]);
    assert_eq!(rows("\"n\",\"a\"\n1,x\n"), ["0 x|1.00"]);
}

#[test]
fn blank_fields_are_null() {
    assert_eq!(rows("a,n\n,\n\"\",\"\"\n , \n"), ["0 -|-", "1 -|-", "2  |-"]);
}

#[test]
fn quoted_fields_keep_delimiters_line_ends_and_quotes() {
    assert_eq!(
        rows("a,n\n\"x,y\",\"1\"\n\"p\nq\",2\n\"say \"\"hi\"\"\",3\n5\"x,4\r\n\"r\r\n\",5\r\n"),
        ["0 x,y|1.00", "1 p\nq|2.00", "2 say \"hi\"|3.00", "3 5\"x|4.00", "4 r\r\n|5.00"]
    );
}

#[test]
fn a_bad_quote_costs_its_own_line_only() {
    // Never closed; closed too early; closed by the quote of a later row.
    assert_eq!(rows("a,n\n\"x,1\ny,2\n"), ["0 !bad_quote - <\"x,1>", "1 y|2.00"]);
    assert_eq!(rows("a,n\n\"x\"z,1\ny,2\n"), ["0 !bad_quote - <\"x\"z,1>", "1 y|2.00"]);
    assert_eq!(rows("a,n\r\n\"x,1\r\ny,2\r\n\"z\",3\r\n"), ["0 !bad_quote - <\"x,1>", "1 y|2.00", "2 z|3.00"]);
    assert_eq!(rows("a,n\n\"x,1\ny,2\nz,\"3\"\nw,4"), ["0 !bad_quote - <\"x,1>", "1 y|2.00", "2 z|3.00", "3 w|4.00"]);
}

#[test]
fn short_and_long_rows_are_set_aside() {
    assert_eq!(rows("a,n\nx\nx,1,\nx,1,more\n"), ["0 !missing_field n <x>", "1 x|1.00", "2 !extra_field - <x,1,more>"]);
}

#[test]
fn a_row_that_is_too_long_is_cut_and_the_next_one_read() {
    let long = "x".repeat(300_000);
    let row = format!("{long},1");
    let lines = rows(&format!("a,n\n{row}\nz,1\n"));
    assert_eq!(lines, [format!("0 !row_too_long - <{}>", "x".repeat(200)), "1 z|1.00".to_owned()]);
    assert_eq!(rows(&format!("a,n\n{row}")).len(), 1);
    for rest in [60, 200_000] {
        let lines = rows(&format!("a,n\n\"x,1\n{}", "y,2\n".repeat(rest)));
        assert_eq!(lines.len(), rest + 1);
        assert_eq!(lines.first().unwrap(), "0 !bad_quote - <\"x,1>");
        assert_eq!(lines.last().unwrap(), &format!("{rest} y|2.00"));
    }
    let just = format!("{},1", "x".repeat(198));
    assert_eq!(rows(&format!("a,n\n{just}\r\n{just}")).len(), 2);
    assert!(rows(&format!("a,n\n{just}\r\n{just}")).iter().all(|line| line.ends_with("x|1.00")));
}

#[test]
fn the_first_bad_field_by_declared_order_is_reported() {
    let source = source(CSV, "i:int b:bool d:date t:time");
    let text = "t,d,b,i\n2026-10-01T00:00:00Z,2026-10-01,true,1\n-,-,-,2\n-,2026-02-30,0,3\n-,-,-,-\n";
    assert_eq!(
        read(&source, "x.csv", text.as_bytes()).unwrap(),
        [
            "0 1|true|2026-10-01|2026-10-01T00:00:00Z",
            "1 !not_a_bool b <-,-,-,2>",
            "2 !not_a_date d <-,2026-02-30,0,3>",
            "3 !not_an_integer i <-,-,-,->"
        ]
    );
}

#[test]
fn damage_is_named_and_stays_in_its_column() {
    let source = source(CSV, "a:text n:int");
    let text = b"a,n,z\nx\0,1,\nx,1\0,\n\xff,1,\nx,\xff,\nx,1,\xff\0\n";
    assert_eq!(
        read(&source, "x.csv", text).unwrap(),
        [
            "0 !nul_byte a <x\0,1,>",
            "1 !nul_byte n <x,1\0,>",
            "2 !not_utf8 a <\u{fffd},1,>",
            "3 !not_utf8 n <x,\u{fffd},>",
            "4 x|1"
        ]
    );
}

#[test]
fn a_header_that_does_not_fit_is_a_fault() {
    let source = source(CSV, "Duration:int b:int? c:int");
    assert_eq!(
        refused(&source, "x.csv", b"durations,d\n1,2\n"),
        "x.csv:1: U003 the file has no column `Duration` (did you mean `durations`? a column that files may lack is \
         declared `{ type: …, optional: true }`)\n\
         x.csv:1: U003 the file has no column `c` (a column that files may lack is declared `{ type: …, optional: true }`)"
    );
    assert!(refused(&source, "x.csv", b"Duration,c,c\n1,2,3\n").contains("U003 the column `c` stands twice"));
    assert!(refused(&source, "x.csv", b"\"Duration,c\n1,2\n").contains("U003 the first row is no header"));
    assert!(refused(&source, "x.csv", &[b'x'; 5000]).contains("U003 the first row is no header"));
    assert_eq!(read(&source, "x.csv", b"c,Duration\n1,2\n").unwrap(), ["0 2|-|1"]);
}

#[test]
fn without_a_header_columns_are_found_by_position() {
    let source = source(Format::Csv { delimiter: b';', header: false }, "a:text n:int o:int?");
    assert_eq!(
        read(&source, "x.csv", b"x;1\ny;2;3\nz;4;5;6\nw\n").unwrap(),
        ["0 x|1|-", "1 y|2|3", "2 z|4|5", "3 !missing_field n <w>"]
    );
}

#[test]
fn many_rows_cross_the_window_without_a_seam() {
    let mut text = "a,n\r\n".to_owned();
    for row in 0..30_000 {
        text.push_str(&if row % 3 == 0 {
            format!("\"r{row}\n\"\"q\"\"\",{row}\r\n")
        } else {
            format!("r{row},{row}\r\n")
        });
    }
    let batches = super::batches(&source(CSV, "a:text n:int"), "x.csv", text.as_bytes(), 7000).unwrap();
    let mut row = 0;
    for batch in &batches {
        assert!(batch.broken.is_empty());
        for index in 0..batch.records.num_rows() {
            let name = if row % 3 == 0 { format!("r{row}\n\"q\"") } else { format!("r{row}") };
            assert_eq!(super::shown(&batch.records, 0, index), name);
            assert_eq!(super::shown(&batch.records, 1, index), row.to_string());
            assert_eq!(batch.rows.get(index), Some(row));
            let raw = if row % 3 == 0 { format!("\"r{row}\n\"\"q\"\"\",{row}") } else { format!("r{row},{row}") };
            assert_eq!(batch.raw(index), raw);
            row += 1;
        }
    }
    assert_eq!(row, 30_000);
}
