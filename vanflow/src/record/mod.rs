//! Record types and attributes as data.
//!
//! Codes are what travels; names are the specification's. A code may mean another thing in another record: 52 to 54 are text on a v1
//! controller's SITE and on a v1 CONNECTOR, and numbers or other text on a v2 router's links. [`definition`] tells them apart by
//! record type and value.
//!
//! ```
//! use vanflow::record::{Attribute, RecordType, Scalar, definition};
//! let version = definition(RecordType::SITE, Attribute::LINK_COUNT, &Scalar::Text("1.9.6".into())).unwrap();
//! assert_eq!(version.name, "version");
//! let links = definition(RecordType::ROUTER_ACCESS, Attribute::LINK_COUNT, &Scalar::Number(1)).unwrap();
//! assert_eq!(links.name, "linkCount");
//! ```

mod attributes;
mod types;

pub use attributes::{ATTRIBUTES, Attribute, AttributeDef, Scalar, Unit, ValueKind, definition};
pub use types::{Class, RECORD_TYPES, RecordType, RecordTypeDef};
