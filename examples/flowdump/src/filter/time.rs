//! Moments as people write them.

use flowcodec::{Civil, Timestamp};

/// RFC 3339: date, `T` or a blank, time, fraction, zone. Without a zone it is UTC, without a time the day's first moment.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(zone)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let ahead_minutes = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => 0,
        Some((sign, offset)) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            (hours.checked_mul(60)?.checked_add(minutes)?).checked_mul(if sign == "-" { -1 } else { 1 })?
        }
    };
    let nanos = fraction_nanos(fraction)?;
    let local = days(year, month, day)?
        .checked_mul(86_400)?
        .checked_add(hour.checked_mul(3_600)?)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)?;
    // A date or an hour that does not exist comes back as another one.
    let Civil { year: y, month: m, day: d, hour: h, minute: min, second: s, .. } = Timestamp::from_nanos(local).to_civil();
    let back = [i64::from(y), i64::from(m), i64::from(d), i64::from(h), i64::from(min), i64::from(s)];
    let offset = ahead_minutes.checked_mul(60_000_000_000)?;
    (back == [year, month, day, hour, minute, second]).then(|| local.checked_sub(offset).map(Timestamp::from_nanos))?
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|digit| digit.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// One to nine digits behind the point.
fn fraction_nanos(digits: &str) -> Option<i64> {
    let fits = (1..=9).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then(|| format!("{digits:0<9}").parse().ok())?
}

/// Days from 1970-01-01 to a date (public arithmetic of the proleptic Gregorian calendar, in years that begin with March).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let years = if month <= 2 { year.checked_sub(1)? } else { year };
    let months = month.checked_add(9)?.checked_rem(12)?;
    let of_year = months.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let leaps = years.div_euclid(4).checked_sub(years.div_euclid(100))?.checked_add(years.div_euclid(400))?;
    years.checked_mul(365)?.checked_add(leaps)?.checked_add(of_year)?.checked_add(day)?.checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i64> {
        read(text).map(Timestamp::as_nanos)
    }

    #[test]
    fn forms() {
        // `date -u -d 2023-11-14T22:13:20Z +%s` says 1700000000.
        for text in ["2023-11-14T22:13:20Z", "2023-11-14t22:13:20z", "2023-11-14 22:13:20", "2023-11-14T23:43:20.0+01:30"] {
            assert_eq!(nanos(text), Some(1_700_000_000_000_000_000), "{text}");
        }
        assert_eq!(nanos("2023-11-14T22:13:20.000000001Z"), Some(1_700_000_000_000_000_001));
        assert_eq!(nanos("2023-11-14T17:13:20.5-05:00"), Some(1_700_000_000_500_000_000));
        assert_eq!(nanos("1970-01-01"), Some(0));
        assert_eq!(nanos("1969-12-31T23:59:59.999999999Z"), Some(-1));
        assert_eq!(nanos("2000-02-29"), Some(951_782_400_000_000_000));
    }

    #[test]
    fn every_day_there_is() {
        // From 1678 to 2261, what a timestamp reaches.
        for day in -106_000..106_000 {
            let moment = Timestamp::from_nanos(day * 86_400_000_000_000 + 1);
            assert_eq!(read(&moment.to_string()), Some(moment));
        }
    }

    #[test]
    fn what_is_no_time() {
        let none = [
            "",
            "T",
            "Z",
            "2023",
            "2023-11",
            "2023-1-14",
            "2023-02-29",
            "2023-13-01",
            "2023-00-01",
            "2023-01-00",
            "2023-11-14T",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13Z",
            "2023-11-14T22:60:00Z",
            "2023-11-14T22:13:60Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20.1234567890Z",
            "2023-11-14T22:13:20+1",
            "2023-11-14T22:13:20ZZ",
            "0001-01-01",
            "9999-12-31",
            "+023-11-14",
        ];
        for text in none {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
