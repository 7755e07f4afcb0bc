//! Writing into a row at places that are known when this crate is compiled.

use super::fields::HOT;
use super::row::bit;
use super::schema::FieldId;

/// Writes native octets at the place the schema table gives, and collects the presence bit.
macro_rules! put {
    ($row:ident, $present:expr, $field:ident, $octets:expr) => {{
        const PLACE: (usize, u64) = $crate::model::place($crate::model::field::$field.id());
        $row.put(PLACE.0, $octets);
        $present |= PLACE.1;
    }};
}

pub(crate) use put;

/// Place and presence bit of a field of the row, known when this crate is compiled.
#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "only in constants: a field without a place does not compile"
)]
pub(crate) const fn place(id: FieldId) -> (usize, u64) {
    (HOT[id.number() as usize] as usize, bit(id))
}
