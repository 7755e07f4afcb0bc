//! JSON of the common model: one object a record, one member a field that is present.

mod values;

use std::net::IpAddr;
use std::sync::LazyLock;

#[cfg(feature = "csv")]
pub(super) use values::hex_octet;
pub(super) use values::{address, float, hex, key, list, mac, put, quoted, quoted_display, text, time, unsigned};

use super::line::{self, Line, Sink, Today};
use crate::model::{CORE, FieldId, FieldValue, Flow, FlowRecord, HOT, Mac, Schema, TakesFields, field, word};
use crate::record::{Record, RecordSet};
use crate::template::{RowScratch, Template};
use crate::time::Timestamp;

/// Writes one record as a JSON object, without a line end. Fields under their names in the schema's order, an absent field is an
/// absent member; times as RFC 3339 with nine digits, addresses as text, octets as hex. Octets of text that are not UTF-8 are shown
/// as `\xNN`, and so is a backslash that by itself would look like that ([`Text`](crate::Text)). Fields that only one of `schema` and the
/// template's schema has are absent. Nothing is allocated but what `out` grows by.
pub fn write_record(out: &mut String, record: &Record<'_>, schema: &Schema) {
    write_fields(out, record.fields(schema), schema);
}

/// Writes the fields in `chosen` that the record has, in that order, in the same form.
pub fn write_chosen(out: &mut String, record: &Record<'_>, schema: &Schema, chosen: &[FieldId]) {
    write_fields(out, chosen.iter().filter_map(|&id| Some((id, record.value(id)?))), schema);
}

/// Writes these fields of `schema`, in that order, in the same form.
pub fn write_fields<'v>(out: &mut String, fields: impl Iterator<Item = (FieldId, FieldValue<'v>)>, schema: &Schema) {
    let mut object = Object::new(out, Some(schema));
    let at = object.begin(0);
    let at = fields.fold(at, |at, (id, value)| object.take(at, id, value));
    object.end(at);
}

/// Writes one owned flow in the same form.
pub fn write_flow(out: &mut String, flow: &Flow) {
    let mut object = Object::new(out, Some(flow.schema()));
    let at = object.begin(0);
    let at = object.row(at, flow.row());
    let at = flow.beside().fold(at, |at, (id, value)| object.take(at, id, value));
    object.end(at);
}

/// Writes all records of a set, each as [`write_record`] does and with a line end. Faster: what has a place in a row is read row by row,
/// and the rest record by record only where the template has more.
///
/// ```no_run
/// # use flowcodec::model::Schema;
/// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) {
/// let mut out = String::new();
/// flowcodec::io::write_set(&mut out, &set, &Schema::common(), scratch);
/// # }
/// ```
pub fn write_set(out: &mut String, set: &RecordSet<'_>, schema: &Schema, scratch: &mut RowScratch) {
    let (context, mut records) = (set.context(), set.records());
    let in_rows = |template: &Template| template.section().is_none() && template.plan().all().iter().all(|it| in_row(it.field));
    let in_rows = set.template().is_some_and(in_rows);
    let mut object = Object::new(out, Some(schema));
    let mut at = 0;
    set.rows(scratch, |rows| {
        for (row, record) in rows.iter().zip(&mut records) {
            at = object.begin(at);
            at = object.row(at, row);
            if in_rows {
                let of_message = [field::EXPORTED.id(), field::AGENT.id()];
                let of_message = of_message.into_iter().filter_map(|id| Some((id, context.field(id)?)));
                at = of_message.fold(at, |at, (id, value)| object.take(at, id, value));
            } else {
                let beside = record.fields(schema).filter(|(id, _)| !in_row(*id));
                at = beside.fold(at, |at, (id, value)| object.take(at, id, value));
            }
            at = object.end(at);
            at = object.line.mark_at(at, b'\n');
        }
    });
}

fn in_row(id: FieldId) -> bool {
    id.index() < HOT.len()
}

/// Writes what rows have room for in the same form, each with a line end: the fastest way, with
/// [`RecordSet::rows`](crate::RecordSet::rows).
///
/// ```no_run
/// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) {
/// let mut out = String::new();
/// set.rows(scratch, |rows| flowcodec::io::write_rows(&mut out, rows));
/// # }
/// ```
pub fn write_rows(out: &mut String, rows: &[FlowRecord]) {
    let mut object = Object::new(out, None);
    let mut at = 0;
    for row in rows {
        at = object.begin(at);
        at = object.row(at, row);
        at = object.end(at);
        at = object.line.mark_at(at, b'\n');
    }
}

/// An object under way. Every member ends with a comma, and the last comma makes way for the brace.
struct Object<'a> {
    line: Line<'a>,
    keys: &'static [Key],
    /// Of fields that are not of the core.
    schema: Option<&'a Schema>,
    today: Today,
}

#[expect(
    clippy::inline_always,
    reason = "written out for each field of a row, whose name and type are known there: a call costs more"
)]
impl<'a> Object<'a> {
    #[inline]
    fn new(out: &'a mut String, schema: Option<&'a Schema>) -> Self {
        Self { line: Line::new(out), keys: &KEYS, schema, today: Today::EPOCH }
    }

