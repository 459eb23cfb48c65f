//! What the house looks like: who may import whom, sizes, words, floats, clocks. Reads the source as text.
//!
//! Every rule here is one that a compiler or clippy cannot hold; each finding says the rule and the place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::harness::{files, workspace};

/// The rooms from the ground up. A room may import rooms of the floors below its own, itself, and no other: so a stage
/// never imports another stage, and only the conductor knows their order.
const FLOORS: &[(&str, &[&str])] = &[
    ("the ground", &["fault", "money", "pieces", "usage"]),
    ("words everybody uses", &["period", "tables", "store", "columns", "lines", "yaml", "rules"]),
    ("what the user has written", &["book", "pipeline"]),
    ("what comes in, and what must add up", &["reference", "read", "control"]),
    ("prices", &["catalog", "rate"]),
    (
        "stages",
        &[
            "mediate",
            "dedup",
            "guide",
            "meter",
            "charge",
            "allowance",
            "fx",
            "discount",
            "bounds",
            "commitment",
            "tax",
            "invoice",
            "credit",
            "suspense",
            "lineset",
            "verify",
        ],
    ),
    ("the conductor", &["run"]),
    ("rules on trial", &["trial"]),
    ("words typed", &["cli"]),
    ("the door", &["main", "lib"]),
];

/// Imports that go against the floors, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "verify",
    "lineset",
    "what is verified is what the line set says it has written: nothing else can be handed in",
)];

/// Words that mean nothing (DESIGN section 2).
const BANNED: &[&str] =
    &["data", "info", "item", "items", "process", "handle", "manager", "helper", "helpers", "utils", "util", "context"];

/// Names with a banned word that are not ours to choose: those of Arrow, of traits, and of the folder `sample-data`.
const FOREIGN: &[&str] = &["data_type", "Item", "sample_data"];

/// Files that may name a float type: where input comes as floats, and is turned into decimals.
const FLOATS: &[&str] = &["read.rs", "read/", "rules/", "cli/", "reference/"];

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

struct Source {
    name: String,
    lines: Vec<String>,
}

fn sources(folder: &str) -> Vec<Source> {
    let found = files(&workspace().join(folder));
    let rust = found.into_iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|end| end == "rs"));
    rust.map(|(name, path)| Source {
        lines: fs::read_to_string(path).unwrap().lines().map(ToOwned::to_owned).collect(),
        name,
    })
    .collect()
}

/// A line without its strings and its comment.
fn code(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => drop(letters.next()),
            '"' => quoted = !quoted,
            '/' if !quoted && letters.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(letter),
        }
    }
    code
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// `snake_case` and `CamelCase` in small words.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for letter in identifier.chars() {
        if letter == '_' || (letter.is_uppercase() && before.is_lowercase()) {
            parts.push(String::new());
        }
        if letter != '_' {
            parts.last_mut().unwrap().extend(letter.to_lowercase());
        }
        before = letter;
    }
    parts
}

#[track_caller]
fn none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

/// The room a file belongs to: `read/csv.rs` and `read.rs` are both `read`.
fn room(name: &str) -> &str {
    name.split('/').next().unwrap().trim_end_matches(".rs")
}

fn unit_tests(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, rooms)| rooms.contains(&room))
}

fn may_import(from: &str, to: &str) -> bool {
    let excepted = EXCEPTIONS.iter().any(|(one, other, _)| (*one, *other) == (from, to));
    from == to || excepted || floor(from) > floor(to)
}

/// The rooms named after `crate::` (or `ratemill::` in the binary) in a line, `{a, b}` included.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "ratemill::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let group = rest.strip_prefix('{').map_or_else(|| vec![rest], |inner| inner.split(',').collect());
            let names = group.into_iter().filter_map(|part| words(part).next());
            found.extend(names.filter(|name| floor(name).is_some()).map(ToOwned::to_owned));
        }
    }
    found
}

#[test]
fn every_room_has_its_floor() {
    let lost = sources("engine/src").into_iter().filter(|source| floor(room(&source.name)).is_none());
    none("a room that has no floor in tidy.rs", lost.map(|source| source.name).collect());
}

