//! Recordings as flows.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowcodec::ipfix::Framer;
use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, Exporter, Flow, Session, Settings, Timestamp};
use flowdump::input::{Item, Options, read};

/// A file that lies with the tests.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The recordings of the project.
pub(crate) fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures")
}

/// A file of the corpus, where there is one.
pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(beside, PathBuf::from);
    if corpus.join("MANIFEST.tsv").exists() {
        return Some(corpus.join(name));
    }
    eprintln!("skipped: there is no corpus of captures here; FLOWCODEC_CORPUS says where it is");
    None
}

/// The flows of a recording, and when each came.
pub(crate) fn flows(path: &Path, schema: &Arc<Schema>) -> Vec<(Timestamp, Flow)> {
    let mut settings = Settings::default();
    settings.schema = Arc::clone(schema);
    let (mut decoder, mut framer, mut flows) = (Decoder::new(settings), Framer::new(), Vec::new());
    let keep =
        |decoder: &mut Decoder, session: Option<Session>, source: SocketAddr, at: i64, bytes: &[u8], flows: &mut Vec<_>| {
            let at = Timestamp::from_nanos(at);
            let mut events = match session {
                Some(session) => decoder.message(session, at, bytes),
                None => decoder.datagram(Exporter::from(source), at, bytes),
            };
            while let Some(event) = events.next() {
                match event {
                    Event::Flows(set) => flows.extend(set.into_iter().map(|record| (at, record.to_flow(schema)))),
                    Event::Fault(fault) => panic!("{}", fault.fault),
                    _ => {}
                }
            }
        };
    read(path, &Options::default(), &mut |_| {}, &mut |item| {
        match item {
            Item::Datagram { source, received_ns, bytes, .. } => {
                keep(&mut decoder, None, source, received_ns, bytes, &mut flows);
            }
            Item::Stream { stream, source, received_ns, bytes, .. } => {
                framer.push(bytes);
                while let Some(Ok(message)) = framer.next() {
                    let session = Session::new(Exporter::from(source), stream);
                    keep(&mut decoder, Some(session), source, received_ns, message, &mut flows);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    flows
}
