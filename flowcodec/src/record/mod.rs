//! Records as callers see them: a template and borrowed octets.

mod fields;
mod list;
mod set;
mod value;

pub use fields::Fields;
pub use list::{List, ListItem, ListItems, ListKind};
pub use set::{Record, RecordSet, Records};
pub use value::{Element, Elements, Value};

pub(crate) use list::check;
pub(crate) use set::{MOST_BASES, whole_records};
