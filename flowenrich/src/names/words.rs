//! The enricher that says a flow's numbers in words.

use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldDef, FieldSpec, Schema, String as TextField, Unit, field};

use super::numbers::{Services, icmp_type, ip_protocol, tcp_flags};
use crate::cells::Columns;
use crate::enricher::{BindError, Binding, Enricher, OtherSchema, Outcome};
use crate::lookup::Found;

const fn text(name: &'static str, doc: &'static str) -> FieldDef<TextField> {
    FieldDef::new(name, Unit::None, doc, &[])
}

static PROTOCOL: FieldDef<TextField> = text("ip_protocol_name", "Keyword of the IP protocol.");
static FLAGS: FieldDef<TextField> = text("tcp_flag_names", "TCP control bits in words, joined by |.");
static ICMP: FieldDef<TextField> = text("icmp_type_name", "Name of the ICMP type.");
static SRC: FieldDef<TextField> = text("src_service", "Service at the source port.");
static DST: FieldDef<TextField> = text("dst_service", "Service at the destination port.");

/// Adds `ip_protocol_name`, `tcp_flag_names`, `icmp_type_name`, `src_service` and `dst_service`, each where the number is there and has
/// a word.
#[derive(Debug, Clone, Default)]
pub struct Words {
    services: Arc<Services>,
}

impl Words {
    /// With names of services from elsewhere than the table that is built in.
    #[must_use]
    pub fn with_services(services: Services) -> Self {
        Self { services: Arc::new(services) }
    }
}

impl Enricher for Words {
    fn fields(&self) -> Vec<FieldSpec> {
        [&PROTOCOL, &FLAGS, &ICMP, &SRC, &DST].map(FieldDef::spec).into()
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        Binding::adding(schema, &self.fields())
    }

    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let mut columns = Columns::take(batch, binding.writes(batch.schema())?);
        let mut outcome = Outcome::default();
        let (protocols, flags) = (batch.column(field::IP_PROTOCOL), batch.column(field::TCP_FLAGS));
        let (types, from, to) = (batch.column(field::ICMP_TYPE), batch.column(field::SRC_PORT), batch.column(field::DST_PORT));
        for row in 0..batch.len() {
            let protocol = protocols.and_then(|column| column.get(row));
            let service = |port: Option<u16>| Some(self.services.name(port?, protocol?));
            let tcp = flags.filter(|_| protocol == Some(6)).and_then(|column| column.get(row));
            let flags = tcp.map(|bits| Some(tcp_flags(bits).to_string()).filter(|words| !words.is_empty()));
            let kind = types.and_then(|column| column.get(row));
            // For each: whether there is a number, and whether it has a word.
            let words: [Option<Option<&str>>; 5] = [
                protocol.map(ip_protocol),
                flags.as_ref().map(Option::as_deref),
                kind.zip(protocol).map(|(number, protocol)| icmp_type(protocol, number)),
                service(from.and_then(|column| column.get(row))),
                service(to.and_then(|column| column.get(row))),
            ];
            let mut cells = columns.row(row);
            for (place, word) in words.into_iter().enumerate() {
                match word {
                    Some(word) => {
                        outcome.count(&Found::from(word));
                        cells.text_if(place, word);
                    }
                    None => outcome.absent = outcome.absent.saturating_add(1),
                }
            }
        }
        outcome += columns.put(batch);
        Ok(outcome)
    }
}
