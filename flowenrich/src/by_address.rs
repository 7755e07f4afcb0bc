//! The enricher that asks an index about addresses.

use std::borrow::Cow;

use flowcodec::Timestamp;
use flowcodec::batch::FlowBatch;
use flowcodec::model::{Address, ColumnType, Field, FieldId, FieldSpec, FieldValue, Flow, Schema, U16, field};

use crate::cells::{Annotate, Cells, Columns};
use crate::enricher::{BindError, Binding, Enricher, OtherSchema, Outcome, Step, added};
use crate::inputs::{Asked, Inputs};
use crate::live::Source;
use crate::lookup::{AddrKey, Found, Lookup, Scope};
use crate::mapping::{Mapping, field_of};

/// The enricher that asks an index about addresses of a flow: for each pair of its [`Mapping`], the answer's fields are added under the
/// pair's prefix.
///
/// The time asked for is the flow's end, else its start, else when it was received. The port that belongs to the address, and the IP
/// protocol, are told to the index where the flow has them.
///
/// # One of your own
///
/// ```
/// use std::collections::HashMap;
/// use std::net::IpAddr;
/// use std::sync::Arc;
///
/// use flowcodec::model::{FieldDef, FieldSpec, FieldValue, U32, Unit};
/// use flowenrich::{AddrKey, Annotate, ByAddress, Cells, Found, Lookup};
///
/// struct Racks(HashMap<IpAddr, u32>);
/// static RACK: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack of the address", &[]);
///
/// impl Lookup for Racks {
///     type Answer<'a> = u32;
///     fn lookup(&self, key: AddrKey<'_>, _: flowcodec::Timestamp) -> Found<u32> { self.0.get(&key.addr()).copied().into() }
/// }
/// impl Annotate for Racks {
///     fn fields() -> Vec<FieldSpec> { vec![RACK.spec()] }
///     fn write(found: Found<u32>, cells: &mut Cells<'_>) {
///         if let Found::One(rack) = found { cells.put(0, FieldValue::Unsigned(rack.into())) }
///     }
/// }
///
/// // And its use: `dst_rack` beside every flow whose destination is known.
/// use flowcodec::{Flow, batch::FlowBatch, field, model::Schema};
/// use flowenrich::{Chain, Mapping};
/// let racks = Racks(HashMap::from([("192.0.2.7".parse()?, 12)]));
/// let chain = Chain::new().then(ByAddress::new(Arc::new(racks), Mapping::new([("dst_addr", "dst_")])));
/// let schema = chain.schema(&Schema::common())?;
/// let mut bound = chain.bind(&schema)?;
///
/// let mut flow = Flow::new(schema.clone());
/// flow.set(field::DST_ADDR.id(), FieldValue::Address("192.0.2.7".parse()?));
/// bound.enrich_one(&mut flow)?;
/// assert_eq!(flow.value(schema.find("dst_rack").unwrap()), Some(FieldValue::Unsigned(12)));
///
/// let mut batch = FlowBatch::builder(schema.clone()).all().build()?;
/// batch.row().unwrap().set(field::DST_ADDR.id(), FieldValue::Address("192.0.2.7".parse()?));
/// bound.enrich(&mut batch)?;
/// assert_eq!(batch.value(schema.find("dst_rack").unwrap(), 0), Some(FieldValue::Unsigned(12)));
/// assert_eq!(bound.counts()[0].hits, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ByAddress<S> {
    source: S,
    mapping: Mapping,
    scope_field: Option<String>,
}

impl<S: Source<Index: Annotate>> ByAddress<S> {
    /// Asks what `source` holds about the fields of `mapping`.
    #[must_use]
    pub const fn new(source: S, mapping: Mapping) -> Self {
        Self { source, mapping, scope_field: None }
    }

    /// Takes the scope of a flow's addresses from a text field of it (the name of its network or site); absent is the default scope.
    #[must_use]
    pub fn scope_from(self, field: impl Into<String>) -> Self {
        Self { scope_field: Some(field.into()), ..self }
    }

    /// Where the index comes from.
    #[must_use]
    pub const fn source(&self) -> &S {
        &self.source
    }
}

/// Questions asked at once: what they need fits the nearest cache, and their look-ups wait for memory together.
const BLOCK: usize = 64;

