//! JUnit XML, as build servers read it: a suite for each file, a case for each test.

use super::{counts, difference};
use crate::trial::{Report, Tested, Verdict};

/// The document.
pub(super) fn document(report: &Report) -> String {
    let [_, failed, refused] = counts(report);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = report.tests.len();
    text.push_str(&format!(
        "<testsuites name=\"ratemill\" tests=\"{all}\" failures=\"{failed}\" errors=\"{refused}\">\n"
    ));
    for suite in report.tests.chunk_by(|a, b| a.file == b.file) {
        let count = |one: fn(&Verdict) -> bool| suite.iter().filter(|test| one(&test.verdict)).count();
        let failed = count(|verdict| matches!(verdict, Verdict::Failed { .. }));
        let refused = count(|verdict| matches!(verdict, Verdict::Refused(_)));
        let name = suite.first().map(|test| escaped(&test.file)).unwrap_or_default();
        let tests = suite.len();
        text.push_str(&format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{refused}\">\n"
        ));
        suite.iter().for_each(|test| text.push_str(&case(test, &name)));
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(test: &Tested, file: &str) -> String {
    let head = format!(
        "    <testcase name=\"{}\" classname=\"{file}\" file=\"{file}\" line=\"{}\"",
        escaped(&test.name),
        test.line
    );
    match &test.verdict {
        Verdict::Passed { .. } => format!("{head}/>\n"),
        Verdict::Failed { .. } => {
            let told = difference(test);
            let first = escaped(told.lines().next().unwrap_or_default());
            let told = escaped(&told);
            format!(
                "{head}>\n      <failure type=\"difference\" message=\"{first}\">{told}</failure>\n    </testcase>\n"
            )
        }
        Verdict::Refused(faults) => {
            let code = faults.0.first().map(|fault| fault.code.id).unwrap_or_default();
            let first = faults.0.first().map(|fault| escaped(&fault.message)).unwrap_or_default();
            let told = escaped(&faults.to_string());
            format!("{head}>\n      <error type=\"{code}\" message=\"{first}\">{told}</error>\n    </testcase>\n")
        }
    }
}

/// `text` as XML text or attribute; a character that XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(letter),
            '\r' => xml.push_str("&#13;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => xml.push('?'),
            letter => xml.push(letter),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_xml_is_written_out() {
        assert_eq!(escaped("a < \"b\" & c\u{1}\n"), "a &lt; &quot;b&quot; &amp; c?\n");
    }
}
