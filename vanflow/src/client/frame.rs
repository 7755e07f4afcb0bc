//! Frames (part 2 §2.3), cut from a stream.

use crate::amqp::Encoder;

use super::ClientError;

/// Which layer a protocol header asks for (part 2 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Amqp,
    Sasl,
}

impl Layer {
    pub(super) const fn header(self) -> [u8; 8] {
        match self {
            Self::Amqp => *b"AMQP\0\x01\0\0",
            Self::Sasl => *b"AMQP\x03\x01\0\0",
        }
    }
}

/// What comes next on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Header(Layer),
    /// A frame: octets of the body in the buffer.
    Frame {
        body_at: usize,
        end: usize,
    },
}

/// Octets received and not yet used.
#[derive(Debug, Default)]
pub(super) struct Framer {
    octets: Vec<u8>,
    used: usize,
}

impl Framer {
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.used.min(self.octets.len()));
        self.used = 0;
        self.octets.extend_from_slice(octets);
    }

    /// The next header or frame, if all of it is there.
    pub(super) fn next(&mut self, most: u32) -> Result<Option<Item>, ClientError> {
        let rest = self.octets.get(self.used..).unwrap_or_default();
        let Some(head) = rest.first_chunk::<8>() else { return Ok(None) };
        if head.starts_with(b"AMQP") {
            self.used = self.used.saturating_add(8);
            return [Layer::Amqp, Layer::Sasl]
                .into_iter()
                .find(|layer| layer.header() == *head)
                .map(|layer| Some(Item::Header(layer)))
                .ok_or(ClientError::NotAmqp);
        }
        let [a, b, c, d, offset, kind, ..] = *head;
        let size = u32::from_be_bytes([a, b, c, d]);
        let body = usize::from(offset).saturating_mul(4);
        let Ok(length) = usize::try_from(size) else { return Err(ClientError::FrameSize) };
        if size > most || body < 8 || body > length || kind > 1 {
            return Err(ClientError::FrameSize);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let at = self.used;
        self.used = at.saturating_add(length);
        Ok(Some(Item::Frame { body_at: at.saturating_add(body), end: self.used }))
    }

    pub(super) fn body(&self, from: usize, to: usize) -> &[u8] {
        self.octets.get(from..to).unwrap_or_default()
    }
}

/// Writes a frame of a performative and its payload.
pub(super) fn frame(out: &mut Vec<u8>, layer: Layer, code: u64, fields: impl FnOnce(&mut Encoder), payload: &[u8]) {
    let mut encoder = Encoder::default();
    encoder.described(code, |encoder| encoder.list(fields));
    let body = encoder.finish();
    let size = body.len().saturating_add(payload.len()).saturating_add(8);
    out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&[2, u8::from(layer == Layer::Sasl), 0, 0]);
    out.extend_from_slice(&body);
    out.extend_from_slice(payload);
}

/// A frame without a body: it keeps the connection alive.
pub(super) const EMPTY: [u8; 8] = [0, 0, 0, 8, 2, 0, 0, 0];
