//! Session tokens: JWTs signed with the server's secret.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{Uuid, Version};

use super::User;
use crate::{
    bounded_cache::bounded_cache,
    ids::{SigningKeyId, TenantId, UserId},
    scope::Scope,
    timestamp::Timestamp,
};

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// How far the clocks of two servers may be apart, in seconds.
pub(super) const LEEWAY_S: u64 = 5;

const ISSUER: &str = "parlour";
pub(super) const AUDIENCE: &str = "parlour";
pub(super) const TOKEN_TYPE: &str = "parlour+jwt";

/// What a valid token says, whoever signed it: this server, or the website the user comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The tenant the token is good for.
    pub tenant_id: TenantId,
    /// Who is signed in.
    pub user_id: UserId,
    /// The token's own id; what signing out revokes.
    pub token_id: Uuid,
    /// When it was issued: of our own tokens to the millisecond, of a website's to the second.
    pub issued_at: Timestamp,
    /// When it expires, in seconds since 1970 UTC.
    pub expires_at: i64,
    /// The website's key that it stands and falls with: which signed it, or signed the token it was exchanged for.
    pub key_id: Option<SigningKeyId>,
}

impl Claims {
    /// Whom calls with this token act for.
    pub const fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.tenant_id,
            user_id: self.user_id,
        }
    }

    /// Whether its time is over, by the clock of any server.
    fn has_expired(&self) -> bool {
        self.expires_at < Timestamp::now().seconds() - LEEWAY_S.cast_signed()
    }
}

/// A fresh token and what is in it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token to hand to its user, and to nobody else.
    pub token: SecretString,
    /// What it says.
    pub claims: Claims,
}

/// Why a token is refused. Clients hear no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// It is not one of ours.
    #[error("the token is invalid")]
    Invalid,
}

/// The claims as they are written: all typed, and all required but the last.
#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    tid: TenantId,
    /// A UUIDv7: it has the time of issue to the millisecond, where `iat` has it to the second.
    jti: Uuid,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<SigningKeyId>,
}

/// Issues and verifies tokens. HS256 and nothing else, whatever a token's header asks for.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
    /// What tokens said whose signature was good, and when, by their digest.
    verified: Option<Arc<Cache<Digest, (Instant, Claims)>>>,
}

/// How long a signature need not be checked again. A website's key is noted as used when it is.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// SHA-256 of a token: what is kept in memory opens nothing.
type Digest = [u8; 32];

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with `secret`, good for `lifetime` where nothing else is said.
    pub fn new(secret: &SecretString, lifetime: Duration) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_S;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            lifetime,
            verified: None,
        }
    }

    /// The same, which remember for a while what so many tokens said whose signature was good. Nothing else is
    /// remembered: whether such a token is still good is for [`crate::standing`] to find, each time.
    #[must_use]
    pub fn remembering(mut self, tokens: usize) -> Self {
        self.verified = (tokens > 0).then(|| Arc::new(bounded_cache(tokens)));
        self
    }

    /// A token for this user, good from now on.
    pub fn issue(&self, user: &User) -> IssuedToken {
        self.issue_for(user, self.lifetime, None)
    }

    /// A token for this user, good for `lifetime` from now on, and with `key_id` no longer than that key is.
    #[expect(clippy::expect_used, reason = "signing text with HMAC-SHA256 has no way to fail")]
    pub fn issue_for(&self, user: &User, lifetime: Duration, key_id: Option<SigningKeyId>) -> IssuedToken {
        let token_id = Uuid::now_v7();
        let issued_at = issued_at(token_id).unwrap_or_else(Timestamp::now);
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            tenant_id: user.tenant_id,
            user_id: user.id,
            token_id,
            issued_at,
            expires_at: issued_at.seconds().saturating_add(lifetime),
            key_id,
        };
        let wire = Wire {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.user_id,
            tid: claims.tenant_id,
            jti: claims.token_id,
            iat: claims.issued_at.seconds(),
            exp: claims.expires_at,
            key: claims.key_id,
        };
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let token = encode(&header, &wire, &self.encoding).expect("HS256 signs");
        IssuedToken {
            token: token.into(),
            claims,
        }
    }

    /// What a token says, when it is one of ours and has not expired. Whether it was signed out is
    /// for [`crate::standing`] to find.
    ///
    /// # Errors
    /// [`TokenError`], also for a token of more than [`TOKEN_BYTES_MAX`] bytes.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let claims = self.decode(token)?;
        self.remember(token, claims);
        Ok(claims)
    }

    /// Keeps what a token said whose signature is good, whoever signed it.
    pub fn remember(&self, token: &str, claims: Claims) {
        if let Some(verified) = &self.verified {
            verified.insert(digest(token), (Instant::now(), claims));
        }
    }

    /// What this token said when its signature was found to be good, a short time ago, unless it has expired.
    pub fn recall(&self, token: &str) -> Option<Claims> {
        let verified = self.verified.as_ref().filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
        let (at, claims) = verified.get(&digest(token))?;
        (at.elapsed() < VERIFIED_FOR && !claims.has_expired()).then_some(claims)
    }

    fn decode(&self, token: &str) -> Result<Claims, TokenError> {
        let token = decode::<Wire>(token, &self.decoding, &self.validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            _ => TokenError::Invalid,
        })?;
        if token.header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(TokenError::Invalid);
        }
        let wire = token.claims;
        Ok(Claims {
            tenant_id: wire.tid,
            user_id: wire.sub,
            token_id: wire.jti,
            issued_at: issued_at(wire.jti).ok_or(TokenError::Invalid)?,
            expires_at: wire.exp,
            key_id: wire.key,
        })
    }
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// When the token with this id was issued; `None` for an id that does not say.
fn issued_at(token_id: Uuid) -> Option<Timestamp> {
    if token_id.get_version() != Some(Version::SortRand) {
        return None;
    }
    let (seconds, nanoseconds) = token_id.get_timestamp()?.to_unix();
    let microseconds = i64::from(nanoseconds / 1_000);
    Some(Timestamp(
        Timestamp::from_seconds(i64::try_from(seconds).ok()?)
            .0
            .saturating_add(microseconds),
    ))
}
