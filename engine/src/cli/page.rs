//! The reference page: what can be written into a price book and a pipeline, for people.
//!
//! The words that lead through it stand in `page.md`; every list in it comes from the table that the engine itself works
//! with, so the page cannot say what the engine does not do.

use std::fmt::Write as _;

use crate::fault::{Outcome, codes};
use crate::tables::Table;
use crate::tables::columns::Kind;
use crate::yaml::reference::{anchor, cell, markdown};
use crate::{book, pipeline, read, rules, trial, usage};

/// The page, in Markdown.
///
/// # Errors
/// The faults of an example that is not YAML.
pub(super) fn page() -> Outcome<String> {
    let (book, of_book) = book::key_table();
    let (pipeline, of_pipeline) = pipeline::key_table();
    let (tests, of_tests) = trial::key_table();
    let text = include_str!("page.md")
        .replace("{{book}}\n", &markdown(book, &of_book)?)
        .replace("{{pipeline}}\n", &markdown(pipeline, &of_pipeline)?)
        .replace("{{tests}}\n", &markdown(tests, &of_tests)?)
        .replace("{{tables}}\n", &tables())
        .replace("{{functions}}\n", &functions())
        .replace("{{reasons}}\n", &reasons())
        .replace("{{faults}}\n", &faults());
    let contents = contents(&text);
    Ok(text.replace("{{contents}}\n", &contents))
}

/// The headings of the second and third level, as links.
fn contents(text: &str) -> String {
    let mut contents = String::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let heading = match line.split_once(' ') {
            Some(("##", heading)) if !fenced && heading != "Contents" => Some(("", heading)),
            Some(("###", heading)) if !fenced => Some(("  ", heading)),
            _ => None,
        };
        if let Some((indent, heading)) = heading {
            row(&mut contents, format_args!("{indent}- [{heading}](#{})", anchor(heading)));
        }
    }
    contents
}

fn functions() -> String {
    let mut text = "| function | gives |\n|---|---|\n".to_owned();
    for (_, call, meaning) in rules::FUNCTIONS {
        row(&mut text, format_args!("| `{}` | {} |", cell(call), cell(meaning)));
    }
    text
}

fn tables() -> String {
    let mut text = String::new();
    for table in Table::ALL {
        row(&mut text, format_args!("### {}\n\n| column | holds | meaning |\n|---|---|---|", table.name()));
        for column in table.columns() {
            let holds = match column.kind {
                Kind::Text => "text",
                Kind::Whole => "whole number",
                Kind::Exact => "number, up to 18 digits after the point",
                Kind::Money => "amount",
                Kind::Instant => "time",
                Kind::Day => "day",
                Kind::Flag => "true or false",
                Kind::Texts => "texts",
                Kind::TextMap => "texts by name",
            };
            let null = if column.nullable { "; may be null" } else { "" };
            row(&mut text, format_args!("| `{}` | {holds}{null} | {} |", column.name, cell(column.meaning)));
        }
        text.push('\n');
    }
    text
}

fn reasons() -> String {
    let mut text = "| reason | meaning |\n|---|---|\n".to_owned();
    for (code, meaning) in read::reasons::ALL.iter().chain(usage::reasons::ALL) {
        row(&mut text, format_args!("| `{code}` | {} |", cell(meaning)));
    }
    text
}

fn faults() -> String {
    let mut text = "| code | meaning | exit code |\n|---|---|---|\n".to_owned();
    for code in codes::ALL {
        row(&mut text, format_args!("| `{}` | {} | {} |", code.id, cell(code.meaning), code.blame.exit_code()));
    }
    text
}

fn row(text: &mut String, written: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{written}");
}
