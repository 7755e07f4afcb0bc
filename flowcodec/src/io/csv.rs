//! CSV of the common model (RFC 4180): a header line, then a line a record, with a cell for each of the chosen fields.
//!
//! | a field that is | stands there as |
//! |---|---|
//! | absent | nothing: an empty cell, without quotes |
//! | a number | decimal digits; as a word where [`word`] has one (`protocol`, `counters_scaled`, `drop_reason`) |
//! | an address, a MAC address | `192.0.2.1`, `2001:db8::1`, `02:00:00:00:00:0a` |
//! | a time | RFC 3339 with nine digits, UTC: `2026-11-21T04:16:41.363000000Z` |
//! | text | as it came, without NULs at the end; octets that are not UTF-8, and control characters, as `\xNN`, and so is a backslash
//! | | that would look like one of them ([`Text`]) |
//! | octets | hexadecimal digits, two an octet |
//! | a list | decimal numbers with a blank between |
//!
//! Lines end with CR and LF. A cell stands between quotes where it has a comma or a quote, which is written twice; and where it is
//! empty but there (`""`), so that it is not taken for absent. No cell holds a line end, and no line is empty: that of an only column
//! whose field is absent is `""`, since readers pass over lines without anything in them. Nothing is put in front of a text that a
//! spreadsheet would take for a formula (`=`, `+`, `-`, `@`): a name with something in front is another name.

use core::fmt::{self, Write};
use std::borrow::Cow;

use super::json;
use super::line::{self, Line, Sink, Today};
use crate::batch::FlowBatch;
use crate::model::{CORE, FieldId, FieldValue, Flow, FlowRecord, HOT, Numbers, Schema, word};
use crate::record::{Record, RecordSet};
use crate::template::{RowScratch, Template};
use crate::text::Text;

/// Why a file cannot have these columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// There are none.
    #[error("a file of CSV wants a column at least")]
    None,
    /// A field number that the schema does not have.
    #[error("the schema has no field of number {}", .0.number())]
    UnknownField(FieldId),
    /// A field that is a column already.
    #[error("the field {0} is a column already")]
    Duplicate(Cow<'static, str>),
}

/// Writes lines of a fixed list of columns behind what stands in a caller's buffer.
///
/// Every way in writes the same line of the same record. Nothing is allocated but what the buffer grows by. Of records, flows and batches
/// of a schema with other added fields, only the core fields are there.
///
/// ```
/// use flowcodec::io::csv::Writer;
/// use flowcodec::model::{FieldDef, FieldValue, Flow, Schema, Source, String as Texts, Unit};
/// use flowcodec::{Text, field};
///
/// static RACK: FieldDef<Texts> = FieldDef::new("rack", Unit::None, "Rack the exporter names", &[Source::enterprise(99999, 1)]);
/// let schema = Schema::common().with([RACK.spec()])?;
/// let rack = schema.resolve(&RACK).expect("just added").id();
/// let writer = Writer::new(&schema, [field::SRC_ADDR.id(), field::OCTETS.id(), rack])?;
///
/// let mut flow = Flow::new(schema);
/// flow.set(field::SRC_ADDR.id(), FieldValue::Address([192, 0, 2, 1].into()));
/// flow.set(rack, FieldValue::Text(Text::from("hall 2, \"cold\"")));
/// let mut out = writer.header().to_owned();
/// writer.write_flow(&mut out, &flow);
/// assert_eq!(out, "src_addr,octets,rack\r\n192.0.2.1,,\"hall 2, \"\"cold\"\"\"\r\n");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    columns: Box<[FieldId]>,
    header: Box<str>,
    /// Of the schema: tells whether an added field is the one of this number.
    tag: u32,
    /// Whether a row has room for all columns.
    in_rows: bool,
}

