//! Tokens that websites sign for their own users.
//!
//! Invariants:
//! * Until the signature is verified, a token is used for nothing but to find the key: the tenant by `iss`, and of the
//!   tenant's keys the one by `kid`. Nothing that a token names is ever fetched.
//! * A key verifies in its own way only, whatever the header asks for.
//! * Whatever is wrong, the answer is the same.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode};
use secrecy::ExposeSecret;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Claims, Error, ProfilePatch,
    profile::is_external_id,
    token::{AUDIENCE, LEEWAY_S, TOKEN_BYTES_MAX, TOKEN_TYPE},
};
use crate::{
    chat::{Role, RoomGrant, RoomRef},
    ids::UserId,
    store::Store,
    tenants::{self, KeyAlgorithm, KeyMaterial, Tenant, VerifyingKey},
    timestamp::Timestamp,
    vault::{Vault, VaultError},
};

/// Longest time between issue and end of a website's token, in seconds.
pub const HOST_TOKEN_LIFETIME_MAX_S: i64 = 3600;

/// How far a website's clock may be ahead, in seconds.
pub const HOST_CLOCK_AHEAD_MAX_S: i64 = 60;

/// Most memberships that one token can give.
pub const GRANTS_MAX: usize = 50;

/// What a header may not have: ways to bring along or point to a key, and extensions that have to be understood.
const HEADERS_REFUSED: [&str; 5] = ["crit", "jku", "jwk", "x5c", "x5u"];

/// A website's token that is genuine and has not expired. Nothing says yet that its user is there, or welcome.
#[derive(Clone, Debug)]
pub struct HostToken {
    /// The website.
    pub tenant: Tenant,
    /// The key that signed it.
    pub key: VerifyingKey,
    /// Made from the token's text, so that it can be signed out whether it has an id or not.
    pub token_id: Uuid,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires, in seconds since 1970 UTC.
    pub expires_at: i64,
    /// The website's id of the user.
    pub external_id: String,
    /// What it says of the user.
    pub profile: ProfilePatch,
    /// Memberships it gives.
    pub grants: Vec<RoomGrant>,
}

impl HostToken {
    /// What the token says, now that it is known whose it is.
    pub fn claims(&self, user_id: UserId) -> Claims {
        Claims {
            tenant_id: self.tenant.id,
            user_id,
            token_id: self.token_id,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            key_id: Some(self.key.id),
        }
    }
}

/// What a website's token says, when it is genuine and has not expired. Writes nothing.
///
/// # Errors
/// [`Error::SignedOut`] for whatever is wrong with it; [`Error::Vault`] when the tenant's secret cannot be opened.
pub async fn verify_host_token(store: &Store, vault: &Vault, token: &str) -> Result<HostToken, Error> {
    let unverified = Unverified::read(token).ok_or(Error::SignedOut)?;
    let tenant = match tenants::get_tenant_by_name(store, &unverified.issuer).await {
        Err(tenants::Error::NotFound) => return Err(Error::SignedOut),
        found => found?,
    };
    if tenant.suspended_at.is_some() {
        return Err(Error::SignedOut);
    }
    let keys = tenants::live_keys(store, tenant.id).await?;
    let key = unverified.choose(keys).ok_or(Error::SignedOut)?;
    let said = signed_claims(token, &key, vault, &unverified.issuer)?;
    let said = said.filter(SignedClaims::are_in_order).ok_or(Error::SignedOut)?;
    Ok(HostToken {
        tenant,
        key,
        token_id: token_id(token),
        issued_at: Timestamp::from_seconds(said.iat),
        expires_at: said.exp,
        external_id: said.sub,
        profile: said.profile,
        grants: said
            .rooms
            .into_iter()
            .map(|GrantClaim { room, role }| RoomGrant {
                room: RoomRef::parse(&room),
                role,
            })
            .collect(),
    })
}

/// Whether a token says that it is one of this server's own, which no website's key can verify.
pub fn claims_to_be_own(token: &str) -> bool {
    token
        .split('.')
        .next()
        .and_then(segment::<Object>)
        .is_some_and(|header| header.text("typ") == Some(TOKEN_TYPE))
}

