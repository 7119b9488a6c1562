//! A website: a tenant, and the key that it signs the tokens of its users with.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use parlour::{
    audit::Actor,
    ids::TenantId,
    store::Store,
    tenants::{self, KeyAlgorithm, NewKey, SettingsPatch, SigningKey, Tenant, TenantPatch},
    timestamp::Timestamp,
    vault::Vault,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Keys of the tests, and of nothing else.
const ED25519: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIG+iTkx4UPQYy1PHZXBNYOCQxTZBrW2JvbR+/5/oPKf5\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAmerPJCofoIPYWwJoAriPsydhoJYMl6ORdBrHeTuCyO4=\n-----END PUBLIC KEY-----\n",
];
const P256: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3DDJUzYrRr86m4Lh\nk9Pv9cTQxz5+ShoVbc49n4ITwyOhRANCAARuFXZSmULIm/V79jhizTEvpAxiERnG\n6t0rpj7Q82W/tq20NFqoC/2TvL4l6gTmR9tVkatOcUwUi9ek+Q85pjKg\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbhV2UplCyJv1e/Y4Ys0xL6QMYhEZ\nxurdK6Y+0PNlv7attDRaqAv9k7y+JeoE5kfbVZGrTnFMFIvXpPkPOaYyoA==\n-----END PUBLIC KEY-----\n",
];

/// A website and one of its keys.
pub struct Website {
    pub tenant: Tenant,
    pub key: SigningKey,
    /// What it signs with: the secret, or the private key.
    pub encoding: EncodingKey,
}

impl Website {
    /// A website with a secret; its tenant is made when it is new.
    pub async fn open(store: &Store, vault: &Vault, slug: &str) -> Self {
        Self::with_key(store, vault, slug, KeyAlgorithm::Hs256, None).await
    }

    /// As [`Website::open`], with one more key of this kind.
    pub async fn with_key(
        store: &Store,
        vault: &Vault,
        slug: &str,
        algorithm: KeyAlgorithm,
        kid: Option<&str>,
    ) -> Self {
        let tenant = tenants::ensure_tenant(store, slug).await.unwrap();
        let new = NewKey {
            kid: kid.map(str::to_owned),
            algorithm,
            public_key: public_key(algorithm).map(str::to_owned),
        };
        let (key, secret) = tenants::create_key(store, vault, &Actor::cli(), tenant.id, new)
            .await
            .unwrap();
        let encoding = match algorithm {
            KeyAlgorithm::Hs256 => EncodingKey::from_secret(secret.unwrap().expose_secret().as_bytes()),
            KeyAlgorithm::EdDsa => EncodingKey::from_ed_pem(ED25519[0].as_bytes()).unwrap(),
            KeyAlgorithm::Es256 => EncodingKey::from_ec_pem(P256[0].as_bytes()).unwrap(),
        };
        Self { tenant, key, encoding }
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm, "typ": "JWT", "kid": self.key.kid })
    }

    /// What a proper token of a user says.
    pub fn claims(&self, sub: &str) -> Value {
        let now = now();
        json!({ "iss": self.tenant.slug, "aud": "parlour", "sub": sub, "iat": now, "exp": now + 600 })
    }

    /// A proper token of a user.
    pub fn token(&self, sub: &str) -> String {
        self.sign(&self.claims(sub))
    }

    /// A token of a user who is called so; `later` seconds after now, for another one of the same user.
    pub fn token_of(&self, sub: &str, later: i64, more: Value) -> String {
        let mut claims = self.claims(sub);
        claims["iat"] = json!(now() + later);
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&claims)
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// Signs whatever is given, under whatever header, in the way of the key.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let algorithm = match self.key.algorithm {
            KeyAlgorithm::Hs256 => Algorithm::HS256,
            KeyAlgorithm::EdDsa => Algorithm::EdDSA,
            KeyAlgorithm::Es256 => Algorithm::ES256,
        };
        signed(&header.to_string(), &claims.to_string(), &self.encoding, algorithm)
    }
}

/// The public half of the key that tests have for an algorithm.
pub fn public_key(algorithm: KeyAlgorithm) -> Option<&'static str> {
    match algorithm {
        KeyAlgorithm::Hs256 => None,
        KeyAlgorithm::EdDsa => Some(ED25519[1]),
        KeyAlgorithm::Es256 => Some(P256[1]),
    }
}

/// A token out of any texts.
pub fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", segment(header), segment(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A part of a token.
pub fn segment(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The time as tokens tell it.
pub fn now() -> i64 {
    Timestamp::now().seconds()
}

/// Changes settings of a tenant.
pub async fn set(store: &Store, tenant_id: TenantId, settings: Value) -> Tenant {
    let patch = TenantPatch {
        settings: serde_json::from_value::<SettingsPatch>(settings).unwrap(),
        ..TenantPatch::default()
    };
    tenants::update_tenant(store, &Actor::cli(), tenant_id, patch)
        .await
        .unwrap()
}
