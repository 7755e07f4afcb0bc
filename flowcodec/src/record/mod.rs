//! Records as callers see them, borrowed: a template and octets, or an sFlow sample.

mod fields;
mod list;
#[expect(clippy::module_inception, reason = "the type that the module is named after")]
mod record;
mod sampled;
mod section;
mod set;
mod value;
mod whole;

pub use fields::Fields;
pub use list::{List, ListItem, ListItems, ListKind};
pub use record::Record;
pub use set::{RecordSet, Records};
pub use value::{Element, Elements, Value};

pub(crate) use list::check;
pub(crate) use sampled::MOST_PLACES;
pub(crate) use whole::{MOST_BASES, whole_records};
