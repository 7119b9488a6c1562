//! The keys that websites sign their users' tokens with, and the vault they are kept in.

use futures_util::future::join_all;
use parlour::{
    audit::Actor,
    control::{self, ControlEvent},
    entity::signing_key,
    ids::TenantId,
    store::Store,
    tenants::{self, Error, KeyAlgorithm, KeyMaterial, NewKey, SigningKey, Successor, Tenant},
    timestamp::Timestamp,
    vault::{Vault, VaultError},
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::helpers::audit::audited;

const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAEjUF5RuUXgbhShHy3WcQL0FAxGdgSW7oIBkZsQwWH44=\n-----END PUBLIC KEY-----\n";
const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2ImRBmqpdqJ3LfNzCiTVdTzRph9B\nTW17tnQTQlXO+aMJ11pf+oUWz1fTi5yqIQDJUhQ23mIP1OBOweTZXqQVZA==\n-----END PUBLIC KEY-----\n";

fn vault(key: &str, retired: &[&str]) -> Vault {
    let retired: Vec<_> = retired.iter().map(|key| SecretString::from(*key)).collect();
    Vault::new(&key.into(), &retired)
}

fn new(kid: Option<&str>, algorithm: KeyAlgorithm, public_key: Option<&str>) -> NewKey {
    NewKey {
        kid: kid.map(str::to_owned),
        algorithm,
        public_key: public_key.map(str::to_owned),
    }
}

async fn tenant(store: &Store, slug: &str) -> Tenant {
    tenants::ensure_tenant(store, slug).await.unwrap()
}

async fn create(store: &Store, tenant: &Tenant, kid: &str) -> Result<(SigningKey, SecretString), Error> {
    let new = new(Some(kid), KeyAlgorithm::Hs256, None);
    let made = tenants::create_key(store, &vault("now", &[]), &Actor::cli(), tenant.id, new).await;
    made.map(|(key, secret)| (key, secret.unwrap()))
}

async fn live(store: &Store, tenant: &Tenant) -> Vec<String> {
    let keys = tenants::live_keys(store, tenant.id).await.unwrap();
    keys.into_iter().map(|key| key.kid).collect()
}

async fn stored(store: &Store, key: &SigningKey) -> signing_key::Model {
    let row = signing_key::Entity::find_by_id((key.tenant_id, key.id));
    row.one(store.reader()).await.unwrap().unwrap()
}

/// What servers heard about keys.
async fn revoked(store: &Store) -> Vec<ControlEvent> {
    let events = control::events_since(store, Timestamp(0)).await.unwrap();
    let events = events.into_iter().filter_map(|recorded| recorded.event);
    events
        .filter(|event| matches!(event, ControlEvent::KeyRevoked { .. }))
        .collect()
}

both_engines! {
    async fn a_secret_is_shown_once_and_kept_sealed(db: TestDatabase) {
        let acme = tenant(&db.store, "acme").await;
        let (key, secret) = create(&db.store, &acme, "first").await.unwrap();
        assert_eq!((key.kid.as_str(), key.algorithm), ("first", KeyAlgorithm::Hs256));
        assert_eq!(secret.expose_secret().len(), 43, "256 bits in base64url");
        let row = stored(&db.store, &key).await;
        let sealed = row.secret.clone().unwrap();
        assert!(sealed.starts_with("v1.") && !format!("{row:?}").contains(secret.expose_secret()));

        let keys = tenants::live_keys(&db.store, acme.id).await.unwrap();
        assert_eq!(keys.len(), 1);
        let opened = keys[0].secret(&vault("now", &[])).unwrap().unwrap();
        assert_eq!(opened.expose_secret(), secret.expose_secret());
        assert_eq!(keys[0].secret(&vault("other", &[])).unwrap_err(), VaultError::UnknownKey);
        for text in [format!("{key:?}"), format!("{keys:?}"), json!(audited(&db.store).await).to_string()] {
            assert!(!text.contains(secret.expose_secret()), "{text}");
        }
        assert_eq!(tenants::list_keys(&db.store, acme.id).await.unwrap(), [key]);
    }

    async fn a_sealed_secret_opens_for_no_other_key_or_tenant(db: TestDatabase) {
        let (acme, globex) = (tenant(&db.store, "acme").await, tenant(&db.store, "globex").await);
        let (of_acme, _) = create(&db.store, &acme, "first").await.unwrap();
        let (of_globex, _) = create(&db.store, &globex, "first").await.unwrap();
        // Somebody who can write to the database, but does not have the master key, moves a secret they know.
        let moved = stored(&db.store, &of_acme).await.secret;
        let transaction = db.store.begin_write().await.unwrap();
        signing_key::Entity::update_many()
            .filter(signing_key::Column::Id.eq(of_globex.id))
            .col_expr(signing_key::Column::Secret, Expr::value(moved))
            .exec(&transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let keys = tenants::live_keys(&db.store, globex.id).await.unwrap();
        assert_eq!(keys[0].secret(&vault("now", &[])).unwrap_err(), VaultError::Damaged);
        // One that is damaged does not keep the server from starting for the others.
        tenants::check_sealed(&db.store, &vault("now", &[])).await.unwrap();
    }

    async fn of_a_key_pair_only_the_public_half_is_taken(db: TestDatabase) {
        let acme = tenant(&db.store, "acme").await;
        let (vault, actor) = (vault("now", &[]), Actor::cli());
        for (kid, algorithm, pem) in [("ed", KeyAlgorithm::EdDsa, ED25519), ("es", KeyAlgorithm::Es256, P256)] {
            // As people paste it.
            let pasted = format!("\n {}", pem.replace('\n', "\r\n"));
            let (key, secret) = tenants::create_key(&db.store, &vault, &actor, acme.id, new(Some(kid), algorithm, Some(&pasted)))
                .await.unwrap();
            assert!(secret.is_none());
            assert_eq!(key.public_key.as_deref(), Some(pem), "it is kept as it should be written");
        }
        let keys = tenants::live_keys(&db.store, acme.id).await.unwrap();
        assert!(keys.iter().all(|key| matches!(key.material, KeyMaterial::PublicKey(_)) && key.secret(&vault).unwrap().is_none()));
    }

    async fn what_is_no_public_key_of_the_algorithm_is_refused(db: TestDatabase) {
        use KeyAlgorithm::{EdDsa, Es256, Hs256};
        let acme = tenant(&db.store, "acme").await;
        let private = ED25519.replace("PUBLIC", "PRIVATE");
        let ec_private = P256.replace("PUBLIC", "EC PRIVATE");
        // The neutral element of the curve: with it as key anybody signs anything.
        let weak = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
        // A point that is on no curve.
        let off_curve = P256.replace("VZA==", "VZQ==");
        let long = format!("{ED25519}{}", "\n".repeat(10_000)) + ".";
        for (algorithm, pem, says) in [
            (EdDsa, None, "Ed25519 public key"),
            (EdDsa, Some(""), "Ed25519 public key"),
            (EdDsa, Some("hunter2"), "Ed25519 public key"),
            (EdDsa, Some(P256), "Ed25519 public key"),
            (EdDsa, Some(weak), "Ed25519 public key"),
            (EdDsa, Some(&long), "Ed25519 public key"),
            (EdDsa, Some(&private), "private key"),
            (Es256, None, "P-256 public key"),
            (Es256, Some(ED25519), "P-256 public key"),
            (Es256, Some(&off_curve), "P-256 public key"),
            (Es256, Some(&ec_private), "private key"),
            (Hs256, Some(ED25519), "is for EdDSA and ES256"),
        ] {
            let made = tenants::create_key(&db.store, &vault("now", &[]), &Actor::cli(), acme.id, new(None, algorithm, pem)).await;
            let Err(Error::Invalid(violations)) = made else { panic!("{algorithm} {pem:?}: {made:?}") };
            let told = json!(violations).to_string();
            assert!(told.contains("public_key") && told.contains(says), "{algorithm} {pem:?}: {told}");
            assert!(!told.contains("hunter2"));
        }
        for kid in ["", "a b", "ä", "a/b", &"k".repeat(65)] {
            assert!(matches!(create(&db.store, &acme, kid).await, Err(Error::Invalid(_))), "{kid}");
        }
        assert!(tenants::list_keys(&db.store, acme.id).await.unwrap().is_empty());
    }

    async fn two_keys_are_live_and_no_more(db: TestDatabase) {
        let (acme, globex) = (tenant(&db.store, "acme").await, tenant(&db.store, "globex").await);
        let made = join_all(["a", "b", "c", "d"].map(|kid| create(&db.store, &acme, kid))).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 2, "also when they come at the same time");
        assert!(made.iter().all(|made| matches!(made, Ok(_) | Err(Error::TooManyKeys))));
        create(&db.store, &globex, "a").await.unwrap();

        let kids = live(&db.store, &acme).await;
        let revoked = tenants::revoke_key(&db.store, &Actor::cli(), acme.id, &kids[0]).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        create(&db.store, &acme, "e").await.unwrap();
        assert_eq!(live(&db.store, &acme).await, [kids[1].as_str(), "e"]);
        assert_eq!(live(&db.store, &globex).await, ["a"]);
    }

    async fn a_name_is_given_once_in_a_tenant_and_never_again(db: TestDatabase) {
        let (acme, globex) = (tenant(&db.store, "acme").await, tenant(&db.store, "globex").await);
        create(&db.store, &acme, "first").await.unwrap();
        assert!(matches!(create(&db.store, &acme, "first").await, Err(Error::Invalid(_))));
        tenants::revoke_key(&db.store, &Actor::cli(), acme.id, "first").await.unwrap();
        assert!(matches!(create(&db.store, &acme, "first").await, Err(Error::Invalid(_))), "nor one that was revoked");
        create(&db.store, &globex, "first").await.unwrap();
        let unnamed = new(None, KeyAlgorithm::Hs256, None);
        let (key, _) = tenants::create_key(&db.store, &vault("now", &[]), &Actor::cli(), acme.id, unnamed).await.unwrap();
        assert!(key.kid.starts_with("key-") && key.kid.len() == 16, "{}", key.kid);
    }

    async fn a_rotation_keeps_two_and_revokes_the_oldest(db: TestDatabase) {
        let acme = tenant(&db.store, "acme").await;
        let (first, _) = create(&db.store, &acme, "first").await.unwrap();
        let rotate = async |kid: &str, successor: &str| {
            let successor = Successor { kid: Some(successor.to_owned()), public_key: None };
            tenants::rotate_key(&db.store, &vault("now", &[]), &Actor::cli(), acme.id, kid, successor).await
        };
        let (second, secret) = rotate("first", "second").await.unwrap();
        assert!(secret.is_some());
        assert_eq!(second.algorithm, first.algorithm);
        assert_eq!(live(&db.store, &acme).await, ["first", "second"]);
        assert_eq!(revoked(&db.store).await, []);
        rotate("second", "third").await.unwrap();
        assert_eq!(live(&db.store, &acme).await, ["second", "third"]);
        assert_eq!(revoked(&db.store).await, [ControlEvent::KeyRevoked { key_id: first.id }]);

        assert!(matches!(rotate("first", "fourth").await, Err(Error::KeyNotFound)), "a revoked one has no successor");
        assert!(matches!(rotate("nope", "fourth").await, Err(Error::KeyNotFound)));
        assert!(matches!(rotate("third", "second").await, Err(Error::Invalid(_))));
        assert_eq!(live(&db.store, &acme).await, ["second", "third"], "what was refused revoked nothing");
        assert_eq!(
            audited(&db.store).await,
            ["system tenant.create acme", "cli key.create acme", "cli key.rotate acme", "cli key.rotate acme"]
        );
    }

    async fn a_revoked_key_forgets_its_secret(db: TestDatabase) {
        let acme = tenant(&db.store, "acme").await;
        let (key, _) = create(&db.store, &acme, "first").await.unwrap();
        let ended = tenants::revoke_key(&db.store, &Actor::cli(), acme.id, "first").await.unwrap();
        assert_eq!(tenants::revoke_key(&db.store, &Actor::cli(), acme.id, "first").await.unwrap(), ended);
        assert_eq!(stored(&db.store, &key).await.secret, None);
        assert!(live(&db.store, &acme).await.is_empty());
        assert_eq!(revoked(&db.store).await, [ControlEvent::KeyRevoked { key_id: key.id }], "told once");
        assert_eq!(tenants::list_keys(&db.store, acme.id).await.unwrap(), [ended]);
    }

    async fn keys_of_other_tenants_are_not_found(db: TestDatabase) {
        let (acme, globex) = (tenant(&db.store, "acme").await, tenant(&db.store, "globex").await);
        create(&db.store, &acme, "first").await.unwrap();
        let actor = Actor::cli();
        for (tenant_id, not_found) in [(globex.id, "signing_key_not_found"), (TenantId::generate(), "tenant_not_found")] {
            let revoked = tenants::revoke_key(&db.store, &actor, tenant_id, "first").await;
            assert_eq!(revoked.unwrap_err().code(), not_found);
            let rotated = tenants::rotate_key(&db.store, &vault("now", &[]), &actor, tenant_id, "first", Successor::default()).await;
            assert_eq!(rotated.unwrap_err().code(), not_found);
            assert!(tenants::list_keys(&db.store, tenant_id).await.unwrap().is_empty());
            assert!(tenants::live_keys(&db.store, tenant_id).await.unwrap().is_empty());
        }
        assert_eq!(live(&db.store, &acme).await, ["first"]);
    }

    async fn use_is_noted_to_the_minute(db: TestDatabase) {
        let acme = tenant(&db.store, "acme").await;
        let (key, _) = create(&db.store, &acme, "first").await.unwrap();
        let used = async || tenants::list_keys(&db.store, acme.id).await.unwrap()[0].last_used_at;
        let touch = async || {
            let keys = tenants::live_keys(&db.store, acme.id).await.unwrap();
            tenants::touch_key(&db.store, &keys[0]).await.unwrap();
        };
        assert_eq!(used().await, None);
        touch().await;
        let first = used().await.unwrap();
        touch().await;
        assert_eq!(used().await, Some(first), "not again within the minute");
        let transaction = db.store.begin_write().await.unwrap();
        signing_key::Entity::update_many()
            .filter(signing_key::Column::Id.eq(key.id))
            .col_expr(signing_key::Column::LastUsedAt, Expr::col(signing_key::Column::LastUsedAt).sub(61_000_000))
            .exec(&transaction).await.unwrap();
        transaction.commit().await.unwrap();
        touch().await;
        assert!(used().await.unwrap() >= first);
    }

    async fn secrets_are_sealed_anew_with_the_current_key(db: TestDatabase) {
        let (acme, globex) = (tenant(&db.store, "acme").await, tenant(&db.store, "globex").await);
        let (key, secret) = create(&db.store, &acme, "first").await.unwrap();
        create(&db.store, &globex, "first").await.unwrap();
        tenants::check_sealed(&db.store, &vault("now", &[])).await.unwrap();
        let unknown = tenants::check_sealed(&db.store, &vault("later", &[])).await;
        assert!(matches!(unknown, Err(Error::Vault(VaultError::UnknownKey))));
        let refused = tenants::reseal_keys(&db.store, &vault("later", &[]), &Actor::cli()).await;
        assert!(matches!(refused, Err(Error::Vault(VaultError::UnknownKey))));

        let both = vault("later", &["now"]);
        tenants::check_sealed(&db.store, &both).await.unwrap();
        let before = stored(&db.store, &key).await.secret;
        assert_eq!(tenants::reseal_keys(&db.store, &both, &Actor::cli()).await.unwrap(), 2);
        assert_ne!(stored(&db.store, &key).await.secret, before);
        assert_eq!(tenants::reseal_keys(&db.store, &both, &Actor::cli()).await.unwrap(), 0, "nothing is left to do");
        let later = vault("later", &[]);
        tenants::check_sealed(&db.store, &later).await.unwrap();
        let keys = tenants::live_keys(&db.store, acme.id).await.unwrap();
        assert_eq!(keys[0].secret(&later).unwrap().unwrap().expose_secret(), secret.expose_secret());
        let log = audited(&db.store).await;
        assert_eq!(log[log.len() - 2..], ["cli secrets.rotate ", "cli secrets.rotate "]);
    }
}
