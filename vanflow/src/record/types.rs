//! Record types.

use core::fmt;

/// What becomes of records of a type: how long they live, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// A part of the network: few, and they live long.
    Element,
    /// A connection, request or their like: many, and short.
    Flow,
    /// A line of a log: over when it is made.
    Log,
}

/// Code of a record type. Unknown codes are values too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(u32);

/// One row of the table of record types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordTypeDef {
    /// Its code.
    pub code: RecordType,
    /// The specification's name.
    pub name: &'static str,
    /// What becomes of its records.
    pub class: Class,
    /// What it describes, and who sends it.
    pub doc: &'static str,
}

impl RecordType {
    /// From a code.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }

    /// Its row of the table; `None` for a code that is not known.
    #[must_use]
    pub fn definition(self) -> Option<&'static RecordTypeDef> {
        // The table has a row for each code from 0 on; a test holds it.
        usize::try_from(self.0).ok().and_then(|row| RECORD_TYPES.get(row))
    }

    /// What becomes of its records; `None` for a code that is not known.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        self.definition().map(|row| row.class)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Some(row) => f.write_str(row.name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! record_types {
    ($($code:literal $name:ident $class:ident, $doc:literal;)*) => {
        impl RecordType {
            $(#[doc = $doc]
            pub const $name: Self = Self($code);)*
        }

        /// All record types; the position is the code.
        pub static RECORD_TYPES: &[RecordTypeDef] =
            &[$(RecordTypeDef { code: RecordType($code), name: stringify!($name), class: Class::$class, doc: $doc },)*];
    };
}

record_types! {
    0 SITE Element, "A site of the network: sent by a v1 controller, or by a v2 router.";
    1 ROUTER Element, "A router.";
    2 LINK Element, "A link between routers: v1 has one at each end, v2 one at the connecting end.";
    3 CONTROLLER Element, "A controller; no sender known.";
    4 LISTENER Element, "Where clients connect to a service.";
    5 CONNECTOR Element, "What connects to the servers of a service.";
    6 FLOW Flow, "One side of a connection or request; v1 routers.";
    7 PROCESS Element, "A process, often a pod; sent by controllers.";
    8 IMAGE Element, "A container image; no sender known.";
    9 INGRESS Element, "An ingress; no sender known.";
    10 EGRESS Element, "An egress; no sender known.";
    11 COLLECTOR Element, "A collector; no sender known.";
    12 PROCESS_GROUP Element, "A group of processes; collectors make it from the groups that processes name.";
    13 HOST Element, "A node; v1 controllers.";
    14 LOG Log, "A line of a router's log.";
    15 ROUTER_ACCESS Element, "Where other routers connect to a router; v2.";
    16 BIFLOW_TPORT Flow, "A connection, both directions, sent by the listener's router; v2.";
    17 BIFLOW_APP Flow, "A request on a connection, both directions, sent by the listener's router; v2.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_the_code() {
        for (code, row) in (0..).zip(RECORD_TYPES) {
            assert_eq!(row.code, RecordType::new(code));
            assert_eq!(row.code.definition(), Some(row));
        }
        assert_eq!((RECORD_TYPES.len(), RecordType::new(18).definition()), (18, None));
        assert_eq!((RecordType::LOG.to_string(), RecordType::new(99).to_string()), ("LOG".into(), "99".into()));
    }
}
