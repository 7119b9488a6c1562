//! Bodies.

use std::{
    future::{Ready, ready},
    marker::PhantomData,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{FIELD_CHARS_MAX, RequestTenant, app};
use crate::{
    app::App,
    config::Cap,
    tenants::Tenant,
    timestamp::TimestampError,
    validation::Violations,
    web::{
        error::ApiError,
        identity::{self, Identity},
    },
};

/// The fields of a body. Unknown ones are refused (`deny_unknown_fields`), so nobody sets what only the
/// server sets.
pub trait Body: DeserializeOwned {
    /// The tenant that the body names, where it can name one.
    fn tenant(&self) -> Option<&str> {
        None
    }

    /// What an absent body stands for, where the body is optional.
    fn absent() -> Option<Self> {
        None
    }
}

/// A JSON body that is still to be read.
pub struct Json<T> {
    request: HttpRequest,
    payload: Payload,
    fields: PhantomData<T>,
}

impl<T> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            request: request.clone(),
            payload: payload.take(),
            fields: PhantomData,
        }))
    }
}

impl<T: Body> Json<T> {
    /// The fields that a signed-in user sent.
    ///
    /// # Errors
    /// What is wrong with the body; [`ApiError::Unauthorized`] when it names another tenant than the token's.
    pub async fn read(self, identity: &Identity) -> Result<T, ApiError> {
        let max = app(&self.request)?.settings.server.body_bytes_max;
        let (_, fields, _) = self.fields(identity.tenant.limits.body_bytes(max)).await?;
        match fields.tenant() {
            Some(named) if !named.is_empty() && !identity.tenant.is_called(named) => Err(ApiError::Unauthorized),
            _ => Ok(fields),
        }
    }

    /// The fields that somebody without a token sent, and the tenant they are for.
    ///
    /// # Errors
    /// What is wrong with the body; `tenant not found`; a page of a foreign origin.
    pub async fn read_with_tenant(self, app: &App) -> Result<(T, Arc<Tenant>), ApiError> {
        let named = identity::named_tenant(&self.request)?;
        let servers = app.settings.server.body_bytes_max;
        let (request, fields, length) = self.fields(servers).await?;
        let named = identity::agree(named, fields.tenant().map(str::to_owned))?;
        let tenant = identity::resolve_tenant(app, named.as_deref()).await?;
        tracing::Span::current().record("tenant", tenant.slug.as_str());
        RequestTenant::settle(app, &request, &tenant)?;
        // The body may have named the tenant, so this is known only now.
        let max = tenant.limits.body_bytes(servers).or_max();
        if length > max {
            return Err(ApiError::BodyTooLarge { max });
        }
        Ok((fields, tenant))
    }

    /// The fields that somebody sent whose tenant is known by something in them, and the tenant that the request names.
    ///
    /// # Errors
    /// What is wrong with the body; a violation of `tenant` when it is named twice, and differently.
    pub async fn read_with_name(self) -> Result<(T, Option<String>), ApiError> {
        let named = identity::named_tenant(&self.request)?;
        let max = app(&self.request)?.settings.server.body_bytes_max;
        let (_, fields, _) = self.fields(max).await?;
        let named = identity::agree(named, fields.tenant().map(str::to_owned))?;
        Ok((fields, named))
    }

    /// The fields sent to a route whose path or key says already which tenant it is for.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub async fn read_alone(self) -> Result<T, ApiError> {
        let max = app(&self.request)?.settings.server.body_bytes_max;
        let (_, fields, _) = self.fields(max).await?;
        Ok(fields)
    }

    /// The fields of a body of at most so many bytes, and how many it has.
    async fn fields(mut self, max: Cap<usize>) -> Result<(HttpRequest, T, usize), ApiError> {
        let timeout = app(&self.request)?.settings.server.body_timeout;
        if T::absent().is_none() {
            require_json(&self.request)?;
        }
        let bytes = tokio::time::timeout(timeout, read_all(&self.request, &mut self.payload, max.or_max()))
            .await
            .map_err(|_| ApiError::BodyTimeout)??;
        if bytes.is_empty()
            && let Some(absent) = T::absent()
        {
            return Ok((self.request, absent, 0));
        }
        require_json(&self.request)?;
        let fields = parse(&bytes)?;
        Ok((self.request, fields, bytes.len()))
    }
}

/// A body of any kind that is still to be read.
pub struct RawBody {
    request: HttpRequest,
    payload: Payload,
}

impl FromRequest for RawBody {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            request: request.clone(),
            payload: payload.take(),
        }))
    }
}

impl RawBody {
    /// The bytes, at most so many and in so much time.
    ///
    /// # Errors
    /// [`ApiError::BodyTooLarge`], [`ApiError::BodyTimeout`], [`ApiError::Malformed`] when it ends before its length.
    pub async fn read(mut self, max: usize, timeout: Duration) -> Result<Bytes, ApiError> {
        tokio::time::timeout(timeout, read_all(&self.request, &mut self.payload, max))
            .await
            .map_err(|_| ApiError::BodyTimeout)?
    }
}

/// 415 unless the body is declared to be plain JSON.
fn require_json(request: &HttpRequest) -> Result<(), ApiError> {
    let is_json = request.mime_type().ok().flatten().is_some_and(|mime| {
        mime.essence_str() == "application/json" || mime.suffix().is_some_and(|suffix| suffix.as_str() == "json")
    });
    if is_json && !request.headers().contains_key(header::CONTENT_ENCODING) {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMediaType)
    }
}

