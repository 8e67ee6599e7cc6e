//! The `.properties` format, by the rules of Java's `Properties.load`: `#` and `!` comments, `=`, `:` or
//! white space between key and value, lines continued by a `\` at their end, and escapes.
use std::str::Chars;

/// One entry of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Property {
    pub key: String,
    pub value: String,
    /// Where the entry begins, counted from 1.
    pub line: usize,
}

/// What is wrong with a file's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SyntaxError {
    #[error("line {line}: \\u has to be followed by four hexadecimal digits")]
    Unicode { line: usize },
    #[error("line {line}: \\u{unit:04x} is half of a surrogate pair, and the other half is missing")]
    Surrogate { line: usize, unit: u16 },
    #[error("line {line}: there is no key before the '='")]
    NoKey { line: usize },
}

/// Every entry, in the order of the file; a key that comes twice is there twice. Errors are gathered, all of
/// them, with the entries that are right.
#[must_use]
pub fn parse(text: &str) -> (Vec<Property>, Vec<SyntaxError>) {
    let mut properties = Vec::new();
    let mut errors = Vec::new();
    for (line, logical) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let (key, value) = split(&logical);
        if key.is_empty() {
            errors.push(SyntaxError::NoKey { line });
            continue;
        }
        match (unescape(key, line), unescape(value, line)) {
            (Ok(key), Ok(value)) => properties.push(Property { key, value, line }),
            (key, value) => errors.extend([key.err(), value.err()].into_iter().flatten()),
        }
    }
    (properties, errors)
}

/// Lines with their continuations joined, without blank ones and comments, and the number each begins at.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in natural_lines(text).into_iter().enumerate() {
        let content = line.trim_start_matches(is_blank);
        let (begin, mut joined) = match open.take() {
            Some(begun) => begun,
            None if content.is_empty() || content.starts_with(['#', '!']) => continue,
            None => (at + 1, String::new()),
        };
        let backslashes = content.bytes().rev().take_while(|b| *b == b'\\').count();
        if backslashes % 2 == 1 {
            joined.push_str(&content[..content.len() - 1]);
            open = Some((begin, joined));
        } else {
            joined.push_str(content);
            lines.push((begin, joined));
        }
    }
    lines.extend(open);
    lines
}

/// Lines ended by `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> Vec<&str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Key and value, still escaped: the key ends at the first unescaped `=`, `:` or blank.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if is_blank(c) || c == '=' || c == ':' {
            end = at;
            break;
        }
    }
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

fn unescape(text: &str, line: usize) -> Result<String, SyntaxError> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some('f') => out.push('\u{c}'),
            Some('u') => out.push(unicode(&mut chars, line)?),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(out)
}

/// The character after `\u`, which is one UTF-16 unit or, for the higher planes, two of them.
fn unicode(chars: &mut Chars<'_>, line: usize) -> Result<char, SyntaxError> {
    let unit = hex_unit(chars, line)?;
    if !(0xd800..0xe000).contains(&unit) {
        return char::from_u32(u32::from(unit)).ok_or(SyntaxError::Surrogate { line, unit });
    }
    let mut after = chars.clone();
    if after.next() != Some('\\') || after.next() != Some('u') {
        return Err(SyntaxError::Surrogate { line, unit });
    }
    let low = hex_unit(&mut after, line)?;
    let mut decoded = char::decode_utf16([unit, low]);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(c)), None) => {
            *chars = after;
            Ok(c)
        }
        _ => Err(SyntaxError::Surrogate { line, unit }),
    }
}

fn hex_unit(chars: &mut Chars<'_>, line: usize) -> Result<u16, SyntaxError> {
    let mut unit = 0u16;
    for _ in 0..4 {
        let digit = chars.next().and_then(|c| c.to_digit(16)).ok_or(SyntaxError::Unicode { line })?;
        unit = unit << 4 | u16::try_from(digit).expect("a hexadecimal digit fits");
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(text: &str) -> Vec<(String, String, usize)> {
        let (properties, errors) = parse(text);
        assert_eq!(errors, []);
        properties.into_iter().map(|p| (p.key, p.value, p.line)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let found = entries(text);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].0.clone(), found[0].1.clone())
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn comments_blank_lines_and_separators() {
        let text = "# comment\n\n  ! also\nnode.id=1\r\nlog.dirs : /data\nnum.partitions\t3\nempty=\nalone\n";
        assert_eq!(
            entries(text),
            [
                ("node.id".into(), "1".into(), 4),
                ("log.dirs".into(), "/data".into(), 5),
                ("num.partitions".into(), "3".into(), 6),
                ("empty".into(), String::new(), 7),
                ("alone".into(), String::new(), 8),
            ]
        );
    }

    #[test]
    fn continued_lines_keep_their_first_number() {
        let text = "listeners=A://:1,\\\n    B://:2\nnext=1\\\\\nlast=x\\";
        assert_eq!(
            entries(text),
            [
                ("listeners".into(), "A://:1,B://:2".into(), 1),
                ("next".into(), "1\\".into(), 3),
                ("last".into(), "x".into(), 4),
            ]
        );
        // A comment does not continue, and a continuation is no comment.
        assert_eq!(one("# c \\\na=b"), pair("a", "b"));
        assert_eq!(one("a=1\\\n#2"), pair("a", "1#2"));
    }

    #[test]
    fn escapes_are_javas() {
        assert_eq!(one("a\\=b\\:c\\ d=e"), pair("a=b:c d", "e"));
        assert_eq!(one("k=\\t\\n\\\\\\q"), pair("k", "\t\n\\q"));
        assert_eq!(one("k=\\u00e9\\uD83D\\uDE00"), pair("k", "é😀"));
        assert_eq!(one("k=v = w "), pair("k", "v = w "), "blanks at the end belong to the value");
    }

    #[test]
    fn all_errors_are_told_with_their_lines() {
        let (properties, errors) = parse("ok=1\nbad=\\u12\n=x\nhalf=\\ud800\nalso=2");
        assert_eq!(properties.len(), 2);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2: \\u has to be followed by four hexadecimal digits",
                "line 3: there is no key before the '='",
                "line 4: \\ud800 is half of a surrogate pair, and the other half is missing",
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\\\a-f0-9u=: #!\n\r\t😀é]{0,64}") {
            let (properties, _) = parse(&text);
            let lines = text.split(['\n', '\r']).count();
            prop_assert!(properties.iter().all(|p| (1..=lines).contains(&p.line)));
        }
    }
}
