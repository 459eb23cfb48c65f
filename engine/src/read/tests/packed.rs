//! Packed files: gzip, zstd, pieces in a row, broken off, and bombs.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::{CSV, read, refused, source};

fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

#[test]
fn packed_files_are_read_whole_also_in_several_pieces() {
    let source = source(CSV, "a:text");
    for (name, pack) in [("x.csv.gz", gz as fn(&[u8]) -> Vec<u8>), ("x.csv.ZST", zst)] {
        let pieces = [pack(b"a\nx\ny"), pack(b"y\n"), pack(b""), pack(b"z")].concat();
        assert_eq!(read(&source, name, &pieces).unwrap(), ["0 x", "1 yy", "2 z"], "{name}");
        assert_eq!(read(&source, name, &pack(b"")).unwrap(), Vec::<String>::new(), "{name}");
        assert!(
            refused(&source, name, b"").contains("U002 the file cannot be read to its end: it has no bytes"),
            "{name}"
        );
    }
}

#[test]
fn a_file_that_breaks_off_or_is_damaged_is_a_fault_wherever_that_is() {
    let source = source(CSV, "n:int");
    let text: String = (0..2000).map(|row| format!("{}\n", row * 7919 % 10_007)).collect();
    for (name, packed) in
        [("x.csv.gz", gz(format!("n\n{text}").as_bytes())), ("x.csv.zst", zst(format!("n\n{text}").as_bytes()))]
    {
        for length in (1..packed.len()).step_by(211).chain([packed.len() - 1]) {
            let fault = refused(&source, name, packed.get(..length).unwrap());
            assert!(fault.starts_with(&format!("{name}: U002")), "{name} {length}: {fault}");
        }
        assert!(refused(&source, name, &[packed.as_slice(), b"junk"].concat()).contains("U002"), "{name}");
        assert!(refused(&source, name, format!("n\n{text}").as_bytes()).contains("U002"), "{name}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let source = source(CSV, "a:text");
    let bomb = b"a\n".iter().copied().chain(std::iter::repeat_n(b'\n', 3 << 20)).collect::<Vec<u8>>();
    for (name, packed) in [("x.csv.gz", gz(&bomb)), ("x.csv.zst", zst(&bomb))] {
        assert!(packed.len() < 100_000);
        assert!(refused(&source, name, &packed).contains("U004 the file unpacks to more than 1048576 bytes"), "{name}");
    }
    assert_eq!(read(&source, "x.csv", &bomb).unwrap(), Vec::<String>::new());
}
