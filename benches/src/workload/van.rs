//! VAN-Flow: RECORD messages of 50 connections, as routers of v2 send them.

use vanflow::message::{RecordSpec, records};
use vanflow::record::{Attribute, RecordType, Scalar};

use super::{Messages, Shape, Size, Workload};
use crate::van::LINK;

/// Records in a message, as routers send them.
pub(crate) const BATCH: u32 = 50;

/// Connections from number `first` on: the first update, with everything, or one of what counts up.
pub(crate) fn message(first: u32, count: u64, whole: bool) -> Vec<u8> {
    let names: Vec<_> =
        (first..first + BATCH).map(|number| (format!("w3st0:{number}"), (20_000 + number % 40_000).to_string())).collect();
    let counters =
        |number: u32| [(Attribute::OCTETS, 1_000 + u64::from(number) + count), (Attribute::OCTETS_REVERSE, 90_000 + count)];
    let attributes: Vec<Vec<(Attribute, Scalar<'_>)>> = names
        .iter()
        .zip(first..)
        .map(|((_, port), number)| {
            let texts = [
                (Attribute::PARENT, "w3st0:2"),
                (Attribute::SOURCE_HOST, "10.244.1.17"),
                (Attribute::SOURCE_PORT, port),
                (Attribute::TRACE, "0/skupper-router-7c9f8d6b5-w3st0"),
                (Attribute::CONNECTOR, "iQeO_:2"),
                (Attribute::PROXY_HOST, "10.244.3.9"),
                (Attribute::PROXY_PORT, port),
            ];
            let numbers =
                [(Attribute::START_TIME, 1_795_233_113_958_151), (Attribute::LATENCY, 451), (Attribute::PROCESS_LATENCY, 170)];
            let mut all: Vec<_> = counters(number).into_iter().map(|(code, number)| (code, Scalar::Number(number))).collect();
            if whole {
                all.extend(texts.into_iter().map(|(code, text)| (code, Scalar::Text(text.into()))));
                all.extend(numbers.into_iter().map(|(code, number)| (code, Scalar::Number(number))));
                all.sort();
            }
            all
        })
        .collect();
    let specs: Vec<RecordSpec<'_>> =
        names.iter().zip(&attributes).map(|((name, _), list)| (RecordType::BIFLOW_TPORT, &**name, &**list)).collect();
    records(None, LINK, &specs)
}

impl Workload {
    /// Messages with everything; or, of a collector that holds so many connections, later ones of all of them in turn. There each
    /// connection comes twice in a pass at least, with other numbers each time: every update changes something.
    pub(super) fn of_van(shape: Shape, size: Size) -> Self {
        let (mut data, mut made) = (Messages::default(), 0_u32);
        let held = if let Shape::VanUpdates(held) = shape { held / BATCH } else { 0 };
        let octets = message(0, 0, held == 0).len();
        let wanted = u32::try_from(size.octets().div_ceil(octets)).unwrap_or(u32::MAX);
        // So many of the messages' places in what is held are visited, all over it.
        let places = held.min(wanted / 2).max(1);
        while made < wanted || (held > 0 && made % places != 0) {
            let octets = match held {
                0 => message(made * BATCH, 0, true),
                _ => message(made % places * (held / places) * BATCH, u64::from(made / places), false),
            };
            data.push(0, 0, &octets, Vec::new());
            made += 1;
        }
        data.align();
        let records = u64::from(made * BATCH);
        let (templates, received) = (Messages::default(), super::received());
        Self { shape, templates, data, received, exporters: 1, strides: vec![0], samples: Vec::new(), records }
    }
}
