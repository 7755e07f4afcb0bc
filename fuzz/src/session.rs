//! A whole session: several exporters and streams, pauses and restarts, under small limits.
//!
//! The input is a run of steps, so that a mutation of one step leaves the others as they are:
//!
//! ```text
//!  step: | what u8 | who u8 | length u16 | octets ... |
//!  what: 0-191 datagram, 192-215 messages of a stream, 216-223 a stream ends, 224-239 time passes, 240-243 the input ends, 244- restart
//!  who:  exporter 2 bits, port 2 bits, stream 2 bits, milliseconds since the step before 2 bits
//! ```

use std::net::Ipv4Addr;
use std::time::Duration;

use flowcodec::ipfix::Framer;
use flowcodec::{Exporter, ExporterSettings, Session, Settings, Timestamp};

use crate::audit::Audit;
use crate::read::Reading;
use crate::views::NOW;

/// Runs the steps in the input, twice.
///
/// # Panics
/// When an invariant does not hold.
pub fn session(data: &[u8]) {
    let (&flags, steps) = data.split_first().unwrap_or((&0, &[]));
    let settings = settings(flags);
    assert_eq!(run(&settings, steps), run(&settings, steps), "the same octets say the same");
}

/// The input that gives these datagrams to [`session`], one after the other, each from the exporter of its number; `flags` choose the
/// settings.
#[must_use]
pub fn write_session<'a>(flags: u8, datagrams: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut session = vec![flags];
    for (who, datagram) in datagrams {
        let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        session.extend_from_slice(&[0, who]);
        session.extend_from_slice(&length.to_be_bytes());
        session.extend_from_slice(datagram.get(..usize::from(length)).unwrap_or_default());
    }
    session
}

/// Limits that a few datagrams reach, and settings by flag.
fn settings(flags: u8) -> Settings {
    let mut settings = Settings::default();
    let limits = &mut settings.limits;
    (limits.total_bytes, limits.exporter_bytes, limits.pending_bytes) = (256 << 10, 96 << 10, 24 << 10);
    (limits.template_fields, limits.domain_templates, limits.exporter_domains) = (200, 12, 6);
    (limits.exporter_sessions, limits.domain_samplers, limits.exporter_elements) = (8, 6, 6);
    if flags & 16 != 0 {
        limits.session_sources = 5;
    }
    limits.list_depth = 4;
    limits.pending_lifetime = Duration::from_mins(1);
    limits.template_lifetime = Duration::from_mins(5);
    limits.exporter_lifetime = Duration::from_mins(20);
    settings.scope.port = flags & 1 != 0;
    settings.scope.other_domains = flags & 2 != 0;
    settings.udp_withdrawals = flags & 4 != 0;
    if flags & 8 != 0
        && let Ok(network) = "192.0.2.1/32".parse()
    {
        let sampled = ExporterSettings { sampling_rate: Some(64.0), ..ExporterSettings::default() };
        settings.exporters.push((network, sampled));
    }
    settings
}

fn run(settings: &Settings, steps: &[u8]) -> Option<u64> {
    let mut audit = Audit::new(settings.clone(), Reading::Full);
    let mut framers: [Framer; 4] = Default::default();
    let mut now = NOW;
    let mut rest = steps;
    while let Some((&[what, who, a, b], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([a, b])).min(after.len());
        let (octets, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        rest = after;
        now = now.offset(i64::from(who >> 6).saturating_mul(1_000_000));
        step(&mut audit, &mut framers, &mut now, (what, who), octets);
    }
    audit.finish();
    audit.digest()
}

fn step(audit: &mut Audit, framers: &mut [Framer; 4], now: &mut Timestamp, (what, who): (u8, u8), octets: &[u8]) {
    let address = Ipv4Addr::new(192, 0, 2, who & 3);
    let exporter = Exporter::new(address.into(), 2_055_u16.saturating_add(u16::from(who >> 2 & 3)));
    let stream = who >> 4 & 3;
    let session = Session::new(exporter, u64::from(stream));
    match what {
        0..192 => audit.datagram(exporter, *now, octets),
        192..216 => {
            let Some(framer) = framers.get_mut(usize::from(stream)) else { return };
            framer.push(octets);
            while let Some(Ok(message)) = framer.next() {
                audit.message(session, *now, message);
            }
            if framer.has_failed() {
                *framer = Framer::new();
                audit.close(session);
            }
        }
        216..224 => audit.close(session),
        224..240 => {
            let seconds = i64::from(what & 15).saturating_mul(20);
            *now = now.offset(seconds.saturating_mul(1_000_000_000));
            audit.tick(*now);
        }
        240..244 => audit.finish(),
        244.. => audit.restart(),
    }
}
