//! Real traffic: datagrams as they were recorded.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flowcodec::{Decoder, Event, Exporter, Timestamp};
use flowdump::input::{Item, Options, read};

use super::{Messages, Shape, Workload};

/// A recording. But for the project's own they lie in the corpus, which is not part of the repository: `FLOWCODEC_CORPUS` says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capture {
    /// IPFIX of Open vSwitch 3.1: 365 datagrams of one record each, nearly, and its templates again and again. The project's own.
    OpenVswitch,
    /// IPFIX of a router, 6,666 datagrams.
    Ipfix,
    /// sFlow of Host sFlow: a few samples a datagram, with the counters of a host.
    Hsflowd,
}

impl Capture {
    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenVswitch => "capture_ovs",
            Self::Ipfix => "capture_ipfix",
            Self::Hsflowd => "capture_hsflowd",
        }
    }

    fn path(self) -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let corpus = || std::env::var_os("FLOWCODEC_CORPUS").map_or_else(|| here.join("../../shared/corpus"), PathBuf::from);
        match self {
            Self::OpenVswitch => here.join("../examples/captures/openvswitch-ipfix.pcap"),
            Self::Ipfix => corpus().join("netflow_parser/IPFIX.pcap.gz"),
            Self::Hsflowd => corpus().join("exporters/hsflowd/s1.pcap"),
        }
    }
}

impl Workload {
    /// The datagrams of a recording; none where it is not here.
    pub(super) fn of_capture(capture: Capture) -> Self {
        let (mut data, mut numbers, mut received) = (Messages::default(), HashMap::new(), None);
        let _ = read(&capture.path(), &Options::default(), &mut |_| {}, &mut |item| {
            if let Item::Datagram { source, bytes, received_ns, .. } = item {
                let next = numbers.len();
                let number = *numbers.entry(source).or_insert(next);
                received.get_or_insert_with(|| Timestamp::from_nanos(received_ns));
                data.push_captured(number, Exporter::from(source), bytes);
            }
            ControlFlow::Continue(())
        });
        data.align();
        let exporters = numbers.len();
        let mut workload = Self {
            shape: Shape::Capture(capture),
            templates: Messages::default(),
            data,
            received: received.unwrap_or(Timestamp::EPOCH),
            exporters,
            strides: Vec::new(),
            samples: Vec::new(),
            records: 0,
        };
        workload.records = workload.flows();
        workload
    }

    /// How many flows a decoder finds that knew nothing before.
    fn flows(&self) -> u64 {
        let (mut decoder, mut flows) = (Decoder::default(), 0);
        for datagram in self.data() {
            decoder.datagram(datagram.exporter, self.received, datagram.octets).for_each(|event| {
                if let Event::Flows(set) = event {
                    flows += u64::from(set.len());
                }
            });
        }
        flows
    }
}
