//! HTTP: everything is read with GET, nothing is changed by it.

mod limits;
mod page;
mod patient;
mod pending;
mod pieces;
mod serve;
mod shared;
mod snapshot;
#[cfg(test)]
mod tests;
mod v1;
mod v2;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use crate::answer::{Answer, Rows};
use crate::error::ApiError;
use crate::hub::{FeedState, Hub, Inner};
use crate::metrics;
use crate::view::micros;
use limits::Served;
use pieces::{SharedText, Writing, whole};
use shared::RECENT;

pub use limits::Limits;
pub use serve::serve;

/// For whoever asks `localhost` or an address, and nobody else.
fn local_app(served: Arc<Served>) -> Router {
    app(served).layer(axum::middleware::from_fn(async |request: Request, next: axum::middleware::Next| {
        match request.headers().get(HOST).map(|host| (is_local(host), host)) {
            Some((false, host)) => {
                let message =
                    format!("{host:?} is not served here: ask localhost or an address, or --listen on another than loopback");
                ApiError::misdirected(message).into_response()
            }
            // Browsers always say whom they ask.
            _ => next.run(request).await,
        }
    }))
}

fn is_local(host: &HeaderValue) -> bool {
    let Ok(Ok(host)) = host.to_str().map(str::parse::<Authority>) else { return false };
    let name = host.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// Everything that is served.
fn app(served: Arc<Served>) -> Router {
    // One handler: what is asked for is a path of names that may hold anything, and every answer has one form, errors too.
    Router::new().fallback(handle).with_state(served)
}

/// Nothing is loaded from elsewhere, and nothing in a name can make it so.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JSON: &str = "application/json";

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response {
    // Nobody who reads has anything to send.
    let (request, _) = request.into_parts();
    let mut response = if matches!(request.method, Method::GET | Method::HEAD) {
        answer(&served, &request).await.unwrap_or_else(IntoResponse::into_response)
    } else {
        ApiError::method().into_response()
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

async fn answer(served: &Arc<Served>, request: &Parts) -> Result<Response, ApiError> {
    let decoded = |segment: &str| match percent_decode_str(segment).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(ApiError::bad(format!("\"{segment}\" in the path is no UTF-8"))),
    };
    let path = request.uri.path();
    // Names may hold anything, a slash too: they are taken apart before they are decoded.
    let segments: Vec<String> = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect::<Result<_, _>>()?;
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    let query = request.uri.query().unwrap_or_default();
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match &names[..] {
        ["api", "v2alpha1", ..] => v2(served, segments, parameters).await,
        ["api", "v1alpha1", rest @ ..] => {
            let asked = v1::Asked::read(rest, &parameters)?;
            if asked.watch { watch::watch(served, asked).await } else { v1(served, asked).await }
        }
        ["page", "network"] => network(served, request).await,
        ["metrics"] => {
            let text = served.work(|hub| Ok(metrics::render(&hub.read(), &hub.http))).await?;
            sent(served, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        ["healthz"] => health(served).await,
        _ => match page::FILES.iter().find(|(file, ..)| *file == path) {
            Some((_, kind, content)) => Ok(typed(kind, *content)),
            None => Err(ApiError::unknown(format!(
                "nothing is at {path}; / is the page, /api/v2alpha1/ and /api/v1alpha1/ are for programs"
            ))),
        },
    }
}

async fn v2(served: &Arc<Served>, path: Vec<String>, parameters: Vec<(String, String)>) -> Result<Response, ApiError> {
    let answered = served.work(move |hub| {
        let path: Vec<&str> = path.iter().skip(2).map(String::as_str).collect();
        let answer = {
            let inner = hub.read();
            let now_us = micros(Some(hub.time(&inner)));
            v2::answer(&inner.collector, &v2::Asked { path: &path, parameters: &parameters, now_us })?
        };
        match answer {
            Answer::Whole(text) => Ok(Err(text)),
            Answer::Rows(rows) => Ok(Ok(begun(hub, rows)?)),
        }
    });
    match answered.await? {
        Ok((first, rest)) => Ok(typed(JSON, pieces::body(served, first, rest)?)),
        Err(text) => sent(served, JSON, text),
    }
}

async fn v1(served: &Arc<Served>, asked: v1::Asked) -> Result<Response, ApiError> {
    let (first, rest) = if asked.is_of_addresses() {
        let (_, addresses) = asked.addresses_shared(served, Duration::ZERO).await?;
        served.work(move |hub| begun(hub, v1::made(addresses.values().cloned().collect()))).await?
    } else {
        served
            .work(move |hub| {
                let rows = asked.answer(&hub.read().collector)?;
                begun(hub, rows)
            })
            .await?
    };
    Ok(typed(JSON, pieces::body(served, first, rest)?))
}

/// The first piece of rows, and what writes the rest.
fn begun(hub: &Hub, rows: Rows) -> Result<(Vec<u8>, Writing), ApiError> {
    let mut writing = Writing::from(rows);
    let first = writing.piece(hub).map_err(ApiError::internal)?;
    Ok((first.unwrap_or_default(), writing))
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    (StatusCode::OK, [(CONTENT_TYPE, kind)], body.into()).into_response()
}

/// An answer that is there as a whole.
fn sent(served: &Served, kind: &'static str, text: String) -> Result<Response, ApiError> {
    Ok(typed(kind, whole(Arc::new(served.held(text.len())?), text.into())))
}

/// What the page draws; nothing when it has drawn that already. It is made for all pages together.
async fn network(served: &Arc<Served>, request: &Parts) -> Result<Response, ApiError> {
    let make = |inner: &Inner| snapshot::of(inner).map(SharedText::new).map_err(ApiError::internal);
    let (version, text) = served.network.get(served, RECENT, make).await?;
    let tag = format!("\"{version}\"");
    if request.headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = typed(JSON, text.body(served)?);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// That we are there, and how it stands with the feed: a router that is away is no reason to be restarted. It waits for no other question.
async fn health(served: &Served) -> Result<Response, ApiError> {
    let hub = Arc::clone(&served.hub);
    let told = tokio::task::spawn_blocking(move || {
        let inner = hub.read();
        let (feed, reason) = feed(&inner.feed);
        let sources = inner.collector.sources().filter(|source| !source.is_silent()).count();
        serde_json::json!({ "status": "ok", "feed": feed, "reason": reason, "sources": sources }).to_string()
    });
    Ok(typed(JSON, told.await.map_err(ApiError::internal)?))
}

fn feed(state: &FeedState) -> (&'static str, Option<&str>) {
    match state {
        FeedState::Connecting { reason } => ("connecting", reason.as_deref()),
        FeedState::Connected => ("connected", None),
        FeedState::Playing => ("playing", None),
        FeedState::Played => ("played", None),
    }
}
