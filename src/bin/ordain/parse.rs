//! Texts of the command line that stand for times, sizes and offsets.
use std::time::Duration;

use ordain::types::Timestamp;

/// `250ms`, `30s`, `5m`, `2h`, `1d`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write a number with ms, s, m, h or d, for example 30s");
    let (number, ms) = split(text);
    let ms: f64 = match ms {
        "" | "s" => 1000.0,
        "ms" => 1.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = number * ms / 1000.0;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// `512`, `16k`, `1M`, `2GiB`: bytes, in units of 1024.
pub fn size(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is no size; write bytes, or a number with k, M or G, for example 16k");
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * factor as f64;
    if bytes.is_finite() && (0.0..9e15).contains(&bytes) { Ok(bytes as usize) } else { Err(wrong()) }
}

/// `1000`, `10k`, `5M`: a count, in units of 1000.
pub fn count(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no count; write a number, or one with k, M or G, for example 5M");
    let (number, unit) = split(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        _ => return Err(wrong()),
    };
    let number: f64 = number.replace('_', "").parse().map_err(|_| wrong())?;
    let count = number * factor;
    if count.is_finite() && (0.0..9e15).contains(&count) { Ok(count as u64) } else { Err(wrong()) }
}

/// As [`count`], but not 0.
pub fn count_from_one(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("it is at least 1".to_owned()),
        count => Ok(count),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    (&text[..unit], text[unit..].trim())
}

/// Where to begin reading a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    Beginning,
    End,
    Offset(i64),
    /// So many records before the end.
    FromEnd(i64),
    Time(Timestamp),
    /// So long ago.
    Ago(Duration),
}

/// `beginning`, `end`, an offset, `-N` before the end, `@MS`, a date, or `TIME ago` as `-1h`.
pub fn start(text: &str) -> Result<Start, String> {
    let wrong = || {
        format!(
            "{text:?} is no place to begin; write beginning, end, an offset (42), -N for N records before the end, \
             a time ago (-1h), or a date (2026-01-31, 2026-01-31T12:00:00Z, @1769860800000)"
        )
    };
    match text {
        "beginning" | "earliest" => return Ok(Start::Beginning),
        "end" | "latest" => return Ok(Start::End),
        _ => {}
    }
    if let Some(ms) = text.strip_prefix('@') {
        return ms.parse().map(|ms| Start::Time(Timestamp(ms))).map_err(|_| wrong());
    }
    if let Some(back) = text.strip_prefix('-') {
        return match back.parse::<u32>() {
            Ok(records) => Ok(Start::FromEnd(i64::from(records))),
            Err(_) => duration(back).map(Start::Ago).map_err(|_| wrong()),
        };
    }
    if let Ok(offset) = text.parse::<i64>() {
        return Ok(Start::Offset(offset));
    }
    date(text).map(Start::Time).ok_or_else(wrong)
}

/// `YYYY-MM-DD`, or `YYYY-MM-DDTHH:MM[:SS[.mmm]]` with an optional `Z`: always UTC.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = day.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?);
    let second: f64 = parts.next().unwrap_or("0").parse().ok()?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..60.0).contains(&second);
    if !in_range || parts.next().is_some() {
        return None;
    }
    // Howard Hinnant's days_from_civil.
    let y = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(Timestamp(((days * 24 + hour) * 60 + minute) * 60_000 + (second * 1000.0).round() as i64))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `key=value`.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err(format!("{text:?} is no assignment; write key=value")),
    }
}

/// Partitions of a topic, ascending. A type of its own: clap takes a vector for an argument that is repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partitions(pub Vec<i32>);

/// `0,2,5-7`.
pub fn partitions(text: &str) -> Result<Partitions, String> {
    let wrong = || format!("{text:?} is no list of partitions; write for example 0,2,5-7");
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let (first, last): (i32, i32) =
            (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
        if first < 0 || first > last || last - first > 100_000 {
            return Err(wrong());
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Ok(Partitions(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "s", "-1s", "1 year", "1e400s", "ms5"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(size("16k"), Ok(16384));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("1.5M"), Ok(3 << 19));
        assert_eq!(size("7"), Ok(7));
        assert!(size("k").is_err() && size("-1").is_err() && size("5x").is_err());
        assert_eq!(count("5M"), Ok(5_000_000));
        assert_eq!(count("1_000"), Ok(1000));
        assert!(count("many").is_err());
    }

    #[test]
    fn starts() {
        assert_eq!(start("beginning"), Ok(Start::Beginning));
        assert_eq!(start("42"), Ok(Start::Offset(42)));
        assert_eq!(start("-10"), Ok(Start::FromEnd(10)));
        assert_eq!(start("-1h"), Ok(Start::Ago(Duration::from_secs(3600))));
        assert_eq!(start("@5"), Ok(Start::Time(Timestamp(5))));
        assert_eq!(start("1970-01-02"), Ok(Start::Time(Timestamp(86_400_000))));
        assert_eq!(start("2000-02-29T00:00:00.123Z"), Ok(Start::Time(Timestamp(951_782_400_123))));
        assert_eq!(start("2025-12-31T23:59"), Ok(Start::Time(Timestamp(1_767_225_540_000))));
        for wrong in ["", "soon", "2025-02-29", "2025-13-01", "2025-01-01T25:00", "--5"] {
            assert!(start(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_of_partitions() {
        assert_eq!(partitions("5-7,0,2,5"), Ok(Partitions(vec![0, 2, 5, 6, 7])));
        for wrong in ["", "a", "3-1", "-1", "0-9999999"] {
            assert!(partitions(wrong).is_err(), "{wrong}");
        }
    }
}
