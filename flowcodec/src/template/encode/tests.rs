//! Byte vectors, made by hand from the RFCs' diagrams.

use std::net::{IpAddr, Ipv4Addr};

use super::{ElementValue, EncodeError, Lengths, ListPart, Shapes};
use crate::ie::{DataType, ElementId};
use crate::template::wire::{Dialect, FieldSpecifier, TemplateKind, VARIABLE};
use crate::text::Text;
use crate::time::Timestamp;

fn iana(id: u16, length: u16) -> FieldSpecifier {
    FieldSpecifier::new(ElementId::iana(id), length)
}

fn value(id: u16, length: u16, value: ElementValue<'_>) -> Result<Vec<u8>, EncodeError> {
    let data_type = crate::ie::lookup(ElementId::iana(id)).map_or(DataType::OctetArray, |element| element.data_type);
    let mut out = vec![0xee];
    let written = Shapes::new(Dialect::Ipfix).put_value(&mut out, iana(id, length), data_type, &value);
    assert_eq!(out.first(), Some(&0xee));
    if written.is_err() {
        assert_eq!(out, [0xee], "taken back");
    }
    written.map(|()| out[1..].to_vec())
}

#[test]
fn numbers_take_the_fields_length_and_are_never_cut() {
    assert_eq!(value(1, 8, ElementValue::Unsigned(258)).unwrap(), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(value(1, 3, ElementValue::Unsigned(258)).unwrap(), [0, 1, 2]);
    assert_eq!(value(1, 1, ElementValue::Unsigned(255)).unwrap(), [255]);
    let range = |id, length| Err(EncodeError::ValueRange { element: ElementId::iana(id), length });
    assert_eq!(value(1, 1, ElementValue::Unsigned(256)), range(1, 1));
    // mibObjectValueInteger is signed32.
    assert_eq!(value(434, 2, ElementValue::Signed(-2)).unwrap(), [0xff, 0xfe]);
    assert_eq!(value(434, 1, ElementValue::Signed(-128)).unwrap(), [0x80]);
    assert_eq!(value(434, 1, ElementValue::Signed(128)), range(434, 1));
    assert_eq!(value(434, 1, ElementValue::Signed(-129)), range(434, 1));
    // samplingProbability is float64.
    assert_eq!(value(311, 4, ElementValue::Float(0.5)).unwrap(), 0.5_f32.to_be_bytes());
    assert_eq!(value(311, 8, ElementValue::Float(0.1)).unwrap(), 0.1_f64.to_be_bytes());
    assert_eq!(value(311, 4, ElementValue::Float(1e300)), range(311, 4));
    // dataRecordsReliability is boolean.
    assert_eq!(value(276, 1, ElementValue::Bool(true)).unwrap(), [1]);
    assert_eq!(value(276, 1, ElementValue::Bool(false)).unwrap(), [2]);
    assert_eq!(value(515, 10, ElementValue::Unsigned(1)).unwrap(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn times_by_type() {
    let time = ElementValue::Time(Timestamp::from_nanos(1_500_000_001));
    assert_eq!(value(150, 4, time).unwrap(), [0, 0, 0, 1]);
    assert_eq!(value(150, 8, time).unwrap(), [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(value(152, 8, time).unwrap(), 1_500_u64.to_be_bytes());
    assert_eq!(value(154, 8, time).unwrap(), ((2_208_988_801_u64 << 32) | (1 << 31)).to_be_bytes());
    assert_eq!(value(156, 8, time).unwrap(), ((2_208_988_801_u64 << 32) | (1 << 31) | 5).to_be_bytes());
    let early = ElementValue::Time(Timestamp::from_nanos(-1));
    for (id, length) in [(150, 4), (152, 8), (154, 8), (156, 8)] {
        assert_eq!(value(id, length, early), Err(EncodeError::ValueRange { element: ElementId::iana(id), length }));
    }
    let late = ElementValue::Time(Timestamp::from_seconds(1 << 32));
    assert!(value(150, 4, late).is_err() && value(156, 8, late).is_err());
    assert!(value(150, 8, late).is_ok() && value(152, 8, late).is_ok());
}

#[test]
fn text_is_padded_octets_are_not() {
    let text = ElementValue::Text(Text::from("eth0"));
    assert_eq!(value(82, 6, text).unwrap(), b"eth0\0\0");
    assert_eq!(value(82, VARIABLE, text).unwrap(), b"\x04eth0");
    let short = EncodeError::ValueLength { element: ElementId::iana(82), length: 3, octets: 4 };
    assert_eq!(value(82, 3, text), Err(short));
    assert_eq!(value(95, 4, ElementValue::Octets(&[3, 0, 80])), {
        Err(EncodeError::ValueLength { element: ElementId::iana(95), length: 4, octets: 3 })
    });
}

#[test]
fn both_forms_of_variable_length() {
    let long = vec![7_u8; 255];
    let octets = value(95, VARIABLE, ElementValue::Octets(&long)).unwrap();
    assert_eq!((octets.len(), &octets[..3]), (258, &[255, 0, 255][..]));
    assert_eq!(value(95, VARIABLE, ElementValue::Octets(&long[..254])).unwrap()[0], 254);
    assert_eq!(value(95, VARIABLE, ElementValue::Octets(&[])).unwrap(), [0]);
    let shapes = Shapes::new(Dialect::Ipfix).with_lengths(Lengths::Long);
    let mut out = Vec::new();
    shapes.put_value(&mut out, iana(95, VARIABLE), DataType::OctetArray, &ElementValue::Octets(&[9])).unwrap();
    assert_eq!(out, [255, 0, 1, 9]);
    let most = vec![0_u8; 65_536];
    assert!(value(95, VARIABLE, ElementValue::Octets(&most)).is_err());
    assert!(value(95, VARIABLE, ElementValue::Octets(&most[1..])).is_ok());
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let refused = |id, data_type| Err(EncodeError::ValueType { element: ElementId::iana(id), data_type });
    assert_eq!(value(1, 8, ElementValue::Signed(1)), refused(1, DataType::Unsigned64));
    let four = ElementValue::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(value(8, 4, four).unwrap(), [127, 0, 0, 1]);
    assert_eq!(value(27, 16, four), refused(27, DataType::Ipv6Address));
    assert_eq!(value(8, 4, ElementValue::Raw(&[1, 2, 3, 4])).unwrap(), [1, 2, 3, 4]);
    let length = EncodeError::FieldLength { element: ElementId::iana(8), data_type: DataType::Ipv4Address, length: 3 };
    assert_eq!(value(8, 3, four), Err(length));
}

/// The examples follow the layouts of RFC 6313 §4.5.
#[test]
fn lists() {
    let mut shapes = Shapes::new(Dialect::Ipfix);
    shapes.add(300, TemplateKind::Data, &[iana(8, 4), iana(7, 2)]).unwrap();
    shapes.add(301, TemplateKind::Data, &[iana(291, VARIABLE), iana(292, VARIABLE), iana(293, VARIABLE)]).unwrap();
    let interfaces = [ElementValue::Unsigned(1), ElementValue::Unsigned(4)];
    let addresses = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|octets| ElementValue::Address(IpAddr::from(octets)));
    let pairs = [addresses[0], ElementValue::Unsigned(80), addresses[1], ElementValue::Unsigned(443)];
    let part = ListPart::new(300, &pairs);
    let values = [
        ElementValue::BasicList { semantic: 3, field: iana(10, 2), values: &interfaces },
        ElementValue::SubTemplateList { semantic: 255, records: part },
        ElementValue::SubTemplateMultiList { semantic: 4, parts: &[part, ListPart::new(300, &[])] },
    ];
    let mut out = Vec::new();
    shapes.put_record(&mut out, 301, &values).unwrap();
    #[rustfmt::skip]
    let expected = [
        255, 0, 9, 3, 0, 10, 0, 2, 0, 1, 0, 4,
        255, 0, 15, 255, 1, 44, 192, 0, 2, 1, 0, 80, 192, 0, 2, 2, 1, 187,
        255, 0, 21, 4, 1, 44, 0, 16, 192, 0, 2, 1, 0, 80, 192, 0, 2, 2, 1, 187, 1, 44, 0, 4,
    ];
    assert_eq!(out, expected);

    let odd = ElementValue::SubTemplateList { semantic: 3, records: ListPart::new(300, &pairs[..3]) };
    let refused = shapes.put_record(&mut out, 301, &[values[0], odd, values[2]]);
    assert_eq!(refused, Err(EncodeError::ValueCount { template: 300, fields: 2, values: 3 }));
    assert_eq!(out, expected, "taken back");
    let enterprise = FieldSpecifier::new(ElementId::enterprise(6876, 891), 1);
    let list = ElementValue::BasicList { semantic: 0, field: enterprise, values: &[ElementValue::Unsigned(7)] };
    assert_eq!(value(291, VARIABLE, list).unwrap(), [255, 0, 10, 0, 0x83, 0x7b, 0, 1, 0, 0, 0x1a, 0xdc, 7]);
    let nothing = ElementValue::BasicList { semantic: 0, field: iana(95, 0), values: &[] };
    assert_eq!(value(291, VARIABLE, nothing), Err(EncodeError::ListEmptyItems(ElementId::iana(95))));
}

#[test]
fn template_records() {
    let scope = |id, length| FieldSpecifier::scope(ElementId::iana(id), length);
    let mut shapes = Shapes::new(Dialect::Ipfix);
    shapes.add(256, TemplateKind::Data, &[iana(8, 4), FieldSpecifier::new(ElementId::enterprise(9, 1), VARIABLE)]).unwrap();
    shapes.add(257, TemplateKind::Options, &[scope(149, 4), iana(41, 8)]).unwrap();
    let mut out = Vec::new();
    shapes.put_template(&mut out, 256).unwrap();
    assert_eq!(out, [1, 0, 0, 2, 0, 8, 0, 4, 0x80, 1, 255, 255, 0, 0, 0, 9]);
    out.clear();
    shapes.put_template(&mut out, 257).unwrap();
    assert_eq!(out, [1, 1, 0, 2, 0, 1, 0, 149, 0, 4, 0, 41, 0, 8]);

    let mut shapes = Shapes::new(Dialect::NetFlow9);
    let fields =
        [FieldSpecifier::scope(ElementId::NetFlow9Scope(2), 4), iana(34, 4), FieldSpecifier::new(ElementId::NetFlow9(33_002), 2)];
    shapes.add(258, TemplateKind::Options, &fields).unwrap();
    out.clear();
    shapes.put_template(&mut out, 258).unwrap();
    assert_eq!(out, [1, 2, 0, 4, 0, 8, 0, 2, 0, 4, 0, 34, 0, 4, 0x80, 0xea, 0, 2]);
}

#[test]
fn templates_that_may_not_be() {
    let scope = FieldSpecifier::scope(ElementId::iana(149), 4);
    let plain = iana(1, 8);
    let ipfix = |id, kind, fields: &[FieldSpecifier]| Shapes::new(Dialect::Ipfix).add(id, kind, fields);
    let nine = |fields: &[FieldSpecifier]| Shapes::new(Dialect::NetFlow9).add(256, TemplateKind::Data, fields);
    assert_eq!(ipfix(255, TemplateKind::Data, &[plain]), Err(EncodeError::TemplateIdReserved(255)));
    assert_eq!(ipfix(256, TemplateKind::Data, &[]), Err(EncodeError::TemplateEmpty(256)));
    assert_eq!(ipfix(256, TemplateKind::Data, &[iana(82, 0)]), Err(EncodeError::TemplateEmpty(256)));
    assert_eq!(ipfix(256, TemplateKind::Data, &[scope, plain]), Err(EncodeError::TemplateScopes(256)));
    assert_eq!(ipfix(256, TemplateKind::Options, &[plain]), Err(EncodeError::TemplateScopes(256)));
    assert_eq!(ipfix(256, TemplateKind::Options, &[scope, plain, scope]), Err(EncodeError::TemplateScopes(256)));
    let far = ElementId::iana(0x8000);
    assert_eq!(ipfix(256, TemplateKind::Data, &[FieldSpecifier::new(far, 4)]), Err(EncodeError::ElementForeign(far)));
    assert_eq!(nine(&[FieldSpecifier::new(far, 4)]), Err(EncodeError::ElementForeign(far)));
    let vendor = ElementId::enterprise(9, 1);
    assert_eq!(nine(&[FieldSpecifier::new(vendor, 4)]), Err(EncodeError::ElementForeign(vendor)));
    let variable = EncodeError::FieldLength { element: ElementId::iana(82), data_type: DataType::String, length: VARIABLE };
    assert_eq!(nine(&[iana(82, VARIABLE)]), Err(variable));
}