impl Writer {
    /// Columns of these fields of `schema`, in this order.
    ///
    /// # Errors
    /// When there are none, one is not of the schema, or is named twice.
    pub fn new(schema: &Schema, columns: impl IntoIterator<Item = FieldId>) -> Result<Self, ColumnsError> {
        let columns: Box<[_]> = columns.into_iter().collect();
        if columns.is_empty() {
            return Err(ColumnsError::None);
        }
        let mut header = String::new();
        let mut line = Lines::new(&mut header);
        for (at, id) in columns.iter().enumerate() {
            let spec = schema.field(*id).ok_or(ColumnsError::UnknownField(*id))?;
            if columns.iter().take(at).any(|other| other == id) {
                return Err(ColumnsError::Duplicate(spec.name.clone()));
            }
            line.comma(at);
            line.text(Text::from(&*spec.name));
        }
        line.end();
        drop(line);
        let in_rows = columns.iter().all(|id| in_row(*id));
        Ok(Self { columns, header: header.into(), tag: schema.tag(), in_rows })
    }

    /// The fields of its columns.
    #[must_use]
    pub const fn columns(&self) -> &[FieldId] {
        &self.columns
    }

    /// The header line, with its end: the names of the columns.
    #[must_use]
    pub const fn header(&self) -> &str {
        &self.header
    }

    /// Writes one record.
    pub fn write_record(&self, out: &mut String, record: &Record<'_>) {
        let known = self.known(record.template().map_or(0, Template::schema_tag));
        Lines::new(out).fields(&self.columns, |id| known(id).then(|| record.value(id))?);
    }

    /// Writes one owned flow.
    pub fn write_flow(&self, out: &mut String, flow: &Flow) {
        let known = self.known(flow.schema().tag());
        Lines::new(out).fields(&self.columns, |id| known(id).then(|| flow.value(id))?);
    }

    /// Writes all records of a set. Faster than one by one: what has a place in a row is read row by row.
    ///
    /// ```no_run
    /// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) -> Result<(), flowcodec::io::csv::ColumnsError> {
    /// use flowcodec::field;
    /// let columns = [field::START.id(), field::SRC_ADDR.id(), field::OCTETS.id()];
    /// let writer = flowcodec::io::csv::Writer::new(&flowcodec::model::Schema::common(), columns)?;
    /// let mut out = String::new();
    /// writer.write_set(&mut out, &set, scratch);
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_set(&self, out: &mut String, set: &RecordSet<'_>, scratch: &mut RowScratch) {
        let known = self.known(set.template().map_or(0, Template::schema_tag));
        let mut lines = Lines::new(out);
        let mut records = set.records();
        set.rows(scratch, |rows| {
            for row in rows {
                let record = if self.in_rows { None } else { records.next() };
                lines
                    .fields(&self.columns, |id| if in_row(id) { row.value(id) } else { record.filter(|_| known(id))?.value(id) });
            }
        });
    }

    /// Writes rows, with [`RecordSet::rows`](crate::RecordSet::rows): columns that a row has no room for are empty.
    pub fn write_rows(&self, out: &mut String, rows: &[FlowRecord]) {
        let mut lines = Lines::new(out);
        for row in rows {
            lines.fields(&self.columns, |id| row.value(id));
        }
    }

    /// Writes the rows of a batch: columns that the batch does not have are empty.
    pub fn write_batch(&self, out: &mut String, batch: &FlowBatch) {
        let known = self.known(batch.schema().tag());
        let mut lines = Lines::new(out);
        for row in 0..batch.len() {
            lines.fields(&self.columns, |id| known(id).then(|| batch.value(id, row))?);
        }
    }

    /// Which numbers are the same fields in a schema of this tag.
    fn known(&self, tag: u32) -> impl Fn(FieldId) -> bool + Copy + use<> {
        let same = tag == self.tag;
        move |id| same || id.index() < CORE.len()
    }
}

fn in_row(id: FieldId) -> bool {
    id.index() < HOT.len()
}

