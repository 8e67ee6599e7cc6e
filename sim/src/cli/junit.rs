//! The result of a sweep, of the kept schedules or of a search for mistakes, in the form that continuous-integration servers read.
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// One seed, one expectation of a schedule, or one planted mistake.
pub(super) struct TestCase {
    pub(super) name: String,
    pub(super) seconds: f64,
    pub(super) failure: Option<Failure>,
}

/// What was found.
pub(super) struct Failure {
    /// By whom.
    pub(super) checker: String,
    pub(super) text: String,
    /// The command that shows it, if one does.
    pub(super) replay: Option<String>,
}

/// The whole document.
pub(super) fn document(suite: &str, cases: &[TestCase]) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all text");
    let (suite, count) = (escaped(suite), cases.len());
    line(format_args!(
        "<testsuite name=\"{suite}\" tests=\"{count}\" failures=\"{failures}\" errors=\"0\" time=\"{seconds:.3}\">"
    ));
    for case in cases {
        let (name, seconds) = (escaped(&case.name), case.seconds);
        let head = format!("<testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\"");
        match &case.failure {
            None => line(format_args!("  {head}/>")),
            Some(Failure { checker, text, replay }) => {
                let (checker, found) = (escaped(checker), escaped(text));
                let replay =
                    replay.as_ref().map(|replay| format!("\n{}", escaped(replay))).unwrap_or_default();
                line(format_args!(
                    "  {head}><failure type=\"{checker}\">{found}{replay}</failure></testcase>"
                ));
            }
        }
    }
    line(format_args!("</testsuite>"));
    text
}

/// Writes a document, and the folder that it is to stand in.
pub(super) fn write(path: &Path, document: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, document)
}

/// Text that means itself in XML; what XML cannot hold becomes a question mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(letter),
            _ => escaped.push('?'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_and_escaped() {
        let case = |name: &str, failure: Option<(&str, &str)>| TestCase {
            name: name.to_owned(),
            seconds: 0.5,
            failure: failure.map(|(checker, text)| Failure {
                checker: checker.to_owned(),
                text: text.to_owned(),
                replay: Some("cargo sim replay 2".to_owned()),
            }),
        };
        let text =
            document("broker", &[case("seed 1", None), case("seed 2", Some(("I1", "<a> & \"b\"\u{1}")))]);
        assert!(text.contains("tests=\"2\" failures=\"1\" errors=\"0\" time=\"1.000\""), "{text}");
        assert!(text.contains("name=\"seed 1\" time=\"0.500\"/>"), "{text}");
        let failure = "<failure type=\"I1\">&lt;a&gt; &amp; &quot;b&quot;?\ncargo sim replay 2</failure>";
        assert!(text.contains(failure), "{text}");
    }
}
