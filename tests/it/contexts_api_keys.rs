//! API keys.

use futures_util::future::join_all;
use parlour::{
    accounts::UserKind,
    api_keys::{self, ApiKeyKind, Error, KEYS_MAX, NewApiKey, Permission},
    audit::{self, Actor},
    entity::{api_key, user},
    ids::ApiKeyId,
    page::PageRequest,
    store::Store,
    tenants::{self, Tenant},
    timestamp::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};

const DAY_US: i64 = 86_400_000_000;

fn new(kind: ApiKeyKind) -> NewApiKey {
    let permissions = match kind {
        ApiKeyKind::Server => vec![Permission::RoomsRead, Permission::MessagesWrite, Permission::RoomsRead],
        ApiKeyKind::Admin => Vec::new(),
    };
    NewApiKey {
        kind,
        name: "backend".to_owned(),
        permissions,
        expires_at: None,
    }
}

async fn create(store: &Store, tenant: &Tenant, kind: ApiKeyKind) -> (api_keys::ApiKey, SecretString) {
    api_keys::create_key(store, &Actor::cli(), tenant, new(kind))
        .await
        .unwrap()
}

async fn row(store: &Store, id: ApiKeyId) -> api_key::Model {
    let found = api_key::Entity::find()
        .filter(api_key::Column::Id.eq(id))
        .one(store.reader())
        .await;
    found.unwrap().unwrap()
}

