//! One datagram through the views, and through a fresh decoder.

use flowcodec::ipfix::{self, Framer};
use flowcodec::netflow5::{self, Packet};
use flowcodec::netflow9;
use flowcodec::template::wire::TemplateRecords;
use flowcodec::{Exporter, Fault, Session, Settings, Timestamp};

use crate::audit::Audit;
use crate::read::Reading;

/// When every input is received: a fixed moment of 2023.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// v1, v5 and v7.
///
/// # Panics
/// When an invariant does not hold.
pub fn netflow5(data: &[u8]) {
    match Packet::parse(data) {
        Ok(packet) => {
            let header = netflow5::Header::size(packet.header().protocol);
            let (mut records, mut lost) = (0_usize, 0_usize);
            for record in packet.records() {
                match record {
                    Ok(record) => {
                        records = records.saturating_add(1);
                        assert_eq!(record.raw().len(), packet.record_len());
                        assert_eq!(record.bypassed_router().is_some(), record.validity_flags().is_some());
                        assert_eq!(record.src_as().is_some(), record.dst_prefix_len().is_some());
                    }
                    Err(fault) => {
                        assert_eq!(lost, 0, "one fault, and it is the last");
                        lost = size(fault.bytes);
                    }
                }
            }
            assert_eq!(records, packet.len());
            assert!(records <= usize::from(packet.header().count));
            let read = records.saturating_mul(packet.record_len()).saturating_add(header);
            assert_eq!(read.saturating_add(lost), data.len(), "header, records and fault are the datagram");
        }
        Err(fault) => refused(fault, data),
    }
    decode(data);
}

/// v9.
///
/// # Panics
/// When an invariant does not hold.
pub fn netflow9(data: &[u8]) {
    match netflow9::Packet::parse(data) {
        Ok(packet) => {
            let mut read = netflow9::Header::SIZE;
            let mut sets = packet.sets();
            while let Some(set) = sets.next() {
                read = read.saturating_add(match set {
                    Ok(netflow9::Set::Templates(records)) => set_size(templates(records)),
                    Ok(netflow9::Set::Data { id, body }) => {
                        assert!(id >= 256);
                        set_size(body.bytes().len())
                    }
                    Ok(netflow9::Set::Reserved { id, body }) => {
                        assert!((2..256).contains(&id));
                        set_size(body.bytes().len())
                    }
                    Ok(other) => unknown_set(&other),
                    Err(fault) => {
                        assert!(sets.next().is_none(), "over after a fault");
                        last_fault(fault, data.len())
                    }
                });
            }
            // Up to three zeros behind the last set are padding.
            assert!((read..read.saturating_add(4)).contains(&data.len()), "{read} of {} octets", data.len());
        }
        Err(fault) => refused(fault, data),
    }
    decode(data);
}

/// IPFIX: as a datagram, and as a stream that arrives in pieces.
///
/// # Panics
/// When an invariant does not hold.
pub fn ipfix(data: &[u8]) {
    match ipfix::Message::parse(data) {
        Ok(message) => {
            assert!(message.present() <= data.len());
            assert_eq!(message.truncated().is_some(), usize::from(message.header().length) > data.len());
            let mut read = ipfix::Header::SIZE;
            let mut sets = message.sets();
            while let Some(set) = sets.next() {
                read = read.saturating_add(match set {
                    Ok(ipfix::Set::Templates(records)) => set_size(templates(records)),
                    Ok(ipfix::Set::Data { id, body }) => {
                        assert!(id >= 256);
                        set_size(body.bytes().len())
                    }
                    Ok(ipfix::Set::Reserved { id, body }) => {
                        assert!(id < 256 && id != 2 && id != 3);
                        set_size(body.bytes().len())
                    }
                    Ok(other) => unknown_set(&other),
                    Err(fault) => {
                        assert!(sets.next().is_none(), "over after a fault");
                        last_fault(fault, message.present())
                    }
                });
            }
            assert_eq!(read, message.present(), "header and sets are the message");
        }
        Err(fault) => refused(fault, data),
    }
    let whole = messages(data, data.len());
    assert_eq!(whole, messages(data, 7), "where a stream is cut makes no difference");
    stream(&whole);
    decode(data);
}

/// The octets a fault that ends the sets stands for: all that is left of the message of `len` octets, or none when it says that the set
/// before it, which was given as far as it goes, was cut.
fn last_fault(fault: Fault, len: usize) -> usize {
    let cut = fault.bytes == 0;
    let reaches = if cut { fault.available } else { fault.bytes };
    assert_eq!(size(fault.offset).saturating_add(size(reaches)), len);
    size(fault.bytes)
}

/// The octets of one template set, all of whose records were read.
fn templates(mut records: TemplateRecords<'_>) -> usize {
    let (all, begin) = (records.rest().bytes().len(), size(records.rest().offset()));
    let mut at = begin;
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                assert_eq!(size(record.offset()), at, "one record behind the other");
                at = at.saturating_add(size(record.size()));
                assert!(at <= begin.saturating_add(all), "records stay in their set");
                let fields = record.specifiers().count();
                if !record.is_withdrawal() {
                    assert_eq!(fields, usize::from(record.field_count()));
                }
            }
            Err(fault) => {
                assert!(records.next().is_none(), "over after a fault");
                assert_eq!(at.saturating_add(size(fault.bytes)), begin.saturating_add(all), "a fault costs all that is left");
                break;
            }
        }
    }
    all
}

/// The messages of a stream that comes in pieces of `piece` octets.
fn messages(data: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    let mut octets = 0_usize;
    for piece in data.chunks(piece.max(1)) {
        framer.push(piece);
        while let Some(Ok(message)) = framer.next() {
            octets = octets.saturating_add(message.len());
            messages.push(message.to_vec());
        }
        if framer.has_failed() {
            return messages;
        }
    }
    assert_eq!(octets.saturating_add(framer.rest().len()), data.len());
    messages
}

/// Whole messages as one stream, twice.
fn stream(messages: &[Vec<u8>]) {
    let run = || {
        let mut audit = Audit::new(Settings::default(), Reading::Full);
        let session = Session::new(Exporter::UNSPECIFIED, 1);
        for message in messages {
            audit.message(session, NOW, message);
        }
        audit.close(session);
        assert_eq!(audit.decoder().stats().bytes_pending, 0, "a closed stream leaves nothing behind");
        audit.digest()
    };
    assert_eq!(run(), run(), "the same octets say the same");
}

/// One datagram in a fresh decoder, twice; the second time again, now that its templates are known.
pub(crate) fn decode(data: &[u8]) {
    let run = || {
        let mut audit = Audit::new(Settings::default(), Reading::Full);
        audit.datagram(Exporter::UNSPECIFIED, NOW, data);
        let once = audit.digest();
        audit.datagram(Exporter::UNSPECIFIED, NOW, data);
        audit.finish();
        (once, audit.digest())
    };
    assert_eq!(run(), run(), "the same octets say the same");
}

/// Without a header, all is lost.
fn refused(fault: Fault, data: &[u8]) {
    assert_eq!((fault.offset, size(fault.bytes)), (0, data.len()), "{fault}");
}

fn unknown_set(set: &impl core::fmt::Debug) -> usize {
    assert_eq!(format!("{set:?}"), "", "a kind of set that this target does not know");
    0
}

const fn set_size(body: usize) -> usize {
    body.saturating_add(4)
}

pub(crate) fn size(octets: u32) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}
