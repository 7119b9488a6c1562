//! Tenants.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use parlour::{
    accounts::{
        self, Tokens,
        admin::{self, UserPatch},
    },
    api_keys::{self, ApiKeyKind, NewApiKey},
    audit::Actor,
    chat::{self, Role, RoomRef, seed::SeedPlan},
    config::{Cap, Settings, Sources, TenantLimits},
    control::{self, ControlEvent},
    entity::{TenantScoped, message},
    ids::{MessageId, TenantId},
    scope::Scope,
    store::Store,
    tenants::{self, Error, KeyAlgorithm, NewKey, NewTenant, Tenant, TenantPatch, TenantSettings},
    timestamp::Timestamp,
    vault::Vault,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement, sea_query::Expr};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::helpers::{
    app::TestApp,
    audit::audited,
    people::{private_room, public_room, say, scope, scope_of, set_settings, user},
    pictures::plain_file,
};

async fn create(store: &Store, slug: &str, name: Option<&str>) -> Result<Tenant, Error> {
    let new = NewTenant {
        slug: slug.to_owned(),
        name: name.map(str::to_owned),
    };
    tenants::create_tenant(store, &Actor::cli(), new).await
}

fn patch(patch: Value) -> TenantPatch {
    serde_json::from_value(patch).unwrap()
}

fn limits(limits: Value) -> TenantLimits {
    serde_json::from_value(limits).unwrap()
}

fn defaults() -> Settings {
    Settings::load(&Sources::default()).unwrap().settings
}

