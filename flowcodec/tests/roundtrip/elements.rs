//! Elements, lists and templates, by hand-made and by random templates.

use flowcodec::model::Schema;
use flowcodec::template::encode::{ElementValue, EncodeError, Lengths, Resend};
use flowcodec::template::{Dialect, TemplateKind};
use flowcodec::{Decoder, Exporter, Session, ipfix, netflow9};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::{iana, list_templates, plans, resend, turns};
use super::seen::{Heard, Seen, SeenRecord, heard, same_templates, written_record};
use super::{BOOT, NOW};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn ipfix_over_udp(plans in plans(Dialect::Ipfix), most in 256_u16..2_000, pad in any::<bool>(), long in any::<bool>(), resend in resend()) {
        let mut settings = ipfix::Settings::udp(most);
        settings.transport = ipfix::Transport::Udp(resend);
        settings.pad_sets = pad;
        settings.lengths = if long { Lengths::Long } else { Lengths::Shortest };
        let mut writer = ipfix::Writer::new(7, settings).unwrap();
        for (id, fields) in list_templates() {
            writer.add_template(id, &fields).unwrap();
        }
        for (id, plan) in (256..).zip(&plans) {
            match plan.kind {
                TemplateKind::Data => writer.add_template(id, &plan.fields).unwrap(),
                _ => writer.add_options_template(id, &plan.fields).unwrap(),
            }
        }
        let (mut messages, mut expected) = (Vec::new(), Vec::new());
        for (template, plan, values) in turns(&plans) {
            match writer.record(NOW, template, values, |message| messages.push(message.to_vec())) {
                Ok(()) => {
                    let values = written_record(writer.templates(), template, values);
                    expected.push(SeenRecord { template, kind: plan.kind, values });
                }
                Err(EncodeError::RecordTooLong { octets, room }) => prop_assert!(octets > room && room <= u32::from(most) - 20),
                Err(other) => panic!("{other}"),
            }
        }
        writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
        prop_assert!(messages.iter().all(|message| message.len() <= usize::from(most)));
        prop_assert!(!pad || messages.iter().all(|message| message.len() > 20));
        prop_assert_eq!(writer.sequence(), u32::try_from(expected.len()).unwrap());
        let (heard, decoder) = heard(&messages);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }

    #[test]
    fn ipfix_over_a_stream(before in plans(Dialect::Ipfix), after in plans(Dialect::Ipfix), most in prop_oneof![Just(u16::MAX), 1_000_u16..3_000], cuts in vec(1_usize..700, 1..20)) {
        let mut settings = ipfix::Settings::stream();
        settings.max_message = most;
        let mut writer = ipfix::Writer::new(7, settings).unwrap();
        for (id, fields) in list_templates() {
            writer.add_template(id, &fields).unwrap();
        }
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (round, plans) in [&before, &after].into_iter().enumerate() {
            for (id, plan) in (256..).zip(plans) {
                let add = |writer: &mut ipfix::Writer| match plan.kind {
                    TemplateKind::Data => writer.add_template(id, &plan.fields),
                    _ => writer.add_options_template(id, &plan.fields),
                };
                if round == 1 && id < 256 + u16::try_from(before.len()).unwrap() {
                    // Records of the first round may have been too long to send any template with them.
                    if add(&mut writer) == Err(EncodeError::TemplateInUse(id)) {
                        writer.withdraw_template(NOW, id, |message| stream.extend_from_slice(message)).unwrap();
                    }
                }
                add(&mut writer).unwrap();
            }
            for (template, plan, values) in turns(plans) {
                match writer.record(NOW, template, values, |message| stream.extend_from_slice(message)) {
                    Ok(()) => {
                        let values = written_record(writer.templates(), template, values);
                        expected.push(SeenRecord { template, kind: plan.kind, values });
                    }
                    Err(EncodeError::RecordTooLong { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        writer.flush(NOW, |message| stream.extend_from_slice(message)).unwrap();
        let (mut decoder, mut heard, mut framer) = (Decoder::default(), Heard::default(), ipfix::Framer::new());
        let session = Session::new(Exporter::UNSPECIFIED, 1);
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            framer.push(piece);
            while let Some(message) = framer.next() {
                heard.hear(decoder.message(session, NOW, message.unwrap()), &Schema::common());
            }
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        heard.hear(decoder.finish(), &Schema::common());
        prop_assert!(framer.rest().is_empty());
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }

    #[test]
    fn netflow9_packets(plans in plans(Dialect::NetFlow9), most in 300_u16..2_000, pad in any::<bool>(), resend in resend()) {
        let mut settings = netflow9::Settings::new(most);
        settings.pad_sets = pad;
        settings.resend = resend;
        let mut writer = netflow9::Writer::new(7, BOOT, settings).unwrap();
        for (id, plan) in (256..).zip(&plans) {
            match plan.kind {
                TemplateKind::Data => writer.add_template(id, &plan.fields).unwrap(),
                _ => writer.add_options_template(id, &plan.fields).unwrap(),
            }
        }
        let (mut packets, mut expected) = (Vec::new(), Vec::new());
        for (template, plan, values) in turns(&plans) {
            writer.record(NOW, template, values, |packet| packets.push(packet.to_vec())).unwrap();
            let values = written_record(writer.templates(), template, values);
            expected.push(SeenRecord { template, kind: plan.kind, values });
        }
        writer.flush(NOW, |packet| packets.push(packet.to_vec())).unwrap();
        prop_assert!(packets.iter().all(|packet| packet.len() <= usize::from(most)));
        prop_assert_eq!(writer.sequence(), u32::try_from(packets.len()).unwrap());
        let (heard, decoder) = heard(&packets);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }
}

#[test]
fn over_udp_a_new_definition_takes_over_between_records() {
    let mut writer = ipfix::Writer::new(7, ipfix::Settings::udp(1_400)).unwrap();
    let mut messages = Vec::new();
    writer.add_template(256, &[iana(1, 4)]).unwrap();
    writer.record(NOW, 256, &[ElementValue::Unsigned(1)], |_| {}).unwrap();
    writer.add_template(256, &[iana(2, 4), iana(1, 4)]).unwrap();
    writer.record(NOW, 256, &[ElementValue::Unsigned(2), ElementValue::Unsigned(3)], |_| {}).unwrap();
    writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
    let (heard, _) = heard(&messages);
    let values: Vec<_> = heard.records.into_iter().map(|record| record.values).collect();
    assert_eq!(values, [vec![Seen::Unsigned(1)], vec![Seen::Unsigned(2), Seen::Unsigned(3)]]);
    assert_eq!(heard.trouble, Vec::<String>::new());
}

#[test]
fn a_collector_that_starts_late_learns_the_templates() {
    let mut settings = ipfix::Settings::udp(100);
    settings.transport = ipfix::Transport::Udp(Resend::new(Some(3), None));
    let mut writer = ipfix::Writer::new(7, settings).unwrap();
    writer.add_template(256, &[iana(1, 8)]).unwrap();
    let mut messages = Vec::new();
    for number in 0..100 {
        writer.record(NOW, 256, &[ElementValue::Unsigned(number)], |message| messages.push(message.to_vec())).unwrap();
    }
    writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
    let (all, _) = heard(&messages);
    assert_eq!(all.records.len(), 100);
    // What came before its template waits for it.
    let (late, _) = heard(&messages[1..]);
    let mut values: Vec<_> = late.records.iter().map(|record| record.values.clone()).collect();
    values.sort_by_key(|values| format!("{values:?}"));
    assert_eq!((late.trouble, values.len()), (Vec::new(), 100 - 8));
}
