//! Encoding: what the writers of NetFlow v9 and IPFIX share, and the errors of all writers.
//!
//! [`Shapes`] are the templates a writer knows; [`ElementValue`] is one value to write. Nothing is cut to fit: a value that its field
//! cannot hold is an [`EncodeError`], and what was written before it is taken back. The one thing a field may round is time, down to
//! its own unit, and a float64 sent in four octets (RFC 7011 §6.2).
//!
//! | section | here |
//! |---|---|
//! | RFC 7011 §3.4, RFC 3954 §5.2, §6.1 template records | [`Shapes::put_template`] |
//! | RFC 7011 §6.1, §6.2 values, reduced-size encoding | [`Shapes::put_value`] |
//! | RFC 7011 §7 variable length, both forms | [`Lengths`] |
//! | RFC 6313 §4.5 lists | [`ElementValue::BasicList`] and its siblings |

mod engine;
mod flow;
mod sets;
mod shape;
#[cfg(test)]
mod tests;
mod value;

use crate::ie::{DataType, ElementId};
use crate::model::FieldId;

pub(crate) use engine::{Engine, Head, Plan, Sealed};
pub use flow::{FlowSettings, TimeForm};
pub(crate) use flow::{FlowShapes, uptime_ms};
pub(crate) use sets::{Set, Sets, put_at, unix_seconds};
pub use shape::{Shape, Shapes};
pub use value::{ElementValue, Lengths, ListPart};

/// How often templates are sent again over UDP, where a collector may have missed them or started later (RFC 7011 §8.4, RFC 3954 §9).
/// Whichever comes first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resend {
    /// After this many messages; `None` for never.
    pub messages: Option<u32>,
    /// After this much time, by the export times the caller gives; `None` for never.
    pub after: Option<core::time::Duration>,
}

impl Resend {
    /// Never by itself.
    pub const NEVER: Self = Self { messages: None, after: None };

    /// Both conditions.
    #[must_use]
    pub const fn new(messages: Option<u32>, after: Option<core::time::Duration>) -> Self {
        Self { messages, after }
    }
}

impl Default for Resend {
    /// Every 100 messages or every minute: little beside the data, and a collector that starts late waits a minute at most.
    fn default() -> Self {
        Self { messages: Some(100), after: Some(core::time::Duration::from_mins(1)) }
    }
}

/// Why something cannot be written. Nothing of it has been written then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A template or data set id below 256.
    #[error("template id {0} is below 256")]
    TemplateIdReserved(u16),
    /// A template without fields, or whose records would have no octets.
    #[error("template {0} has records of no octets")]
    TemplateEmpty(u16),
    /// A template, or its shortest record, too long for any message of this writer.
    #[error("template {template} needs {octets} octets, a message has room for {room}")]
    TemplateTooLong {
        /// The template.
        template: u16,
        /// Octets it, or its shortest record, needs.
        octets: u32,
        /// Octets there are.
        room: u32,
    },
    /// Scope fields behind others, in a template that is no options template, or missing in an IPFIX options template.
    #[error("scope fields of template {0} are missing or in the wrong place")]
    TemplateScopes(u16),
    /// A template of this id that says something else is in use; over a stream it has to be withdrawn first (RFC 7011 §8.1).
    #[error("template {0} is in use with another definition")]
    TemplateInUse(u16),
    /// No template of this id was added.
    #[error("template {0} is not known")]
    TemplateUnknown(u16),
    /// No more template ids, or more flow templates than the writer may make.
    #[error("no template id is left")]
    TemplatesExhausted,
    /// Withdrawals must not be sent over UDP (RFC 7011 §8.4).
    #[error("templates cannot be withdrawn over UDP")]
    WithdrawalOverUdp,
    /// An element that this protocol has no number for.
    #[error("element {0} has no number in this protocol")]
    ElementForeign(ElementId),
    /// A length that values of the type cannot have, or variable length in NetFlow v9.
    #[error("element {element} of type {} cannot have the length {length}", data_type.name())]
    FieldLength {
        /// The element.
        element: ElementId,
        /// Its type.
        data_type: DataType,
        /// The length asked for; 65535 is "variable".
        length: u16,
    },
    /// Another number of values than the template has fields (or, in a list of records, no multiple of it).
    #[error("template {template} has {fields} fields, {values} values were given")]
    ValueCount {
        /// The template.
        template: u16,
        /// Its fields.
        fields: u32,
        /// Values given.
        values: u32,
    },
    /// A value of another kind than the element's type.
    #[error("the value is no {} (element {element})", data_type.name())]
    ValueType {
        /// The element.
        element: ElementId,
        /// Its type.
        data_type: DataType,
    },
    /// A number or a moment outside what the field can hold.
    #[error("the value does not fit {length} octets of element {element}")]
    ValueRange {
        /// The element.
        element: ElementId,
        /// Octets of the field.
        length: u16,
    },
    /// Octets or text of another length than the field has, or longer than it can have.
    #[error("{octets} octets do not fit element {element} of length {length}")]
    ValueLength {
        /// The element.
        element: ElementId,
        /// Octets of the field; 65535 is "variable".
        length: u16,
        /// Octets given.
        octets: u32,
    },
    /// A list whose items would have no octets.
    #[error("a list of element {0} would have items of no octets")]
    ListEmptyItems(ElementId),
    /// A record (or other item) longer than a message has room for: it is never split.
    #[error("a record of {octets} octets, a message has room for {room}")]
    RecordTooLong {
        /// Octets of the record.
        octets: u32,
        /// Octets there are.
        room: u32,
    },
    /// More records than the header may count.
    #[error("{records} records, a packet holds {most}")]
    TooManyRecords {
        /// Records given.
        records: u32,
        /// Records a packet may hold.
        most: u32,
    },
    /// An export time outside the 32-bit seconds of the header (1970 to 2106), or a flow too far from it for a 32-bit uptime.
    #[error("a time that the protocol cannot say")]
    TimeRange,
    /// A value that another version of the protocol has a place for, but not this one.
    #[error("a value that this version has no place for")]
    NotInVersion,
    /// A message too small to hold anything, or above 65,535 octets.
    #[error("messages of {0} octets cannot be")]
    MessageSize(u32),
    /// A flow of another schema than the writer's.
    #[error("the flow belongs to another schema")]
    SchemaMismatch,
    /// A flow none of whose fields is written.
    #[error("no field of the flow is written")]
    FlowEmpty,
    /// A common field whose value the protocol cannot carry: no element of that kind, too wide, or a value that would read as absent.
    #[error("common field {} has a value that cannot be written", field.number())]
    FieldUnwritable {
        /// The field.
        field: FieldId,
    },
}