/// Makes messages older. Their ids say when they were made, too.
async fn age(store: &Store, ids: impl Iterator<Item = MessageId>, by: Duration) {
    let then = Timestamp::now().before(by);
    let transaction = store.begin_write().await.unwrap();
    for id in ids {
        let milliseconds = then.milliseconds().cast_unsigned();
        let made_then = Uuid::from_u64_pair(
            (milliseconds << 16) | (id.0.as_u64_pair().0 & 0xffff),
            id.0.as_u64_pair().1,
        );
        message::Entity::update_many()
            .filter(message::Column::Id.eq(id))
            .col_expr(message::Column::Id, Expr::value(made_then))
            .col_expr(message::Column::InsertedAt, Expr::value(then))
            .exec(&transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

/// Rows of every table but the two that outlive a tenant.
async fn counts(store: &Store) -> BTreeMap<String, i64> {
    let tables = match store.backend() {
        DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        _ => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    let query = async |sql: &str| {
        let statement = Statement::from_string(store.backend(), sql);
        store.reader().query_all_raw(statement).await.unwrap()
    };
    let mut counts = BTreeMap::new();
    for table in query(tables).await {
        let table: String = table.try_get_by_index(0).unwrap();
        if !["audit_log", "control_events"].contains(&table.as_str()) {
            let rows = query(&format!("SELECT count(*) FROM {table}")).await;
            counts.insert(table, rows[0].try_get_by_index(0).unwrap());
        }
    }
    counts
}

/// A tenant with something of everything.
async fn furnish(store: &Store, slug: &str) -> Tenant {
    let tenant = create(store, slug, None).await.unwrap();
    let (ann, bob) = (user(store, slug, "ann").await, user(store, slug, "bob").await);
    let (a, b) = (scope_of(&ann), scope_of(&bob));
    let room = private_room(store, &a, "Club").await;
    let here = RoomRef::Id(room.id);
    chat::add_member(store, &a, &here, bob.id, Role::Member, Cap::Off)
        .await
        .unwrap();
    let said = say(store, &a, &room, "hello @bob").await;
    chat::store_upload(store, &a, room.id, plain_file(), Cap::Off)
        .await
        .unwrap();
    chat::edit_message(store, &a, &here, said.id, "hi @bob".to_owned(), None)
        .await
        .unwrap();
    chat::add_reaction(store, &b, &here, said.id, "\u{1f44d}")
        .await
        .unwrap();
    chat::mute(store, &a, &here, bob.id, None, None).await.unwrap();
    let carl = user(store, slug, "carl").await;
    chat::invite(store, &a, &here, carl.id, Role::Member).await.unwrap();
    chat::start_dm(store, &a, bob.id).await.unwrap();
    let tokens = Tokens::new(
        &"a-secret-for-tests-of-at-least-32-bytes".into(),
        Duration::from_secs(60),
    );
    accounts::revoke_token(store, &tokens.issue(&ann).claims).await.unwrap();
    let vault = Vault::new(&"now".into(), &[]);
    let key = NewKey {
        kid: None,
        algorithm: KeyAlgorithm::Hs256,
        public_key: None,
    };
    tenants::create_key(store, &vault, &Actor::cli(), tenant.id, key)
        .await
        .unwrap();
    let key = NewApiKey {
        kind: ApiKeyKind::Admin,
        name: "ann".to_owned(),
        permissions: Vec::new(),
        expires_at: None,
    };
    api_keys::create_key(store, &Actor::cli(), &tenant, key).await.unwrap();
    let renamed = UserPatch {
        name: Some(Some("Bob".to_owned())),
        ..UserPatch::default()
    };
    admin::update_user(store, &Actor::cli(), &tenant, bob.id, renamed)
        .await
        .unwrap();
    // More than one batch of some things.
    let plan = SeedPlan {
        tenant_id: tenant.id,
        users: 1001,
        rooms: 501,
        per_room: 2,
        password_hash: String::new(),
    };
    chat::seed::seed(store, &plan).await.unwrap();
    tenant
}

/// What the servers were told about a tenant, in order.
async fn told(store: &Store, tenant_id: TenantId) -> Vec<ControlEvent> {
    let events = control::events_since(store, Timestamp(0)).await.unwrap();
    events
        .into_iter()
        .filter(|recorded| recorded.tenant_id == tenant_id)
        .filter_map(|recorded| recorded.event)
        .collect()
}

both_engines! {
    async fn a_tenant_is_found_by_id_slug_and_public_key(db: TestDatabase) {
        let tenant = create(&db.store, "acme", Some(" Acme & Sons ")).await.unwrap();
        assert_eq!((tenant.slug.as_str(), tenant.name.as_str()), ("acme", "Acme & Sons"));
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), tenant);
        assert_eq!(tenants::get_tenant_by_slug(&db.store, "acme").await.unwrap(), tenant);
        for name in ["acme", &tenant.public_key] {
            assert_eq!(tenants::get_tenant_by_name(&db.store, name).await.unwrap(), tenant, "{name}");
        }
        assert!(tenant.public_key.starts_with("pk_") && tenant.public_key.len() == 35, "{}", tenant.public_key);
        let nameless = create(&db.store, "aardvark", None).await.unwrap();
        assert_eq!(nameless.name, "aardvark");
        assert_ne!(nameless.public_key, tenant.public_key);
        assert_eq!(tenants::list_tenants(&db.store).await.unwrap(), [nameless, tenant]);
    }

    async fn unknown_tenants_are_not_found_whatever_they_are_called(db: TestDatabase) {
        let unknown = TenantId::generate();
        assert!(matches!(tenants::get_tenant(&db.store, unknown).await, Err(Error::NotFound)));
        let key = format!("pk_{}", "0".repeat(32));
        for name in ["acme", "", "A\0B", "ÄÖÜ", "'; DROP TABLE tenants; --", &key, "pk_", "pk_0"] {
            assert!(matches!(tenants::get_tenant_by_slug(&db.store, name).await, Err(Error::NotFound)), "{name}");
            assert!(matches!(tenants::get_tenant_by_name(&db.store, name).await, Err(Error::NotFound)), "{name}");
        }
        let actor = Actor::cli();
        let updated = tenants::update_tenant(&db.store, &actor, unknown, TenantPatch::default()).await;
        assert!(matches!(updated, Err(Error::NotFound)));
        let limited = tenants::set_limits(&db.store, &actor, &defaults(), unknown, TenantLimits::default()).await;
        assert!(matches!(limited, Err(Error::NotFound)));
        assert!(matches!(tenants::suspend_tenant(&db.store, &actor, unknown).await, Err(Error::NotFound)));
        assert!(matches!(tenants::resume_tenant(&db.store, &actor, unknown).await, Err(Error::NotFound)));
        assert!(matches!(tenants::delete_tenant(&db.store, &actor, unknown).await, Err(Error::NotFound)));
        assert_eq!(audited(&db.store).await, Vec::<String>::new(), "what was not done is in no log");
        assert_eq!(told(&db.store, unknown).await, []);
    }

    async fn a_slug_is_given_once_and_has_rules(db: TestDatabase) {
        create(&db.store, "acme", None).await.unwrap();
        assert!(matches!(create(&db.store, "acme", None).await, Err(Error::SlugTaken)));
        for slug in ["", "Acme", "-acme", "a_b"] {
            assert!(matches!(create(&db.store, slug, None).await, Err(Error::Invalid(_))), "{slug}");
            assert!(matches!(tenants::ensure_tenant(&db.store, slug).await, Err(Error::Invalid(_))), "{slug}");
        }
        for name in ["", "  ", "a\0b", &"n".repeat(121)] {
            assert!(matches!(create(&db.store, "b", Some(name)).await, Err(Error::Invalid(_))), "{name}");
        }
        assert_eq!(audited(&db.store).await, ["cli tenant.create acme"]);
    }

    async fn a_name_and_settings_are_changed_and_kept(db: TestDatabase) {
        let tenant = create(&db.store, "acme", None).await.unwrap();
        assert_eq!(tenant.settings, TenantSettings::default());
        let change = json!({
            "name": " Acme ",
            "settings": { "allowed_origins": ["https://*.acme.example"], "edit_window_s": 600, "features": { "threads": false } },
        });
        let updated = tenants::update_tenant(&db.store, &Actor::cli(), tenant.id, patch(change)).await.unwrap();
        assert_eq!(updated.name, "Acme");
        assert_eq!(updated.settings.allowed_origins.as_deref(), Some(&["https://*.acme.example".to_owned()][..]));
        assert!(!updated.settings.features.threads && updated.settings.features.reactions);
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), updated);
        let again = set_settings(&db.store, tenant.id, json!({ "edit_window_s": null })).await;
        assert_eq!(again.settings, TenantSettings { edit_window_s: None, ..updated.settings.clone() });
        assert_eq!(again.name, "Acme");

        for wrong in [
            json!({ "name": "" }),
            json!({ "settings": { "allowed_origins": ["acme.example/chat"] } }),
            json!({ "settings": { "message_chars_max": 2001 } }),
        ] {
            let refused = tenants::update_tenant(&db.store, &Actor::cli(), tenant.id, patch(wrong.clone())).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong}");
        }
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), again);
        assert_eq!(
            audited(&db.store).await,
            ["cli tenant.create acme", "cli tenant.update acme", "system tenant.update acme"]
        );
        assert_eq!(told(&db.store, tenant.id).await, [ControlEvent::TenantChanged; 3]);
    }

    async fn changes_at_the_same_time_lose_nothing(db: TestDatabase) {
        let tenant = create(&db.store, "acme", None).await.unwrap();
        let names = ["guests", "guest_claims", "require_origin", "allow_null_origin", "announce_joins"];
        join_all(names.map(|name| set_settings(&db.store, tenant.id, json!({ name: true })))).await;
        let settings = json!(tenants::get_tenant(&db.store, tenant.id).await.unwrap().settings);
        for name in names {
            assert_eq!(settings[name], true, "{name}");
        }
    }

    async fn limits_are_kept_and_replaced_as_a_whole(db: TestDatabase) {
        let tenant = create(&db.store, "acme", None).await.unwrap();
        let (actor, settings) = (Actor::cli(), defaults());
        let set = async |given: Value| tenants::set_limits(&db.store, &actor, &settings, tenant.id, limits(given)).await;
        let first = json!({ "dry_run": true, "messages_per_user": "3/1s", "rooms_max": 5 });
        assert_eq!(json!(set(first.clone()).await.unwrap().limits), first);
        assert_eq!(json!(tenants::get_tenant(&db.store, tenant.id).await.unwrap().limits), first);
        let second = json!({ "dry_run": false, "rooms_max": "off" });
        assert_eq!(json!(set(second.clone()).await.unwrap().limits), second);
        assert!(matches!(set(json!({ "rooms_max": 0 })).await, Err(Error::Invalid(_))));
        assert!(matches!(set(json!({ "body_bytes_max": "off" })).await, Err(Error::Invalid(_))));
        assert_eq!(json!(tenants::get_tenant(&db.store, tenant.id).await.unwrap().limits), second);
        assert_eq!(
            audited(&db.store).await,
            ["cli tenant.create acme", "cli tenant.limits acme", "cli tenant.limits acme"]
        );
    }

    async fn a_suspension_is_kept_until_it_ends(db: TestDatabase) {
        let tenant = create(&db.store, "acme", None).await.unwrap();
        let actor = Actor::cli();
        let suspended = tenants::suspend_tenant(&db.store, &actor, tenant.id).await.unwrap();
        assert!(suspended.suspended_at.is_some());
        let again = tenants::suspend_tenant(&db.store, &actor, tenant.id).await.unwrap();
        assert_eq!(again, suspended, "the first moment counts");
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), suspended);
        assert_eq!(tenants::resume_tenant(&db.store, &actor, tenant.id).await.unwrap(), tenant);
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), tenant);
        use ControlEvent::{TenantChanged, TenantRevoked};
        assert_eq!(told(&db.store, tenant.id).await, [TenantChanged, TenantRevoked, TenantRevoked, TenantChanged]);
    }

    async fn of_a_deleted_tenant_nothing_is_left_but_the_log(db: TestDatabase) {
        let empty = counts(&db.store).await;
        let globex = furnish(&db.store, "globex").await;
        let with_globex = counts(&db.store).await;
        for (table, count) in &with_globex {
            let global = ["deployment", "seaql_migrations"].contains(&table.as_str());
            assert!(global || *count > empty[table], "{table} has rows to delete");
        }
        let acme = furnish(&db.store, "acme").await;
        tenants::delete_tenant(&db.store, &Actor::cli(), acme.id).await.unwrap();
        assert_eq!(counts(&db.store).await, with_globex, "of acme nothing is left, and of globex everything");
        assert!(matches!(tenants::get_tenant(&db.store, acme.id).await, Err(Error::NotFound)));
        assert!(matches!(tenants::delete_tenant(&db.store, &Actor::cli(), acme.id).await, Err(Error::NotFound)));
        use ControlEvent::TenantRevoked;
        assert_eq!(told(&db.store, acme.id).await[told(&db.store, acme.id).await.len() - 2..], [TenantRevoked; 2]);
        let log = audited(&db.store).await;
        assert_eq!(log[log.len() - 2..], ["cli tenant.suspend acme", "cli tenant.delete acme"]);

        create(&db.store, "acme", None).await.unwrap();
        tenants::suspend_tenant(&db.store, &Actor::cli(), globex.id).await.unwrap();
        tenants::delete_tenant(&db.store, &Actor::cli(), globex.id).await.unwrap();
        let log = audited(&db.store).await;
        assert_eq!(log[log.len() - 2..], ["cli tenant.suspend globex", "cli tenant.delete globex"], "suspended once");
    }

    async fn messages_go_when_their_tenant_keeps_them_no_longer(db: TestDatabase) {
        let (kept, pruned) = (scope(&db.store, "globex", "ann").await, scope(&db.store, "acme", "ann").await);
        let mut messages = Vec::new();
        for who in [&kept, &pruned] {
            for number in 0..3 {
                let room = public_room(&db.store, who, &format!("Room {number}")).await;
                messages.push((*who, room.id, say(&db.store, who, &room, "old").await.id));
                messages.push((*who, room.id, say(&db.store, who, &room, "new").await.id));
            }
            public_room(&db.store, who, "Silent").await;
        }
        set_settings(&db.store, pruned.tenant_id, json!({ "retention_days": 2 })).await;
        let olden = messages.iter().step_by(2).map(|(_, _, id)| *id);
        age(&db.store, olden, Duration::from_secs(3 * 24 * 60 * 60)).await;

        let app = TestApp::start_with(db, |settings| settings.tenants.retention_interval = Duration::from_millis(20)).await;
        let left = async |scope: &Scope| {
            let messages = message::Entity::in_tenant(scope.tenant_id).all(app.db.store.reader()).await.unwrap();
            messages.into_iter().map(|message| message.content).collect::<Vec<_>>()
        };
        while left(&pruned).await.len() > 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(left(&pruned).await, ["new"; 3]);
        assert_eq!(left(&kept).await.len(), 6, "who says nothing keeps everything");
    }

    async fn ensuring_a_tenant_many_times_at_once_makes_one(db: TestDatabase) {
        let ensured = join_all((0..16).map(|_| tenants::ensure_tenant(&db.store, "acme"))).await;
        let ids: Vec<TenantId> = ensured.into_iter().map(|tenant| tenant.unwrap().id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(tenants::list_tenants(&db.store).await.unwrap().len(), 1);
        assert_eq!(audited(&db.store).await, ["system tenant.create acme"]);
    }
}
