//! Every layout as data, and one interpreter for all.
//!
//! [`layout`] finds the [`Layout`] of a structure; [`Layout::values`] reads a body by it, one field after another. Names are those of
//! sflow.org's documents. Each field is an element: [`Layout::element`].
//!
//! | structures | where sflow.org defines them |
//! |---|---|
//! | samples 0:1 - 0:4; 0:5 (what stands before their records) | `sflow_version_5.txt`; `sflow_drops.txt` |
//! | flow 0:1 - 0:1012, counters 0:1 - 0:5, 0:1001 | `sflow_version_5.txt` |
//! | flow 0:1013 - 0:1016, counters 0:6, 0:1002 | `sflow_80211.txt` |
//! | flow 0:1021 - 0:1030 | `sflow_tunnels.txt` |
//! | flow 0:1031 - 0:1033, counters 0:9 | `draft_sflow_infiniband_2.txt` |
//! | flow 0:1036 - 0:1038 | `sflow_drops.txt` |
//! | flow 0:1039, 0:1040 | `sflow_transit.txt` |
//! | counters 0:7; 0:10; 0:1004, 0:1005 | `sflow_lag.txt`; `sflow_optics.txt`; `sflow_openflow.txt` |
//! | flow 0:2100, 0:2101, counters 0:2000 - 0:2006, 0:2100 - 0:2104 | `sflow_host.txt`; 0:2007 - 0:2010 `sflow_host_ip.txt` |
//! | counters 0:2105, 0:2106; flow 0:2200, counters 0:2204 | `sflow_jvm.txt`; `sflow_memcache.txt` |
//! | flow 0:2102, 0:2103, 0:2206, 0:2207, counters 0:2201 | `sflow_http.txt` |
//! | flow 0:2202 - 0:2205, counters 0:2202, 0:2203, 0:2206 | `sflow_application.txt` |
//! | flow 4413:1, counters 4413:1, 4413:2; 4413:3; 5703:1 | `bv-sflow.txt`; `sflow_broadcom_tables.txt`; `sflow_nvml.txt` |
//! | the rest | sflow.org's list of structures and the discussions it points to |

mod counters;
mod flows;
mod hosts;
mod samples;
mod values;

use crate::ie::{ElementId, SflowStructure};

use super::structure::{DataFormat, Structure};

pub use values::{Items, List, Value, Values, XdrValue};

/// How a field stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `unsigned int`, or an enumeration.
    U32,
    /// `int`.
    I32,
    /// `unsigned hyper`.
    U64,
    /// `float`.
    F32,
    /// `address`: type word, then 0, 4 or 16 octets.
    Address,
    /// `ip_v4`.
    Ipv4,
    /// `ip_v6`.
    Ipv6,
    /// `mac`: 6 octets and 2 of padding.
    Mac,
    /// `string<>`.
    Text,
    /// `opaque<>`.
    Opaque,
    /// `opaque[n]`, n being a multiple of 4.
    Fixed(u8),
    /// A count, then so many structures of these fields.
    List(&'static [FieldDef]),
}

impl Kind {
    /// The fewest octets it can take.
    #[must_use]
    pub const fn min_octets(self) -> u32 {
        match self {
            Self::U32 | Self::I32 | Self::F32 | Self::Ipv4 | Self::Address | Self::Text | Self::Opaque | Self::List(_) => 4,
            Self::U64 | Self::Mac => 8,
            Self::Ipv6 => 16,
            #[expect(clippy::as_conversions, reason = "widening; From is not const")]
            Self::Fixed(octets) => octets as u32,
        }
    }

    /// Whether it always takes the same octets.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        !matches!(self, Self::Address | Self::Text | Self::Opaque | Self::List(_))
    }
}

/// One field of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldDef {
    /// sflow.org's name of it.
    pub name: &'static str,
    /// How it stands on the wire.
    pub kind: Kind,
    /// What it counts, in words; empty for nothing.
    pub unit: &'static str,
}

impl FieldDef {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, unit: "" }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }
}

/// The layout of one structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Which structure.
    pub structure: SflowStructure,
    /// sflow.org's name of it.
    pub name: &'static str,
    /// Its fields in order.
    pub fields: &'static [FieldDef],
    /// How many of the fields every body has; later versions of the structure added the others.
    pub required: usize,
    min_octets: u32,
    fixed: bool,
}

impl Layout {
    const fn flow(enterprise: u32, format: u32, name: &'static str, fields: &'static [FieldDef]) -> Self {
        Self::new(SflowStructure::Flow(DataFormat::new(enterprise, format).0), name, fields, fields.len())
    }

    /// What stands before the records of a sample.
    const fn sample(format: u32, name: &'static str, fields: &'static [FieldDef]) -> Self {
        Self::new(SflowStructure::Sample(DataFormat::new(0, format).0), name, fields, fields.len())
    }

