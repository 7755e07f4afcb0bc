//! Values that stand as text in JSON: addresses, MAC addresses, prefixes.

use std::net::{IpAddr, Ipv4Addr};

/// An address as people write it.
#[inline]
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    match ipv4(text) {
        Some(v4) => Some(v4.into()),
        None => core::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Four numbers with dots between them; the same as the standard library's, which knows IPv6 too.
#[inline]
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut part, mut digits, mut dots) = (0_u32, 0_u32, 0_u32, 0_u32);
    if !matches!(text.len(), 7..=15) {
        return None;
    }
    for octet in text {
        let digit = octet.wrapping_sub(b'0');
        if digit <= 9 {
            // No zero in front: elsewhere that is octal.
            if digits != 0 && part == 0 {
                return None;
            }
            part = part.wrapping_mul(10).wrapping_add(u32::from(digit));
            digits = digits.wrapping_add(1);
        } else if *octet == b'.' && digits != 0 && part <= 255 {
            address = address << 8 | part;
            (part, digits, dots) = (0, 0, dots.wrapping_add(1));
        } else {
            return None;
        }
    }
    // Fifteen octets with three dots have room for a part of nine digits: that is far below 2^32.
    (dots == 3 && digits != 0 && part <= 255).then(|| Ipv4Addr::from_bits(address << 8 | part))
}

/// `aa:bb:cc:dd:ee:ff` as a number.
pub(super) fn mac_number(text: &[u8]) -> Option<u64> {
    let text = text.first_chunk::<17>().filter(|whole| whole.len() == text.len())?;
    let mut number = 0;
    for part in text.chunks(3) {
        let [high, low, colon @ ..] = part else { return None };
        if !matches!(colon, [] | [b':']) {
            return None;
        }
        number = number << 8 | u64::from(hex(*high)? << 4 | hex(*low)?);
    }
    Some(number)
}

#[inline]
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// The length of a prefix such as `10.0.0.0/8`; 0 for what goflow2 writes without an address.
pub(super) fn prefix_len(text: &[u8]) -> Option<u64> {
    if text == b"invalid Prefix" {
        return Some(0);
    }
    let slash = text.iter().rposition(|octet| *octet == b'/')?;
    let (of, bits) = text.split_at_checked(slash)?;
    let most = if address(of)?.is_ipv4() { 32 } else { 128 };
    let bits: u64 = core::str::from_utf8(bits.get(1..)?).ok()?.parse().ok()?;
    (bits <= most).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_the_library(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    proptest! {
        #[test]
        fn addresses_are_those_of_the_standard_library(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), near in "[0-3.]{5,17}") {
            for text in [IpAddr::from(v4).to_string(), IpAddr::from(v6).to_string(), near] {
                prop_assert_eq!(address(text.as_bytes()), by_the_library(&text), "{}", text);
            }
        }

        #[test]
        fn macs_are_read_as_they_are_written(octets in any::<[u8; 6]>(), at in 0_usize..17, other in any::<u8>()) {
            let text = crate::model::Mac::new(octets).to_string();
            let [a, b, c, d, e, f] = octets;
            prop_assert_eq!(mac_number(text.as_bytes()), Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f])));
            let mut wrong = text.into_bytes();
            wrong[at] = other;
            let fits = if at % 3 == 2 { other == b':' } else { other.is_ascii_hexdigit() };
            prop_assert_eq!(mac_number(&wrong).is_some(), fits);
        }
    }

    #[test]
    fn what_is_almost_an_address() {
        for text in [
            "1.2.3.4",
            "01.2.3.4",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4.5",
            "1..2.3.4",
            ".1.2.3.4",
            "0.0.0.0",
            "1.2.3.",
            "::ffff:1.2.3.4",
        ] {
            assert_eq!(address(text.as_bytes()), by_the_library(text), "{text}");
        }
        assert_eq!((address(b""), address(b"\xff.1.1.1")), (None, None));
        assert_eq!((mac_number(b""), mac_number(b"00:00:00:00:00:0"), mac_number(b"00:00:00:00:00:00:")), (None, None, None));
        assert_eq!(mac_number(b"+0:00:00:00:00:00"), None, "no sign");
    }

    #[test]
    fn prefixes() {
        for (text, bits) in [("10.0.0.0/8", 8), ("0.0.0.0/32", 32), ("2001:db8::/128", 128), ("invalid Prefix", 0)] {
            assert_eq!(prefix_len(text.as_bytes()), Some(bits), "{text}");
        }
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/-1"] {
            assert_eq!(prefix_len(text.as_bytes()), None, "{text}");
        }
    }
}
