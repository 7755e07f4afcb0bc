//! What is kept of a conversation's records: a row, and the fields beside it.
//!
//! Records come in any order, and what is kept must not depend on it. So every field carries the time of the record that said it: the
//! latest wins, of equal times the greater value.

use std::borrow::Cow;

use flowcodec::model::{FieldId, FieldValue, Flow, FlowRecord, Mac, Numbers, field};
use flowcodec::{Text, Timestamp};

use super::input::{address, octets};
use super::pending::Heap;
use super::texts::{TextId, Texts};

/// A row and the fields beside it.
#[derive(Debug)]
pub(super) struct Kept {
    row: FlowRecord,
    rank: Option<Rank>,
    cells: Vec<Cell>,
}

/// What decides between rows: all of it, so that equal ranks are equal rows in all that matters.
type Rank = (Timestamp, u8, [u8; 16], [Option<u64>; 4], Option<Timestamp>);

/// One field: 24 octets.
#[derive(Debug, Clone, Copy)]
struct Cell {
    said: i64,
    value: u64,
    id: FieldId,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Signed,
    Double,
    Time,
    Mac,
    // The rest are held as texts.
    Text,
    Octets,
    Address,
    Numbers,
}

/// Fields in which zero says that nothing is known: it does not overwrite what another record knows.
const ZERO_IS_NOTHING: [FieldId; 5] = [
    field::INGRESS_POLICY_TYPE.id(),
    field::INGRESS_POLICY_ACTION.id(),
    field::EGRESS_POLICY_TYPE.id(),
    field::EGRESS_POLICY_ACTION.id(),
    field::FLOW_TYPE.id(),
];

/// The time of what says nothing: empty texts, zeros of [`ZERO_IS_NOTHING`].
const UNSAID: i64 = i64::MIN;

impl Kept {
    pub(super) const fn new() -> Self {
        Self { row: FlowRecord::EMPTY, rank: None, cells: Vec::new() }
    }

    /// The row of the latest record.
    pub(super) const fn row(&self) -> &FlowRecord {
        &self.row
    }

    /// Takes a row that ended at `end` if it is the latest; of equal times, that of higher `precedence`. Whether it was taken.
    pub(super) fn take_row(&mut self, row: &FlowRecord, end: Timestamp, precedence: u8) -> bool {
        let exporter = row.exporter().map_or([0; 16], octets);
        let numbers = [row.domain().map(u64::from), row.exporter_port().map(u64::from), row.octets(), row.packets()];
        let rank = (end, precedence, exporter, numbers, row.received());
        let taken = self.rank.is_none_or(|held| held < rank);
        if taken {
            self.rank = Some(rank);
            self.row = *row;
        }
        taken
    }

    /// Takes a field beside the row, said by a record that ended at `end`. Whether that changed anything.
    pub(super) fn take(&mut self, texts: &mut Texts, id: FieldId, value: FieldValue<'_>, end: Timestamp) -> bool {
        let (kind, raw) = taken_apart(value);
        let nothing = match &raw {
            Raw::Number(0) => ZERO_IS_NOTHING.contains(&id),
            Raw::Octets(octets) => octets.is_empty(),
            Raw::Number(_) => false,
        };
        let said = if nothing { UNSAID } else { end.as_nanos() };
        match self.cells.binary_search_by_key(&id, |cell| cell.id) {
            Ok(place) => {
                let Some(cell) = self.cells.get_mut(place) else { return false };
                let replaced = cell.replaced_by(texts, said, &raw);
                if replaced {
                    let Some(value) = raw.hold(texts) else { return false };
                    cell.release(texts);
                    (cell.value, cell.kind) = (value, kind);
                }
                cell.said = cell.said.max(said);
                replaced
            }
            Err(place) => {
                let Some(value) = raw.hold(texts) else { return false };
                if self.cells.len() == self.cells.capacity() {
                    self.cells.reserve_exact(8);
                }
                self.cells.insert(place, Cell { said, value, id, kind });
                true
            }
        }
    }

    /// Puts everything into a flow.
    pub(super) fn put(&self, texts: &Texts, flow: &mut Flow) {
        for (id, value) in self.row.fields() {
            flow.set(id, value);
        }
        for cell in &self.cells {
            cell.put(texts, flow);
        }
    }