/// Lines under way.
struct Lines<'a> {
    line: Line<'a>,
    today: Today,
}

impl<'a> Lines<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { line: Line::new(out), today: Today::EPOCH }
    }

    /// One line: the values of these fields.
    #[inline]
    fn fields<'v>(&mut self, columns: &[FieldId], value: impl Fn(FieldId) -> Option<FieldValue<'v>>) {
        for (at, &id) in columns.iter().enumerate() {
            self.comma(at);
            match value(id) {
                Some(value) => self.value(id, value),
                None if columns.len() == 1 => self.empty(),
                None => {}
            }
        }
        self.end();
    }

    fn comma(&mut self, at: usize) {
        if at != 0 {
            self.line.mark(b',');
        }
    }

    fn empty(&mut self) {
        self.line.text("\"\"");
    }

    fn end(&mut self) {
        self.line.text("\r\n");
    }

    fn value(&mut self, id: FieldId, value: FieldValue<'_>) {
        match value {
            FieldValue::Unsigned(number) => match word(id, number) {
                Some(word) => self.text(Text::from(word)),
                None => json::unsigned(&mut self.line, number),
            },
            FieldValue::Address(address) => self.bare(|place, _| line::address(place, 0, address)),
            FieldValue::Time(time) => self.bare(|place, today| line::time(place, 0, time, today)),
            FieldValue::Mac(mac) => self.bare(|place, _| line::mac(place, 0, mac)),
            FieldValue::Signed(number) => self.line.put(number),
            FieldValue::Double(number) if number.is_finite() => json::float(&mut self.line, number),
            FieldValue::Double(number) => self.line.put(number),
            FieldValue::Text(text) => self.text(text.trimmed()),
            FieldValue::Octets([]) => self.empty(),
            FieldValue::Octets(octets) => octets.iter().for_each(|&octet| json::hex_octet(&mut self.line, octet)),
            FieldValue::Numbers(numbers) => self.list(numbers),
        }
    }

    /// What is laid down between quotes, without them: 46 octets at most.
    fn bare(&mut self, quoted: impl FnOnce(&mut [u8], &mut Today) -> usize) {
        let today = &mut self.today;
        self.line.lay::<48>(|place| {
            let end = quoted(place, today);
            place.copy_within(1.., 0);
            end.saturating_sub(2)
        });
    }

    fn list(&mut self, numbers: Numbers<'_>) {
        let mut numbers = numbers.iter().map(u64::from);
        match numbers.next() {
            None => self.empty(),
            Some(first) => json::unsigned(&mut self.line, first),
        }
        for number in numbers {
            self.line.mark(b' ');
            json::unsigned(&mut self.line, number);
        }
    }

    fn text(&mut self, text: Text<'_>) {
        let octets = text.as_bytes();
        // All of them are asked, without an early end: the compiler makes vectors of that.
        let plain =
            octets.iter().fold(true, |plain, octet| plain & matches!(octet, b' '..=b'~') & !matches!(octet, b'"' | b',' | b'\\'));
        match text.to_str() {
            Ok("") => self.empty(),
            Ok(text) if plain => self.line.text(text),
            _ => self.with_care(text),
        }
    }

    /// What [`Text`] shows, between quotes where it has a comma or a quote.
    #[cold]
    fn with_care(&mut self, text: Text<'_>) {
        let quoted = text.as_bytes().iter().any(|octet| matches!(octet, b'"' | b','));
        if quoted {
            self.line.mark(b'"');
        }
        let _ = write!(Doubled(&mut self.line), "{text}");
        if quoted {
            self.line.mark(b'"');
        }
    }
}

/// Writes every quote twice.
struct Doubled<'l, 'a>(&'l mut Line<'a>);

impl Write for Doubled<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (at, part) in text.split('"').enumerate() {
            self.0.text(if at == 0 { "" } else { "\"\"" });
            self.0.text(part);
        }
        Ok(())
    }
}
