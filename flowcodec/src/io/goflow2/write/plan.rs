//! How a row goes into a message: worked out by the compiler from the table, once for each dialect.
//!
//! Most fields of a message are a number or an address of the row as it is. The others have several sources, are of another form, or
//! do not lie in the row.

use super::varint::{LENGTH, Tag, VARINT};
use crate::io::goflow2::Dialect;
use crate::io::goflow2::table::{Form, Moment, ROWS, Scale, Shape};
use crate::model::{FieldId, HOT, field, presence_bit};

/// The plan of a dialect.
pub(super) const fn of(dialect: Dialect) -> &'static Plan {
    match dialect {
        Dialect::V1 => &V1,
        Dialect::V2 => &V2,
    }
}

static V1: Plan = Plan::new(Dialect::V1);
static V2: Plan = Plan::new(Dialect::V2);

/// Presence bits of the fields that are written as they are in either dialect.
pub(super) const DIRECT: u64 = Plan::new(Dialect::V1).direct | Plan::new(Dialect::V2).direct;

/// Beside the presence bits of a row: holds of every message.
pub(super) const ALWAYS: u64 = 1 << 63;
/// Beside the presence bits of a row: the message has fields beside the row that are its own.
pub(super) const RARE: u64 = 1 << 62;

/// What of sampled packets is worked out, though the row has it: goflow2 takes the frame's length and the agent.
pub(super) const NOT_OF_SFLOW: u64 = presence_bit(field::OCTETS.id()) | presence_bit(field::EXPORTER.id());

/// How a row goes into a message of one dialect.
#[derive(Debug)]
pub(super) struct Plan {
    /// Presence bits of the fields of the row that are written as they are.
    pub(super) direct: u64,
    /// Where each of them goes, by the number of the field.
    tags: [Tag; HOT.len()],
    /// Where the numbers go that what they came in says of all its records, in the order of
    /// [`View::of_message`](super::view::View::of_message).
    pub(super) of_message: [Tag; 4],
    /// The same of each record, in the order of [`View::of_record`](super::view::View::of_record).
    pub(super) of_record: ([Tag; 2], [Tag; 2]),
    /// What else has to be worked out.
    others: [Other; ROWS.len()],
    /// So many of the others may be in any message; those behind them need a field beside the row.
    common: usize,
    /// Bits that any of the others wants.
    pub(super) wants: u64,
    /// How many there are.
    count: usize,
}

/// One field of the message that is worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub(super) form: Form,
    pub(super) number: u32,
    /// Any of these bits: it may be there.
    pub(super) wants: u64,
    /// Any of these bits: it was written as the row has it.
    pub(super) unless: u64,
}

impl Plan {
    /// Where a field goes.
    #[inline]
    pub(super) fn tag(&self, id: FieldId) -> Tag {
        self.tags.get(id.index()).copied().unwrap_or(Tag::NONE)
    }

    /// What may be in any message.
    #[inline]
    pub(super) fn common(&self) -> &[Other] {
        self.others.get(..self.common).unwrap_or_default()
    }

    /// What is only in messages with fields beside the row.
    pub(super) fn rare(&self) -> &[Other] {
        self.others.get(self.common..self.count).unwrap_or_default()
    }

    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "evaluated by the compiler, which refuses what is out of bounds"
    )]
    const fn new(dialect: Dialect) -> Self {
        let mut plan = Self {
            direct: 0,
            tags: [Tag::NONE; HOT.len()],
            of_message: [Tag::NONE; 4],
            of_record: ([Tag::NONE; 2], [Tag::NONE; 2]),
            others: [Other { form: Form::Type, number: 0, wants: 0, unless: 0 }; ROWS.len()],
            common: 0,
            wants: 0,
            count: 0,
        };
        // First what may be in any message, then the rest.
        let (mut row, mut others) = (0, 0);
        while row < 2 * ROWS.len() {
            let (form, number) = (ROWS[row % ROWS.len()].form, ROWS[row % ROWS.len()].place(dialect).number);
            let (rare, source) = (row >= ROWS.len(), Source::of(form));
            if number != 0 {
                if let (Some(id), false) = (source.direct, rare) {
                    plan.put(id, form, number);
                }
                match source.head {
                    Some(place @ 0..4) => plan.of_message[place] = Tag::new(number, VARINT),
                    Some(place @ 4..6) => plan.of_record.0[place - 4] = Tag::new(number, VARINT),
                    Some(place) => plan.of_record.1[place - 6] = Tag::new(number, VARINT),
                    None => {}
                }
                if source.wants != 0 && (source.wants == RARE) == rare {
                    let unless = match source.direct {
                        Some(id) => presence_bit(id),
                        None => 0,
                    };
                    plan.others[others] = Other { form, number, wants: source.wants, unless };
                    plan.wants |= source.wants;
                    others += 1;
                }
            }
            row += 1;
            if row == ROWS.len() {
                plan.common = others;
            }
        }
        plan.count = others;
        plan
    }

    #[expect(
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which refuses what is out of bounds"
    )]
    const fn put(&mut self, id: FieldId, form: Form, number: u32) {
        assert!(self.direct & presence_bit(id) == 0, "a field goes to one place");
        let wire_type = if matches!(form.shape(), Shape::Address) { LENGTH } else { VARINT };
        self.direct |= presence_bit(id);
        self.tags[id.number() as usize] = Tag::new(number, wire_type);
    }
}

/// What a form is made from.
struct Source {
    /// Its place among the numbers that all messages begin with.
    head: Option<usize>,
    /// The field of the row that is written as it is, when it is there.
    direct: Option<FieldId>,
    /// Bits of which one must be there for it to be worked out; 0 where that never is.
    wants: u64,
}

impl Source {
    const NONE: Self = Self { head: None, direct: None, wants: 0 };

    const fn of(form: Form) -> Self {
        match form {
            Form::Type => Self::head(0),
            Form::Time(moment, Scale::Seconds | Scale::Nanos) => Self::head(match moment {
                Moment::Received => 1,
                Moment::Start => 4,
                Moment::End => 5,
            }),
            Form::Sequence => Self::head(2),
            Form::Rate => Self::head(3),
            Form::Etype => Self::head(6),
            Form::VlanId => Self::head(7),
            Form::Number(id) | Form::Address(id) | Form::Network { bits: id, .. } if is_hot(id) => Self::direct(id, 0),
            Form::Protocol => Self::direct(field::IP_PROTOCOL.id(), 0),
            Form::Octets => Self::direct(field::OCTETS.id(), RARE | presence_bit(field::OCTETS.id())),
            Form::Packets => Self::direct(field::PACKETS.id(), RARE),
            Form::Sampler => Self::direct(field::EXPORTER.id(), RARE | presence_bit(field::EXPORTER.id())),
            Form::Mac(one, _) => Self { wants: RARE | presence_bit(one), ..Self::NONE },
            Form::Time(_, Scale::Millis) => Self { wants: ALWAYS, ..Self::NONE },
            Form::Name(_) => Self::NONE,
            _ => Self { wants: RARE, ..Self::NONE },
        }
    }

    const fn head(place: usize) -> Self {
        Self { head: Some(place), ..Self::NONE }
    }

    /// As the row has it, else worked out.
    const fn direct(id: FieldId, wants: u64) -> Self {
        Self { direct: Some(id), wants, ..Self::NONE }
    }
}

#[expect(clippy::as_conversions, reason = "widening; From is not const")]
const fn is_hot(id: FieldId) -> bool {
    (id.number() as usize) < HOT.len()
}