    /// Gives its texts back.
    pub(super) fn release(&mut self, texts: &mut Texts) {
        for cell in std::mem::take(&mut self.cells) {
            cell.release(texts);
        }
    }
}

impl Heap for Kept {
    fn heap(&self) -> usize {
        self.cells.capacity().saturating_mul(size_of::<Cell>())
    }
}

/// A value as it is held: a number, or octets.
enum Raw<'a> {
    Number(u64),
    Octets(Cow<'a, [u8]>),
}

impl Raw<'_> {
    fn hold(&self, texts: &mut Texts) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Octets(octets) => texts.hold(octets).map(|id| u64::from(id.number())),
        }
    }
}

fn taken_apart(value: FieldValue<'_>) -> (Kind, Raw<'_>) {
    match value {
        FieldValue::Unsigned(number) => (Kind::Number, Raw::Number(number)),
        FieldValue::Signed(number) => (Kind::Signed, Raw::Number(number.cast_unsigned())),
        FieldValue::Double(number) => (Kind::Double, Raw::Number(number.to_bits())),
        FieldValue::Time(time) => (Kind::Time, Raw::Number(time.as_nanos().cast_unsigned())),
        FieldValue::Mac(mac) => {
            let [a, b, c, d, e, f] = mac.octets();
            (Kind::Mac, Raw::Number(u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
        }
        FieldValue::Text(text) => (Kind::Text, Raw::Octets(Cow::Borrowed(text.as_bytes()))),
        FieldValue::Octets(octets) => (Kind::Octets, Raw::Octets(Cow::Borrowed(octets))),
        FieldValue::Address(address) => (Kind::Address, Raw::Octets(Cow::Owned(octets(address).to_vec()))),
        FieldValue::Numbers(numbers) => {
            (Kind::Numbers, Raw::Octets(Cow::Owned(numbers.iter().flat_map(u32::to_be_bytes).collect())))
        }
        _ => (Kind::Octets, Raw::Octets(Cow::Borrowed(&[]))),
    }
}

impl Cell {
    const fn text(&self) -> Option<TextId> {
        match self.kind {
            Kind::Number | Kind::Signed | Kind::Double | Kind::Time | Kind::Mac => None,
            #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it was made from 32 bits")]
            Kind::Text | Kind::Octets | Kind::Address | Kind::Numbers => Some(TextId::from_number(self.value as u32)),
        }
    }

    fn release(self, texts: &mut Texts) {
        if let Some(id) = self.text() {
            texts.release(id);
        }
    }

    /// Whether a value said at another time takes the place of this one.
    fn replaced_by(&self, texts: &Texts, said: i64, value: &Raw<'_>) -> bool {
        let greater = match (value, self.text()) {
            (Raw::Number(number), None) if *number == self.value => return false,
            (Raw::Number(number), None) => *number > self.value,
            (Raw::Octets(octets), Some(id)) => {
                let held = texts.get(id);
                // The same again, as nearly always: nothing to do.
                if held == &**octets {
                    return false;
                }
                &**octets > held
            }
            _ => true,
        };
        (said, greater) > (self.said, false)
    }

    fn put(&self, texts: &Texts, flow: &mut Flow) {
        let held = self.text().map_or(&[][..], |id| texts.get(id));
        match self.kind {
            Kind::Number => flow.set(self.id, FieldValue::Unsigned(self.value)),
            Kind::Signed => flow.set(self.id, FieldValue::Signed(self.value.cast_signed())),
            Kind::Double => flow.set(self.id, FieldValue::Double(f64::from_bits(self.value))),
            Kind::Time => flow.set(self.id, FieldValue::Time(Timestamp::from_nanos(self.value.cast_signed()))),
            Kind::Mac => {
                let [_, _, a, b, c, d, e, f] = self.value.to_be_bytes();
                flow.set(self.id, FieldValue::Mac(Mac::new([a, b, c, d, e, f])))
            }
            Kind::Text => flow.set(self.id, FieldValue::Text(Text::new(held))),
            Kind::Octets => flow.set(self.id, FieldValue::Octets(held)),
            Kind::Address => {
                let octets = held.first_chunk().copied().unwrap_or([0; 16]);
                flow.set(self.id, FieldValue::Address(address(octets)))
            }
            Kind::Numbers => {
                let (words, _) = held.as_chunks();
                flow.set(self.id, FieldValue::Numbers(Numbers::on_wire(words)))
            }
        };
    }
}