impl<S: Source<Index: Annotate>> Enricher for ByAddress<S> {
    fn fields(&self) -> Vec<FieldSpec> {
        let fields = S::Index::fields();
        let of_pair = |prefix: &str| fields.iter().map(|spec| prefixed(spec, prefix)).collect::<Vec<_>>();
        self.mapping.pairs().iter().flat_map(|pair| of_pair(&pair.prefix)).collect()
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        let fields = S::Index::fields();
        let scope = self.scope_field.as_ref().map(|name| field_of(schema, name, ColumnType::Text)).transpose()?;
        let steps = self.mapping.pairs().iter().map(|pair| {
            let address = field_of(schema, &pair.field, ColumnType::Address)?;
            let writes = fields.iter().map(|spec| added(schema, &prefixed(spec, &pair.prefix)));
            Ok(Step { reads: vec![Some(address), port_of(address), scope], writes: writes.collect::<Result<_, _>>()? })
        });
        Ok(Binding::new(schema, steps.collect::<Result<_, _>>()?))
    }

    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let steps = binding.steps(batch.schema())?;
        let index = self.source.current();
        batch.finish();
        let mut outcome = Outcome::default();
        for Step { reads, writes } in steps {
            let mut columns = Columns::take(batch, writes);
            let inputs = Inputs::new(batch, reads);
            let (mut asked, mut rows) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
            for start in (0..batch.len()).step_by(BLOCK) {
                asked.clear();
                rows.clear();
                for row in start..start.saturating_add(BLOCK).min(batch.len()) {
                    match inputs.question(row) {
                        Asked::Index(question) => {
                            asked.push(question);
                            rows.push(row);
                        }
                        Asked::Nobody => outcome.count(&Found::<()>::Nothing),
                        Asked::Absent => outcome.absent = outcome.absent.saturating_add(1),
                    }
                }
                outcome += index.write_all(&asked, &rows, &mut columns);
            }
            outcome += columns.put(batch);
        }
        Ok(outcome)
    }

    fn enrich_one(&self, binding: &Binding, flow: &mut Flow) -> Result<Outcome, OtherSchema> {
        let steps = binding.steps(flow.schema())?;
        let index = self.source.current();
        let at = asked_time(flow);
        let mut outcome = Outcome::default();
        for step in steps {
            let read = |place: usize| flow.value((*step.reads.get(place)?)?);
            let Some(FieldValue::Address(address)) = read(0) else {
                outcome.absent = outcome.absent.saturating_add(1);
                continue;
            };
            let scope = match read(2) {
                Some(FieldValue::Text(text)) => text.to_str().ok(),
                _ => Some(""),
            };
            let key = AddrKey::new(address);
            let key = match read(1) {
                Some(FieldValue::Unsigned(port)) => {
                    u16::try_from(port).map_or(key, |port| key.at_port(port, flow.get(field::IP_PROTOCOL)))
                }
                _ => key,
            };
            // A scope that is not even text is none that an index could know.
            let found = scope.map_or(Found::Nothing, |scope| index.lookup(key.in_scope(Scope::named(scope)), at));
            outcome.count(&found);
            let mut cells = Cells::new(flow, &step.writes);
            S::Index::write(found, &mut cells);
            outcome.refused = outcome.refused.saturating_add(cells.refused());
        }
        Ok(outcome)
    }
}

/// The time to ask for: the flow's end, else its start, else when it was received.
#[must_use]
pub fn asked_time(flow: &Flow) -> Timestamp {
    let row = flow.row();
    row.end().or_else(|| row.start()).or_else(|| row.received()).unwrap_or_default()
}

fn prefixed(spec: &FieldSpec, prefix: &str) -> FieldSpec {
    let mut spec = spec.clone();
    spec.name = Cow::Owned(format!("{prefix}{}", spec.name));
    spec
}

/// The port that belongs to an address field.
fn port_of(address: FieldId) -> Option<FieldId> {
    const PORTS: &[(Field<Address>, Field<U16>)] = &[
        (field::SRC_ADDR, field::SRC_PORT),
        (field::DST_ADDR, field::DST_PORT),
        (field::SERVICE_ADDR, field::SERVICE_PORT),
        (field::POST_NAT_SRC_ADDR, field::POST_NAT_SRC_PORT),
        (field::POST_NAT_DST_ADDR, field::POST_NAT_DST_PORT),
        (field::PROXY_SNAT_ADDR, field::PROXY_SNAT_PORT),
    ];
    PORTS.iter().find(|(of, _)| of.id() == address).map(|(_, port)| port.id())
}
