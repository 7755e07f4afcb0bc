//! Header and message.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::template::wire::{Dialect, Sets};
use crate::time::Timestamp;
use crate::wire::{Input, Parsed, array, be16, be32, fault_of, take};

/// The header of a message (RFC 7011 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Octets of the whole message, this header included.
    pub length: u16,
    /// Seconds since 1970 when it was exported.
    pub export_seconds: u32,
    /// Data records sent before it, in this domain and session.
    pub sequence: u32,
    /// Observation domain.
    pub domain: u32,
}

impl Header {
    /// Its octets.
    pub const SIZE: usize = 16;

    /// When the message was exported, to the second.
    #[must_use]
    pub fn exported(&self) -> Timestamp {
        Timestamp::from_seconds(u64::from(self.export_seconds))
    }
}

/// A whole message.
///
/// ```
/// # let datagram = { let mut d = vec![0_u8; 24]; d[1] = 10; d[3] = 24; d[16..24].copy_from_slice(&[1, 0, 0, 8, 1, 2, 3, 4]); d };
/// use flowcodec::ipfix::{Message, Set};
/// let message = Message::parse(&datagram)?;
/// for set in message.sets() {
///     if let Set::Data { id, body } = set? {
///         assert_eq!((id, body.bytes()), (256, &[1, 2, 3, 4][..]));
///     }
/// }
/// # Ok::<(), flowcodec::Fault>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    header: Header,
    body: Input<'a>,
    missing: u32,
}

impl<'a> Message<'a> {
    /// Reads the header and takes the message's octets; what follows them is left alone.
    ///
    /// A message cut short is taken as far as it goes; [`truncated`](Self::truncated) tells.
    ///
    /// # Errors
    /// When the version is not 10, the header is cut short, or the length is below 16.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Fault> {
        message(Input::new(datagram)).map(|(_, message)| message).map_err(fault_of)
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Octets of the message that are here, header included.
    #[must_use]
    pub fn present(&self) -> usize {
        self.body.bytes().len().saturating_add(Header::SIZE)
    }

    /// When fewer octets are here than the header says: the fault. It costs nothing itself; the set that is cut does.
    #[must_use]
    pub fn truncated(&self) -> Option<Fault> {
        (self.missing != 0).then(|| {
            Fault::new(FaultKind::Truncated, Layer::Header, LimitedBy::Datagram, 0)
                .sizes(u32::from(self.header.length), u32::from(self.header.length).saturating_sub(self.missing))
        })
    }

    /// The sets, by their lengths.
    #[must_use]
    pub const fn sets(&self) -> Sets<'a> {
        Sets::new(self.body, Dialect::Ipfix)
    }
}

#[inline]
fn message(input: Input<'_>) -> Parsed<'_, Message<'_>> {
    let (after, head) = array::<{ Header::SIZE }>(Layer::Header)(input)?;
    if be16(head, 0) != 10 {
        return Err(nom::Err::Error(input.fault(FaultKind::UnknownVersion, Layer::Header).costing(input.len32())));
    }
    let header = Header { length: be16(head, 2), export_seconds: be32(head, 4), sequence: be32(head, 8), domain: be32(head, 12) };
    let Some(body_len) = usize::from(header.length).checked_sub(Header::SIZE) else {
        let fault = input.fault(FaultKind::LengthTooSmall, Layer::Header).sizes(16, u32::from(header.length));
        return Err(nom::Err::Error(fault.costing(input.len32())));
    };
    match take(body_len, Layer::Header, LimitedBy::MessageLength)(after) {
        Ok((rest, body)) => Ok((rest, Message { header, body, missing: 0 })),
        Err(_) => {
            let missing = u32::try_from(body_len).unwrap_or(u32::MAX).saturating_sub(after.len32());
            let rest = Input::at(&[], after.offset().saturating_add(after.len32()), LimitedBy::Datagram);
            Ok((rest, Message { header, body: after, missing }))
        }
    }
}
