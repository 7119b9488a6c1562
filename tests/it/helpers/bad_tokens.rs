//! What is wrong with tokens that have to be refused, each for itself.

use jsonwebtoken::{Algorithm, EncodingKey};
use parlour::{
    accounts::TOKEN_BYTES_MAX,
    audit::Actor,
    chat,
    store::Store,
    tenants::{self, KeyAlgorithm},
    vault::Vault,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::website::{Website, now, public_key, segment, signed};

/// The site that the tokens are for has two keys, of two kinds.
pub struct BadTokens {
    pub site: Website,
    pub pair: Website,
    pub tokens: Vec<(&'static str, String)>,
}

/// Makes the site, its neighbour, and the tokens.
pub async fn bad_tokens(store: &Store, vault: &Vault) -> BadTokens {
    let site = Website::with_key(store, vault, "acme", KeyAlgorithm::Hs256, Some("same")).await;
    let pair = Website::with_key(store, vault, "acme", KeyAlgorithm::EdDsa, Some("pair")).await;
    chat::seed::ensure_default_rooms(store, site.tenant.id).await.unwrap();
    let neighbour = Website::with_key(store, vault, "globex", KeyAlgorithm::Hs256, Some("same")).await;
    let revoked = Website::with_key(store, vault, "globex", KeyAlgorithm::Hs256, Some("revoked")).await;
    tenants::revoke_key(store, &Actor::cli(), revoked.tenant.id, "revoked")
        .await
        .unwrap();
    let closed = Website::open(store, vault, "initech").await;
    tenants::suspend_tenant(store, &Actor::cli(), closed.tenant.id)
        .await
        .unwrap();

    let mut tokens = of_headers(&site, &pair);
    tokens.extend(of_keys(&site, &pair, &neighbour, &revoked));
    tokens.push(("of a tenant that is suspended", closed.token("ann")));
    tokens.extend(of_claims(&site));
    tokens.extend(of_form(&site));
    BadTokens { site, pair, tokens }
}

/// Another value in place of the one that a proper token has; `null` takes it away.
fn with(mut proper: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        proper.as_object_mut().unwrap().remove(name);
    } else {
        proper[name] = value;
    }
    proper
}

fn of_headers(site: &Website, pair: &Website) -> Vec<(&'static str, String)> {
    let claims = site.claims("ann");
    let header = |name: &str, value: Value| site.sign_with(&with(site.header(), name, value), &claims);
    let unsigned = |algorithm: &str| {
        let header = with(site.header(), "alg", json!(algorithm)).to_string();
        format!("{}.{}.", segment(&header), segment(&claims.to_string()))
    };
    let hs256 = |secret: &[u8]| {
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": "pair" }).to_string();
        signed(
            &header,
            &claims.to_string(),
            &EncodingKey::from_secret(secret),
            Algorithm::HS256,
        )
    };
    let other_way = |name: &str, algorithm| {
        let header = with(site.header(), "alg", json!(name)).to_string();
        signed(&header, &claims.to_string(), &site.encoding, algorithm)
    };
    let proper = site.sign(&claims);
    let signature = proper.rsplit('.').next().unwrap();
    let pem = public_key(KeyAlgorithm::EdDsa).unwrap();
    let twice = r#"{"alg":"HS256","typ":"JWT","kid":"pair","kid":"same","alg":"HS256"}"#;
    vec![
        ("no algorithm", unsigned("none")),
        ("no algorithm, in capitals", unsigned("NONE")),
        (
            "no algorithm, with another's signature",
            format!("{}{signature}", unsigned("none")),
        ),
        ("an empty algorithm", unsigned("")),
        ("the algorithm in small letters", header("alg", json!("hs256"))),
        ("no algorithm named", header("alg", Value::Null)),
        ("an algorithm that is a list", header("alg", json!(["HS256"]))),
        ("the public key's text as the secret", hs256(pem.as_bytes())),
        (
            "the public key's text, trimmed, as the secret",
            hs256(pem.trim().as_bytes()),
        ),
        ("an empty secret", hs256(b"")),
        ("HS384", other_way("HS384", Algorithm::HS384)),
        ("HS512", other_way("HS512", Algorithm::HS512)),
        ("HS512 that says HS256", other_way("HS256", Algorithm::HS512)),
        ("EdDSA named for the secret", header("alg", json!("EdDSA"))),
        (
            "HS256 named for the key pair",
            pair.sign_with(&with(pair.header(), "alg", json!("HS256")), &claims),
        ),
        ("RS256 named", header("alg", json!("RS256"))),
        ("the type of our own tokens", header("typ", json!("parlour+jwt"))),
        ("the type of access tokens", header("typ", json!("at+jwt"))),
        ("a type that is a number", header("typ", json!(1))),
        ("a key to be fetched", header("jku", json!("http://127.0.0.1:9/keys"))),
        ("a key of its own", header("jwk", json!({ "kty": "oct", "k": "AAAA" }))),
        (
            "a certificate to be fetched",
            header("x5u", json!("http://127.0.0.1:9/cert")),
        ),
        ("certificates of its own", header("x5c", json!(["MIIB"]))),
        ("critical extensions", header("crit", json!(["exp"]))),
        ("no critical extensions", header("crit", json!([]))),
        ("a header with names that come twice", {
            signed(twice, &claims.to_string(), &site.encoding, Algorithm::HS256)
        }),
        (
            "a header that is a list",
            signed("[]", &claims.to_string(), &site.encoding, Algorithm::HS256),
        ),
        (
            "a header that is no JSON",
            signed("{", &claims.to_string(), &site.encoding, Algorithm::HS256),
        ),
    ]
}

fn of_keys(site: &Website, pair: &Website, neighbour: &Website, revoked: &Website) -> Vec<(&'static str, String)> {
    let claims = site.claims("ann");
    let kid = |value: Value| site.sign_with(&with(site.header(), "kid", value), &claims);
    vec![
        ("the neighbour's key of the same name", neighbour.sign(&claims)),
        (
            "for the neighbour, by a key of the same name",
            site.sign(&neighbour.claims("ann")),
        ),
        ("a key that was revoked", revoked.token("ann")),
        (
            "the other key named",
            pair.sign_with(&with(pair.header(), "kid", json!("same")), &claims),
        ),
        ("no key named where there are two", kid(Value::Null)),
        ("a key that does not exist", kid(json!("nobody"))),
        ("a key named by nothing", kid(json!(""))),
        ("a key named by a number", kid(json!(0))),
        ("a key named by a path", kid(json!("../../dev/null"))),
        ("a key named by a statement", kid(json!("' OR 1=1 --"))),
    ]
}

fn of_claims(site: &Website) -> Vec<(&'static str, String)> {
    let now = now();
    let said = |name: &str, value: Value| site.sign(&with(site.claims("ann"), name, value));
    let times = |iat: Value, exp: Value| site.sign(&with(with(site.claims("ann"), "iat", iat), "exp", exp));
    let own = json!({
        "iss": "parlour", "aud": "parlour", "iat": now, "exp": now + 60, "sub": Uuid::now_v7(),
        "tid": site.tenant.id, "jti": Uuid::now_v7(),
    });
    let text = |claims: String| signed(&site.header().to_string(), &claims, &site.encoding, Algorithm::HS256);
    let proper = site.claims("ann").to_string();
    let open = proper.trim_end_matches('}');
    vec![
        ("no issuer", said("iss", Value::Null)),
        ("an issuer that does not exist", said("iss", json!("nobody-at-all"))),
        ("issuers as a list", said("iss", json!([site.tenant.slug]))),
        ("the tenant's id as the issuer", said("iss", json!(site.tenant.id))),
        ("no audience", said("aud", Value::Null)),
        ("another audience", said("aud", json!("elsewhere"))),
        ("other audiences", said("aud", json!(["one", "other"]))),
        ("an audience that is an object", said("aud", json!({ "parlour": true }))),
        ("no subject", said("sub", Value::Null)),
        ("an empty subject", said("sub", json!(""))),
        ("a subject of 256 characters", said("sub", json!("x".repeat(256)))),
        ("a number as the subject", said("sub", json!(42))),
        ("a subject with a null character", said("sub", json!("a\0b"))),
        ("no end", said("exp", Value::Null)),
        ("an end as a text", said("exp", json!((now + 60).to_string()))),
        ("an end with a fraction", said("exp", json!(60.5 + 1e9 * 2.0))),
        ("an end below zero", said("exp", json!(-1))),
        ("an end beyond numbers", said("exp", json!(u64::MAX))),
        ("over", times(json!(now - 600), json!(now - 300))),
        ("more than an hour", times(json!(now), json!(now + 3601))),
        ("an end before the beginning", times(json!(now + 30), json!(now + 10))),
        ("no time of issue", said("iat", Value::Null)),
        ("a time of issue as a text", said("iat", json!(now.to_string()))),
        ("a time of issue far from all others", said("iat", json!(i64::MIN))),
        ("issued in the far future", times(json!(now + 300), json!(now + 600))),
        ("not good yet", said("nbf", json!(now + 300))),
        ("a beginning as a text", said("nbf", json!("now"))),
        ("claims of our own tokens", site.sign(&own)),
        ("a name that is an object", said("name", json!({ "$ne": null }))),
        ("an empty name", said("name", json!(""))),
        ("a name of 81 characters", said("name", json!("x".repeat(81)))),
        (
            "a name that turns the text around",
            said("name", json!("\u{202e}nimda")),
        ),
        (
            "a picture that is a script",
            said("avatar_url", json!("javascript:alert(1)")),
        ),
        (
            "a picture without TLS",
            said("avatar_url", json!("http://cdn.example/a.png")),
        ),
        (
            "an address in place of its hash",
            said("email_hash", json!("ann@example.org")),
        ),
        ("attributes that are a list", said("attrs", json!([1]))),
        ("grants that are an object", said("rooms", json!({}))),
        (
            "a role that does not exist",
            said("rooms", json!([{ "room": "general", "role": "emperor" }])),
        ),
        ("a grant of more than there is", {
            said("rooms", json!([{ "room": "general", "role": "member", "until": 5 }]))
        }),
        (
            "51 grants",
            said("rooms", json!(vec![json!({ "room": "general", "role": "member" }); 51])),
        ),
        ("claims that come twice", text(format!(r#"{open},"sub":"admin"}}"#))),
        (
            "an unknown claim that comes twice",
            text(format!(r#"{open},"x":1,"x":2}}"#)),
        ),
        ("claims that are a list", text("[]".to_owned())),
        ("claims that are a text", text("\"ann\"".to_owned())),
        ("claims that are no JSON", text("{".to_owned())),
        ("another token as the claims", text(site.token("ann"))),
        ("something behind the claims", text(format!("{proper}{{}}"))),
        (
            "claims nested deeply",
            text(format!("{}1{}", "{\"a\":".repeat(400), "}".repeat(400))),
        ),
        ("too long", said("padding", json!("x".repeat(TOKEN_BYTES_MAX)))),
    ]
}

fn of_form(site: &Website) -> Vec<(&'static str, String)> {
    let proper = site.token("ann");
    let parts: Vec<&str> = proper.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let others = segment(&site.claims("admin").to_string());
    vec![
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{proper}.{signature}")),
        ("a dot behind", format!("{proper}.")),
        ("a dot before", format!(".{proper}")),
        ("dots only", "..".to_owned()),
        ("padding behind the signature", format!("{proper}=")),
        ("padding behind the header", format!("{header}=.{claims}.{signature}")),
        ("padding behind the claims", format!("{header}.{claims}==.{signature}")),
        ("a blank inside", format!("{header}. {claims}.{signature}")),
        ("the signature cut off", proper[..proper.len() - 8].to_owned()),
        (
            "others' claims under the signature",
            format!("{header}.{others}.{signature}"),
        ),
        ("no token", "hello".to_owned()),
    ]
}
