//! Finding and fingerprinting files, in a folder and in memory.

use bytes::Bytes;

use super::{CSV, source};
use crate::pipeline::model::Source;
use crate::read::discover;
use crate::store::Location;

fn at(path: &str) -> Source {
    let mut source = source(CSV, "a:text");
    source.path.text = path.to_owned();
    source
}

#[tokio::test]
async fn files_are_sorted_by_source_and_name_and_known_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for (name, text) in
        [("a/2.csv", "two"), ("a/b/1.csv", "one"), ("a/1.csv", "one"), ("a/1.txt", "-"), ("c/0.csv", "")]
    {
        Location::parse(&format!("{root}/{name}")).unwrap().put(Bytes::from(text)).await.unwrap();
    }
    let sources = [at(&format!("{root}/a/**/*.csv")), at(&format!("{root}/c"))];
    for threads in [0, 1, 8] {
        let files = discover(&sources, threads).await.unwrap();
        let names: Vec<_> = files.iter().map(|file| (file.index, file.source, file.name.as_str(), file.size)).collect();
        assert_eq!(names, [(0, 0, "1.csv", 3), (1, 0, "2.csv", 3), (2, 0, "b/1.csv", 3), (3, 1, "0.csv", 0)]);
        let [first, second, third, _] = files.as_slice() else { panic!("four files") };
        assert_eq!(first.digest, blake3::hash(b"one").to_hex().to_string());
        assert_eq!(first.digest, third.digest);
        assert_ne!(first.digest, second.digest);
        assert_eq!(second.read().await.unwrap(), Bytes::from("two"));
    }
}

#[tokio::test]
async fn sources_without_files_are_all_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let sources = [at(&format!("{root}/none/*.csv")), at("memory://nowhere/*.csv"), at("ftp://x/y")];
    let faults = discover(&sources, 4).await.unwrap_err();
    let lines: Vec<String> = faults.0.iter().map(|fault| fault.to_string()).collect();
    assert!(lines.iter().all(|line| line.starts_with("pipeline.yaml: ")), "{lines:?}");
    let codes: Vec<&str> = faults.0.iter().map(|fault| fault.code.id).collect();
    assert_eq!(codes, ["U001", "U001", "O003"]);
}

#[tokio::test]
async fn a_file_that_changes_is_noticed() {
    let location = Location::parse("memory://changing/x.csv").unwrap();
    location.put(Bytes::from("before")).await.unwrap();
    let files = discover(&[at("memory://changing/*.csv")], 1).await.unwrap();
    let file = files.first().unwrap();
    assert_eq!((file.name.as_str(), file.location.display()), ("x.csv", "memory://changing/x.csv".to_owned()));
    location.put(Bytes::from("after!")).await.unwrap();
    assert_eq!(file.read().await.unwrap_err().0.first().unwrap().code.id, "U005");
}
