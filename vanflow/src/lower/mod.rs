//! Connections and requests into flowcodec's common record model, so that VAN flows and IP flows meet in one table; and the two local
//! legs of a connection, which are what an IP flow of its site can be matched with.
//!
//! [`field`] is what this crate adds to the schema. Common fields that are filled, where they are known: `protocol`, `received` (the last update),
//! `start` and `end` (by the clock of the listener's router; [`field::CLOCK_OFFSET`] corrects it), `src_addr`, `src_port`, `dst_addr`,
//! `dst_port` (of the client, and of the server as the connector is told: addresses of **two sites**), `ip_protocol` (TCP), and
//! `octets_total` and `reverse_octets_total`, which are payload without headers. Hosts and ports that are no addresses or numbers stand in
//! the fields of this crate as they came.
//!
//! ```
//! use flowcodec::model::Schema;
//! use vanflow::collector::Collector;
//! use vanflow::lower::{Lowering, field};
//!
//! let lowering = Lowering::new(&Schema::common())?;
//! let address = lowering.schema().resolve(&field::ADDRESS).unwrap();
//! # let collector = Collector::default();
//! for connection in collector.connections() {
//!     let flow = lowering.connection(&connection);
//!     println!("{:?}: {:?}", flow.get(address), flow.get(flowcodec::field::OCTETS_TOTAL));
//! }
//! # Ok::<(), flowcodec::model::SchemaError>(())
//! ```

mod legs;

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::batch::{FlowBatch, RowWriter};
use flowcodec::model::{FieldId, FieldSpec, FieldValue, Schema, SchemaError};
use flowcodec::{Flow, Protocol, Text, Timestamp};

use crate::collector::{Connection, Process, RecordView, Reference, Request};
use crate::record::Attribute;

pub use legs::{Endpoint, Leg, LegEnd, legs};

/// Number of TCP: all that Skupper carries.
const TCP: u64 = 6;

macro_rules! fields {
    ($($konst:ident $place:ident $name:literal: $type:ident, $unit:ident, $doc:literal;)*) => {
        /// The fields that this crate adds to the schema.
        pub mod field {
            #[allow(unused_imports, reason = "not every table uses every type")]
            use flowcodec::model::{FieldDef, I64, String, U8, U64, Unit};
            $(#[doc = $doc]
            pub static $konst: FieldDef<$type> = FieldDef::new($name, Unit::$unit, $doc, &[]);)*
        }

        /// All fields that this crate adds to the schema.
        pub fn fields() -> impl Iterator<Item = FieldSpec> {
            [$(field::$konst.spec()),*].into_iter()
        }

        /// Their numbers in one schema.
        #[derive(Debug, Clone, Copy)]
        struct Fields { $($place: Option<FieldId>,)* }

        impl Fields {
            fn new(schema: &Schema) -> Self {
                Self { $($place: schema.resolve(&field::$konst).map(|field| field.id()),)* }
            }
        }
    };
}