async fn set(store: &Store, id: ApiKeyId, column: api_key::Column, value: Option<Timestamp>) {
    let transaction = store.begin_write().await.unwrap();
    api_key::Entity::update_many()
        .filter(api_key::Column::Id.eq(id))
        .col_expr(column, Expr::value(value))
        .exec(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

fn ago(micros: i64) -> Option<Timestamp> {
    Some(Timestamp(Timestamp::now().0 - micros))
}

both_engines! {
    async fn a_key_is_seen_once_and_kept_as_a_hash(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        for kind in [ApiKeyKind::Server, ApiKeyKind::Admin] {
            let (key, secret) = create(&db.store, &acme, kind).await;
            let secret = secret.expose_secret();
            assert!(secret.starts_with(kind.prefix()) && secret.len() == 46);
            assert!(secret.ends_with(&key.hint) && key.hint.len() == 4);
            let unguessable = &secret[3..42];
            let stored = format!("{:?}", row(&db.store, key.id).await);
            let listed = format!("{:?}", api_keys::list_keys(&db.store, acme.id, kind, &PageRequest::default()).await);
            let logged = format!("{:?}", audit::list(&db.store, None, &PageRequest::default()).await);
            for text in [stored, listed, logged, format!("{key:?}")] {
                assert!(!text.contains(unguessable), "{text}");
            }
            assert_eq!(api_keys::authenticate(&db.store, kind, secret).await.unwrap().id, key.id);
        }
    }

    async fn a_key_opens_its_own_door_only(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (_, server) = create(&db.store, &acme, ApiKeyKind::Server).await;
        let (_, admin) = create(&db.store, &acme, ApiKeyKind::Admin).await;
        let (server, admin) = (server.expose_secret(), admin.expose_secret());
        let unknown = format!("sk_{}", "A".repeat(43));
        let other_prefix = format!("ta_{}", &server[3..]);
        for (kind, text) in [
            (ApiKeyKind::Admin, server),
            (ApiKeyKind::Server, admin),
            (ApiKeyKind::Admin, &other_prefix),
            (ApiKeyKind::Server, &server[..45]),
            (ApiKeyKind::Server, &format!("{server}A")),
            (ApiKeyKind::Server, &server.to_uppercase()),
            (ApiKeyKind::Server, &unknown),
            (ApiKeyKind::Server, &format!("sk_{}", "A".repeat(100_000))),
            (ApiKeyKind::Server, "sk_\0"),
            (ApiKeyKind::Server, ""),
        ] {
            let refused = api_keys::authenticate(&db.store, kind, text).await;
            assert!(matches!(refused, Err(Error::Unknown)), "{kind} {text}");
        }
    }

    async fn a_revoked_key_opens_nothing_from_that_moment_on(db: TestDatabase) {
        let (acme, globex) = (
            tenants::ensure_tenant(&db.store, "acme").await.unwrap(),
            tenants::ensure_tenant(&db.store, "globex").await.unwrap(),
        );
        let kind = ApiKeyKind::Server;
        let (key, secret) = create(&db.store, &acme, kind).await;
        let actor = Actor::cli();
        let revoke = |tenant, kind, id| api_keys::revoke_key(&db.store, &actor, tenant, kind, id);
        // Not by another tenant, and not as a key of the other kind.
        for (tenant, kind, id) in [(&globex, kind, key.id), (&acme, ApiKeyKind::Admin, key.id), (&acme, kind, ApiKeyId::generate())] {
            assert!(matches!(revoke(tenant, kind, id).await, Err(Error::NotFound)));
        }
        api_keys::authenticate(&db.store, kind, secret.expose_secret()).await.unwrap();
        let revoked = revoke(&acme, kind, key.id).await.unwrap();
        assert!(revoked.revoked_at.is_some());
        let refused = api_keys::authenticate(&db.store, kind, secret.expose_secret()).await;
        assert!(matches!(refused, Err(Error::Unknown)));
        let again = revoke(&acme, kind, key.id).await.unwrap();
        assert_eq!(again.revoked_at, revoked.revoked_at);
    }

    async fn an_expired_key_opens_nothing(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (key, secret) = create(&db.store, &acme, ApiKeyKind::Server).await;
        set(&db.store, key.id, api_key::Column::ExpiresAt, ago(1)).await;
        let refused = api_keys::authenticate(&db.store, ApiKeyKind::Server, secret.expose_secret()).await;
        assert!(matches!(refused, Err(Error::Unknown)));
    }

    async fn administrators_keys_always_end(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let now = Timestamp::now().0;
        let (admin, _) = create(&db.store, &acme, ApiKeyKind::Admin).await;
        let days = (admin.expires_at.unwrap().0 - now) / DAY_US;
        assert!((89..=90).contains(&days), "{days}");
        let (server, _) = create(&db.store, &acme, ApiKeyKind::Server).await;
        assert_eq!(server.expires_at, None);
        for (kind, end) in [(ApiKeyKind::Admin, now + 367 * DAY_US), (ApiKeyKind::Admin, now - 1), (ApiKeyKind::Server, now - 1)] {
            let new = NewApiKey { expires_at: Some(Timestamp(end)), ..new(kind) };
            let refused = api_keys::create_key(&db.store, &Actor::cli(), &acme, new).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{kind}");
        }
    }

    async fn a_key_has_a_name_and_a_servers_key_has_scopes(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (key, _) = create(&db.store, &acme, ApiKeyKind::Server).await;
        assert_eq!(key.permissions, [Permission::RoomsRead, Permission::MessagesWrite]);
        assert!(key.require(Permission::RoomsRead).is_ok());
        assert!(matches!(key.require(Permission::RoomsWrite), Err(Error::NotPermitted { needed: Permission::RoomsWrite })));
        let server = || new(ApiKeyKind::Server);
        for wrong in [
            NewApiKey { name: " ".to_owned(), ..server() },
            NewApiKey { name: "a\nb".to_owned(), ..server() },
            NewApiKey { name: "n".repeat(81), ..server() },
            NewApiKey { permissions: Vec::new(), ..server() },
            NewApiKey { kind: ApiKeyKind::Admin, ..server() },
        ] {
            let refused = api_keys::create_key(&db.store, &Actor::cli(), &acme, wrong.clone()).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong:?}");
        }
    }

    async fn use_is_noted_once_a_minute(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (key, secret) = create(&db.store, &acme, ApiKeyKind::Server).await;
        let used = async || {
            api_keys::authenticate(&db.store, ApiKeyKind::Server, secret.expose_secret()).await.unwrap();
            row(&db.store, key.id).await.last_used_at.unwrap()
        };
        let first = used().await;
        assert_eq!(used().await, first);
        set(&db.store, key.id, api_key::Column::LastUsedAt, ago(59_000_000)).await;
        assert!(used().await < first);
        set(&db.store, key.id, api_key::Column::LastUsedAt, ago(61_000_000)).await;
        assert!(used().await > first);
    }

    async fn there_is_a_bound_to_keys_and_revoked_ones_do_not_count(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let actor = Actor::cli();
        let create_one = |_| api_keys::create_key(&db.store, &actor, &acme, new(ApiKeyKind::Server));
        let made = join_all((0..KEYS_MAX + 5).map(create_one)).await;
        let keys: Vec<_> = made.iter().filter_map(|made| made.as_ref().ok()).collect();
        assert_eq!(keys.len() as u64, KEYS_MAX);
        assert!(made.iter().filter_map(|made| made.as_ref().err()).all(|error| matches!(error, Error::TooMany)));
        create(&db.store, &acme, ApiKeyKind::Admin).await;
        api_keys::revoke_key(&db.store, &Actor::cli(), &acme, ApiKeyKind::Server, keys[0].0.id).await.unwrap();
        create(&db.store, &acme, ApiKeyKind::Server).await;

        let mut request = PageRequest { limit: 30, cursor: None };
        let first = api_keys::list_keys(&db.store, acme.id, ApiKeyKind::Server, &request).await.unwrap();
        request.cursor = first.next_cursor;
        let second = api_keys::list_keys(&db.store, acme.id, ApiKeyKind::Server, &request).await.unwrap();
        assert_eq!((first.items.len(), second.items.len(), second.next_cursor), (30, 21, None));
        assert!(first.items[29].id > second.items[0].id);
    }

    async fn making_and_revoking_a_key_is_one_row_each(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (key, _) = create(&db.store, &acme, ApiKeyKind::Server).await;
        let (admin, _) = create(&db.store, &acme, ApiKeyKind::Admin).await;
        api_keys::revoke_key(&db.store, &Actor::cli(), &acme, ApiKeyKind::Server, key.id).await.unwrap();
        api_keys::revoke_key(&db.store, &Actor::cli(), &acme, ApiKeyKind::Admin, admin.id).await.unwrap();
        let log = audit::list(&db.store, Some(acme.id), &PageRequest::default()).await.unwrap().items;
        let told: Vec<_> = log.iter().rev().skip_while(|row| row.action == "tenant.create").map(|row| (row.action.as_str(), row.target.clone().unwrap())).collect();
        let (key, admin) = (key.id.to_string(), admin.id.to_string());
        assert_eq!(
            told,
            [
                ("api_key.create", key.clone()),
                ("admin.create", admin.clone()),
                ("api_key.revoke", key),
                ("admin.revoke", admin)
            ]
        );
    }

    async fn a_key_writes_as_one_bot(db: TestDatabase) {
        let acme = tenants::ensure_tenant(&db.store, "acme").await.unwrap();
        let (key, _) = create(&db.store, &acme, ApiKeyKind::Server).await;
        let bots = join_all((0..8).map(|_| api_keys::bot_user(&db.store, &key))).await;
        let bot = bots[0].as_ref().unwrap();
        assert!(bots.iter().all(|other| other.as_ref().unwrap().id == bot.id));
        assert_eq!((bot.kind, bot.tenant_id, bot.name.as_deref()), (UserKind::Bot, acme.id, Some("backend")));

        let change = async |column, value: Option<Timestamp>| {
            let transaction = db.store.begin_write().await.unwrap();
            user::Entity::update_many().filter(user::Column::Id.eq(bot.id)).col_expr(column, Expr::value(value)).exec(&transaction).await.unwrap();
            transaction.commit().await.unwrap();
        };
        change(user::Column::SuspendedAt, ago(1)).await;
        assert!(matches!(api_keys::bot_user(&db.store, &key).await, Err(Error::BotSuspended)));
        change(user::Column::DeletedAt, ago(1)).await;
        assert_ne!(api_keys::bot_user(&db.store, &key).await.unwrap().id, bot.id);
    }
}
