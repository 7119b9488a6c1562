//! Where a domain error becomes an answer: one table for HTTP, one for channels.
//!
//! Neither table has a `_` arm, so a new kind of error has to choose its status here. What the server got
//! wrong is logged with its whole chain of causes, once, and told to nobody.

use std::{error::Error as StdError, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use sea_orm::DbErr;
use serde_json::{Value, json};
use tracing::error;

use super::rate_limit;
use crate::{
    accounts, api_keys, audit, chat,
    realtime::{Allowance, Refused, SendError},
    store, tenants,
    timestamp::Timestamp,
    validation::Violations,
};

/// What a client that found the server busy is told to wait.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The rules of chat say no.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// The rules of accounts say no.
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
    /// No such tenant.
    #[error(transparent)]
    Tenants(#[from] tenants::Error),
    /// An API key that is none, or not for this.
    #[error(transparent)]
    ApiKeys(#[from] api_keys::Error),
    /// The audit log cannot be listed like this.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The message was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// 429: too many in too short a time.
    #[error(transparent)]
    Limited(#[from] Refused),
    /// 401: no token, or none that opens anything here. Says no more than that.
    #[error("unauthorized")]
    Unauthorized,
    /// 403: the page that made the browser ask is not one of the tenant's.
    #[error("origin not allowed")]
    OriginNotAllowed,
    /// 403: nothing works in the tenant at present.
    #[error("this tenant is suspended")]
    TenantSuspended,
    /// 404: no such path.
    #[error("not found")]
    NotFound,
    /// 405: the path is there, for other methods.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// Those methods, as the `Allow` header has them.
        allow: String,
    },
    /// 400: the body could not be read as JSON.
    #[error("malformed JSON")]
    Malformed,
    /// 408: the body did not arrive in time.
    #[error("the body took too long")]
    BodyTimeout,
    /// 413: the body is longer than allowed.
    #[error("the body is longer than {max} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// 415: the body is not declared to be JSON.
    #[error("the content type must be application/json")]
    UnsupportedMediaType,
    /// 422: fields or parameters break rules.
    #[error("invalid input")]
    Invalid(Violations),
    /// 503: something the server needs is not there at present; the text says what, in public words.
    #[error("{0}")]
    Unavailable(&'static str),
    /// 500: a fault of the server.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<Violations> for ApiError {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

/// What an error looks like over HTTP.
enum Answer<'a> {
    /// `{"error": …}`.
    Message(StatusCode, String),
    /// 422 and `{"errors": {field: […]}}`.
    Fields(&'a Violations),
    /// 403, and when it will be allowed again.
    Until(String, Option<Timestamp>),
    /// 429, and when to come back.
    Later(String, Duration),
    /// The same, and the limit that was reached.
    Limited(&'a Refused),
    /// 503 for a moment.
    Busy(&'static str),
    /// 503 as well; the cause is logged.
    Unreachable,
    /// 500; the cause is logged.
    Internal,
}

impl ApiError {
    /// Whether the server could not do its part, whatever was asked. Logs the causes.
    pub fn is_own_fault(&self) -> bool {
        let own_fault = matches!(self.answer(), Answer::Internal | Answer::Unreachable);
        if own_fault {
            log_causes(self, "request failed");
        }
        own_fault
    }

    /// The table.
    fn answer(&self) -> Answer<'_> {
        let status = match self {
            Self::Chat(error) | Self::Send(SendError::Chat(error)) | Self::Accounts(accounts::Error::Chat(error)) => {
                return chat_answer(error);
            }
            Self::Accounts(accounts::Error::Invalid(violations))
            | Self::Tenants(tenants::Error::Invalid(violations))
            | Self::ApiKeys(api_keys::Error::Invalid(violations))
            | Self::Audit(audit::Error::Invalid(violations))
            | Self::Invalid(violations) => return Answer::Fields(violations),
            Self::Send(SendError::Limited(refused)) | Self::Limited(refused) => {
                return Answer::Limited(refused);
            }
            Self::Send(SendError::Unavailable) => return Answer::Busy("temporarily unavailable"),
            Self::Accounts(accounts::Error::Busy) => return Answer::Busy("too many logins at once"),
            Self::Unavailable(what) => return Answer::Busy(what),
            Self::Accounts(accounts::Error::Db(error) | accounts::Error::Tenant(tenants::Error::Db(error)))
            | Self::Tenants(tenants::Error::Db(error))
            | Self::ApiKeys(api_keys::Error::Db(error))
            | Self::Audit(audit::Error::Db(error)) => return database_answer(error),
            Self::Accounts(accounts::Error::Hashing(_) | accounts::Error::Tenant(_) | accounts::Error::Vault(_))
            | Self::Tenants(tenants::Error::Vault(_))
            | Self::Internal(_) => {
                return Answer::Internal;
            }
            Self::Accounts(accounts::Error::NotFound | accounts::Error::GuestNotFound)
            | Self::Tenants(tenants::Error::NotFound | tenants::Error::KeyNotFound)
            | Self::ApiKeys(api_keys::Error::NotFound)
            | Self::NotFound => StatusCode::NOT_FOUND,
            // Told like any other token that is none: not that it once was one.
            Self::Accounts(accounts::Error::SignedOut) => {
                return Answer::Message(StatusCode::UNAUTHORIZED, Self::Unauthorized.to_string());
            }
            Self::Accounts(accounts::Error::InvalidCredentials)
            | Self::ApiKeys(api_keys::Error::Unknown)
            | Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Tenants(tenants::Error::SlugTaken | tenants::Error::TooManyKeys)
            | Self::ApiKeys(api_keys::Error::TooMany) => StatusCode::CONFLICT,
            Self::Accounts(
                accounts::Error::RegistrationClosed
                | accounts::Error::GuestsNotAllowed
                | accounts::Error::ClaimsNotAllowed
                | accounts::Error::Suspended,
            )
            | Self::ApiKeys(api_keys::Error::NotPermitted { .. } | api_keys::Error::BotSuspended)
            | Self::Send(SendError::FeatureDisabled)
            | Self::TenantSuspended
            | Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        Answer::Message(status, self.to_string())
    }
}

fn chat_answer(error: &chat::Error) -> Answer<'_> {
    let status = match error {
        chat::Error::RoomNotFound
        | chat::Error::UserNotFound
        | chat::Error::MessageNotFound
        | chat::Error::MemberNotFound
        | chat::Error::InvitationNotFound
        | chat::Error::UploadNotFound => StatusCode::NOT_FOUND,
        chat::Error::NotMember
        | chat::Error::NotCreator
        | chat::Error::ReadOnly
        | chat::Error::NotAuthor
        | chat::Error::TooLate
        | chat::Error::NotModerator
        | chat::Error::Banned
        | chat::Error::RoomCreationClosed
        | chat::Error::Frozen
        | chat::Error::NotAdmin
        | chat::Error::Outranked => StatusCode::FORBIDDEN,
        chat::Error::Muted { until } => return Answer::Until(error.to_string(), *until),
        chat::Error::SlowMode { retry_after } => return Answer::Later(error.to_string(), *retry_after),
        chat::Error::Conflict
        | chat::Error::TooManyPins
        | chat::Error::RoomFull
        | chat::Error::TooManyRooms
        | chat::Error::UploadsFull => StatusCode::CONFLICT,
        chat::Error::Invalid(violations) => return Answer::Fields(violations),
        chat::Error::Db(error) => return database_answer(error),
        chat::Error::Random(_) => return Answer::Internal,
    };
    Answer::Message(status, error.to_string())
}

/// A database that cannot be reached is a matter of time; anything else it says is a fault of ours.
fn database_answer(error: &DbErr) -> Answer<'_> {
    if store::is_unreachable(error) {
        Answer::Unreachable
    } else {
        Answer::Internal
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self.answer() {
            Answer::Message(status, _) => status,
            Answer::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Answer::Until(..) => StatusCode::FORBIDDEN,
            Answer::Later(..) | Answer::Limited(_) => StatusCode::TOO_MANY_REQUESTS,
            Answer::Busy(_) | Answer::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Answer::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        match self.answer() {
            Answer::Message(status, message) => {
                if status == StatusCode::UNAUTHORIZED {
                    response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
                }
                response.json(json!({ "error": message }))
            }
            Answer::Fields(violations) => response.json(json!({ "errors": violations })),
            Answer::Until(message, until) => response.json(json!({ "error": message, "until": until })),
            Answer::Later(message, wait) => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(wait)));
                response.json(json!({ "error": message, "retry_after_ms": whole_milliseconds(wait) }))
            }
            Answer::Limited(refused) => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(refused.retry_after)));
                for header in rate_limit::headers(Allowance::from(*refused)) {
                    response.insert_header(header);
                }
                response.json(json!({
                    "error": "rate limited",
                    "limit": refused.limit,
                    "retry_after_ms": whole_milliseconds(refused.retry_after),
                }))
            }
            Answer::Busy(message) => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(BUSY_RETRY_AFTER)));
                response.json(json!({ "error": message }))
            }
            Answer::Unreachable => {
                log_causes(self, "database not reached");
                response.insert_header((header::RETRY_AFTER, whole_seconds(BUSY_RETRY_AFTER)));
                response.json(json!({ "error": "temporarily unavailable" }))
            }
            Answer::Internal => {
                log_causes(self, "request failed");
                response.json(json!({ "error": "internal error" }))
            }
        }
    }
}