    const fn counter(enterprise: u32, format: u32, name: &'static str, fields: &'static [FieldDef]) -> Self {
        Self::new(SflowStructure::Counter(DataFormat::new(enterprise, format).0), name, fields, fields.len())
    }

    /// The same, where bodies may end behind the first `required` fields.
    const fn at_least(self, required: usize) -> Self {
        Self::new(self.structure, self.name, self.fields, required)
    }

    const fn new(structure: SflowStructure, name: &'static str, fields: &'static [FieldDef], required: usize) -> Self {
        let (mut min_octets, mut fixed, mut left) = (0_u32, true, required);
        let mut rest = fields;
        while let [first, after @ ..] = rest {
            if left == 0 {
                break;
            }
            min_octets = min_octets.saturating_add(first.kind.min_octets());
            fixed = fixed && first.kind.is_fixed();
            left = left.saturating_sub(1);
            rest = after;
        }
        Self { structure, name, fields, required, min_octets, fixed }
    }

    /// The fewest octets a body can have.
    #[must_use]
    pub const fn min_octets(&self) -> u32 {
        self.min_octets
    }

    /// Whether every body of [`min_octets`](Self::min_octets) fits: none of the required fields varies in length.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The element that the field at this place (from 0) is.
    #[must_use]
    pub fn element(&self, field: usize) -> ElementId {
        let field = u16::try_from(field).unwrap_or(u16::MAX).saturating_add(1);
        ElementId::Sflow { structure: self.structure, field }
    }

    /// Reads a body by this layout.
    ///
    /// ```
    /// use flowcodec::sflow::{DataFormat, table};
    /// let ports = table::flow(DataFormat(1020)).expect("in the table");
    /// let body = [0, 0, 0, 80, 0x00, 0x00, 0xc0, 0x01];
    /// let texts: Vec<_> = ports.values(&body).map(|value| value.map(|value| format!("{}={}", value.def.name, value.value))).collect();
    /// assert_eq!(texts, [Ok("src_port=80".to_owned()), Ok("dst_port=49153".to_owned())]);
    /// ```
    #[must_use]
    pub fn values<'a>(&'static self, body: &'a [u8]) -> Values<'a> {
        self.values_of(Structure::new(self.structure, body, 0))
    }

    pub(super) fn values_of<'a>(&'static self, structure: Structure<'a>) -> Values<'a> {
        Values::new(self, structure)
    }
}

/// Every layout of a record: flow records, then counter records, ascending by enterprise and format.
pub fn layouts() -> impl Iterator<Item = &'static Layout> {
    flows::LAYOUTS.iter().chain(counters::LAYOUTS).chain(hosts::LAYOUTS)
}

/// The layout of a structure (of a sample: of what stands before its records); `None` for unknown ones.
#[must_use]
pub fn layout(structure: SflowStructure) -> Option<&'static Layout> {
    let rows = match structure {
        SflowStructure::Flow(_) => flows::LAYOUTS,
        SflowStructure::Counter(..2000) => counters::LAYOUTS,
        SflowStructure::Counter(_) => hosts::LAYOUTS,
        SflowStructure::Sample(_) => samples::LAYOUTS,
    };
    let at = rows.binary_search_by_key(&structure, |layout| layout.structure).ok()?;
    rows.get(at)
}

/// The layout of a flow record.
#[must_use]
pub fn flow(format: DataFormat) -> Option<&'static Layout> {
    layout(SflowStructure::Flow(format.0))
}

/// The layout of a counter record.
#[must_use]
pub fn counter(format: DataFormat) -> Option<&'static Layout> {
    layout(SflowStructure::Counter(format.0))
}

/// The definition of a field of a structure, by its element.
#[must_use]
pub fn field(element: ElementId) -> Option<&'static FieldDef> {
    let ElementId::Sflow { structure, field } = element else { return None };
    layout(structure)?.fields.get(usize::from(field).checked_sub(1)?)
}

const fn word(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::U32)
}

const fn int(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::I32)
}

const fn hyper(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::U64)
}

const fn float(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::F32)
}

const fn address(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Address)
}

const fn ip_v4(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Ipv4)
}

const fn ip_v6(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Ipv6)
}

const fn mac(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Mac)
}

const fn string(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Text)
}

const fn opaque(name: &'static str) -> FieldDef {
    FieldDef::new(name, Kind::Opaque)
}

const fn fixed(name: &'static str, octets: u8) -> FieldDef {
    FieldDef::new(name, Kind::Fixed(octets))
}

const fn list(name: &'static str, fields: &'static [FieldDef]) -> FieldDef {
    FieldDef::new(name, Kind::List(fields))
}

const OCTETS: &str = "octets";
const PACKETS: &str = "packets";
const NANOSECONDS: &str = "nanoseconds";
const MICROSECONDS: &str = "microseconds";
const MILLISECONDS: &str = "milliseconds";
const SECONDS: &str = "seconds";
const BITS: &str = "bits";
const PERCENT: &str = "percent";
const HUNDREDTHS: &str = "hundredths of a percent";
