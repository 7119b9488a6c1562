//! Session tokens: JWTs signed with the server's secret.

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::User;
use crate::{
    ids::{TenantId, UserId},
    scope::Scope,
    timestamp::Timestamp,
};

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// How far the clocks of two servers may be apart, in seconds.
pub(super) const LEEWAY_S: u64 = 5;

const ISSUER: &str = "parlour";
const AUDIENCE: &str = "parlour";
const TOKEN_TYPE: &str = "parlour+jwt";

/// What a valid token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The tenant the token is good for.
    pub tenant_id: TenantId,
    /// Who is signed in.
    pub user_id: UserId,
    /// The token's own id (`jti`); what signing out revokes.
    pub token_id: Uuid,
    /// When it was issued, in seconds since 1970 UTC.
    pub issued_at: i64,
    /// When it expires, in seconds since 1970 UTC.
    pub expires_at: i64,
}

impl Claims {
    /// Whom calls with this token act for.
    pub const fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.tenant_id,
            user_id: self.user_id,
        }
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

/// The claims as they are written: all required, all typed.
#[derive(Serialize, Deserialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: UserId,
    tid: TenantId,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// Issues and verifies tokens. HS256 and nothing else, whatever a token's header asks for.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens signed with `secret` that are good for `lifetime`.
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
        }
    }

    /// A token for this user, good from now on.
    #[expect(clippy::expect_used, reason = "signing text with HMAC-SHA256 has no way to fail")]
    pub fn issue(&self, user: &User) -> IssuedToken {
        let issued_at = Timestamp::now().0.div_euclid(1_000_000);
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            tenant_id: user.tenant_id,
            user_id: user.id,
            token_id: Uuid::now_v7(),
            issued_at,
            expires_at: issued_at.saturating_add(lifetime),
        };
        let wire = Wire {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.user_id,
            tid: claims.tenant_id,
            jti: claims.token_id,
            iat: claims.issued_at,
            exp: claims.expires_at,
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

    /// What a token says, when it is one of ours and has not expired. Whether it was signed out is for
    /// [`super::session_user`] to find.
    ///
    /// # Errors
    /// [`TokenError`], also for a token of more than [`TOKEN_BYTES_MAX`] bytes.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
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
            issued_at: wire.iat,
            expires_at: wire.exp,
        })
    }
}