/// What the client of a channel is told when the rules of chat say no: the `response` of an error reply.
pub fn channel_error(error: &chat::Error) -> Value {
    match error {
        chat::Error::Invalid(violations) => json!({ "reason": error.code(), "errors": violations }),
        chat::Error::RoomNotFound
        | chat::Error::UserNotFound
        | chat::Error::NotMember
        | chat::Error::NotCreator
        | chat::Error::ReadOnly
        | chat::Error::MessageNotFound
        | chat::Error::NotAuthor
        | chat::Error::TooLate
        | chat::Error::NotModerator
        | chat::Error::TooManyPins
        | chat::Error::RoomFull
        | chat::Error::RoomCreationClosed
        | chat::Error::TooManyRooms
        | chat::Error::Banned
        | chat::Error::Frozen
        | chat::Error::NotAdmin
        | chat::Error::Outranked
        | chat::Error::MemberNotFound
        | chat::Error::InvitationNotFound
        | chat::Error::UploadNotFound
        | chat::Error::UploadsFull
        | chat::Error::Conflict => json!({ "reason": error.code() }),
        chat::Error::Muted { until } => json!({ "reason": error.code(), "until": until }),
        chat::Error::SlowMode { retry_after } => {
            json!({ "reason": error.code(), "retry_after_ms": whole_milliseconds(*retry_after) })
        }
        chat::Error::Random(_) => {
            log_causes(error, "channel event failed");
            json!({ "reason": error.code() })
        }
        chat::Error::Db(cause) => {
            log_causes(error, "channel event failed");
            let reason = if store::is_unreachable(cause) {
                "unavailable"
            } else {
                error.code()
            };
            json!({ "reason": reason })
        }
    }
}