#[test]
fn imports_go_down() {
    let mut wrong = BTreeSet::new();
    for source in sources("engine/src") {
        let from = room(&source.name);
        // A room's own tests may bring in whatever shows that it works.
        if unit_tests(&source.name) {
            continue;
        }
        for (number, line) in source.lines.iter().enumerate() {
            for to in imported(&code(line)) {
                if !may_import(from, &to) {
                    wrong.insert(format!("engine/src/{}:{}: {from} imports {to}", source.name, number + 1));
                }
            }
        }
    }
    none("a room imports only rooms of the floors below it", wrong.into_iter().collect());
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for folder in ["engine/src", "engine/tests", "benches/src"] {
        for Source { name, lines } in sources(folder) {
            if lines.len() > FILE_LINES {
                long.push(format!("{folder}/{name} has {} lines, at most {FILE_LINES}", lines.len()));
            }
            for (start, length) in functions(&lines) {
                // A unit test may be one long table.
                if length > FUNCTION_LINES && !unit_tests(&name) {
                    long.push(format!(
                        "{folder}/{name}:{start} is a function of {length} lines, at most {FUNCTION_LINES}"
                    ));
                }
            }
        }
    }
    none("files and functions are short", long);
}

/// First line (from 1) and length of every function; rustfmt closes each at the indentation it opens with.
fn functions(lines: &[String]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        let opening = ["fn ", "pub fn ", "async fn ", "pub async fn ", "const fn ", "pub const fn "];
        let opens =
            opening.iter().any(|start| bare.starts_with(start)) || bare.starts_with("pub(") && bare.contains(" fn ");
        if !opens || bare.ends_with(';') || bare.ends_with('}') {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - bare.len()]);
        if let Some(length) = lines[at..].iter().position(|line| *line == close) {
            found.push((at + 1, length + 1));
        }
    }
    found
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let silent = sources("engine/src").into_iter().chain(sources("engine/tests")).chain(sources("benches/src"));
    let silent = silent.filter(|source| {
        !unit_tests(&source.name) && !source.lines.first().is_some_and(|line| line.starts_with("//!"))
    });
    none("a file opens with its module doc", silent.map(|source| source.name).collect());
}

#[test]
fn no_name_is_a_word_that_means_nothing() {
    let mut found = Vec::new();
    for folder in ["engine/src", "engine/tests", "benches/src"] {
        for Source { name, lines } in sources(folder) {
            let path = words(name.trim_end_matches(".rs"));
            found.extend(path.filter(|word| meaningless(word)).map(|word| format!("{folder}/{name}: `{word}`")));
            for (number, line) in lines.iter().enumerate() {
                for identifier in declared(&code(line)) {
                    if meaningless(&identifier) {
                        found.push(format!("{folder}/{name}:{}: `{identifier}`", number + 1));
                    }
                }
            }
        }
    }
    none("names say what they mean (DESIGN section 2 lists the words to avoid)", found);
}

fn meaningless(name: &str) -> bool {
    !FOREIGN.contains(&name) && parts(name).iter().any(|part| BANNED.contains(&part.as_str()))
}

/// The identifiers a line declares: after a keyword, and as a field or parameter.
fn declared(code: &str) -> Vec<String> {
    let keywords = ["fn", "struct", "enum", "trait", "mod", "let", "const", "static", "type"];
    let code = &code.replace("&'static ", "");
    let words: Vec<&str> = words(code).collect();
    let named = words.windows(2).filter(|pair| keywords.contains(&pair[0])).map(|pair| pair[1].to_owned());
    // `let Some(x) = …` declares nothing by its first word.
    let pattern = |name: &String| {
        words.windows(2).any(|pair| pair == ["let", name.as_str()]) && name.starts_with(char::is_uppercase)
    };
    let mut found: Vec<String> = named.filter(|name| !pattern(name)).collect();
    found.extend(
        words.windows(3).filter(|three| three[0] == "for" && three[2] == "in").map(|three| three[1].to_owned()),
    );
    found.extend(words.windows(3).filter(|three| three[..2] == ["let", "mut"]).map(|three| three[2].to_owned()));
    let field = code.trim_start().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
    if let Some((name, kind)) = field.split_once(": ")
        && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        && !kind.is_empty()
    {
        found.push(name.to_owned());
    }
    found
}

