//! HTTP: everything is read with GET, nothing is changed by it.

mod page;
mod snapshot;
mod v1;
mod v2;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use crate::error::ApiError;
use crate::hub::{FeedState, Hub};
use crate::metrics;
use crate::view::micros;

/// Everything that is served on loopback, to whoever asks `localhost` or an address: a page from elsewhere whose name was made to lead
/// here (DNS rebinding) reads nothing.
pub fn local_app(hub: Arc<Hub>) -> Router {
    app(hub).layer(axum::middleware::from_fn(async |request: Request, next: axum::middleware::Next| {
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
pub fn app(hub: Arc<Hub>) -> Router {
    // One handler: what is asked for is a path of names that may hold anything, and every answer has one form, errors too.
    Router::new().fallback(handle).with_state(hub)
}

/// Nothing is loaded from elsewhere, and nothing in a name can make it so.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JSON: &str = "application/json";

async fn handle(State(hub): State<Arc<Hub>>, request: Request) -> Response {
    let mut response = if matches!(*request.method(), Method::GET | Method::HEAD) {
        // Questions may take a while, and must not hold up the feed's own thread.
        let answered = tokio::task::spawn_blocking(move || answer(&hub, &request)).await;
        answered.unwrap_or_else(|error| Err(ApiError::internal(error))).unwrap_or_else(IntoResponse::into_response)
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

fn answer(hub: &Arc<Hub>, request: &Request) -> Result<Response, ApiError> {
    let decoded = |segment: &str| match percent_decode_str(segment).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(ApiError::bad(format!("\"{segment}\" in the path is no UTF-8"))),
    };
    let path = request.uri().path();
    // Names may hold anything, a slash too: they are taken apart before they are decoded.
    let segments: Vec<String> = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let query = request.uri().query().unwrap_or_default();
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match &segments[..] {
        ["api", "v2alpha1", rest @ ..] => {
            let asked = v2::Asked { path: rest, parameters: &parameters, now_us: micros(Some(hub.now())) };
            Ok(typed(JSON, v2::answer(&hub.read().collector, &asked)?))
        }
        ["api", "v1alpha1", rest @ ..] => {
            let asked = v1::Asked::read(rest, &parameters)?;
            if asked.watch {
                return watch::watch(hub, asked);
            }
            let objects = asked.answer(&hub.read().collector)?;
            Ok(typed(JSON, serde_json::to_string(&objects).map_err(ApiError::internal)?))
        }
        ["page", "network"] => network(hub, request),
        ["metrics"] => Ok(typed("text/plain; version=0.0.4; charset=utf-8", metrics::render(&hub.read()))),
        ["healthz"] => Ok(typed(JSON, health(hub))),
        _ => match page::FILES.iter().find(|(file, ..)| *file == path) {
            Some((_, kind, content)) => Ok(typed(kind, *content)),
            None => Err(ApiError::unknown(format!(
                "nothing is at {path}; / is the page, /api/v2alpha1/ and /api/v1alpha1/ are for programs"
            ))),
        },
    }
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    (StatusCode::OK, [(CONTENT_TYPE, kind)], body.into()).into_response()
}

/// What the page draws; nothing when it has drawn that already.
fn network(hub: &Hub, request: &Request) -> Result<Response, ApiError> {
    let inner = hub.read();
    let tag = format!("\"{}\"", inner.version);
    if request.headers().get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let now = hub.time(&inner);
    let mut response = typed(JSON, snapshot::of(&inner, now).map_err(ApiError::internal)?);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// That we are there, and how it stands with the feed: a router that is away is no reason to be restarted.
fn health(hub: &Hub) -> String {
    let inner = hub.read();
    let (feed, reason) = feed(&inner.feed);
    let sources = inner.collector.sources().filter(|source| !source.is_silent()).count();
    serde_json::json!({ "status": "ok", "feed": feed, "reason": reason, "sources": sources }).to_string()
}

fn feed(state: &FeedState) -> (&'static str, Option<&str>) {
    match state {
        FeedState::Connecting { reason } => ("connecting", reason.as_deref()),
        FeedState::Connected => ("connected", None),
        FeedState::Playing => ("playing", None),
        FeedState::Played => ("played", None),
    }
}
