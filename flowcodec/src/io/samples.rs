//! JSON of sFlow samples: everything in them, under sflow.org's names.

use super::json::{address, float, hex, key, mac, put, quoted, quoted_display, text, unsigned};
use crate::ie::{SflowStructure, lookup};
use crate::model::{CORE, FieldId, FieldValue, field};
use crate::packet::{Headers, Tunnel};
use crate::record::Record;
use crate::sflow::table::{List, XdrValue};
use crate::sflow::{DataFormat, Interface, Sample, Structure};

/// The members of `elements` of a sample: what stands before its records, in the words of the expanded forms whichever form it has, and
/// then each record as an object under its name. Records of one name are an array (0:2201 and 0:2206 share theirs, `http_request`).
pub(super) fn object(out: &mut String, record: &Record<'_>, sample: &Sample<'_>) {
    out.push('{');
    if sample.layout().is_none() {
        quoted_format(out, sample.format());
        hex(out, sample.body());
    }
    head(out, sample);
    let nothing = Structure::new(SflowStructure::Flow(0), &[], 0);
    let (mut few, mut many) = ([(0, nothing); FEW], Vec::new());
    let mut header = record.headers();
    for same in groups(record, &mut few, &mut many).chunk_by(|one, other| one.0 == other.0) {
        let Some((_, first)) = same.first() else { continue };
        comma(out);
        match name(first) {
            Ok(name) => key(out, name),
            Err(format) => quoted_format(out, format),
        }
        if same.len() > 1 {
            out.push('[');
        }
        for (number, (_, structure)) in same.iter().enumerate() {
            if number != 0 {
                out.push(',');
            }
            let headers = if is_header(structure) { header.take() } else { None };
            structure_value(out, structure, headers.as_ref());
        }
        if same.len() > 1 {
            out.push(']');
        }
    }
    out.push('}');
}

/// As many records as nearly every sample has: they are put in order without allocation.
const FEW: usize = 32;

/// What a record stands under: the name of its structure, or its format when the structure is not known.
fn name(structure: &Structure<'_>) -> Result<&'static str, DataFormat> {
    structure.layout().map(|layout| layout.name).ok_or_else(|| structure.format())
}

/// The records of a sample, those of one name together, in the order their first ones stand in. Each comes with the place of that
/// first one.
fn groups<'a, 's>(
    record: &Record<'a>,
    few: &'s mut [(u32, Structure<'a>); FEW],
    many: &'s mut Vec<(u32, Structure<'a>)>,
) -> &'s [(u32, Structure<'a>)] {
    let all = if record.structures().nth(FEW).is_none() {
        let mut count = 0_usize;
        for (place, structure) in few.iter_mut().zip(record.structures()) {
            *place = (0, structure);
            count = count.saturating_add(1);
        }
        few.get_mut(..count).unwrap_or_default()
    } else {
        many.extend(record.structures().map(|structure| (0, structure)));
        many
    };
    all.sort_unstable_by_key(|(_, structure)| (name(structure), structure.offset()));
    for same in all.chunk_by_mut(|(_, one), (_, other)| name(one) == name(other)) {
        let first = same.first().map_or(0, |(_, structure)| structure.offset());
        for (place, _) in &mut *same {
            *place = first;
        }
    }
    all.sort_unstable_by_key(|(first, structure)| (*first, structure.offset()));
    all
}

fn is_header(structure: &Structure<'_>) -> bool {
    name(structure) == Ok("sampled_header")
}