#[test]
fn floats_stay_where_input_is_read() {
    let mut found = Vec::new();
    for source in sources("engine/src") {
        if FLOATS.iter().any(|allowed| source.name.starts_with(allowed)) {
            continue;
        }
        for (number, line) in source.lines.iter().enumerate() {
            let code = code(line);
            if words(&code)
                .any(|word| ["f32", "f64", "Float32", "Float64", "Float32Type", "Float64Type"].contains(&word))
            {
                found.push(format!("engine/src/{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    none("no float where money or quantities are", found);
}

#[test]
fn no_clock_and_no_chance_outside_the_command_line() {
    let banned = [
        "SystemTime::now",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "thread_rng",
        "rand::",
        "Uuid::new_v4",
        "RandomState",
    ];
    let mut found = Vec::new();
    for source in sources("engine/src") {
        // A unit test may say how long something took.
        if ["cli", "main"].contains(&room(&source.name)) || unit_tests(&source.name) {
            continue;
        }
        for (number, line) in source.lines.iter().enumerate() {
            if banned.iter().any(|call| code(line).contains(call)) {
                found.push(format!("engine/src/{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    none("a run has no clock and no chance in it", found);
}

#[test]
fn hash_maps_are_asked_and_never_walked_unless_sorted_after() {
    let mut found = Vec::new();
    for source in sources("engine/src") {
        let maps: BTreeSet<String> = source.lines.iter().flat_map(|line| hash_maps(&code(line))).collect();
        for (number, line) in source.lines.iter().enumerate() {
            let code = code(line);
            let walked = maps.iter().any(|map| walks(&code, map));
            let after = &source.lines[number..source.lines.len().min(number + 6)];
            let settled = after
                .iter()
                .any(|line| ["sort", "BTree", ".sum()", ".len()", "order"].iter().any(|word| line.contains(word)));
            if walked && !settled {
                found.push(format!("engine/src/{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    none("the order of a hash map must not reach any output: sort, or say why the order does not matter", found);
}

/// Whether a line goes through all of `map`; a field of the same name of something else is another thing.
fn walks(code: &str, map: &str) -> bool {
    let calls = [".iter()", ".keys()", ".values()", ".into_iter()", ".drain()", ".into_keys()", ".into_values()"];
    let whole = |at: usize| {
        let before = &code[..at];
        before.ends_with("self.")
            || !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.')
    };
    let called =
        |(at, _): (usize, &str)| whole(at) && calls.iter().any(|call| code[at + map.len()..].starts_with(call));
    code.match_indices(map).any(called) || code.contains(&format!(" in &{map} "))
}

/// Names declared as hash maps or sets in a line.
fn hash_maps(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for kind in [": HashMap<", ": HashSet<", ": &HashMap<", ": &HashSet<", " = HashMap::", " = HashSet::"] {
        for (at, _) in code.match_indices(kind) {
            found.extend(words(&code[..at]).last().map(ToOwned::to_owned));
        }
    }
    found
}

#[test]
fn no_file_is_left_out_of_the_house() {
    let all: BTreeMap<String, Vec<String>> =
        sources("engine/src").into_iter().map(|source| (source.name, source.lines)).collect();
    let mut dead = Vec::new();
    for name in all.keys().filter(|name| !["lib.rs", "main.rs"].contains(&name.as_str())) {
        let path = name.trim_end_matches(".rs").trim_end_matches("/mod");
        let (parent, module) = path.rsplit_once('/').unwrap_or(("", path));
        let parents = match parent {
            "" => vec!["lib.rs".to_owned(), "main.rs".to_owned()],
            parent => vec![format!("{parent}.rs"), format!("{parent}/mod.rs")],
        };
        let lines = parents.iter().filter_map(|parent| all.get(parent)).flatten();
        if !lines.map(|line| code(line)).any(|line| line.trim_end().ends_with(&format!("mod {module};"))) {
            dead.push(format!("engine/src/{name}"));
        }
    }
    none("every file is a module of its parent, every room one of lib.rs", dead);
}

#[test]
fn the_rules_of_this_file_can_fail() {
    assert!(!may_import("meter", "guide") && !may_import("money", "store") && !may_import("store", "run"));
    assert!(may_import("run", "meter") && may_import("meter", "money"));
    assert_eq!(imported("use crate::{fault::Outcome, money};"), ["fault", "money"]);
    assert_eq!(code(r#"let a = "data // x"; // info"#).trim(), "let a = ;");
    assert_eq!(declared("    let mut item_count: u64 = 1;"), ["mut", "item_count"]);
    assert_eq!(declared("if let DataType::Null = kind {"), [] as [&str; 0]);
    assert_eq!(declared("fn kind(of: &'static DataType)"), ["kind"]);
    assert_eq!(parts("HttpHandle_x"), ["http", "handle", "x"]);
    let lines: Vec<String> = "fn a() {\n    b();\n}".lines().map(ToOwned::to_owned).collect();
    assert_eq!(functions(&lines), [(1, 3)]);
    assert!(walks("for id in seen.keys() {", "seen") && !walks("for id in book.seen.keys() {", "seen"));
    assert_eq!(hash_maps("let seen: HashMap<u8, u8> = x;"), ["seen"]);
}
