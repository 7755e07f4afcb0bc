//! Connections and requests as flows of the common model: against the independent state of the recordings.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use flowcodec::batch::FlowBatch;
    use flowcodec::model::{FieldDef, FieldType, Schema};
    use flowcodec::{Decoder, Event, Exporter, Flow, Protocol, Text, Timestamp, field as core};
    use serde_json::Value as Json;
    use vanflow::collector::Collector;
    use vanflow::lower::{LegEnd, Lowering, field, fields, legs};

    use crate::common::{recording, state};

    fn collect(name: &str) -> Option<Collector> {
        let mut collector = Collector::default();
        for message in recording(name)? {
            collector.message(message.at, &message.link, &message.octets).unwrap();
        }
        Some(collector)
    }

    fn get<'a, T: FieldType>(flow: &'a Flow, def: &FieldDef<T>) -> Option<T::Out<'a>> {
        flow.get(flow.schema().resolve(def).unwrap())
    }

    fn text(value: &Json) -> Option<Text<'_>> {
        value.as_str().map(Text::from)
    }

    #[test]
    fn connections_of_v2() {
        for name in ["v2-main", "v2-load"] {
            let (Some(collector), Some(wanted)) = (collect(name), state(name)) else { continue };
            let lowering = Lowering::new(&Schema::common()).unwrap();
            let flows: Vec<_> = collector.connections().map(|connection| lowering.connection(&connection)).collect();
            let by_id: HashMap<_, _> = flows.iter().map(|flow| (get(flow, &field::ID).unwrap().to_string(), flow)).collect();
            let (mut seen, mut negative) = (0, 0);
            for pair in wanted["pairs"].as_array().unwrap().iter().filter(|pair| pair.get("listener").is_some()) {
                let identity = pair["connection"].as_str().unwrap();
                let (flow, record) = (by_id[identity], &wanted["records"][identity]["attrs"]);
                assert_eq!(get(flow, &field::KIND), Some("connection".into()));
                assert_eq!(get(flow, &field::ADDRESS), text(&pair["address"]));
                assert_eq!(get(flow, &field::LISTENER), text(&pair["listener"]));
                assert_eq!(get(flow, &field::CONNECTOR), text(&pair["connector"]));
                assert_eq!(get(flow, &field::SRC_SITE), text(&pair["src_site"]));
                assert_eq!(get(flow, &field::DST_SITE), text(&pair["dst_site"]));
                assert_eq!(get(flow, &field::SRC_ROUTER), text(&pair["src_router"]));
                assert_eq!(get(flow, &field::DST_ROUTER), text(&pair["dst_router"]));
                assert_eq!(flow.get(core::OCTETS_TOTAL), pair["octets"].as_u64());
                assert_eq!(flow.get(core::REVERSE_OCTETS_TOTAL), pair["octets_reverse"].as_u64());
                let (latency, process) = (pair["latency_us"].as_i64(), pair["process_latency_us"].as_i64());
                assert_eq!(get(flow, &field::LATENCY), latency.map(|us| u64::try_from(us * 1_000).unwrap()));
                let added = latency.zip(process).map(|(latency, process)| (latency - process) * 1_000);
                let lowered = get(flow, &field::ADDED_LATENCY);
                assert_eq!(lowered, added);
                negative += usize::from(lowered.is_some_and(|nanos| nanos < 0));
                assert_eq!(flow.row().start().unwrap().as_nanos() / 1_000, record["3"].as_i64().unwrap());
                assert_eq!(flow.row().end().map(|end| end.as_nanos() / 1_000), record["4"].as_i64());
                assert_eq!(flow.row().src_addr().unwrap().to_string(), record["14"].as_str().unwrap());
                assert_eq!(flow.row().src_port().unwrap().to_string(), record["17"].as_str().unwrap());
                let connector = &wanted["records"][pair["connector"].as_str().unwrap()]["attrs"];
                assert_eq!(flow.row().dst_addr().unwrap().to_string(), connector["15"].as_str().unwrap());
                assert_eq!(flow.row().dst_port().unwrap().to_string(), connector["18"].as_str().unwrap());
                assert_eq!(flow.row().ip_protocol(), Some(6));
                seen += 1;
            }
            assert_eq!((seen, negative), if name == "v2-main" { (42, 8) } else { (1_436, 62) });
            assert_eq!(flows.len(), seen);
        }
    }

    #[test]
    fn requests_of_v2() {
        let (collector, wanted) = (collect("v2-main").unwrap(), state("v2-main").unwrap());
        let lowering = Lowering::new(&Schema::common()).unwrap();
        let mut seen = 0;
        for request in collector.requests() {
            let flow = lowering.request(&request);
            let record = &wanted["records"][request.identity().to_str().unwrap()]["attrs"];
            assert_eq!(get(&flow, &field::METHOD), text(&record["27"]));
            assert_eq!(get(&flow, &field::STATUS), text(&record["28"]));
            assert_eq!(get(&flow, &field::REASON), text(&record["29"]));
            assert_eq!(get(&flow, &field::REQUEST_PROTOCOL), text(&record["16"]));
            assert_eq!(get(&flow, &field::FORWARDED_FOR), text(&record["14"]));
            assert_eq!(get(&flow, &field::CONNECTION), text(&record["2"]));
            assert_eq!(flow.get(core::OCTETS_TOTAL), record["23"].as_u64());
            // The client is the connection's, not the one that a header claims.
            if let Some(connection) = request.connection() {
                assert_eq!(get(&flow, &field::SRC_HOST), connection.client_host());
                assert_eq!(get(&flow, &field::ADDRESS), connection.address());
            }
            seen += 1;
        }
        assert_eq!(seen, 65);
    }

    #[test]
    fn pairs_of_v1() {
        let (Some(collector), Some(wanted)) = (collect("v1-main"), state("v1-main")) else { return };
        let lowering = Lowering::new(&Schema::common()).unwrap();
        let records = &wanted["records"];
        let mut both = 0;
        for connection in collector.connections() {
            let flow = lowering.connection(&connection);
            let attrs = |view: Option<vanflow::collector::RecordView<'_>>| {
                view.map(|view| &records[view.identity().to_str().unwrap()]["attrs"])
            };
            let (listener, connector) = (attrs(connection.listener_side()), attrs(connection.connector_side()));
            assert_eq!(flow.get(core::OCTETS_TOTAL), listener.and_then(|side| side["23"].as_u64()));
            assert_eq!(flow.get(core::REVERSE_OCTETS_TOTAL), connector.and_then(|side| side["23"].as_u64()));
            both += usize::from(listener.is_some() && connector.is_some());
        }
        let of_listener = |pair: &&Json| {
            let parent = records[pair["listener_side"].as_str().unwrap()]["attrs"]["2"].as_str().unwrap();
            records[parent]["type"] == "LISTENER"
        };
        assert_eq!(both, wanted["pairs"].as_array().unwrap().iter().filter(of_listener).count());
    }

    /// One table: connections and requests from one crate, NetFlow from the other.
    #[test]
    fn van_flows_and_ip_flows_in_one_batch() {
        let collector = collect("v2-main").unwrap();
        let lowering = Lowering::new(&Schema::common()).unwrap();
        let mut batch = FlowBatch::builder(Arc::clone(lowering.schema())).all().capacity(200).build().unwrap();
        let rows: Vec<_> = collector.connections().map(|connection| lowering.connection(&connection)).collect();
        for connection in collector.connections() {
            assert!(lowering.append_connection(&connection, &mut batch));
        }
        // NetFlow v5: a header, one flow 10.0.0.1:4000 -> 10.0.0.2:80, 7 packets, 700 octets.
        let mut datagram = vec![0, 5, 0, 1, 0, 0, 0, 9, 0x65, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 7, 0, 0, 2, 0xbc, 0, 0, 0, 1, 0, 0, 0, 2]);
        datagram.extend([0x0f, 0xa0, 0, 80, 0, 0x18, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
        let mut decoder = Decoder::default();
        let mut events = decoder.datagram(Exporter::new([192, 0, 2, 1].into(), 2055), Timestamp::from_seconds(1), &datagram);
        let mut sets = 0;
        while let Some(event) = events.next() {
            if let Event::Flows(set) = event {
                assert!(batch.append(set).is_none());
                sets += 1;
            }
        }
        assert_eq!(sets, 1);
        for request in collector.requests() {
            assert!(lowering.append_request(&request, &mut batch));
        }
        let protocols: Vec<_> = batch.column(core::PROTOCOL).unwrap().iter().flatten().collect();
        let count = |protocol: Protocol| protocols.iter().filter(|code| Protocol::from_code(**code) == protocol).count();
        assert_eq!((protocols.len(), count(Protocol::VanFlow), count(Protocol::NetFlow5)), (108, 107, 1));
        let (ports, totals) = (batch.column(core::DST_PORT).unwrap(), batch.column(core::OCTETS_TOTAL).unwrap());
        let address = lowering.schema().resolve(&field::ADDRESS).unwrap();
        let added = lowering.schema().resolve(&field::ADDED_LATENCY).unwrap();
        for (row, flow) in rows.iter().enumerate() {
            assert_eq!(ports.get(row), flow.get(core::DST_PORT));
            assert_eq!(totals.get(row), flow.get(core::OCTETS_TOTAL));
            assert_eq!(batch.column(address).unwrap().get(row), flow.get(address));
            assert_eq!(batch.column(added).unwrap().get(row), flow.get(added));
        }
        let netflow = rows.len();
        assert_eq!((ports.get(netflow), batch.column(core::OCTETS).unwrap().get(netflow)), (Some(80), Some(700)));
        assert_eq!(batch.column(address).unwrap().get(netflow), None, "an IP flow has no routing key");
        assert_eq!(batch.column(core::OCTETS).unwrap().get(0), None);
    }

    /// A batch that is full says so, and takes nothing.
    #[test]
    fn a_full_batch_takes_no_more() {
        let collector = collect("v2-main").unwrap();
        let lowering = Lowering::new(&Schema::common()).unwrap();
        let mut batch = FlowBatch::builder(Arc::clone(lowering.schema())).common().capacity(10).build().unwrap();
        let taken = collector.connections().filter(|connection| lowering.append_connection(connection, &mut batch)).count();
        assert_eq!((taken, batch.len()), (10, 10));
    }

    #[test]
    fn legs_stand_in_their_sites() {
        let (collector, wanted) = (collect("v2-main").unwrap(), state("v2-main").unwrap());
        let mut seen = 0;
        for connection in collector.connections() {
            let record = &wanted["records"][connection.identity().to_str().unwrap()]["attrs"];
            let listener = &wanted["records"][record["2"].as_str().unwrap()]["attrs"];
            let [client, server] = legs(&connection);
            assert_eq!((client.end, server.end), (LegEnd::Client, LegEnd::Server));
            assert_eq!((client.source.host, client.source.port), (text(&record["14"]), text(&record["17"])));
            assert_eq!((client.destination.host, client.destination.port), (text(&listener["15"]), text(&listener["18"])));
            assert_eq!((server.source.host, server.source.port), (text(&record["62"]), text(&record["63"])));
            assert_eq!(client.site, Some("site-west-0001".into()));
            assert_eq!(client.source.port().map(|port| port.to_string()).as_deref(), record["17"].as_str());
            assert!(server.destination.address().is_some());
            // The clocks of recorder and router are one: a leg begins when the record says, but for the least delay of a heartbeat.
            let told = Timestamp::from_nanos(record["3"].as_i64().unwrap() * 1_000);
            let later = client.start.unwrap().since(told);
            assert!((0..50_000_000).contains(&later), "{later}");
            assert!(client.until.is_some() && client.until == server.until);
            seen += 1;
        }
        assert_eq!(seen, 42);
    }

    #[test]
    fn names_are_not_taken_twice() {
        let schema = Schema::common().with(fields()).unwrap();
        assert!(Lowering::new(&schema).is_err());
        let lowering = Lowering::with(schema);
        assert!(lowering.schema().resolve(&field::TRACE).is_some());
        assert!(fields().all(|spec| spec.name.starts_with("van_") && !spec.doc.is_empty()));
    }
}
