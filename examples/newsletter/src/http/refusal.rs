//! Answers that are no success: a status, and a JSON object that says why.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};
use serde_json::json;

use crate::{Error, IssueError};

/// Why a request is refused.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    /// The client's fault.
    pub(super) fn bad_request(why: impl fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, why: why.to_string() }
    }

    pub(super) fn not_found(why: impl fmt::Display) -> Self {
        Self { status: StatusCode::NOT_FOUND, why: why.to_string() }
    }
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        let error = error.into();
        let status = match &error {
            Error::Suppressed => StatusCode::FORBIDDEN,
            Error::NoSuchSubscriber(_) | Error::Issue(IssueError::NoSuchIssue(_)) => StatusCode::NOT_FOUND,
            Error::Issue(IssueError::AlreadySent(_)) => StatusCode::CONFLICT,
            // Nothing was put on record, or it is not known whether it was: asking again is right, and does no harm.
            Error::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        }
        Self { status, why: error.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((RETRY_AFTER, "5"));
        }
        answer.json(json!({ "error": self.why }))
    }
}
