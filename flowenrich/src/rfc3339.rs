//! Times as Kubernetes writes them.

use flowcodec::Timestamp;

const NANOS: i64 = 1_000_000_000;

/// Reads a time as RFC 3339 writes it, with any offset and any fraction; digits below the nanosecond are dropped.
///
/// ```
/// let time = flowenrich::parse_rfc3339("2026-11-20T12:00:00.25+02:00").unwrap();
/// assert_eq!(time.to_string(), "2026-11-20T10:00:00.250000000Z");
/// ```
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let sign =
        |at: usize, allowed: &str| text.get(at..at.checked_add(1)?).is_some_and(|sign| allowed.contains(sign)).then_some(());
    sign(4, "-")?;
    sign(7, "-")?;
    sign(10, "Tt ")?;
    sign(13, ":")?;
    sign(16, ":")?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid =
        (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !valid {
        return None;
    }
    let rest = text.get(19..)?;
    let fraction = rest.strip_prefix('.').map_or("", |rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let zone = match rest.strip_prefix('.') {
        Some(_) if fraction.is_empty() => return None,
        Some(rest) => rest.get(fraction.len()..)?,
        None => rest,
    };
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(Timestamp::from_nanos(seconds.checked_mul(NANOS)?.checked_add(nanos)?))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hour, minute) = rest.split_once(':')?;
    let two =
        |digits: &str| (digits.len() == 2 && digits.bytes().all(|d| d.is_ascii_digit())).then(|| digits.parse::<i64>().ok())?;
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(sign * (hour * 3_600 + minute * 60))
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: years are counted from 1 March, so that the leap day is the last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions() {
        let at = |text| parse_rfc3339(text).map(|time| time.to_string());
        assert_eq!(at("2026-11-20T12:00:00Z").unwrap(), "2026-11-20T12:00:00.000000000Z");
        assert_eq!(at("2026-11-20T12:00:00.25+02:00").unwrap(), "2026-11-20T10:00:00.250000000Z");
        assert_eq!(at("2026-11-20t12:00:00.1234567891-05:30").unwrap(), "2026-11-20T17:30:00.123456789Z");
        assert_eq!(at("2000-02-29T23:59:60z").unwrap(), "2000-03-01T00:00:00.000000000Z");
        assert_eq!(at("1969-12-31T23:59:59Z").unwrap(), "1969-12-31T23:59:59.000000000Z");
        for wrong in [
            "",
            "2026-11-20",
            "2026-11-20T12:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T12:00:00.Z",
            "2026-11-20T12:00:00+2:00",
            "2026-11-20T12:00:00Zx",
            "+026-11-20T12:00:00Z",
            "2026-11-20T12:00:0éZ",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = days(1970, 1, 1) - 1;
        assert_eq!(before, -1);
        for year in 1970..2105 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    assert_eq!(days(year, month, day), before + 1, "{year}-{month}-{day}");
                    before += 1;
                }
            }
        }
    }
}