    fn begin(&mut self, at: usize) -> usize {
        self.line.mark_at(at, b'{')
    }

    fn end(&mut self, at: usize) -> usize {
        self.line.end_list(at, b'}')
    }

    /// All that a row has. One copy of this is enough: it is long.
    #[inline(never)]
    fn row(&mut self, at: usize, row: &FlowRecord) -> usize {
        row.each(row.present(), self, at)
    }

    #[inline(always)]
    fn unsigned(&mut self, at: usize, id: FieldId, number: u64) -> usize {
        match u32::try_from(number) {
            Ok(number @ ..100_000_000) => self.short(at, id, |place, at, _| line::short_decimal(place, at, number)),
            _ => self.long(at, id, number),
        }
    }

    #[inline(never)]
    fn long(&mut self, at: usize, id: FieldId, number: u64) -> usize {
        self.short(at, id, |place, at, _| line::decimal(place, at, number))
    }

    #[inline(always)]
    fn address(&mut self, at: usize, id: FieldId, value: IpAddr) -> usize {
        self.short(at, id, |place, at, _| line::address(place, at, value))
    }

    #[inline(always)]
    fn time(&mut self, at: usize, id: FieldId, value: Timestamp) -> usize {
        self.short(at, id, |place, at, today| line::time(place, at, value, today))
    }

    #[inline(never)]
    fn mac(&mut self, at: usize, id: FieldId, value: Mac) -> usize {
        self.short(at, id, |place, at, _| line::mac(place, at, value))
    }

    /// The words of this crate are short and need no escapes.
    #[inline(always)]
    fn word(&mut self, at: usize, id: FieldId, word: &str) -> usize {
        self.short(at, id, |place, at, _| line::word(place, at, word))
    }

    /// A member of any length.
    #[inline(never)]
    fn value(&mut self, at: usize, id: FieldId, write: impl FnOnce(&mut Line<'a>)) -> usize {
        let at = self.short(at, id, |_, at, _| at);
        // The comma behind the name.
        self.line.go_on_at(at.wrapping_sub(1));
        write(&mut self.line);
        self.line.mark(b',');
        self.line.at()
    }

    /// Name and value in one place; the value takes 46 octets at most.
    #[inline(always)]
    fn short(&mut self, at: usize, id: FieldId, value: impl FnOnce(&mut [u8], usize, &mut Today) -> usize) -> usize {
        let at = self.line.make_room::<PLACE>(at);
        let (Some(key), Some(place)) = (self.keys.get(id.index()), self.line.place::<PLACE>(at)) else {
            return self.added(at, id, value);
        };
        let from = line::lay(place, 0, key.octets, key.len);
        let end = value(place, from, &mut self.today);
        at.wrapping_add(line::lay(place, end, [b','], 1))
    }

    /// The same of a field that was added to the core: its name may be long.
    #[cold]
    #[inline(never)]
    fn added(&mut self, at: usize, id: FieldId, value: impl FnOnce(&mut [u8], usize, &mut Today) -> usize) -> usize {
        let (line, today) = (&mut self.line, &mut self.today);
        line.go_on_at(at);
        key(line, self.schema.and_then(|schema| schema.field(id)).map_or("", |spec| &spec.name));
        line.lay::<48>(|place| {
            let end = value(place, 0, today);
            line::lay(place, end, [b','], 1)
        });
        line.at()
    }
}

/// Room for a name of the core and a short value.
const PLACE: usize = 80;

impl TakesFields for Object<'_> {
    #[expect(clippy::inline_always, reason = "of the choice nothing is left where the type is known")]
    #[inline(always)]
    fn take(&mut self, at: usize, id: FieldId, value: FieldValue<'_>) -> usize {
        match value {
            FieldValue::Unsigned(number) => match word(id, number) {
                Some(word) => self.word(at, id, word),
                None => self.unsigned(at, id, number),
            },
            FieldValue::Address(value) => self.address(at, id, value),
            FieldValue::Time(value) => self.time(at, id, value),
            FieldValue::Mac(value) => self.mac(at, id, value),
            FieldValue::Signed(number) => self.value(at, id, |line| put(line, number)),
            FieldValue::Double(number) => self.value(at, id, |line| float(line, number)),
            FieldValue::Text(value) => self.value(at, id, |line| text(line, value.trimmed())),
            FieldValue::Octets(octets) => self.value(at, id, |line| hex(line, octets)),
            FieldValue::Numbers(numbers) => self.value(at, id, |line| list(line, numbers)),
        }
    }
}

/// The name of a core field as it stands in an object: `"name":`.
struct Key {
    octets: [u8; 32],
    len: usize,
}

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let made = CORE.iter().map(|spec| {
        let text = format!("\"{}\":", spec.name);
        let mut octets = [0; 32];
        octets.iter_mut().zip(text.bytes()).for_each(|(place, octet)| *place = octet);
        Key { octets, len: text.len() }
    });
    made.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fit() {
        for (spec, key) in CORE.iter().zip(&*KEYS) {
            assert_eq!(key.octets.get(..key.len), Some(format!("\"{}\":", spec.name).as_bytes()));
        }
    }
}
