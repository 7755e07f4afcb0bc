//! What a batch says of its rows, as far as questions need it.

use flowcodec::Timestamp;
use flowcodec::batch::{FlowBatch, Values};
use flowcodec::model::{FieldId, FieldValue, field};

use crate::lookup::{AddrKey, Question, Scope};

/// Columns of a finished batch that make questions about one address field.
pub(crate) struct Inputs<'b> {
    batch: &'b FlowBatch,
    /// End, start, receipt: the first that a row has is its time.
    times: [Option<Cells<'b, u64>>; 3],
    addresses: Option<Cells<'b, [u8; 16]>>,
    ports: Option<Cells<'b, u16>>,
    protocols: Option<Cells<'b, u8>>,
    scope: Option<FieldId>,
}

/// Cells as they stand in memory, and which of them are there.
struct Cells<'b, T> {
    values: &'b [T],
    there: Option<&'b [u8]>,
}

/// What a row asks.
pub(crate) enum Asked<'b> {
    /// The index.
    Index(Question<'b>),
    /// Nobody: its scope is not even text, and so none that an index could know.
    Nobody,
    /// It has no address.
    Absent,
}

impl<T: Copy> Cells<'_, T> {
    #[inline]
    fn get(&self, row: usize) -> Option<T> {
        let there = self.there.is_none_or(|bits| bits.get(row / 8).is_some_and(|octet| octet >> (row % 8) & 1 == 1));
        self.values.get(row).copied().filter(|_| there)
    }
}

impl<'b> Inputs<'b> {
    /// `reads` are the address, its port and the scope.
    pub(crate) fn new(batch: &'b FlowBatch, reads: &[Option<FieldId>]) -> Self {
        let time = |id: FieldId| match batch.values(id)? {
            (Values::U64(values), there) => Some(Cells { values, there }),
            _ => None,
        };
        let read = |place: usize| reads.get(place).copied().flatten();
        let addresses = read(0).and_then(|id| match batch.values(id)? {
            (Values::Address(values), there) => Some(Cells { values, there }),
            _ => None,
        });
        let ports = read(1).and_then(|id| match batch.values(id)? {
            (Values::U16(values), there) => Some(Cells { values, there }),
            _ => None,
        });
        let protocols = batch.values(field::IP_PROTOCOL.id()).and_then(|values| match values {
            (Values::U8(values), there) => Some(Cells { values, there }),
            _ => None,
        });
        let times = [field::END.id(), field::START.id(), field::RECEIVED.id()].map(time);
        let scope = read(2).filter(|id| batch.values(*id).is_some());
        Self { batch, times, addresses, ports, protocols, scope }
    }

    #[inline]
    pub(crate) fn question(&self, row: usize) -> Asked<'b> {
        let Some(octets) = self.addresses.as_ref().and_then(|cells| cells.get(row)) else { return Asked::Absent };
        let key = AddrKey::new(std::net::Ipv6Addr::from(octets).into());
        let key = match self.ports.as_ref().and_then(|cells| cells.get(row)) {
            Some(port) => key.at_port(port, self.protocols.as_ref().and_then(|cells| cells.get(row))),
            None => key,
        };
        let key = match self.scope.and_then(|id| self.batch.value(id, row)) {
            Some(FieldValue::Text(text)) => match text.to_str() {
                Ok(scope) => key.in_scope(Scope::named(scope)),
                Err(_) => return Asked::Nobody,
            },
            _ => key,
        };
        let time = self.times.iter().flatten().find_map(|cells| cells.get(row)).unwrap_or_default();
        Asked::Index(Question { key, at: Timestamp::from_nanos(time.cast_signed()) })
    }
}
