//! What administrators do about users, and what becomes of a user's tokens.

use std::time::Duration;

use parlour::{
    accounts::{
        self, Error, NewUser, PasswordHasher, Tokens, User, UserKind,
        admin::{self, UserFilter, UserPatch},
    },
    audit::Actor,
    chat::{self, Role, RoomRef},
    config::Cap,
    control::{self, ControlEvent},
    entity::{TenantScoped, mention, room_invitation, room_member, room_sanction, user},
    ids::UserId,
    page::PageRequest,
    scope::Scope,
    store::Store,
    tenants::{self, Tenant, UserDirectory},
    timestamp::Timestamp,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

use crate::helpers::{
    audit::audited,
    people::{self, PASSWORD, make_member, private_room, public_room, say, scope_of},
};

fn hasher() -> PasswordHasher {
    PasswordHasher::weak_for_tests()
}

fn tokens() -> Tokens {
    Tokens::new(
        &"a-secret-for-tests-of-at-least-32-bytes".into(),
        Duration::from_secs(3600),
    )
}

async fn acme(store: &Store) -> Tenant {
    tenants::ensure_tenant(store, "acme").await.unwrap()
}

/// Whether a token that was issued to the user before is still good.
async fn is_in(store: &Store, token: &accounts::IssuedToken) -> bool {
    match people::session_user(store, &token.claims).await {
        Ok(_) => true,
        Err(Error::SignedOut) => false,
        Err(error) => panic!("{error}"),
    }
}

/// A token of a moment ago: what is issued in the millisecond of a revocation may be of either side of it.
async fn token(user: &User) -> accounts::IssuedToken {
    let token = tokens().issue(user);
    while Timestamp::now().to_millisecond() <= token.claims.issued_at {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    token
}

async fn row(store: &Store, id: UserId) -> user::Model {
    let found = user::Entity::find().filter(user::Column::Id.eq(id));
    found.one(store.reader()).await.unwrap().unwrap()
}

async fn listed(store: &Store, tenant: &Tenant, filter: UserFilter) -> Vec<String> {
    let page = admin::list_users(store, tenant.id, &filter, &PageRequest::default())
        .await
        .unwrap();
    page.items.into_iter().map(|user| user.username).collect()
}

async fn told(store: &Store) -> Vec<ControlEvent> {
    let events = control::events_since(store, Timestamp(0)).await.unwrap();
    let events = events.into_iter().filter_map(|recorded| recorded.event);
    events
        .filter(|event| matches!(event, ControlEvent::UserRevoked { .. }))
        .collect()
}

async fn set_row(store: &Store, id: UserId, column: user::Column, value: impl Into<sea_orm::Value>) {
    let transaction = store.begin_write().await.unwrap();
    user::Entity::update_many()
        .filter(user::Column::Id.eq(id))
        .col_expr(column, Expr::value(value.into()))
        .exec(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

both_engines! {
    async fn users_are_listed_by_name_kind_and_pages(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        for name in ["Dora", "alice", "Bob", "carl", "al_x"] {
            people::user(&db.store, "acme", name).await;
        }
        people::user(&db.store, "globex", "alien").await;
        let bob = accounts::get_user_by_name(&db.store, tenant.id, "bob").await.unwrap();
        set_row(&db.store, bob.id, user::Column::Kind, UserKind::Host).await;
        set_row(&db.store, bob.id, user::Column::Name, "Albert 100%").await;

        let all = || UserFilter::default();
        assert_eq!(listed(&db.store, &tenant, all()).await, ["al_x", "alice", "Bob", "carl", "Dora"]);
        let of_kind = |kind| UserFilter { kind: Some(kind), ..all() };
        assert_eq!(listed(&db.store, &tenant, of_kind(UserKind::Host)).await, ["Bob"]);
        assert_eq!(listed(&db.store, &tenant, of_kind(UserKind::Guest)).await, Vec::<String>::new());
        let called = |text: &str| UserFilter { search: Some(text.to_owned()), ..all() };
        assert_eq!(listed(&db.store, &tenant, called("AL")).await, ["al_x", "alice", "Bob"], "by both names");
        assert_eq!(listed(&db.store, &tenant, called("al_")).await, ["al_x"], "nothing stands for anything else");
        assert_eq!(listed(&db.store, &tenant, called("%")).await, Vec::<String>::new());
        assert_eq!(listed(&db.store, &tenant, called("albert 100%")).await, ["Bob"]);
        assert_eq!(listed(&db.store, &tenant, called("' OR 1=1 --")).await, Vec::<String>::new());
        for search in ["", "a\0b", &"a".repeat(81)] {
            let refused = admin::list_users(&db.store, tenant.id, &called(search), &PageRequest::default()).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{search}");
        }

        let first = PageRequest { limit: 3, cursor: None };
        let page = admin::list_users(&db.store, tenant.id, &all(), &first).await.unwrap();
        let next = PageRequest { limit: 3, cursor: page.next_cursor };
        let rest = admin::list_users(&db.store, tenant.id, &all(), &next).await.unwrap();
        assert_eq!((page.items.len(), rest.items.len(), rest.next_cursor), (3, 2, None));
    }

    async fn a_user_is_shown_with_what_others_do_not_see(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let ann = people::user(&db.store, "acme", "ann").await;
        set_row(&db.store, ann.id, user::Column::EmailHash, "c0ffee").await;
        set_row(&db.store, ann.id, user::Column::Attrs, json!({ "plan": "pro" })).await;
        let shown = admin::get_user(&db.store, tenant.id, ann.id).await.unwrap();
        assert_eq!((shown.email_hash.as_deref(), shown.attrs), (Some("c0ffee"), Some(json!({ "plan": "pro" }))));
        assert!(matches!(admin::get_user(&db.store, tenant.id, UserId::generate()).await, Err(Error::NotFound)));
    }

    async fn users_of_other_tenants_are_not_found(db: TestDatabase) {
        let globex = tenants::ensure_tenant(&db.store, "globex").await.unwrap();
        let ann = people::user(&db.store, "acme", "ann").await;
        let actor = Actor::cli();
        let before = (row(&db.store, ann.id).await, audited(&db.store).await);
        for id in [ann.id, UserId::generate()] {
            assert!(matches!(admin::get_user(&db.store, globex.id, id).await, Err(Error::NotFound)));
            assert!(matches!(admin::suspend_user(&db.store, &actor, &globex, id).await, Err(Error::NotFound)));
            assert!(matches!(admin::unsuspend_user(&db.store, &actor, &globex, id).await, Err(Error::NotFound)));
            assert!(matches!(admin::revoke_tokens(&db.store, &actor, &globex, id).await, Err(Error::NotFound)));
            assert!(matches!(admin::update_user(&db.store, &actor, &globex, id, UserPatch::default()).await, Err(Error::NotFound)));
            assert!(matches!(admin::delete_user(&db.store, &actor, &globex, id).await, Err(Error::NotFound)));
        }
        assert_eq!((row(&db.store, ann.id).await, audited(&db.store).await), before);
        assert_eq!(told(&db.store).await, []);
    }

    async fn a_suspended_user_is_out_until_a_new_token_after_the_end(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let (ann, bob) = (people::user(&db.store, "acme", "ann").await, people::user(&db.store, "acme", "bob").await);
        let (of_ann, of_bob) = (token(&ann).await, token(&bob).await);
        let actor = Actor::cli();
        let suspended = admin::suspend_user(&db.store, &actor, &tenant, ann.id).await.unwrap();
        assert!(suspended.suspended_at.is_some());
        assert!(!is_in(&db.store, &of_ann).await && !is_in(&db.store, &tokens().issue(&ann)).await);
        assert!(is_in(&db.store, &of_bob).await);
        let again = admin::suspend_user(&db.store, &actor, &tenant, ann.id).await.unwrap();
        assert_eq!(again.suspended_at, suspended.suspended_at);

        let back = admin::unsuspend_user(&db.store, &actor, &tenant, ann.id).await.unwrap();
        assert_eq!(back.suspended_at, None);
        assert!(!is_in(&db.store, &of_ann).await, "tokens from before stay revoked");
        assert!(is_in(&db.store, &tokens().issue(&ann)).await);
        assert_eq!(
            audited(&db.store).await[1..],
            ["cli user.suspend acme", "cli user.suspend acme", "cli user.unsuspend acme"]
        );
        let before = row(&db.store, ann.id).await.tokens_not_before;
        assert_eq!(told(&db.store).await[1], ControlEvent::UserRevoked { user_id: ann.id, before });
    }

    async fn revoked_tokens_are_those_issued_before(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let (ann, bob) = (people::user(&db.store, "acme", "ann").await, people::user(&db.store, "acme", "bob").await);
        let (of_ann, of_bob) = (token(&ann).await, token(&bob).await);
        admin::revoke_tokens(&db.store, &Actor::cli(), &tenant, ann.id).await.unwrap();
        assert!(!is_in(&db.store, &of_ann).await);
        assert!(is_in(&db.store, &of_bob).await && is_in(&db.store, &tokens().issue(&ann)).await);
        let before = row(&db.store, ann.id).await.tokens_not_before;
        assert_eq!(before, before.to_millisecond());
        assert_eq!(told(&db.store).await, [ControlEvent::UserRevoked { user_id: ann.id, before }]);
    }

    async fn a_user_is_called_something_else(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let ann = people::user(&db.store, "acme", "ann").await;
        people::user(&db.store, "acme", "bob").await;
        people::user(&db.store, "globex", "carl").await;
        let update = async |patch| {
            let patch: UserPatch = serde_json::from_value(patch).unwrap();
            admin::update_user(&db.store, &Actor::cli(), &tenant, ann.id, patch).await
        };
        let renamed = update(json!({ "username": "Carl", "name": "Carl the Great" })).await.unwrap();
        assert_eq!((renamed.username.as_str(), renamed.name.as_deref()), ("Carl", Some("Carl the Great")));
        assert_eq!(accounts::get_user_by_name(&db.store, tenant.id, "CARL").await.unwrap(), renamed);
        assert!(accounts::get_user_by_name(&db.store, tenant.id, "ann").await.is_err());
        let recased = update(json!({ "username": "carl" })).await.unwrap();
        assert_eq!((recased.username.as_str(), recased.name.as_deref()), ("carl", Some("Carl the Great")));
        assert_eq!(update(json!({ "name": null })).await.unwrap().name, None);
        for wrong in [
            json!({ "username": "BOB" }),
            json!({ "username": "x" }),
            json!({ "username": "a b c" }),
            json!({ "name": "" }),
            json!({ "name": "a\nb" }),
            json!({ "name": "x".repeat(81) }),
        ] {
            assert!(matches!(update(wrong.clone()).await, Err(Error::Invalid(_))), "{wrong}");
        }
        let now = admin::get_user(&db.store, tenant.id, ann.id).await.unwrap();
        assert_eq!((now.username.as_str(), now.name), ("carl", None));
        assert!(is_in(&db.store, &tokens().issue(&ann)).await, "nobody is signed out by a new name");
    }

    async fn of_a_deleted_user_messages_stay_and_nothing_else(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let (ann, bob) = (people::user(&db.store, "acme", "ann").await, people::user(&db.store, "acme", "bob").await);
        let (a, b) = (scope_of(&ann), scope_of(&bob));
        let room = public_room(&db.store, &b, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let said = say(&db.store, &a, &room, "what ann said").await;
        chat::join_room(&db.store, &a, &here, Cap::Off).await.unwrap();
        say(&db.store, &b, &room, "hello @ann").await;
        chat::mute(&db.store, &b, &here, ann.id, None, None).await.unwrap();
        let (dm, ..) = chat::start_dm(&db.store, &a, bob.id).await.unwrap();
        say(&db.store, &a, &dm, "between us").await;
        for (column, value) in [
            (user::Column::ExternalId, "site-1"),
            (user::Column::Name, "Ann Example"),
            (user::Column::AvatarUrl, "https://site.example/ann.png"),
            (user::Column::EmailHash, "c0ffee"),
            (user::Column::GuestKeyHash, "beef"),
        ] {
            set_row(&db.store, ann.id, column, value).await;
        }
        set_row(&db.store, ann.id, user::Column::Attrs, json!({ "plan": "pro" })).await;
        let issued = token(&ann).await;

        let left = admin::delete_user(&db.store, &Actor::cli(), &tenant, ann.id).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].change.room.id, left[0].change.after), (room.id, None));

        let row = row(&db.store, ann.id).await;
        assert!(row.username.starts_with("deleted-") && row.username == row.username_key, "{}", row.username);
        assert!(row.username.len() <= accounts::USERNAME_CHARS_MAX);
        let traces = [row.password_hash, row.external_id, row.name, row.avatar_url, row.email_hash, row.guest_key_hash];
        assert!(traces.iter().all(Option::is_none) && row.attrs.is_none() && row.deleted_at.is_some());
        let memberships = room_member::Entity::in_tenant(tenant.id).filter(room_member::Column::UserId.eq(ann.id));
        let memberships = memberships.all(db.store.reader()).await.unwrap();
        assert_eq!(memberships.iter().map(|member| (member.room_id, member.read_seq)).collect::<Vec<_>>(), [(dm.id, 0)]);
        let mentions = mention::Entity::in_tenant(tenant.id).filter(mention::Column::UserId.eq(ann.id));
        assert_eq!(mentions.count(db.store.reader()).await.unwrap(), 0);
        let sanctions = room_sanction::Entity::in_tenant(tenant.id).filter(room_sanction::Column::UserId.eq(ann.id));
        assert_eq!(sanctions.count(db.store.reader()).await.unwrap(), 0);

        let kept = chat::get_message(&db.store, &b, &here, said.id).await.unwrap();
        assert_eq!((kept.content.as_str(), kept.author.username.as_str()), ("what ann said", row.username.as_str()));
        let dms = chat::list_dms(&db.store, &b, &PageRequest::default()).await.unwrap();
        assert_eq!(dms.items[0].peer.username, row.username, "the other one keeps the conversation");

        assert!(!is_in(&db.store, &issued).await && !is_in(&db.store, &tokens().issue(&ann)).await);
        let signed_in = accounts::authenticate(&db.store, &hasher(), tenant.id, "ann", &PASSWORD.into()).await;
        assert!(matches!(signed_in, Err(Error::InvalidCredentials)));
        assert!(matches!(admin::get_user(&db.store, tenant.id, ann.id).await, Err(Error::NotFound)));
        assert!(matches!(admin::delete_user(&db.store, &Actor::cli(), &tenant, ann.id).await, Err(Error::NotFound)));
        assert_eq!(listed(&db.store, &tenant, UserFilter::default()).await, ["bob"]);
        let public = accounts::list_users(&db.store, &b, &PageRequest::default(), UserDirectory::Everyone).await.unwrap();
        assert_eq!(public.items.len(), 1);
        let log = audited(&db.store).await;
        assert_eq!(log.last().unwrap(), "cli user.delete acme");
        assert!(!json!(log).to_string().contains("ann"));

        let again = NewUser { username: "ann".to_owned(), password: PASSWORD.into() };
        let again = accounts::register(&db.store, &hasher(), tenant.id, again).await.unwrap();
        assert_ne!(again.id, ann.id, "the name is free, and somebody else's");
    }

    async fn nobody_can_be_in_the_way_of_a_deletion(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let ann = people::user(&db.store, "acme", "ann").await;
        let id = ann.id.0.simple().to_string();
        for taken in [format!("deleted-{}", &id[..24]), format!("deleted-{}", &id[8..])] {
            people::user(&db.store, "acme", &taken).await;
        }
        admin::delete_user(&db.store, &Actor::cli(), &tenant, ann.id).await.unwrap();
    }

    async fn rooms_of_a_deleted_admin_get_another_one(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let ann = people::user(&db.store, "acme", "ann").await;
        let (bob, carl) = (people::scope(&db.store, "acme", "bob").await, people::scope(&db.store, "acme", "carl").await);
        let a = scope_of(&ann);
        let (shared, lonely) = (private_room(&db.store, &a, "Shared").await, private_room(&db.store, &a, "Lonely").await);
        let public = public_room(&db.store, &a, "Public").await;
        make_member(&db.store, &bob, &shared, Role::Member).await;
        make_member(&db.store, &carl, &shared, Role::Moderator).await;
        make_member(&db.store, &bob, &public, Role::Member).await;
        chat::invite(&db.store, &a, &RoomRef::Id(lonely.id), bob.user_id, Role::Member).await.unwrap();

        let left = admin::delete_user(&db.store, &Actor::cli(), &tenant, ann.id).await.unwrap();
        let mut promoted: Vec<_> = left.iter().map(|left| (left.change.room.name.as_str(), left.promoted.as_ref())).collect();
        promoted.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(promoted.len(), 3);
        assert_eq!((promoted[0].1, promoted[1].1), (None, None), "nobody is there, or nobody may");
        let heir = promoted[2].1.unwrap();
        assert_eq!((heir.user.id, heir.after), (carl.user_id, Some(Role::Admin)));
        let invitations = room_invitation::Entity::in_tenant(tenant.id).filter(
            Condition::any()
                .add(room_invitation::Column::InvitedBy.eq(ann.id))
                .add(room_invitation::Column::UserId.eq(ann.id)),
        );
        assert_eq!(invitations.count(db.store.reader()).await.unwrap(), 0);
    }

    async fn a_reader_who_is_deleted_leaves_no_way_back(db: TestDatabase) {
        let tenant = acme(&db.store).await;
        let (ann, bob) = (people::user(&db.store, "acme", "ann").await, people::scope(&db.store, "acme", "bob").await);
        let room = public_room(&db.store, &bob, "Lobby").await;
        make_member(&db.store, &scope_of(&ann), &room, Role::Reader).await;
        admin::delete_user(&db.store, &Actor::cli(), &tenant, ann.id).await.unwrap();
        let kept = room_invitation::Entity::in_tenant(tenant.id).count(db.store.reader()).await.unwrap();
        assert_eq!(kept, 0);
    }

    async fn a_new_password_ends_all_sessions(db: TestDatabase) {
        const NEW: &str = "another horse battery";
        let ann = people::user(&db.store, "acme", "ann").await;
        let scope = scope_of(&ann);
        let issued = token(&ann).await;
        let change = async |scope: &Scope, current: &str, new: &str| {
            accounts::change_password(&db.store, &hasher(), scope, &current.into(), &new.into()).await
        };
        for current in ["wrong password", "", &"x".repeat(1025)] {
            assert!(matches!(change(&scope, current, NEW).await, Err(Error::InvalidCredentials)), "{current}");
        }
        for new in ["short", &"x".repeat(1025)] {
            let Err(Error::Invalid(violations)) = change(&scope, PASSWORD, new).await else { panic!("{new}") };
            assert!(json!(violations)["new_password"].is_array());
        }
        assert!(is_in(&db.store, &issued).await, "what was refused ended nothing");

        assert_eq!(change(&scope, PASSWORD, NEW).await.unwrap(), ann);
        assert!(!is_in(&db.store, &issued).await);
        assert!(is_in(&db.store, &tokens().issue(&ann)).await, "a session that begins now is good");
        let sign_in = async |password: &str| accounts::authenticate(&db.store, &hasher(), ann.tenant_id, "ann", &password.into()).await;
        assert!(matches!(sign_in(PASSWORD).await, Err(Error::InvalidCredentials)));
        assert_eq!(sign_in(NEW).await.unwrap(), ann);
        let before = row(&db.store, ann.id).await.tokens_not_before;
        assert_eq!(told(&db.store).await, [ControlEvent::UserRevoked { user_id: ann.id, before }]);

        let stranger = Scope { user_id: UserId::generate(), ..scope };
        assert!(matches!(change(&stranger, NEW, PASSWORD).await, Err(Error::InvalidCredentials)));
        set_row(&db.store, ann.id, user::Column::PasswordHash, None::<String>).await;
        assert!(matches!(change(&scope, NEW, PASSWORD).await, Err(Error::InvalidCredentials)), "who has none gets none");
    }
}