async fn read_all(request: &HttpRequest, payload: &mut Payload, max: usize) -> Result<Bytes, ApiError> {
    let too_large = ApiError::BodyTooLarge { max };
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > max) {
        return Err(too_large);
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Overflow => ApiError::BodyTooLarge { max },
            _ => ApiError::Malformed,
        })?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Reads a JSON object. What is no JSON at all is malformed; what is JSON with other fields or types than
/// asked for is a violation of those fields.
pub(in crate::web) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let well_formed = || serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    // serde would read an array as the fields in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let error = Violations::of("body", "must be a JSON object");
        return Err(if well_formed() {
            error.into()
        } else {
            ApiError::Malformed
        });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize(&mut deserializer) {
        Ok(fields) => deserializer.end().map(|()| fields).map_err(|_| ApiError::Malformed),
        Err(error) if is_mismatch(error.inner()) && well_formed() => {
            Err(explain(&error.path().to_string(), &error.inner().to_string()).into())
        }
        Err(_) => Err(ApiError::Malformed),
    }
}

/// Whether JSON is other than asked for. What is no string where one of some words has to be, serde_json calls
/// a mistake of syntax.
fn is_mismatch(error: &serde_json::Error) -> bool {
    error.is_data() || error.to_string().starts_with("expected value at ")
}

/// Says what is wrong with a field in the words of this API. The values in serde's messages are left out:
/// they are what the client sent, and have no place in an answer or a log.
pub(super) fn explain(path: &str, message: &str) -> Violations {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let named = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    let within = |field: &str| {
        if path == "." {
            field.to_owned()
        } else {
            format!("{path}.{field}")
        }
    };
    let (field, problem) = if let Some(field) = named("missing field `") {
        (within(field), "is required".to_owned())
    } else if let Some(field) = named("duplicate field `") {
        (within(field), "is given twice".to_owned())
    } else if message.starts_with("unknown field `") {
        (path.to_owned(), "is not a field of this request".to_owned())
    } else if message == TimestampError.to_string() {
        (path.to_owned(), message.to_owned())
    } else if let Some((_, expected)) = message.rsplit_once(", expected ") {
        (path.to_owned(), format!("must be {}", in_words(expected)))
    } else {
        (path.to_owned(), "is not valid".to_owned())
    };
    let field: String = field.chars().take(FIELD_CHARS_MAX).collect();
    Violations::of(&field, problem)
}

fn in_words(expected: &str) -> String {
    match expected {
        "a string" | "string" | "str" => "a string".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "i64" | "u64" | "u32" | "usize" => "a whole number".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other => other.replace('`', ""),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        name: String,
        inner: Option<Inner>,
        id: Option<crate::ids::RoomId>,
        kind: Option<crate::chat::RoomKind>,
        until: Option<crate::timestamp::Timestamp>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        flag: bool,
    }

    fn answer(body: &str) -> serde_json::Value {
        match parse::<Fields>(body.as_bytes()) {
            Ok(_) => json!("fine"),
            Err(ApiError::Invalid(violations)) => serde_json::to_value(violations).unwrap(),
            Err(error) => json!(error.to_string()),
        }
    }

    #[test]
    fn a_violation_names_its_field_and_repeats_no_value() {
        let table = [
            (r#"{"name":"x"}"#, json!("fine")),
            (r#"{"name":"x","id":null}"#, json!("fine")),
            (r#"{}"#, json!({"name":["is required"]})),
            (r#"{"name":5}"#, json!({"name":["must be a string"]})),
            (r#"{"name":{"script":"x"}}"#, json!({"name":["must be a string"]})),
            (
                r#"{"name":"x","role":"admin"}"#,
                json!({"role":["is not a field of this request"]}),
            ),
            (r#"{"name":"x","name":"y"}"#, json!({"name":["is given twice"]})),
            (
                r#"{"name":"x","inner":{"flag":1}}"#,
                json!({"inner.flag":["must be true or false"]}),
            ),
            (r#"{"name":"x","inner":{}}"#, json!({"inner.flag":["is required"]})),
            (
                r#"{"name":"x","inner":{"flag":true,"a":1}}"#,
                json!({"inner.a":["is not a field of this request"]}),
            ),
            (
                r#"{"name":"x","inner":", expected secret"}"#,
                json!({"inner":["must be an object"]}),
            ),
            (r#"{"name":"x","id":"nope"}"#, json!({"id":["is not valid"]})),
            (
                r#"{"name":"x","kind":"secret"}"#,
                json!({"kind":["must be one of public, private, dm"]}),
            ),
            (r#"{"name":"x","kind":5}"#, json!({"kind":["is not valid"]})),
            (r#"{"name":"x","kind":[]}"#, json!({"kind":["is not valid"]})),
            (
                r#"{"name":"x","until":"now"}"#,
                json!({"until":["is not an ISO 8601 date and time"]}),
            ),
            (r#"{"name":"x","kind":"#, json!("malformed JSON")),
            (r#"["x"]"#, json!({"body":["must be a JSON object"]})),
            ("5", json!({"body":["must be a JSON object"]})),
            ("", json!("malformed JSON")),
            ("{", json!("malformed JSON")),
            ("[", json!("malformed JSON")),
            (r#"{"name":5,"#, json!("malformed JSON")),
            (r#"{"name":"x"} trailing"#, json!("malformed JSON")),
            (r#"{"name":"\ud800"}"#, json!("malformed JSON")),
        ];
        for (body, expected) in table {
            assert_eq!(answer(body), expected, "{body}");
        }
    }
}
