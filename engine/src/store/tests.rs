//! Locations in a local folder and in memory; S3 is tested against a real server by the integration tests.

use bytes::Bytes;

use super::{Location, Pattern, Put, escaped};

fn at(text: &str) -> Location {
    Location::parse(text).unwrap()
}

async fn write(root: &str, names: &[&str]) {
    for name in names {
        at(root).join(name).unwrap().put(Bytes::from(name.as_bytes().to_vec())).await.unwrap();
    }
}

async fn names(text: &str) -> Vec<String> {
    Pattern::parse(text).unwrap().list().await.unwrap().into_iter().map(|found| found.name).collect()
}

/// The same in a folder and in memory: the test runs over both roots.
async fn roots(name: &str) -> (tempfile::TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let roots = [folder.path().to_str().unwrap().to_owned(), format!("memory://{name}")];
    (folder, roots)
}

#[tokio::test]
async fn a_pattern_lists_the_files_it_matches_sorted_by_name_below_its_fixed_part() {
    let (_folder, roots) = roots("listing").await;
    for root in roots {
        write(&root, &["u/b.csv", "u/a.csv", "u/c.txt", "u/d/a.csv", "u/d/e/a.csv.gz", "v/a.csv", "u/.x.csv"]).await;
        let listed = async |pattern: &str| names(&format!("{root}/{pattern}")).await;
        assert_eq!(listed("u/*.csv").await, [".x.csv", "a.csv", "b.csv"]);
        assert_eq!(listed("u/**/*.csv").await, [".x.csv", "a.csv", "b.csv", "d/a.csv"]);
        assert_eq!(listed("u/**/a.csv*").await, ["a.csv", "d/a.csv", "d/e/a.csv.gz"]);
        assert_eq!(listed("{u,v}/a.csv").await, ["u/a.csv", "v/a.csv"]);
        assert_eq!(listed("u/[ab].csv").await, ["a.csv", "b.csv"]);
        assert_eq!(listed("u/?.txt").await, ["c.txt"]);
        assert_eq!(listed("u/d").await, ["a.csv", "e/a.csv.gz"]);
        assert_eq!(listed("u/d/").await, ["a.csv", "e/a.csv.gz"]);
        assert_eq!(listed("u/d/a.csv").await, ["a.csv"]);
        assert_eq!(listed("u/no/*.csv").await, Vec::<String>::new());
        assert_eq!(listed("no").await, Vec::<String>::new());
        assert_eq!(listed("{u/b,v/a}.csv").await, ["u/b.csv", "v/a.csv"]);
        for broken in ["u/[ab", "u/*/../b.csv"] {
            let faults = Pattern::parse(&format!("{root}/{broken}")).unwrap_err();
            assert_eq!(faults.0.first().unwrap().code.id, "O003");
        }
    }
}

#[tokio::test]
async fn listed_files_can_be_read_whatever_they_are_called() {
    let (_folder, roots) = roots("names").await;
    for root in roots {
        let odd = ["a b.csv", "50%.csv", "%20.csv", "a=b,c.csv", "ü.csv", "x[1].csv", "a#b.csv", "~q'\".csv"];
        write(&root, &odd).await;
        let found = Pattern::parse(&format!("{root}/*.csv")).unwrap().list().await.unwrap();
        assert_eq!(found.len(), odd.len());
        for found in found {
            assert_eq!(found.location.read().await.unwrap(), found.name.as_bytes());
            assert_eq!(found.location.file_name(), found.name);
            assert_eq!(found.location.display(), format!("{root}/{}", found.name));
            assert_eq!(found.size, u64::try_from(found.name.len()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_folder_may_be_called_like_a_pattern() {
    let (_folder, roots) = roots("odd").await;
    for root in roots {
        for odd in ["g*", "a [1]", "out[prod]", "{x,y}", "q?", "x]", "b\\c", "[[]", "[*]"] {
            write(&root, &[&format!("{odd}/u/a.csv"), &format!("{odd}/b.txt")]).await;
            let below = at(&format!("{root}/{odd}")).list().await.unwrap();
            assert_eq!(
                below.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(),
                ["b.txt", "u/a.csv"],
                "{odd}"
            );
            let folder = escaped(&format!("{root}/{odd}"));
            for pattern in ["**/*.csv", "u/*", "{u/a,v}.csv", "[u]/a.csv"] {
                let found = names(&format!("{folder}/{pattern}")).await;
                assert_eq!(found.len(), 1, "{folder}/{pattern}: {found:?}");
            }
            assert_eq!(names(&format!("{folder}/u")).await, ["a.csv"]);
        }
        assert_eq!(names(&format!("{root}/out[prod]/*")).await, Vec::<String>::new());
        assert_eq!(names(&format!("{root}/[g][*]/*.txt")).await, ["g*/b.txt"]);
    }
}

#[tokio::test]
async fn of_many_that_put_if_absent_one_succeeds() {
    let (_folder, roots) = roots("race").await;
    for root in roots {
        let target = at(&format!("{root}/runs/0001.json"));
        assert_eq!(target.read_if_there().await.unwrap(), None);
        assert_eq!(target.read().await.unwrap_err().0.first().unwrap().code.id, "O001");
        let puts = (0..16_u8).map(|writer| {
            let target = target.clone();
            tokio::spawn(async move { (writer, target.put_if_absent(Bytes::from(vec![writer; 1000])).await.unwrap()) })
        });
        let puts = futures::future::join_all(puts).await;
        let winners: Vec<u8> = puts
            .into_iter()
            .map(Result::unwrap)
            .filter(|(_, put)| *put == Put::Done)
            .map(|(writer, _)| writer)
            .collect();
        let [winner] = winners.as_slice() else { panic!("{winners:?}") };
        assert_eq!(target.read().await.unwrap(), vec![*winner; 1000]);
        target.put(Bytes::from("replaced")).await.unwrap();
        assert_eq!(target.read_if_there().await.unwrap(), Some(Bytes::from("replaced")));
    }
}

#[test]
fn addresses_are_shown_as_they_are_written() {
    for (text, shown) in [
        ("/a/b c/../*.csv", "/a/*.csv"),
        ("file:///a/b", "/a/b"),
        ("memory://a/b/", "memory://a/b"),
        ("s3://bucket/a/**/x.csv", "s3://bucket/a/**/x.csv"),
    ] {
        assert_eq!(at(text).display(), shown);
    }
    assert_eq!(at("memory://a").join("b/c.json").unwrap().display(), "memory://a/b/c.json");
    let here = std::env::current_dir().unwrap();
    assert_eq!(at("x.csv").display(), here.join("x.csv").to_str().unwrap());
    for text in ["ftp://a/b", "memory://a/../b", "", "memory://a\u{7}"] {
        let faults = Location::parse(text).unwrap_err();
        assert_eq!(faults.0.first().unwrap().code.id, "O003", "{text}");
    }
    assert!(at("memory://a").join("../b").is_err());
}

#[test]
fn what_a_folder_refuses_for_good_must_be_changed_and_the_rest_may_pass() {
    use std::io::{Error, ErrorKind};
    let code = |kind: ErrorKind| {
        let cause = object_store::Error::Generic { store: "x", source: Box::new(Error::from(kind)) };
        let fault = at("/out").fault("write", &cause);
        assert!(fault.hint.is_some());
        fault.code.id
    };
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem, ErrorKind::NotADirectory] {
        assert_eq!(code(kind), "O003", "{kind}");
    }
    for kind in [ErrorKind::StorageFull, ErrorKind::TimedOut, ErrorKind::Other] {
        assert_eq!(code(kind), "O001", "{kind}");
    }
}
