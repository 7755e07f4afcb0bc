//! XDR (RFC 4506) as sFlow uses it: everything in words of four octets, big-endian.
//!
//! | on the wire | here |
//! |---|---|
//! | `unsigned int`, `int`, `unsigned hyper`, `float` | `u32`, `i32`, `u64`, `f32` |
//! | `address`: type word, then 0, 4 or 16 octets | `Option<IpAddr>` |
//! | `mac`: 6 octets and 2 of padding | [`Mac`] |
//! | `string<>`, `opaque<>`: length word, octets, padding to the next word | [`Text`], `&[u8]` |
//! | `unsigned int x<>`: count word, then so many words | [`Words`] |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{FaultKind, Layer, LimitedBy};
use crate::model::Mac;
use crate::text::Text;
use crate::wire::{Input, Parsed, array, len32, take};

/// Something with a form in XDR.
pub(super) trait Xdr<'a>: Sized {
    /// The fewest octets it can take.
    const MIN: u32;
    /// Reads it.
    fn read(input: Input<'a>) -> Parsed<'a, Self>;
    /// Writes it at the end of `out`.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty, $octets:literal;)*) => {$(
        impl Xdr<'_> for $number {
            const MIN: u32 = $octets;

            #[inline]
            fn read(input: Input<'_>) -> Parsed<'_, Self> {
                let (rest, octets) = array::<$octets>(Layer::Field)(input)?;
                Ok((rest, Self::from_be_bytes(*octets)))
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}

numbers! { u32, 4; i32, 4; u64, 8; f32, 4; }

impl Xdr<'_> for Ipv4Addr {
    const MIN: u32 = 4;

    #[inline]
    fn read(input: Input<'_>) -> Parsed<'_, Self> {
        let (rest, octets) = array::<4>(Layer::Field)(input)?;
        Ok((rest, Self::from_octets(*octets)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

impl Xdr<'_> for Ipv6Addr {
    const MIN: u32 = 16;

    #[inline]
    fn read(input: Input<'_>) -> Parsed<'_, Self> {
        let (rest, octets) = array::<16>(Layer::Field)(input)?;
        Ok((rest, Self::from_octets(*octets)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

impl Xdr<'_> for Option<IpAddr> {
    const MIN: u32 = 4;

    #[inline]
    fn read(input: Input<'_>) -> Parsed<'_, Self> {
        let (rest, kind) = u32::read(input)?;
        match kind {
            0 => Ok((rest, None)),
            1 => Ipv4Addr::read(rest).map(|(rest, address)| (rest, Some(IpAddr::V4(address)))),
            2 => Ipv6Addr::read(rest).map(|(rest, address)| (rest, Some(IpAddr::V6(address)))),
            // How long the address is, and with it where the next field begins, is not known.
            _ => Err(nom::Err::Error(input.fault(FaultKind::ValueInvalid, Layer::Field).costing(input.len32()))),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => 0_u32.write(out),
            Some(IpAddr::V4(address)) => {
                1_u32.write(out);
                address.write(out);
            }
            Some(IpAddr::V6(address)) => {
                2_u32.write(out);
                address.write(out);
            }
        }
    }
}

impl Xdr<'_> for Mac {
    const MIN: u32 = 8;

    #[inline]
    fn read(input: Input<'_>) -> Parsed<'_, Self> {
        let (rest, &[a, b, c, d, e, f, _, _]) = array::<8>(Layer::Field)(input)?;
        Ok((rest, Self::new([a, b, c, d, e, f])))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
        out.extend_from_slice(&[0, 0]);
    }
}

impl<'a> Xdr<'a> for &'a [u8] {
    const MIN: u32 = 4;

    #[inline]
    fn read(input: Input<'a>) -> Parsed<'a, Self> {
        let (rest, length) = u32::read(input)?;
        let (rest, octets) = padded(rest, length, Layer::Field, LimitedBy::FieldLength)
            .map_err(|error| error.map(|fault| crate::error::Fault { offset: input.offset(), ..fault }))?;
        Ok((rest, octets.bytes()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        len32(self).write(out);
        out.extend_from_slice(self);
        pad(out, self.len());
    }
}

impl<'a> Xdr<'a> for Text<'a> {
    const MIN: u32 = 4;

    #[inline]
    fn read(input: Input<'a>) -> Parsed<'a, Self> {
        <&[u8]>::read(input).map(|(rest, octets)| (rest, Text::new(octets)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

/// `length` octets as an input of their own; the padding behind them is skipped as far as it is there, because the last structure of
/// some agents goes without.
#[inline]
pub(super) fn padded(input: Input<'_>, length: u32, layer: Layer, limit: LimitedBy) -> Parsed<'_, Input<'_>> {
    let (rest, octets) = take(usize::try_from(length).unwrap_or(usize::MAX), layer, limit)(input)?;
    let padding = usize::try_from(length.wrapping_neg() & 3).unwrap_or(0).min(rest.bytes().len());
    let (rest, _) = take(padding, layer, limit)(rest)?;
    Ok((rest, octets))
}

/// Zeros up to the next word behind `length` octets.
pub(super) fn pad(out: &mut Vec<u8>, length: usize) {
    out.resize(out.len().saturating_add(length.wrapping_neg() & 3), 0);
}

/// A count, checked against the octets behind it: items take `min` octets or more.
#[inline]
pub(super) fn count(input: Input<'_>, min: u32) -> Parsed<'_, u32> {
    let (rest, count) = u32::read(input)?;
    let fit = rest.len32().checked_div(min).unwrap_or(0);
    if count > fit {
        let fault = input.fault(FaultKind::CountBeyondOctets, Layer::Field).sizes(count, fit);
        return Err(nom::Err::Error(fault.costing(input.len32())));
    }
    Ok((rest, count))
}

/// Numbers of a structure (`unsigned int x<>`): as they stand on the wire, or given to be written. Equal when the numbers are.
///
/// ```
/// use flowcodec::sflow::Words;
/// let labels = [16, 17];
/// assert_eq!(Words::from(&labels[..]).iter().collect::<Vec<_>>(), [16, 17]);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Words<'a> {
    // One of the two is empty.
    wire: &'a [[u8; 4]],
    given: &'a [u32],
}

impl<'a> Words<'a> {
    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.wire.iter().map(|octets| u32::from_be_bytes(*octets)).chain(self.given.iter().copied())
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.wire.len().saturating_add(self.given.len())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a [u32]> for Words<'a> {
    fn from(given: &'a [u32]) -> Self {
        Self { wire: &[], given }
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Words<'_> {}

impl core::fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Xdr<'a> for Words<'a> {
    const MIN: u32 = 4;

    #[inline]
    fn read(input: Input<'a>) -> Parsed<'a, Self> {
        let (rest, count) = count(input, 4)?;
        let octets = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(4);
        let (rest, words) = take(octets, Layer::Field, LimitedBy::FieldLength)(rest)?;
        Ok((rest, Self { wire: words.bytes().as_chunks().0, given: &[] }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).write(out);
        self.iter().for_each(|word| word.write(out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fault_of;

    #[test]
    fn opaque_data_is_padded_and_the_last_padding_may_be_missing() {
        let bytes = [0, 0, 0, 5, b'h', b'e', b'l', b'l', b'o', 0, 0, 0, 9];
        let (rest, octets) = <&[u8]>::read(Input::new(&bytes)).unwrap();
        assert_eq!((octets, rest.offset(), rest.bytes()), (&b"hello"[..], 12, &[9][..]));
        let (rest, octets) = <&[u8]>::read(Input::new(&bytes[..10])).unwrap();
        assert_eq!((octets, rest.bytes()), (&b"hello"[..], &[][..]));
        let fault = fault_of(<&[u8]>::read(Input::new(&bytes[..8])).unwrap_err());
        assert_eq!((fault.kind, fault.offset, fault.required, fault.available), (FaultKind::Truncated, 0, 5, 4));
    }

    #[test]
    fn a_count_is_held_against_the_octets() {
        let fault = fault_of(Words::read(Input::new(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0])).unwrap_err());
        assert_eq!((fault.kind, fault.offset, fault.required, fault.available), (FaultKind::CountBeyondOctets, 0, u32::MAX, 1));
    }

    #[test]
    fn an_unknown_address_type_has_no_length() {
        let fault = fault_of(Option::<IpAddr>::read(Input::new(&[0, 0, 0, 3, 1, 2, 3, 4])).unwrap_err());
        assert_eq!((fault.kind, fault.offset), (FaultKind::ValueInvalid, 0));
        assert_eq!(Option::<IpAddr>::read(Input::new(&[0, 0, 0, 0])).unwrap().1, None);
    }
}
