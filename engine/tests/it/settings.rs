//! `config show`: what a run would go by and where that is from; and that no secret is ever shown, by any command.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::harness::{Call, files, ratemill};
use crate::tiny::Tiny;

const SECRET: &str = "wJalrXUtnFEMI-secret-K7MDENG";
const TOKEN: &str = "FwoGZXIvYXdzE-token-4kRa";

fn show(tiny: &Tiny, words: &[&str]) -> Call {
    ratemill(&["config", "show", "pipeline.yaml"]).words(words).cwd(&tiny.path(""))
}

fn origin<'t>(told: &'t Value, setting: &str) -> (&'t str, &'t str) {
    let all = told["settings"].as_array().unwrap();
    let one = all.iter().find(|one| one["setting"] == setting).unwrap_or_else(|| panic!("no {setting}: {told:#}"));
    (one["value"].as_str().unwrap(), one["origin"].as_str().unwrap())
}

/// Reads and writes on S3, wherever a variable says.
fn on_s3() -> Tiny {
    Tiny::new()
        .with("pipeline.yaml", "output: out", "# ${OUTPUT_ROOT:-never}\noutput: ${OUTPUT_ROOT:-s3://billing/lines}")
        .with("pipeline.yaml", "path: usage/*", "path: ${USAGE_ROOT:-usage}/*")
}

fn with_keys(call: Call) -> Call {
    call.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_SESSION_TOKEN", TOKEN)
}

#[test]
fn every_setting_says_where_it_is_from() {
    let tiny = on_s3();
    let call =
        show(&tiny, &["--format", "json", "--partitions", "3", "--memory-limit", "1KiB", "--log-format", "json"]);
    let told = with_keys(call).env("USAGE_ROOT", "usage").env("RATEMILL_LOG", "error").run().ok().json();
    let text = std::fs::read_to_string(tiny.path("pipeline.yaml")).unwrap();
    let line = |start: &str| (1 + text.lines().position(|line| line.starts_with(start)).unwrap()).to_string();
    for (setting, right) in [
        ("output", ("s3://billing/lines", "pipeline.yaml:OUTPUT")),
        ("partitions", ("3", "flag --partitions")),
        ("batch_rows", ("65536", "default")),
        ("memory_limit", ("1024 bytes", "flag --memory-limit")),
        ("log_format", ("json", "flag --log-format")),
        ("RATEMILL_LOG", ("error", "environment variable RATEMILL_LOG")),
        ("book", ("book.yaml", "pipeline.yaml:4")),
        ("usage.calls", ("usage/*", "pipeline.yaml:7")),
        ("reference.accounts", ("accounts.csv", "pipeline.yaml:15")),
        ("${USAGE_ROOT}", ("usage", "environment variable USAGE_ROOT, put in at pipeline.yaml:7")),
        ("${OUTPUT_ROOT}", ("s3://billing/lines", "default at pipeline.yaml:OUTPUT")),
        ("AWS_ENDPOINT", ("that of the region", "default")),
        ("AWS_REGION", ("us-east-1", "default")),
        ("AWS_SECRET_ACCESS_KEY", ("***", "environment variable AWS_SECRET_ACCESS_KEY")),
        ("AWS_SESSION_TOKEN", ("***", "environment variable AWS_SESSION_TOKEN")),
    ] {
        let (value, from) = origin(&told, setting);
        assert_eq!((value, from), (right.0, right.1.replace("OUTPUT", &line("output:")).as_str()), "{setting}");
    }
    // What is asked for on the command line goes before the file; without S3 nothing is said of its keys.
    let told = with_keys(show(&tiny, &["--format", "json", "--output", "here"])).run().ok().json();
    assert_eq!(origin(&told, "output"), ("here", "flag --output"));
    let tiny = Tiny::new();
    let ran = with_keys(show(&tiny, &["--origin", "--partitions", "2"])).run().ok();
    insta::assert_snapshot!("config_show", ran.stdout);
    assert!(!with_keys(show(&tiny, &[])).run().ok().stdout.contains("pipeline.yaml:"));
}

/// A server that refuses every request and says again what it was sent, as S3 does with a token that has expired.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut sent = [0; 8192];
            let length = stream.read(&mut sent).unwrap_or_default();
            let body = String::from_utf8_lossy(&sent[..length]).into_owned();
            let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // Whoever has gone away needs no answer.
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

#[test]
fn no_command_ever_shows_a_secret() {
    let tiny = on_s3();
    let endpoint = refusing();
    let failing = |words: &[&str]| {
        with_keys(ratemill(words).cwd(&tiny.path("")).env("RATEMILL_LOG", "trace").env("AWS_ENDPOINT", &endpoint))
    };
    let run = ["run", "pipeline.yaml", "--period", "2026-10", "--metrics", "run.prom", "--events", "events.ndjson"];
    let all: [&[&str]; 7] = [
        &run,
        &[&run[..], &["--format", "json", "--log-format", "json"]].concat(),
        &["plan", "pipeline.yaml", "--period", "2026-10"],
        &["status", "pipeline.yaml"],
        &["gc", "pipeline.yaml", "--dry-run"],
        &["config", "show", "pipeline.yaml", "--origin"],
        &["config", "show", "pipeline.yaml", "--format", "json"],
    ];
    for words in all {
        let ran = failing(words).run();
        let expected = if words[0] == "config" { 0 } else { 75 };
        let ran = ran.exits(expected);
        for secret in [SECRET, TOKEN] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{words:?} shows a secret");
        }
        assert!(expected == 0 || ran.stderr.contains("403") || ran.stdout.contains("403"), "{ran}");
    }
    // A key that cannot be one is told by its name.
    let ran =
        failing(&run).env("AWS_SECRET_ACCESS_KEY", format!("{SECRET}\n")).run().exits(2).says("AWS_SECRET_ACCESS_KEY");
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET));
    let written = files(&tiny.path(""));
    assert!(written.contains_key("run.prom") && written.contains_key("events.ndjson"));
    for (name, path) in written {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{name} holds a secret");
    }
}
