//! What somebody meant who wrote a number that its key does not take: `10d` for milliseconds, `1GiB` for bytes.
use crate::config::key::{Key, Kind};
use crate::config::keys::{broker_key, topic_key};

/// What a key's number counts, as its name tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Bytes,
    Nothing,
}

impl Unit {
    fn of(name: &str) -> Unit {
        let ends = |suffix: &str| name.ends_with(suffix);
        if ends(".ms") {
            Unit::Milliseconds
        } else if ends(".seconds") {
            Unit::Seconds
        } else if ends(".minutes") {
            Unit::Minutes
        } else if ends(".hours") {
            Unit::Hours
        } else if name.contains("bytes") || ends("buffer.size") {
            Unit::Bytes
        } else {
            Unit::Nothing
        }
    }

    fn named(self) -> &'static str {
        match self {
            Unit::Milliseconds => "a number of milliseconds",
            Unit::Seconds => "a number of seconds",
            Unit::Minutes => "a number of minutes",
            Unit::Hours => "a number of hours",
            Unit::Bytes => "a number of bytes",
            Unit::Nothing => "a whole number",
        }
    }

    /// How much of it `suffix` stands for, as a fraction; `None` if it stands for something else.
    fn times(self, suffix: &str) -> Option<(i128, i128)> {
        let of_time = |divisor: i128| {
            let ms = match suffix {
                "ms" | "millis" | "milliseconds" => 1,
                "s" | "sec" | "secs" | "second" | "seconds" => 1000,
                "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
                "h" | "hr" | "hour" | "hours" => 3_600_000,
                "d" | "day" | "days" => 86_400_000,
                "w" | "week" | "weeks" => 604_800_000,
                _ => return None,
            };
            Some((ms, divisor))
        };
        match self {
            _ if suffix.is_empty() => Some((1, 1)),
            Unit::Milliseconds => of_time(1),
            Unit::Seconds => of_time(1000),
            Unit::Minutes => of_time(60_000),
            Unit::Hours => of_time(3_600_000),
            Unit::Bytes => match suffix {
                "b" | "byte" | "bytes" => Some((1, 1)),
                "k" | "kb" | "kib" => Some((1 << 10, 1)),
                "m" | "mb" | "mib" => Some((1 << 20, 1)),
                "g" | "gb" | "gib" => Some((1 << 30, 1)),
                "t" | "tb" | "tib" => Some((1 << 40, 1)),
                _ => None,
            },
            Unit::Nothing => None,
        }
    }
}

/// How to write a number that a key does not take as it stands. `None` if the key is none of numbers, or the text is a number of its
/// kind: then its bounds are what is wrong with it, and the error has named them.
#[must_use]
pub fn number_hint(name: &str, text: &str) -> Option<String> {
    let key = broker_key(name).or_else(|| topic_key(name))?;
    let text = text.trim();
    let most: i128 = match key.kind {
        Kind::Short if text.parse::<i16>().is_err() => i16::MAX.into(),
        Kind::Int if text.parse::<i32>().is_err() => i32::MAX.into(),
        Kind::Long if text.parse::<i64>().is_err() => i64::MAX.into(),
        Kind::Double if text.parse::<f64>().is_err() => {
            return Some(format!("{name} is a number, for example {}", example(key, Unit::Nothing)));
        }
        _ => return None,
    };
    let unit = Unit::of(name);
    Some(match meant(text, unit) {
        Some(number) if number > most => format!("{name} is {} of at most {most}", unit.named()),
        Some(number) => format!("{name} is {} in digits alone: write {name}={number}", unit.named()),
        None => format!("{name} is {} in digits alone, for example {}", unit.named(), example(key, unit)),
    })
}

fn example(key: &Key, unit: Unit) -> String {
    let usual = match unit {
        Unit::Milliseconds => "604800000 for seven days",
        Unit::Seconds | Unit::Minutes => "60",
        Unit::Hours => "168 for seven days",
        Unit::Bytes => "1073741824 for a gibibyte",
        Unit::Nothing => "1",
    };
    // A null and an "unlimited" show nobody how to write one.
    let shows =
        key.default.filter(|text| text.parse::<f64>().is_ok_and(|number| number > 0.0) && text.len() < 19);
    match shows {
        Some(default) => format!("{}={default}, the default", key.name),
        None => format!("{}={usual}", key.name),
    }
}

/// The number that was meant, if it is clear: digits with separators, a fraction or an exponent, and a unit behind.
fn meant(text: &str, unit: Unit) -> Option<i128> {
    let plain: String = text.chars().filter(|c| !matches!(c, '_' | ' ' | '\'' | '"')).collect();
    let plain = plain.to_ascii_lowercase();
    let end = plain.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(plain.len());
    let (digits, suffix) = match plain.parse::<f64>() {
        // 1e9 is one number.
        Ok(_) => (plain.as_str(), ""),
        Err(_) => plain.split_at(end),
    };
    let (times, divisor) = unit.times(suffix)?;
    if let Ok(whole) = digits.parse::<i128>() {
        let number = whole.checked_mul(times)?;
        return (number % divisor == 0).then_some(number / divisor);
    }
    let number = digits.parse::<f64>().ok()? * times as f64 / divisor as f64;
    // Beyond 2^53 a fraction is not exact any more.
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_is_told_how_to_write_it() {
        let hint = |name, text| number_hint(name, text).unwrap_or_default();
        let write = |name: &str, unit: &str, number: &str| {
            format!("{name} is a number of {unit} in digits alone: write {name}={number}")
        };
        for (name, text, unit, number) in [
            ("log.retention.ms", "10d", "milliseconds", "864000000"),
            ("retention.ms", "1.5h", "milliseconds", "5400000"),
            ("log.retention.hours", "7 days", "hours", "168"),
            ("log.retention.minutes", "2h", "minutes", "120"),
            ("segment.bytes", "512MiB", "bytes", "536870912"),
            ("log.segment.bytes", "1e9", "bytes", "1000000000"),
            ("retention.bytes", "10_000", "bytes", "10000"),
            ("log.cleaner.dedupe.buffer.size", "128m", "bytes", "134217728"),
        ] {
            assert_eq!(hint(name, text), write(name, unit, number));
        }
        assert_eq!(
            hint("log.retention.ms", "ten days"),
            "log.retention.ms is a number of milliseconds in digits alone, for example \
             log.retention.ms=604800000 for seven days"
        );
        assert_eq!(
            hint("num.partitions", "three"),
            "num.partitions is a whole number in digits alone, for example num.partitions=1, the default"
        );
        assert_eq!(
            hint("log.segment.bytes", "3GiB"),
            "log.segment.bytes is a number of bytes of at most 2147483647"
        );
        // Half an hour is no number of hours.
        assert!(hint("log.retention.hours", "30m").contains("for example log.retention.hours=168"));
        assert!(hint("min.cleanable.dirty.ratio", "50%").contains("is a number, for example"));
    }

    #[test]
    fn what_is_a_number_or_belongs_to_no_number_gets_no_hint() {
        for (name, text) in [
            ("log.retention.ms", "-7"),
            ("cleanup.policy", "10d"),
            ("no.such.key", "10d"),
            ("segment.bytes", " 5 "),
        ] {
            assert_eq!(number_hint(name, text), None, "{name}={text}");
        }
    }
}