fields! {
    KIND kind "van_record": String, None, "What the record is: connection or request.";
    ID id "van_id": String, None, "Identity of the connection or request; used again after a restart of its router.";
    CONNECTION connection "van_connection": String, None, "Identity of the connection a request is on.";
    COMPLETE complete "van_complete": U8, None, "Whether all of it is known: 1, or 0 where a part has not come (yet).";
    ADDRESS address "van_address": String, None, "Routing key of the service.";
    PROTOCOL protocol "van_protocol": String, None, "Protocol of the service: tcp, http1, http2.";
    LISTENER listener "van_listener": String, None, "Identity of the listener.";
    CONNECTOR connector "van_connector": String, None, "Identity of the connector.";
    SRC_ROUTER src_router "van_src_router": String, None, "Identity of the listener's router.";
    DST_ROUTER dst_router "van_dst_router": String, None, "Identity of the connector's router.";
    SRC_SITE src_site "van_src_site": String, None, "Identity of the client's site.";
    DST_SITE dst_site "van_dst_site": String, None, "Identity of the server's site.";
    SRC_SITE_NAME src_site_name "van_src_site_name": String, None, "Name of the client's site.";
    DST_SITE_NAME dst_site_name "van_dst_site_name": String, None, "Name of the server's site.";
    SRC_PROCESS src_process "van_src_process": String, None, "Identity of the client's process.";
    DST_PROCESS dst_process "van_dst_process": String, None, "Identity of the server's process.";
    SRC_PROCESS_NAME src_process_name "van_src_process_name": String, None, "Name of the client's process.";
    DST_PROCESS_NAME dst_process_name "van_dst_process_name": String, None, "Name of the server's process.";
    SRC_HOST src_host "van_src_host": String, None, "Host of the client, as the listener's router sees it.";
    DST_HOST dst_host "van_dst_host": String, None, "Host of the server, as the connector is told.";
    DST_PORT dst_port "van_dst_port": String, None, "Port of the server, as the connector is told: a number or a service's name.";
    PROXY_HOST proxy_host "van_proxy_host": String, None, "Host of the connector's own end towards the server.";
    PROXY_PORT proxy_port "van_proxy_port": String, None, "Port of that end.";
    LATENCY latency "van_latency": U64, Nanos, "From the first octet (or the request) in to the first octet back, at the listener.";
    PROCESS_LATENCY process_latency "van_process_latency": U64, Nanos, "The same at the connector: what the server took.";
    ADDED_LATENCY added_latency "van_added_latency": I64, Nanos, "What the network added: the difference of the two, which may be negative.";
    CLOCK_OFFSET clock_offset "van_clock_offset": I64, Nanos, "What to add to start and end to have them by the receiver's clock.";
    TRACE trace "van_trace": String, None, "Names of the routers passed, with | between them, without the connector's own.";
    LISTENER_ERROR listener_error "van_listener_error": String, None, "Error at the listener's side.";
    CONNECTOR_ERROR connector_error "van_connector_error": String, None, "Error at the connector's side.";
    METHOD method "van_method": String, None, "Method of the request.";
    STATUS status "van_status": String, None, "Status of the response, as text.";
    REASON reason "van_reason": String, None, "Reason phrase of the response.";
    REQUEST_PROTOCOL request_protocol "van_request_protocol": String, None, "Protocol of the request: HTTP/1.1, HTTP/2.";
    FORWARDED_FOR forwarded_for "van_forwarded_for": String, None, "First X-Forwarded-For of the request.";
}

/// Makes flows of one schema. Made once, used for all.
#[derive(Debug, Clone)]
pub struct Lowering {
    schema: Arc<Schema>,
    fields: Fields,
}

