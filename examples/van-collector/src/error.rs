//! What is told to who asked for something that cannot be given.

use core::fmt::Display;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// When to ask again what could not be answered for want of room, in seconds.
pub(crate) const RETRY_AFTER_S: &str = "5";

/// An answer in the network observer's form: `{"code": ..., "message": ...}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    /// A parameter that is not understood.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "ErrBadRequest", message: message.into() }
    }

    /// Nothing has this name.
    pub(crate) fn unknown(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "ErrResourceNotFound", message: what.into() }
    }

    /// It was there once, and is no more.
    pub(crate) fn gone(what: impl Into<String>) -> Self {
        Self { status: StatusCode::GONE, code: "ErrDeprecated", message: what.into() }
    }

    pub(crate) fn method() -> Self {
        let message = "everything here is read with GET".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "ErrMethodNotAllowed", message }
    }

    /// Asked by a name that is not ours.
    pub(crate) fn misdirected(message: impl Into<String>) -> Self {
        Self { status: StatusCode::MISDIRECTED_REQUEST, code: "ErrMisdirected", message: message.into() }
    }

    /// All that can be done at once is being done.
    pub(crate) fn busy(what: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "ErrBusy", message: what.into() }
    }

    pub(crate) fn internal(error: impl Display) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "ErrInternal", message: error.to_string() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "code": self.code, "message": self.message });
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
