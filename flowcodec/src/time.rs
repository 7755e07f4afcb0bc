//! Time as nanoseconds since the Unix epoch, and the wire forms it arrives in.

use core::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A moment: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. Covers the years 1677 to 2262.
///
/// Written (and serialised by [`Display`](fmt::Display)) as RFC 3339 with nine digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A moment as date and time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Civil {
    /// Year.
    pub year: i32,
    /// Month, from 1.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, to 23.
    pub hour: u8,
    /// Minute, to 59.
    pub minute: u8,
    /// Second, to 59.
    pub second: u8,
    /// Nanosecond of the second.
    pub nanosecond: u32,
}

const NANOS: i64 = 1_000_000_000;
/// Seconds from 1900-01-01 (NTP era 0) to 1970-01-01.
const NTP_TO_UNIX: i64 = 2_208_988_800;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch; what does not fit is held at the end of the range.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(saturating(seconds, NANOS))
    }

    /// From milliseconds since the Unix epoch; what does not fit is held at the end of the range.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(saturating(millis, 1_000_000))
    }

    /// From a 64-bit NTP timestamp (RFC 5905 §6: 32 bits of seconds since 1900, 32 bits of fraction), as IPFIX carries
    /// microseconds and nanoseconds (RFC 7011 §6.1.9, §6.1.10). Era 0, which ends in February 2036; seconds before 1970 are
    /// taken as era 1.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_wrap,
        clippy::arithmetic_side_effects,
        reason = "32-bit halves never leave i64"
    )]
    pub const fn from_ntp(ntp: u64) -> Self {
        let seconds = (ntp >> 32) as i64;
        let seconds = if seconds < NTP_TO_UNIX { seconds + (1 << 32) } else { seconds };
        let nanos = (((ntp & 0xffff_ffff) * 1_000_000_000) >> 32) as i64;
        Self((seconds - NTP_TO_UNIX) * NANOS + nanos)
    }

    /// The NTP form of this moment (RFC 7011 §6.1.10), rounded up so that [`from_ntp`](Self::from_ntp) gives the same nanosecond.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        reason = "both parts are made non-negative and below 2^32 first"
    )]
    pub const fn to_ntp(self) -> u64 {
        let seconds = (self.0.div_euclid(NANOS) + NTP_TO_UNIX) as u64;
        let nanos = self.0.rem_euclid(NANOS) as u64;
        ((seconds & 0xffff_ffff) << 32) | (((nanos << 32).div_ceil(1_000_000_000)) & 0xffff_ffff)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// `nanos` later (or earlier, if negative), held at the ends of the range.
    #[must_use]
    pub const fn offset(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this moment, negative if it is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment a router meant by an uptime in milliseconds, `then_ms`, in a message exported at this moment when its uptime
    /// was `now_ms`. The difference is taken modulo 2^32 and read as signed, so that neither the wrap of the uptime (every 49.7
    /// days) nor a flow that ends "after" the export by clock jitter throws the time off.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_wrap,
        clippy::arithmetic_side_effects,
        reason = "the reinterpretation as signed is the point; 2^31 ms fit in i64"
    )]
    pub const fn at_uptime(self, now_ms: u32, then_ms: u32) -> Self {
        let ago_ms = now_ms.wrapping_sub(then_ms) as i32 as i64;
        Self(self.0.saturating_sub(ago_ms * 1_000_000))
    }

    /// Milliseconds from `boot` to this moment, modulo 2^32: what the exporter's uptime read.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "reduced modulo 2^32 on purpose"
    )]
    pub const fn uptime_since(self, boot: Self) -> u32 {
        self.since(boot).div_euclid(1_000_000) as u32
    }

    /// Date and time of day in UTC.
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        reason = "each part is reduced to its own range before it is narrowed"
    )]
    pub const fn to_civil(self) -> Civil {
        let days = self.0.div_euclid(86_400 * NANOS);
        let of_day = self.0.rem_euclid(86_400 * NANOS);
        // Days to date by the era of 400 years that starts on 1 March (public arithmetic of the proleptic Gregorian calendar).
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        let second = of_day / NANOS;
        Civil {
            year: year as i32,
            month: month as u8,
            day: day as u8,
            hour: (second / 3_600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            nanosecond: (of_day % NANOS) as u32,
        }
    }
}

const fn saturating(value: u64, scale: i64) -> i64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        reason = "scales are positive constants, and the product is checked"
    )]
    if value > (i64::MAX / scale) as u64 { i64::MAX } else { value as i64 * scale }
}

/// Exact; moments before 1970 too, and what is outside the range is held at its ends.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = |length: Duration| i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self(nanos(since)),
            Err(before) => Self(nanos(before.duration()).saturating_neg()),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second, nanosecond } = self.to_civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanosecond:09}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_with_nine_digits() {
        assert_eq!(Timestamp::from_nanos(1_700_000_000_123_456_789).to_string(), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(Timestamp::EPOCH.to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(Timestamp::from_seconds(951_782_400).to_string(), "2000-02-29T00:00:00.000000000Z");
    }

    #[test]
    fn clocks_of_the_system_before_and_behind_1970() {
        let at = |nanos: i64| {
            let length = Duration::from_nanos(nanos.unsigned_abs());
            if nanos < 0 { SystemTime::UNIX_EPOCH - length } else { SystemTime::UNIX_EPOCH + length }
        };
        for nanos in [0, 1, -1, 1_700_000_000_123_456_789, -951_782_400_000_000_001, i64::MAX, i64::MIN + 1] {
            assert_eq!(Timestamp::from(at(nanos)), Timestamp::from_nanos(nanos));
        }
        let far = Duration::from_secs(1 << 40);
        assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH + far).as_nanos(), i64::MAX);
        assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH - far).as_nanos(), -i64::MAX);
    }

    #[test]
    fn uptime_wrap_and_jitter() {
        let exported = Timestamp::from_seconds(1_000_000);
        assert_eq!(exported.at_uptime(1_000, 400), exported.offset(-600_000_000));
        // The uptime wrapped between flow and export.
        assert_eq!(exported.at_uptime(500, u32::MAX - 499), exported.offset(-1_000_000_000));
        // The flow ends 5 ms "after" the export.
        assert_eq!(exported.at_uptime(1_000, 1_005), exported.offset(5_000_000));
    }

    #[test]
    fn ntp_both_ways() {
        // RFC 5905: 1970-01-01 is 2208988800 s after the NTP epoch; half a second is 2^31.
        assert_eq!(Timestamp::from_ntp((2_208_988_801 << 32) | (1 << 31)).as_nanos(), 1_500_000_000);
        for nanos in [0, 1, 999_999_999, 1_700_000_000_123_456_789, 2_085_978_496_000_000_001] {
            assert_eq!(Timestamp::from_ntp(Timestamp::from_nanos(nanos).to_ntp()).as_nanos(), nanos);
        }
    }

    #[test]
    fn far_values_are_held_at_the_end() {
        assert_eq!(Timestamp::from_seconds(u64::MAX).as_nanos(), i64::MAX);
        assert_eq!(Timestamp::from_millis(u64::MAX).as_nanos(), i64::MAX);
    }
}