impl Lowering {
    /// Adds [`fields`] to a schema that does not have them.
    ///
    /// # Errors
    /// When the schema has a field of one of their names, or too many.
    pub fn new(schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self::with(schema.with(fields())?))
    }

    /// Uses a schema as it is; of [`fields`], those that it lacks are left out.
    #[must_use]
    pub fn with(schema: Arc<Schema>) -> Self {
        Self { fields: Fields::new(&schema), schema }
    }

    /// The schema of the flows.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// A connection, with all that is known of it.
    #[must_use]
    pub fn connection(&self, connection: &Connection<'_>) -> Flow {
        let mut flow = Flow::new(Arc::clone(&self.schema));
        self.fill_connection(&mut Row { to: &mut flow }, connection);
        flow
    }

    /// A request, with what is known of its connection.
    #[must_use]
    pub fn request(&self, request: &Request<'_>) -> Flow {
        let mut flow = Flow::new(Arc::clone(&self.schema));
        self.fill_request(&mut Row { to: &mut flow }, request);
        flow
    }

    /// Adds a connection to a batch of the same schema, beside flows of any protocol: of its columns, those that the batch has. `false` when
    /// the batch is full.
    pub fn append_connection(&self, connection: &Connection<'_>, batch: &mut FlowBatch) -> bool {
        let Some(mut row) = batch.row() else { return false };
        self.fill_connection(&mut Row { to: &mut row }, connection);
        true
    }

    /// Adds a request to a batch, as [`append_connection`](Self::append_connection) does.
    pub fn append_request(&self, request: &Request<'_>, batch: &mut FlowBatch) -> bool {
        let Some(mut row) = batch.row() else { return false };
        self.fill_request(&mut Row { to: &mut row }, request);
        true
    }

    fn fill_connection<T: Target>(&self, row: &mut Row<'_, T>, connection: &Connection<'_>) {
        let to = &self.fields;
        row.text(to.kind, Some(Text::from("connection")));
        row.text(to.id, Some(connection.identity()));
        row.number(to.complete, Some(connection.is_complete().into()));
        self.ends(row, connection);
        row.sides(connection.listener_side(), connection.connector_side(), to);
        row.time(flowcodec::field::START.id(), connection.start());
        row.time(flowcodec::field::END.id(), connection.end());
        row.number(Some(flowcodec::field::OCTETS_TOTAL.id()), connection.octets());
        row.number(Some(flowcodec::field::REVERSE_OCTETS_TOTAL.id()), connection.octets_reverse());
        row.number(to.latency, connection.latency_us().and_then(nanos));
        row.number(to.process_latency, connection.process_latency_us().and_then(nanos));
        row.signed(to.added_latency, connection.added_latency_us().and_then(|micros| micros.checked_mul(1_000)));
    }

    fn fill_request<T: Target>(&self, row: &mut Row<'_, T>, request: &Request<'_>) {
        let to = &self.fields;
        row.text(to.kind, Some(Text::from("request")));
        row.text(to.id, Some(request.identity()));
        row.text(to.connection, request.connection_identity());
        row.number(to.complete, Some(request.is_complete().into()));
        if let Some(connection) = request.connection() {
            self.ends(row, &connection);
        }
        row.sides(request.listener_side(), request.connector_side(), to);
        row.time(flowcodec::field::START.id(), request.start());
        row.time(flowcodec::field::END.id(), request.end());
        row.number(Some(flowcodec::field::OCTETS_TOTAL.id()), request.octets());
        row.number(Some(flowcodec::field::REVERSE_OCTETS_TOTAL.id()), request.octets_reverse());
        row.number(to.latency, request.latency_us().and_then(nanos));
        row.text(to.method, request.method());
        row.text(to.status, request.status());
        row.text(to.reason, request.reason());
        row.text(to.request_protocol, request.protocol());
        row.text(to.forwarded_for, request.listener_side().and_then(|view| view.text(Attribute::SOURCE_HOST)));
    }

    /// Who speaks with whom.
    fn ends<T: Target>(&self, row: &mut Row<'_, T>, connection: &Connection<'_>) {
        let to = &self.fields;
        row.text(to.address, connection.address());
        row.text(to.protocol, connection.protocol());
        row.text(to.listener, identity(connection.listener()));
        row.text(to.connector, identity(connection.connector()));
        row.text(to.src_router, identity(connection.listener_router()));
        row.text(to.dst_router, identity(connection.connector_router()));
        for (id, name, site) in
            [(to.src_site, to.src_site_name, connection.client_site()), (to.dst_site, to.dst_site_name, connection.server_site())]
        {
            row.text(id, identity(site));
            row.text(name, site.and_then(|site| site.record()).and_then(|site| site.name()));
        }
        for (id, name, process) in [
            (to.src_process, to.src_process_name, connection.client()),
            (to.dst_process, to.dst_process_name, connection.server()),
        ] {
            match process {
                Some(Process::Known(process)) => {
                    row.text(id, Some(process.identity()));
                    row.text(name, process.name());
                }
                Some(Process::Named(identity)) => row.text(id, Some(identity)),
                _ => {}
            }
        }
        row.text(to.src_host, connection.client_host());
        row.text(to.dst_host, connection.server_host());
        row.text(to.dst_port, connection.server_port());
        row.text(to.proxy_host, connection.proxy_host());
        row.text(to.proxy_port, connection.proxy_port());
        row.text(to.listener_error, connection.listener_error());
        row.text(to.connector_error, connection.connector_error());
        row.address(flowcodec::field::SRC_ADDR.id(), connection.client_host());
        row.address(flowcodec::field::DST_ADDR.id(), connection.server_host());
        row.number(Some(flowcodec::field::SRC_PORT.id()), connection.client_port().and_then(number));
        row.number(Some(flowcodec::field::DST_PORT.id()), connection.server_port().and_then(number));
        row.number(Some(flowcodec::field::IP_PROTOCOL.id()), Some(TCP));
    }
}

