//! `/api/v2alpha1`: the collections of Skupper's network observer, read-only.

use std::borrow::Cow;

use serde::Serialize;
use vanflow::collector::Collector;

use crate::answer::Answer;
use crate::error::ApiError;
use crate::query::Query;
use crate::view::table::{Cell, Shown, Table, column};
use crate::view::{
    ComponentPairs, Components, Connections, Connectors, Links, Listeners, Network, Pairs, ProcessPairs, Processes, Requests,
    RouterAccesses, Routers, Services, SitePairs, Sites, service_key_of,
};

/// What was asked for.
pub(crate) struct Asked<'q> {
    /// Behind `/api/v2alpha1/`, decoded.
    pub(crate) path: &'q [&'q str],
    pub(crate) parameters: &'q [(String, String)],
    pub(crate) now_us: u64,
}

/// Answers one request.
pub(crate) fn answer(collector: &Collector, asked: &Asked<'_>) -> Result<Answer, ApiError> {
    let network = &Network::new(collector);
    let Some((collection, rest)) = asked.path.split_first() else { return Err(no_collection("")) };
    match *collection {
        "sites" => match rest {
            [id, "processes"] => below::<Sites, Processes>(network, id, asked, "siteId"),
            [id, "routers"] => below::<Sites, Routers>(network, id, asked, "siteId"),
            [_, "hosts"] => Err(hosts()),
            _ => collection_or_one::<Sites>(network, rest, asked),
        },
        "hosts" => Err(hosts()),
        "routers" => collection_or_one::<Routers>(network, rest, asked),
        "routerlinks" => collection_or_one::<Links>(network, rest, asked),
        "routeraccess" => collection_or_one::<RouterAccesses>(network, rest, asked),
        "listeners" => collection_or_one::<Listeners>(network, rest, asked),
        "connectors" => collection_or_one::<Connectors>(network, rest, asked),
        "processes" => collection_or_one::<Processes>(network, rest, asked),
        "components" => collection_or_one::<Components>(network, rest, asked),
        "services" => match rest {
            [id, "processes"] => {
                let servers = |process: &<Processes as Table>::Row<'_>| {
                    process.services.iter().any(|service| service.split('@').nth(1) == Some(id))
                };
                let rows = of_service(network, id, Processes::rows(network), servers)?;
                Query::<Processes>::read(asked.parameters, asked.now_us)?.answer(network, rows)
            }
            [id, "processpairs"] => {
                find::<Services>(network, id)?;
                let connections = collector.connections().filter(|connection| is_of(connection, id));
                let pairs = Pairs::of(connections);
                // A network of their own: only these connections count.
                let network = &Network::with_pairs(collector, pairs);
                Query::<ProcessPairs>::read(asked.parameters, asked.now_us)?.answer(network, ProcessPairs::rows(network))
            }
            [id, "connections"] => {
                let rows = of_service(network, id, Connections::rows(network), |connection| is_of(connection, id))?;
                Query::<Connections>::read(asked.parameters, asked.now_us)?.answer(network, rows)
            }
            _ => collection_or_one::<Services>(network, rest, asked),
        },
        "sitepairs" => collection_or_one::<SitePairs>(network, rest, asked),
        "componentpairs" => collection_or_one::<ComponentPairs>(network, rest, asked),
        "processpairs" => collection_or_one::<ProcessPairs>(network, rest, asked),
        "connections" => collection_or_one::<Connections>(network, rest, asked),
        "applicationflows" => collection_or_one::<Requests>(network, rest, asked),
        other => Err(no_collection(other)),
    }
}

fn no_collection(name: &str) -> ApiError {
    ApiError::unknown(format!(
        "there is no collection \"{name}\"; there are sites, routers, routerlinks, routeraccess, listeners, connectors, processes, \
         components, services, sitepairs, componentpairs, processpairs, connections and applicationflows"
    ))
}

/// The envelope of a single row.
#[derive(Serialize)]
struct One<R> {
    results: R,
}

fn hosts() -> ApiError {
    ApiError::gone("hosts are no longer described; processes have a hostName")
}

fn collection_or_one<'a, T: Table>(network: &'a Network<'a>, rest: &[&str], asked: &Asked<'_>) -> Result<Answer, ApiError> {
    match rest {
        [] | [""] => Query::<T>::read(asked.parameters, asked.now_us)?.answer(network, T::rows(network)),
        [id] => {
            if let Some((name, _)) = asked.parameters.first() {
                return Err(ApiError::bad(format!("\"{name}\": a single {} takes no parameters", T::SINGULAR)));
            }
            let row = find::<T>(network, id)?;
            let one = One { results: Shown::<T> { network, row } };
            serde_json::to_string(&one).map(Answer::Whole).map_err(ApiError::internal)
        }
        [_, below, ..] => Err(ApiError::unknown(format!("a {} has no \"{below}\"", T::SINGULAR))),
    }
}

/// The row of an identity: of several with one, the last, which is the newest of those that live.
fn find<'a, T: Table>(network: &'a Network<'a>, id: &str) -> Result<T::Row<'a>, ApiError> {
    let missing = || ApiError::unknown(format!("{} '{id}' not found", T::SINGULAR));
    let identity = column::<T>("identity").ok_or_else(missing)?;
    let is_this = |row: &T::Row<'a>| (identity.read)(network, *row) == Cell::Text(Cow::Borrowed(id));
    T::rows(network).into_iter().filter(is_this).max_by_key(|row| (T::span(*row).1 == 0, T::span(*row).0)).ok_or_else(missing)
}

/// Rows of one collection whose `field` is the identity of a row of another.
fn below<'a, Above: Table, T: Table>(
    network: &'a Network<'a>,
    id: &str,
    asked: &Asked<'_>,
    field: &str,
) -> Result<Answer, ApiError> {
    find::<Above>(network, id)?;
    let field = column::<T>(field).ok_or_else(|| ApiError::internal("no such field"))?;
    let rows = T::rows(network).into_iter().filter(|row| (field.read)(network, *row) == Cell::Text(Cow::Borrowed(id)));
    Query::<T>::read(asked.parameters, asked.now_us)?.answer(network, rows.collect())
}

fn of_service<'a, R>(network: &'a Network<'a>, id: &str, rows: Vec<R>, is_of: impl Fn(&R) -> bool) -> Result<Vec<R>, ApiError> {
    find::<Services>(network, id)?;
    Ok(rows.into_iter().filter(|row| is_of(row)).collect())
}

fn is_of(connection: &vanflow::collector::Connection<'_>, service: &str) -> bool {
    service_key_of(connection).is_some_and(|id| id == service)
}
