//! Rows of a batch are offered as records are, and the same comes of them.

use std::path::Path;
use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{Flow, Schema};
use flowcodec::{Timestamp, field as core};
use flowenrich::correlate::join::{End, Join, Leg, Settings as JoinSettings, Sites};
use flowenrich::correlate::{BatchRows, BiflowSettings, Biflows, Common, Correlator, Dedup, DedupSettings, halves};

use crate::common::{captures, data, flows};

/// Offers records of a recording one after another, as flows or as rows of batches, and gives what comes of them.
fn given(
    path: &Path,
    schema: &Arc<Schema>,
    as_rows: bool,
    mut offer: impl FnMut(Timestamp, Given<'_>, &mut Vec<Flow>),
) -> Vec<Flow> {
    let (records, mut out) = (flows(path, schema), Vec::new());
    assert!(records.len() > 20, "{} records", records.len());
    // So few that a recording takes several, the last of them not full.
    let mut batch = FlowBatch::builder(Arc::clone(schema)).all().capacity(17).build().unwrap();
    for block in records.chunks(17) {
        if as_rows {
            batch.clear();
            for (_, flow) in block {
                assert!(batch.push_flow(flow));
            }
            for (row, (now, _)) in BatchRows::new(&batch).iter().zip(block) {
                offer(*now, Given::Row(&row), &mut out);
            }
        } else {
            for (now, flow) in block {
                offer(*now, Given::Flow(flow), &mut out);
            }
        }
    }
    out
}

/// One record.
enum Given<'r> {
    Flow(&'r Flow),
    Row(&'r flowenrich::correlate::BatchRow<'r>),
}

/// With any rule: `$rule.offer(now, record)`, whatever the record is.
macro_rules! take {
    ($rule:ident.$offer:ident($now:expr, $record:expr, $out:expr)) => {
        match $record {
            Given::Flow(flow) => $rule.$offer($now, flow, |flow| $out.push(flow)),
            Given::Row(row) => $rule.$offer($now, row, |flow| $out.push(flow)),
        }
    };
}

fn agree(told: [Vec<Flow>; 2], least: usize) {
    let [as_flows, as_rows] = told;
    assert!(as_flows.len() >= least, "{} given", as_flows.len());
    assert_eq!(as_flows, as_rows);
}

#[test]
fn halves_of_rows() {
    let told = [false, true].map(|as_rows| {
        let mut correlator = Correlator::new(halves::Settings::default(), &Schema::common()).unwrap();
        let (path, schema) = (data("correlation-a.pcap"), Arc::clone(correlator.schema()));
        let mut out = given(&path, &schema, as_rows, |now, record, out| {
            correlator.tick(now, |flow| out.push(flow));
            take!(correlator.offer(now, record, out));
        });
        correlator.finish(Timestamp::from_seconds(2_000_000_000), |flow| out.push(flow));
        assert!(correlator.stats().merged > 5 && correlator.stats().partial > 0, "{:?}", correlator.stats());
        out
    });
    agree(told, 10);
}

#[test]
fn places_and_directions_of_rows() {
    let path = captures().join("openvswitch-ipfix.pcap");
    let told = [false, true].map(|as_rows| {
        let mut dedup = Dedup::new(DedupSettings::default(), &Schema::common()).unwrap();
        let schema = Arc::clone(dedup.schema());
        let mut out = given(&path, &schema, as_rows, |now, record, out| take!(dedup.offer(now, record, out)));
        dedup.finish(|flow| out.push(flow));
        assert_eq!((dedup.stats().records, dedup.stats().duplicates), (345, 205));
        out
    });
    agree(told, 17);
    let told = [false, true].map(|as_rows| {
        let mut biflows = Biflows::new(BiflowSettings::default(), &Schema::common()).unwrap();
        let schema = Arc::clone(biflows.schema());
        let mut out = given(&path, &schema, as_rows, |now, record, out| take!(biflows.offer(now, record, out)));
        biflows.finish(|flow| out.push(flow));
        assert!(biflows.stats().both + biflows.stats().one > 10);
        out
    });
    agree(told, 10);
}

#[test]
fn joined_rows() {
    let path = captures().join("openvswitch-ipfix.pcap");
    let told = [false, true].map(|as_rows| {
        let mut join = Join::new(JoinSettings::default(), Sites::by(|_| Some("here".into())), &Schema::common()).unwrap();
        let schema = Arc::clone(join.schema());
        let source = "10.99.0.1:40001".parse().unwrap();
        let mut out = given(&path, &schema, as_rows, |now, record, out| {
            join.leg(now, &Leg::new("c".into(), End::Client, "here".into(), source, now), |flow| out.push(flow));
            take!(join.flow(now, record, out));
        });
        join.finish(|flow| out.push(flow));
        assert!(join.stats().matched > 5 && join.stats().unmatched > 5 && join.stats().passed > 5, "{:?}", join.stats());
        out
    });
    agree(told, 345);
}

/// A batch of another schema than the rule's has its core fields to tell, and no others; a column that is not there is a field that is not.
#[test]
fn rows_of_another_schema() {
    let schema = Schema::common().with(halves::fields()).unwrap();
    let mut batch = FlowBatch::builder(Arc::clone(&schema)).fields([core::SRC_POD.id(), core::SRC_PORT.id()]).build().unwrap();
    let mut flow = Flow::new(Arc::clone(&schema));
    flow.set(core::SRC_PORT.id(), flowcodec::model::FieldValue::Unsigned(80));
    flow.set(core::DST_PORT.id(), flowcodec::model::FieldValue::Unsigned(443));
    flow.set(core::SRC_POD.id(), flowcodec::model::FieldValue::Text("a".into()));
    assert!(batch.push_flow(&flow));
    let rows = BatchRows::new(&batch);
    let row = rows.iter().next().unwrap();
    assert_eq!((row.row().src_port(), row.row().dst_port()), (Some(80), None));
    for schema in [&schema, &Schema::common()] {
        let mut told = Vec::new();
        row.beside(schema, &mut |id, _| told.push(id));
        assert_eq!(told, [core::SRC_POD.id()]);
    }
}