/// What takes fields one by one.
trait Target {
    fn take(&mut self, field: FieldId, value: FieldValue<'_>);
}

impl Target for Flow {
    fn take(&mut self, field: FieldId, value: FieldValue<'_>) {
        self.set(field, value);
    }
}

impl Target for RowWriter<'_> {
    fn take(&mut self, field: FieldId, value: FieldValue<'_>) {
        self.set(field, value);
    }
}

/// A flow or row that is being filled; what is absent stays absent.
struct Row<'t, T> {
    to: &'t mut T,
}

impl<T: Target> Row<'_, T> {
    fn put(&mut self, field: Option<FieldId>, value: Option<FieldValue<'_>>) {
        if let (Some(field), Some(value)) = (field, value) {
            self.to.take(field, value);
        }
    }

    fn text(&mut self, field: Option<FieldId>, text: Option<Text<'_>>) {
        self.put(field, text.map(FieldValue::Text));
    }

    fn number(&mut self, field: Option<FieldId>, number: Option<u64>) {
        self.put(field, number.map(FieldValue::Unsigned));
    }

    fn time(&mut self, field: FieldId, time: Option<Timestamp>) {
        self.put(Some(field), time.map(FieldValue::Time));
    }

    fn address(&mut self, field: FieldId, host: Option<Text<'_>>) {
        self.put(Some(field), host.and_then(address).map(FieldValue::Address));
    }

    fn signed(&mut self, field: Option<FieldId>, number: Option<i64>) {
        self.put(field, number.map(FieldValue::Signed));
    }

    /// What the records themselves say.
    fn sides(&mut self, listener: Option<RecordView<'_>>, connector: Option<RecordView<'_>>, to: &Fields) {
        let heard = [listener, connector].into_iter().flatten().map(|view| view.last_heard()).max();
        self.time(flowcodec::field::RECEIVED.id(), heard);
        self.number(Some(flowcodec::field::PROTOCOL.id()), Some(Protocol::VanFlow.code().into()));
        let source = listener.or(connector).and_then(|view| view.source());
        self.signed(to.clock_offset, source.and_then(|source| source.clock_offset_ns()));
        let trace = |view: Option<RecordView<'_>>| view?.text(Attribute::TRACE).map(Text::as_bytes).map(<[u8]>::to_vec);
        let trace = trace(listener).or_else(|| trace(connector));
        self.text(to.trace, trace.as_deref().map(Text::new));
    }
}

fn identity(reference: Option<Reference<'_>>) -> Option<Text<'_>> {
    reference.map(|reference| reference.identity())
}

fn address(host: Text<'_>) -> Option<IpAddr> {
    host.to_str().ok()?.parse().ok()
}

fn number(port: Text<'_>) -> Option<u64> {
    port.to_str().ok()?.parse::<u16>().ok().map(u64::from)
}

const fn nanos(micros: u64) -> Option<u64> {
    micros.checked_mul(1_000)
}
