//! The enricher that says a flow's numbers in words.

use std::sync::Arc;

use flowcodec::model::{FieldDef, FieldSpec, Flow, Schema, String as TextField, Unit, field};

use super::numbers::{Services, icmp_type, ip_protocol, tcp_flags};
use crate::enricher::{BindError, Binding, Cells, Enricher, OtherSchema, Outcome, Step, added};
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
        let writes = self.fields().iter().map(|spec| added(schema, spec)).collect::<Result<_, _>>()?;
        Ok(Binding::new(schema, vec![Step { reads: Vec::new(), writes }]))
    }

    fn enrich_one(&self, binding: &Binding, flow: &mut Flow) -> Result<Outcome, OtherSchema> {
        let mut outcome = Outcome::default();
        for step in binding.steps(flow)? {
            let protocol = flow.get(field::IP_PROTOCOL);
            let service = |port: Option<u16>| Some(self.services.name(port?, protocol?));
            let tcp = flow.get(field::TCP_FLAGS).filter(|_| protocol == Some(6));
            let flags = tcp.map(|bits| Some(tcp_flags(bits).to_string()).filter(|words| !words.is_empty()));
            // For each: whether there is a number, and whether it has a word.
            let words: [Option<Option<&str>>; 5] = [
                protocol.map(ip_protocol),
                flags.as_ref().map(Option::as_deref),
                flow.get(field::ICMP_TYPE).zip(protocol).map(|(number, protocol)| icmp_type(protocol, number)),
                service(flow.get(field::SRC_PORT)),
                service(flow.get(field::DST_PORT)),
            ];
            let mut cells = Cells::new(flow, &step.writes);
            for (place, word) in words.into_iter().enumerate() {
                match word {
                    Some(word) => {
                        outcome.count(&Found::from(word));
                        cells.text_if(place, word);
                    }
                    None => outcome.absent = outcome.absent.saturating_add(1),
                }
            }
            outcome.refused = outcome.refused.saturating_add(cells.refused());
        }
        Ok(outcome)
    }
}