/// A comma, unless the object has just begun.
fn comma(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

fn quoted_format(out: &mut String, format: DataFormat) {
    quoted_display(out, format);
    out.push(':');
}

fn member(out: &mut String, name: &str, number: u32) {
    comma(out);
    key(out, name);
    unsigned(out, u64::from(number));
}

fn head(out: &mut String, sample: &Sample<'_>) {
    let (Some(sequence), Some(source)) = (sample.sequence(), sample.source()) else { return };
    member(out, "sequence_number", sequence);
    member(out, "source_id_type", source.class);
    member(out, "source_id_index", source.index);
    let numbers = [("sampling_rate", sample.sampling_rate()), ("sample_pool", sample.pool()), ("drops", sample.drops())];
    for (name, number) in numbers {
        if let Some(number) = number {
            member(out, name, number);
        }
    }
    for (name, interface) in [("input", sample.input()), ("output", sample.output())] {
        if let Some(interface) = interface {
            comma(out);
            key(out, name);
            interface_value(out, interface);
        }
    }
    if let Some(reason) = sample.reason() {
        member(out, "reason", reason.0);
    }
}

/// An ifIndex as a number; what is none as an object of its format and number.
fn interface_value(out: &mut String, interface: Interface) {
    match interface.words() {
        (0, index) => unsigned(out, u64::from(index)),
        (format, number) => {
            out.push('{');
            member(out, "format", format);
            member(out, "value", number);
            out.push('}');
        }
    }
}

/// A record: an object of its fields, and of what the headers in it say; hex when its structure is not known.
fn structure_value(out: &mut String, structure: &Structure<'_>, headers: Option<&Headers<'_>>) {
    let Some(values) = structure.values() else { return hex(out, structure.body()) };
    out.push('{');
    for field in values.flatten() {
        comma(out);
        key(out, field.def.name);
        value(out, &field.value);
    }
    if let Some(headers) = headers {
        members_of_headers(out, headers);
    }
    out.push('}');
}

fn value(out: &mut String, value: &XdrValue<'_>) {
    match *value {
        XdrValue::U32(number) => unsigned(out, u64::from(number)),
        XdrValue::I32(number) => put(out, number),
        XdrValue::U64(number) => unsigned(out, number),
        XdrValue::F32(number) => float(out, f64::from(number)),
        XdrValue::Address(Some(it)) => address(out, it),
        XdrValue::Address(None) => out.push_str("null"),
        XdrValue::Ipv4(it) => address(out, it.into()),
        XdrValue::Ipv6(it) => address(out, it.into()),
        XdrValue::Mac(it) => mac(out, it),
        XdrValue::Text(it) => text(out, it.trimmed()),
        XdrValue::Octets(octets) => hex(out, octets),
        XdrValue::List(it) => list(out, &it),
    }
}

/// Items of one field as they are, items of several as objects. (Not inlined: templated lists within lists would have room for these
/// too on the stack, level by level.)
#[inline(never)]
pub(super) fn list(out: &mut String, list: &List<'_>) {
    let fields = list.fields();
    out.push('[');
    for (at, item) in list.items().enumerate() {
        let place = at.checked_rem(fields.len()).unwrap_or(0);
        if place == 0 && at != 0 {
            out.push(',');
        }
        if let (Some(def), true) = (fields.get(place), fields.len() > 1) {
            out.push(if place == 0 { '{' } else { ',' });
            key(out, def.name);
        }
        value(out, &item);
        if fields.len() > 1 && place.wrapping_add(1) == fields.len() {
            out.push('}');
        }
    }
    out.push(']');
}

/// The fields of packet headers under the names of the information elements of the same meaning, and the inner headers as an object.
fn members_of_headers(out: &mut String, headers: &Headers<'_>) {
    for &id in Headers::FIELDS {
        let (Some(found), Some(name)) = (headers.value(id), name_of(id, headers)) else { continue };
        comma(out);
        key(out, name);
        match found {
            FieldValue::Address(it) => address(out, it),
            FieldValue::Mac(it) => mac(out, it),
            FieldValue::Unsigned(number) => unsigned(out, number),
            FieldValue::Numbers(labels) => {
                out.push('[');
                for (at, label) in labels.iter().enumerate() {
                    if at != 0 {
                        out.push(',');
                    }
                    unsigned(out, u64::from(label));
                }
                out.push(']');
            }
            _ => out.push_str("null"),
        }
    }
    if let Some(length) = headers.ip_len() {
        member(out, "ipTotalLength", length);
    }
    if let (Some(tunnel), Some(inner)) = (headers.tunnel(), headers.inner()) {
        comma(out);
        key(out, "tunnel");
        quoted(out, tunnel.name());
        if let Tunnel::Vxlan { vni } | Tunnel::Geneve { vni, .. } | Tunnel::Gre { key: Some(vni), .. } = tunnel {
            member(out, "tunnel_key", vni);
        }
        comma(out);
        key(out, "inner");
        out.push('{');
        // As deep as the headers are followed, which is bounded.
        members_of_headers(out, &inner);
        out.push('}');
    }
}

/// The element that a field of the headers corresponds to: of those that feed it, the one of the packet's IP version.
fn name_of(id: FieldId, headers: &Headers<'_>) -> Option<&'static str> {
    if id == field::MPLS_LABELS.id() {
        return Some("mplsLabels");
    }
    let by_version = [field::SRC_ADDR.id(), field::DST_ADDR.id(), field::ICMP_TYPE.id(), field::ICMP_CODE.id()];
    let place = usize::from(by_version.contains(&id) && headers.ip_version() == Some(6));
    Some(lookup(CORE.get(id.index())?.sources.get(place)?.element)?.name)
}