/// What the client of a channel is told when its message was not sent.
pub fn channel_send_error(error: &SendError) -> Value {
    match error {
        SendError::Limited(refused) => channel_refusal(refused),
        SendError::Chat(error) => channel_error(error),
        SendError::FeatureDisabled => json!({ "reason": "feature_disabled" }),
        SendError::Unavailable => json!({ "reason": "unavailable" }),
    }
}

/// What the client of a channel is told when a rate limit was reached.
pub fn channel_refusal(refused: &Refused) -> Value {
    let Refused { limit, retry_after, .. } = refused;
    json!({ "reason": "rate_limited", "limit": limit, "retry_after_ms": whole_milliseconds(*retry_after) })
}

/// Milliseconds to wait, rounded up: a client that waits so long is let in. At least one.
fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// The same in seconds, for a `Retry-After` header.
pub fn whole_seconds(duration: Duration) -> u64 {
    whole_milliseconds(duration).div_ceil(1000)
}

/// One log line with everything that led to an error.
fn log_causes(error: &(dyn StdError + 'static), what: &'static str) {
    let mut causes = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors say in their own words what their cause says.
        if !causes.ends_with(&text) {
            causes.push_str(": ");
            causes.push_str(&text);
        }
        cause = error.source();
    }
    error!(causes, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_to_wait_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1000)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_milliseconds(Duration::from_micros(2001)), 3);
        assert_eq!(whole_milliseconds(Duration::ZERO), 1);
    }

    #[test]
    fn who_has_to_wait_is_told_how_long_over_http_and_on_channels() {
        let error = || chat::Error::SlowMode {
            retry_after: Duration::from_millis(1500),
        };
        let response = ApiError::from(error()).error_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            response.headers().get(header::RETRY_AFTER),
            Some(&HeaderValue::from_static("2"))
        );
        assert_eq!(
            channel_error(&error()),
            json!({ "reason": "slow_mode", "retry_after_ms": 1500 })
        );
        let error = chat::Error::Muted {
            until: Some(Timestamp(0)),
        };
        let expected = json!({ "reason": "muted", "until": "1970-01-01T00:00:00.000000Z" });
        assert_eq!(channel_error(&error), expected);
        assert_eq!(ApiError::from(error).status_code(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn a_fault_of_the_server_is_told_to_nobody() {
        let error = ApiError::from(chat::Error::Db(DbErr::Custom("secret table".to_owned())));
        assert_eq!(error.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            channel_error(&chat::Error::RoomNotFound),
            json!({ "reason": "room_not_found" })
        );
        let error = chat::Error::Db(DbErr::Custom("secret table".to_owned()));
        assert!(!channel_error(&error).to_string().contains("secret"));
    }
}
