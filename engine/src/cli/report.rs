//! Drawing faults: with a snippet for people, as JSON for programs.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Severity};
use serde::Serialize;

use super::arguments::Format;
use super::talk;
use crate::fault::{Blame, Fault, Faults, codes};

/// Faults drawn for people; who has more of them has one cause for many.
const SHOWN: usize = 100;

/// Shows all faults: text on stderr, JSON on stdout. `commits` says whether the command could have committed a run.
pub(super) fn show(faults: &Faults, format: Format, commits: bool) {
    if format == Format::Json {
        // A closed stdout cannot be reported anywhere else than by the exit code that follows.
        let _ = talk::json(&serde_json::json!({ "outcome": "failed", "faults": rows(faults) }));
        return;
    }
    draw(faults);
    talk::say(&closing(faults, commits));
}

/// The faults as a program reads them.
pub(super) fn rows(faults: &Faults) -> serde_json::Value {
    serde_json::json!(faults.0.iter().map(FaultRow::from).collect::<Vec<_>>())
}

/// Draws the faults on stderr.
pub(super) fn draw(faults: &Faults) {
    for fault in faults.0.iter().take(SHOWN) {
        talk::say(&drawn(fault));
    }
    if let Some(more) = faults.0.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        talk::say(&format!("and {more} more; --format json prints all of them\n"));
    }
}

/// The last line: how many faults, what became of the run, whose they are.
fn closing(faults: &Faults, commits: bool) -> String {
    let (count, plural) = (faults.0.len(), if faults.0.len() == 1 { "" } else { "s" });
    let ours = faults.0.iter().any(|fault| fault.code.blame == Blame::Ours);
    let has = |code| faults.0.iter().any(|fault| fault.code == code);
    let what = match (has(&codes::O008), has(&codes::X001)) {
        (true, _) => ", the run may have been committed; running again is safe",
        // It may have broken off after the commit as well as before.
        (_, true) => ", running again is safe",
        _ if commits => ", nothing was committed",
        _ => "",
    };
    let whose = if ours { "; this is a fault of Ratemill itself, please report it" } else { "" };
    format!("{count} fault{plural}{what}{whose}")
}

#[derive(Serialize)]
struct FaultRow<'f> {
    code: &'f str,
    message: &'f str,
    file: Option<&'f str>,
    line: Option<usize>,
    column: Option<usize>,
    hint: Option<&'f str>,
    exit_code: u8,
}

impl<'f> From<&'f Fault> for FaultRow<'f> {
    fn from(fault: &'f Fault) -> Self {
        let place = fault.place.as_ref();
        Self {
            code: fault.code.id,
            message: &fault.message,
            file: place.map(|place| place.source.name.as_str()),
            line: place.map(|place| place.line).filter(|line| *line > 0),
            column: place.map(|place| place.column).filter(|column| *column > 0),
            hint: fault.hint.as_deref(),
            exit_code: fault.code.blame.exit_code(),
        }
    }
}

/// One fault with its snippet, where the text of the file is known.
fn drawn(fault: &Fault) -> String {
    let snippet = fault.place.as_ref().filter(|place| place.line > 0 && !place.source.text.is_empty());
    let Some(place) = snippet else { return plain(fault) };
    // A label over several lines would draw the whole block: point at its first line.
    let rest = place.source.text.get(place.offset..).unwrap_or_default();
    let length = place.length.min(rest.find('\n').unwrap_or(rest.len()));
    let mut diagnostic = MietteDiagnostic::new(fault.message.clone())
        .with_code(fault.code.id)
        .with_severity(Severity::Error)
        .with_label(LabeledSpan::new(None, place.offset, length));
    if let Some(hint) = &fault.hint {
        diagnostic = diagnostic.with_help(hint.clone());
    }
    let source = NamedSource::new(&place.source.name, place.source.text.clone());
    let report = miette::Report::new(diagnostic).with_source_code(source);
    let colour = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_context_lines(1).with_width(120);
    match handler.render_report(&mut text, report.as_ref()) {
        Ok(()) => text,
        Err(_) => plain(fault),
    }
}

fn plain(fault: &Fault) -> String {
    let place = fault.place.as_ref().map(|place| format!("\n  at {place}")).unwrap_or_default();
    let hint = fault.hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default();
    format!("{}\n\n  × {}{place}{hint}\n", fault.code.id, fault.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_committed_is_said_only_when_it_is_known() {
        assert_eq!(closing(&Fault::new(&codes::B001, "x").into(), false), "1 fault");
        let closing = |code| closing(&Fault::new(code, "x").into(), true);
        assert_eq!(closing(&codes::O001), "1 fault, nothing was committed");
        assert_eq!(closing(&codes::O008), "1 fault, the run may have been committed; running again is safe");
        assert_eq!(
            closing(&codes::X001),
            "1 fault, running again is safe; this is a fault of Ratemill itself, please report it"
        );
    }
}
