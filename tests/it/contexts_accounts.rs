//! Accounts: registration, sign-in, tokens.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parlour::{
    accounts::{self, Claims, Error, NewUser, PasswordHasher, TokenError, Tokens},
    entity::user,
    ids::UserId,
    page::PageRequest,
    scope::Scope,
    tenants::{self, UserDirectory},
    validation::Violations,
};
use sea_orm::EntityTrait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::helpers::people::{PASSWORD, scope_of, session_user, user};

const SECRET: &str = "a-secret-for-tests-of-at-least-32-bytes";

fn hasher() -> PasswordHasher {
    PasswordHasher::weak_for_tests()
}

fn new(username: &str, password: &str) -> NewUser {
    NewUser {
        username: username.to_owned(),
        password: password.into(),
    }
}

fn tokens() -> Tokens {
    Tokens::new(&SECRET.into(), Duration::from_secs(3600))
}

both_engines! {
    async fn a_user_registers_and_signs_in(db: TestDatabase) {
        let tenant = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let alice = accounts::register(&db.store, &hasher(), tenant.id, new("Alice.B-2_c", PASSWORD)).await.unwrap();
        assert_eq!(alice.username, "Alice.B-2_c");
        for name in ["Alice.B-2_c", "alice.b-2_C"] {
            let found = accounts::authenticate(&db.store, &hasher(), tenant.id, name, &PASSWORD.into()).await.unwrap();
            assert_eq!(found, alice);
        }
        let scope = scope_of(&alice);
        assert_eq!(accounts::get_user(&db.store, &scope, alice.id, UserDirectory::Everyone).await.unwrap(), alice);
    }

    async fn wrong_names_and_passwords_are_told_apart_by_nobody(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let long = "x".repeat(1025);
        for (name, password) in [
            ("alice", "wrong password"),
            ("alice", ""),
            ("alice", long.as_str()),
            ("nobody", PASSWORD),
            ("", PASSWORD),
            ("a\0b", PASSWORD),
        ] {
            let refused =
                accounts::authenticate(&db.store, &hasher(), alice.tenant_id, name, &password.into()).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials)), "{name}");
        }
    }

    async fn a_user_of_another_tenant_cannot_sign_in_here(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let globex = tenants::ensure_tenant(&db.store, "globex").await.unwrap();
        let refused = accounts::authenticate(&db.store, &hasher(), globex.id, "alice", &PASSWORD.into()).await;
        assert!(matches!(refused, Err(Error::InvalidCredentials)));
        let other = user(&db.store, "globex", "alice").await;
        assert_ne!(other.id, alice.id);
    }

    async fn names_and_passwords_have_rules(db: TestDatabase) {
        let tenant = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        for (username, password, fields) in [
            ("ab", PASSWORD, vec!["username"]),
            ("a b c", PASSWORD, vec!["username"]),
            ("älice", PASSWORD, vec!["username"]),
            ("a\0bc", PASSWORD, vec!["username"]),
            (&"a".repeat(33), PASSWORD, vec!["username"]),
            ("alice", "1234567", vec!["password"]),
            ("alice", &"x".repeat(1025), vec!["password"]),
            ("", "", vec!["password", "username"]),
        ] {
            match accounts::register(&db.store, &hasher(), tenant.id, new(username, password)).await {
                Err(Error::Invalid(violations)) => {
                    let violations = serde_json::to_value(violations).unwrap();
                    assert_eq!(violations.as_object().unwrap().keys().collect::<Vec<_>>(), fields);
                }
                other => panic!("{username}: {other:?}"),
            }
        }
        for (username, password) in [("abc", "12345678"), (&"a".repeat(32), &"x".repeat(1024))] {
            accounts::register(&db.store, &hasher(), tenant.id, new(username, password)).await.unwrap();
        }
    }

    async fn a_name_registered_many_times_at_once_in_any_case_is_given_once(db: TestDatabase) {
        let tenant = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let hasher = hasher();
        let names = ["alice", "Alice", "ALICE", "aLICE", "alicE", "AliCe", "alICe", "aLiCe"];
        let registered = join_all(
            names.map(|name| accounts::register(&db.store, &hasher, tenant.id, new(name, PASSWORD))),
        )
        .await;
        assert_eq!(registered.iter().filter(|result| result.is_ok()).count(), 1);
        for refused in registered.into_iter().filter_map(Result::err) {
            match refused {
                Error::Invalid(violations) => {
                    assert_eq!(violations, Violations::of("username", "has already been taken"));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn a_weak_hash_is_renewed_at_sign_in_and_a_strong_one_is_kept(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let stored = || async {
            user::Entity::find_by_id((alice.tenant_id, alice.id))
                .one(db.store.reader())
                .await
                .unwrap()
                .unwrap()
                .password_hash
                .unwrap()
        };
        assert!(stored().await.starts_with("$pbkdf2-sha256$i=1000,l=32$"));
        let stronger = PasswordHasher::with_rounds(2_000, 1, 10);
        for hasher in [&stronger, &hasher(), &stronger] {
            accounts::authenticate(&db.store, hasher, alice.tenant_id, "alice", &PASSWORD.into()).await.unwrap();
            assert!(stored().await.starts_with("$pbkdf2-sha256$i=2000,l=32$"));
        }
        let refused =
            accounts::authenticate(&db.store, &stronger, alice.tenant_id, "alice", &"wrong password".into()).await;
        assert!(matches!(refused, Err(Error::InvalidCredentials)));
    }

    async fn users_of_other_tenants_are_unknown(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let mallory = user(&db.store, "globex", "mallory").await;
        let scope = scope_of(&mallory);
        for id in [alice.id, UserId::generate()] {
            assert!(matches!(accounts::get_user(&db.store, &scope, id, UserDirectory::Everyone).await, Err(Error::NotFound)));
        }
        let listed = accounts::list_users(&db.store, &scope, &PageRequest::default(), UserDirectory::Everyone).await.unwrap();
        assert_eq!(listed.items, [mallory]);
        assert_eq!(listed.next_cursor, None);
    }

    async fn users_are_listed_by_name_page_by_page(db: TestDatabase) {
        let mut scope = None;
        for name in ["delta", "Alpha", "charlie", "Bravo", "echo"] {
            scope = Some(scope_of(&user(&db.store, "acme", name).await));
        }
        let scope: Scope = scope.unwrap();
        let mut request = PageRequest { limit: 2, cursor: None };
        let mut pages: Vec<Vec<String>> = Vec::new();
        loop {
            let page = accounts::list_users(&db.store, &scope, &request, UserDirectory::Everyone).await.unwrap();
            pages.push(page.items.into_iter().map(|user| user.username).collect());
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [vec!["Alpha", "Bravo"], vec!["charlie", "delta"], vec!["echo"]]);

        for request in [
            PageRequest { limit: 0, cursor: None },
            PageRequest { limit: 101, cursor: None },
            PageRequest { limit: 10, cursor: Some("nonsense".to_owned()) },
            PageRequest { limit: 10, cursor: Some(URL_SAFE_NO_PAD.encode(b"u\0\0\0")) },
        ] {
            let refused = accounts::list_users(&db.store, &scope, &request, UserDirectory::Everyone).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{request:?}");
        }
    }

    async fn a_token_ends_when_it_is_revoked_and_only_that_token(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let (tokens, store) = (tokens(), &db.store);
        let phone = tokens.issue(&alice).claims;
        let laptop = tokens.issue(&alice).claims;
        assert_eq!(session_user(store, &phone).await.unwrap(), alice);

        accounts::revoke_token(store, &phone).await.unwrap();
        accounts::revoke_token(store, &phone).await.unwrap();
        assert!(matches!(session_user(store, &phone).await, Err(Error::SignedOut)));
        assert_eq!(session_user(store, &laptop).await.unwrap(), alice);

        let nobody = Claims { user_id: UserId::generate(), ..laptop };
        assert!(matches!(session_user(store, &nobody).await, Err(Error::SignedOut)));
        let mallory = user(store, "globex", "mallory").await;
        let crossed = Claims { tenant_id: mallory.tenant_id, ..laptop };
        assert!(matches!(session_user(store, &crossed).await, Err(Error::SignedOut)));
        // The same token id in another tenant is another token.
        accounts::revoke_token(store, &crossed).await.unwrap();
        assert_eq!(session_user(store, &laptop).await.unwrap(), alice);
    }

    async fn revoked_tokens_are_forgotten_once_they_have_expired(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let claims = tokens().issue(&alice).claims;
        accounts::revoke_token(&db.store, &claims).await.unwrap();
        let expired = Claims { token_id: uuid::Uuid::now_v7(), expires_at: claims.issued_at.seconds() - 60, ..claims };
        accounts::revoke_token(&db.store, &expired).await.unwrap();
        assert_eq!(accounts::purge_revoked_tokens(&db.store).await.unwrap(), 1);
        assert_eq!(accounts::purge_revoked_tokens(&db.store).await.unwrap(), 0);
        assert!(matches!(session_user(&db.store, &claims).await, Err(Error::SignedOut)));
    }

    async fn an_unknown_user_takes_as_long_as_a_wrong_password(db: TestDatabase) {
        let tenant = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let hasher = PasswordHasher::with_rounds(200_000, 1, 10);
        accounts::register(&db.store, &hasher, tenant.id, new("alice", PASSWORD)).await.unwrap();
        // The quickest of several, of more on a busy machine: whatever else it does can only add to it.
        let mut quickest = [Duration::MAX; 2];
        let is_alike = |[known, unknown]: [Duration; 2]| unknown > known / 2 && unknown < known * 2;
        for tries in 0..50 {
            if tries >= 5 && is_alike(quickest) {
                break;
            }
            for (quickest, name) in quickest.iter_mut().zip(["alice", "nobody"]) {
                let start = Instant::now();
                accounts::authenticate(&db.store, &hasher, tenant.id, name, &"wrong password".into()).await.unwrap_err();
                *quickest = (*quickest).min(start.elapsed());
            }
        }
        assert!(is_alike(quickest), "known, unknown: {quickest:?}");
    }
}

#[actix_web::test]
async fn passwords_beyond_the_queue_are_refused_at_once() {
    let hasher = PasswordHasher::with_rounds(50_000, 1, 2);
    let hashed = join_all((0..10).map(|_| hasher.hash(PASSWORD))).await;
    let (done, refused): (Vec<_>, Vec<_>) = hashed.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (3, 7));
    assert!(refused.into_iter().all(|refused| matches!(refused, Err(Error::Busy))));
    hasher.hash(PASSWORD).await.unwrap();
}

#[actix_web::test]
async fn the_configured_hasher_has_at_least_600_000_rounds() {
    let hash = PasswordHasher::new(1, 1, 1).hash(PASSWORD).await.unwrap();
    assert!(hash.starts_with("$pbkdf2-sha256$i=600000,l=32$"), "{hash}");
    assert_ne!(
        hash,
        PasswordHasher::new(1, 1, 1).hash(PASSWORD).await.unwrap(),
        "each has a salt of its own"
    );
}

fn somebody() -> accounts::User {
    accounts::User::new(parlour::ids::TenantId::generate(), "somebody".to_owned())
}

#[test]
fn a_token_says_what_was_put_in() {
    let user = somebody();
    let issued = tokens().issue(&user);
    let claims = tokens().verify(issued.token.expose_secret()).unwrap();
    assert_eq!(claims, issued.claims);
    assert_eq!(claims.scope(), scope_of(&user));
    assert_eq!(claims.expires_at - claims.issued_at.seconds(), 3600);
}

#[test]
fn no_debug_output_shows_the_secret_or_a_token() {
    let tokens = tokens();
    let issued = tokens.issue(&somebody());
    let shown = format!("{tokens:?} {issued:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains(issued.token.expose_secret()),
        "{shown}"
    );
    assert!(!format!("{:?}", new("alice", PASSWORD)).contains(PASSWORD));
}

/// A token that is right in everything but what `change` changes.
fn forged(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    forged_with(SECRET, change)
}

fn forged_with(secret: &str, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let now = parlour::timestamp::Timestamp::now().0 / 1_000_000;
    let mut header = Header {
        typ: Some("parlour+jwt".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let mut claims = json!({
        "iss": "parlour", "aud": "parlour", "iat": now, "exp": now + 60,
        "sub": uuid::Uuid::now_v7(), "tid": uuid::Uuid::now_v7(), "jti": uuid::Uuid::now_v7(),
    });
    change(&mut header, &mut claims);
    encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[test]
fn only_our_own_whole_tokens_are_accepted() {
    let tokens = tokens();
    assert!(tokens.verify(&forged(|_, _| {})).is_ok(), "the template is right");

    for claim in ["iss", "aud", "iat", "exp", "sub", "tid", "jti"] {
        let missing = forged(|_, claims| {
            claims.as_object_mut().unwrap().remove(claim);
        });
        assert_eq!(tokens.verify(&missing), Err(TokenError::Invalid), "without {claim}");
        for wrong in [json!(null), json!({}), json!(["parlour", 1]), json!(true)] {
            let mistyped = forged(|_, claims| claims[claim] = wrong.clone());
            assert_eq!(tokens.verify(&mistyped), Err(TokenError::Invalid), "{claim} = {wrong}");
        }
    }
    for (claim, wrong) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("iat", json!("1")),
        ("iss", json!("globex")),
        ("aud", json!("globex")),
        ("sub", json!("alice")),
        ("tid", json!("default")),
        ("jti", json!(1)),
    ] {
        let forged = forged(|_, claims| claims[claim] = wrong.clone());
        assert!(tokens.verify(&forged).is_err(), "{claim} = {wrong}");
    }
    for typ in [None, Some("JWT"), Some("at+jwt")] {
        let forged = forged(|header, _| header.typ = typ.map(str::to_owned));
        assert_eq!(tokens.verify(&forged), Err(TokenError::Invalid), "typ = {typ:?}");
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let forged = forged(|header, _| header.alg = algorithm);
        assert_eq!(tokens.verify(&forged), Err(TokenError::Invalid), "{algorithm:?}");
    }
    let foreign = forged_with("another-secret-of-at-least-32-bytes!!", |_, _| {});
    assert_eq!(tokens.verify(&foreign), Err(TokenError::Invalid));
    let expired = forged(|_, claims| claims["exp"] = json!(1_000_000_000));
    assert_eq!(tokens.verify(&expired), Err(TokenError::Expired));
}

#[test]
fn mangled_tokens_are_refused() {
    let tokens = tokens();
    let token = forged(|_, _| {});
    let parts: Vec<&str> = token.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"parlour+jwt"}"#);
    let huge = forged(|_, claims| claims["padding"] = json!("x".repeat(4096)));
    assert!(huge.len() > accounts::TOKEN_BYTES_MAX);
    for mangled in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{token}="),
        format!("{token}.{}", parts[2]),
        format!(" {token}"),
        format!("{}A.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}A.{}", parts[0], parts[1], parts[2]),
        huge,
    ] {
        assert_eq!(tokens.verify(&mangled), Err(TokenError::Invalid), "{mangled}");
    }
}

#[test]
fn a_token_lasts_as_long_as_it_should_and_the_clocks_may_differ_a_little() {
    let now = parlour::timestamp::Timestamp::now().0 / 1_000_000;
    let just_expired = forged(|_, claims| claims["exp"] = json!(now - 1));
    assert!(tokens().verify(&just_expired).is_ok());
    let expired = forged(|_, claims| claims["exp"] = json!(now - 10));
    assert_eq!(tokens().verify(&expired), Err(TokenError::Expired));
}