/// What has to be known of a token before its key is.
struct Unverified {
    algorithm: KeyAlgorithm,
    kid: Option<String>,
    issuer: String,
}

impl Unverified {
    fn read(token: &str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let [header, claims, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
        let header: Object = segment(header)?;
        let claims: Object = segment(claims)?;
        let is_jwt = header.0.get("typ").is_none_or(|typ| typ == "JWT");
        if !is_jwt || HEADERS_REFUSED.iter().any(|name| header.0.contains_key(*name)) {
            return None;
        }
        let kid = match header.0.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        Some(Self {
            algorithm: KeyAlgorithm::deserialize(header.0.get("alg")?).ok()?,
            kid,
            issuer: claims.0.get("iss")?.as_str()?.to_owned(),
        })
    }

    /// The key that the token has to be signed with: the one it names, or the only one there is.
    fn choose(&self, keys: Vec<VerifyingKey>) -> Option<VerifyingKey> {
        let only = keys.len() == 1;
        keys.into_iter()
            .find(|key| self.kid.as_ref().map_or(only, |kid| *kid == key.kid))
            .filter(|key| key.algorithm == self.algorithm)
    }
}

/// The claims, all typed.
#[derive(Deserialize)]
struct SignedClaims {
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    profile: ProfilePatch,
    #[serde(default)]
    rooms: Vec<GrantClaim>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantClaim {
    room: String,
    role: Role,
}

impl SignedClaims {
    /// Whether they keep to the rules that are ours, not JWT's.
    fn are_in_order(&self) -> bool {
        let lifetime = self.exp.saturating_sub(self.iat);
        (1..=HOST_TOKEN_LIFETIME_MAX_S).contains(&lifetime)
            && self.iat <= Timestamp::now().seconds() + HOST_CLOCK_AHEAD_MAX_S
            && is_external_id(&self.sub)
            && self.profile.violations().is_empty()
            && self.rooms.len() <= GRANTS_MAX
    }
}

/// The claims of a token that this key has signed, for us, and that has not expired.
fn signed_claims(
    token: &str,
    key: &VerifyingKey,
    vault: &Vault,
    issuer: &str,
) -> Result<Option<SignedClaims>, VaultError> {
    let Some((algorithm, key)) = decoding_key(key, vault)? else {
        return Ok(None);
    };
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let Ok(TokenData {
        claims: Object(claims), ..
    }) = decode(token, &key, &validation)
    else {
        return Ok(None);
    };
    Ok(SignedClaims::deserialize(Value::Object(claims)).ok())
}

/// What verifies the signatures of a key, and how; nothing for a key whose material is not of its algorithm.
fn decoding_key(key: &VerifyingKey, vault: &Vault) -> Result<Option<(Algorithm, DecodingKey)>, VaultError> {
    let secret = key.secret(vault)?;
    Ok(match (key.algorithm, &key.material, secret) {
        (KeyAlgorithm::Hs256, KeyMaterial::Sealed(_), Some(secret)) => Some((
            Algorithm::HS256,
            DecodingKey::from_secret(secret.expose_secret().as_bytes()),
        )),
        (KeyAlgorithm::EdDsa, KeyMaterial::PublicKey(pem), None) => DecodingKey::from_ed_pem(pem.as_bytes())
            .ok()
            .map(|key| (Algorithm::EdDSA, key)),
        (KeyAlgorithm::Es256, KeyMaterial::PublicKey(pem), None) => DecodingKey::from_ec_pem(pem.as_bytes())
            .ok()
            .map(|key| (Algorithm::ES256, key)),
        _ => None,
    })
}

/// The first half of the digest of what is signed. Not of the signature: with ES256 there are two of the same text, and
/// who has signed out with one must not come back with the other.
fn token_id(token: &str) -> Uuid {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let digest = Sha256::digest(signed);
    Uuid::from_slice(&digest[..16]).unwrap_or_default()
}

/// A part of a token: JSON in base64 as JWT has it, without padding.
fn segment<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// A JSON object in which no name comes twice: of two, one reader would take the first, another the last.
struct Object(Map<String, Value>);

impl Object {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name comes twice"));
                    }
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(Names)
    }
}
