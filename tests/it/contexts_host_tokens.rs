//! Tokens that websites sign for their own users, and the users they make.

use std::collections::HashSet;

use futures_util::future::join_all;
use parlour::{
    accounts::{self, Error, HostToken, HostUser, ProfilePatch, Provisioned, UserKind},
    audit::Actor,
    chat::{self, Role, RoomRef},
    config::Cap,
    entity::{TenantScoped, signing_key, user},
    scope::Scope,
    store::Store,
    tenants::{self, KeyAlgorithm, Successor},
    vault::Vault,
};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::helpers::{
    bad_tokens::bad_tokens,
    people::{self, private_room, public_room, scope, scope_of},
    website::{Website, now},
};

fn vault() -> Vault {
    Vault::new(&"a master key for tests, of 32 bytes or more".into(), &[])
}

async fn verify(store: &Store, token: &str) -> Result<HostToken, Error> {
    accounts::verify_host_token(store, &vault(), token).await
}

/// All that happens to a token at the door.
async fn enter(store: &Store, token: &str) -> Result<Provisioned, Error> {
    let token = verify(store, token).await?;
    let welcome = accounts::welcome(store, token).await?;
    accounts::provision(store, welcome, Cap::Off).await
}

async fn entered(store: &Store, token: &str) -> Provisioned {
    enter(store, token).await.unwrap()
}

async fn refused(store: &Store, token: &str) {
    let refused = enter(store, token).await;
    assert!(matches!(refused, Err(Error::SignedOut)), "{refused:?}");
}

async fn users(store: &Store, site: &Website) -> u64 {
    user::Entity::in_tenant(site.tenant.id)
        .count(store.reader())
        .await
        .unwrap()
}

/// A site whose store is set up.
async fn site(store: &Store) -> Website {
    Website::open(store, &vault(), "acme").await
}

async fn role(store: &Store, of: &Scope, room: &chat::Room) -> Option<Role> {
    chat::get_room(store, of, &RoomRef::Id(room.id))
        .await
        .map_or(None, |(_, role)| role)
}

both_engines! {
    async fn whatever_is_wrong_with_a_token_it_is_refused_alike_and_leaves_nothing_behind(db: TestDatabase) {
        let bad = bad_tokens(&db.store, &vault()).await;
        let names: HashSet<_> = bad.tokens.iter().map(|(name, _)| name).collect();
        assert!(names.len() == bad.tokens.len() && names.len() >= 30);
        for (flaw, token) in &bad.tokens {
            let refused = enter(&db.store, token).await;
            assert!(matches!(refused, Err(Error::SignedOut)), "{flaw}: {refused:?}");
        }
        assert_eq!(users(&db.store, &bad.site).await, 0);
        let used = signing_key::Entity::find().all(db.store.reader()).await.unwrap();
        assert!(used.iter().all(|key| key.last_used_at.is_none()));
        // What the flaws were put into is in order.
        entered(&db.store, &bad.site.token("ann")).await;
        entered(&db.store, &bad.pair.token("ann")).await;
    }

    async fn each_kind_of_key_signs_with_its_name_and_without_where_it_is_the_only_one(db: TestDatabase) {
        for (slug, algorithm) in
            [("hs", KeyAlgorithm::Hs256), ("ed", KeyAlgorithm::EdDsa), ("es", KeyAlgorithm::Es256)]
        {
            let site = Website::with_key(&db.store, &vault(), slug, algorithm, None).await;
            let named = entered(&db.store, &site.token("ann")).await;
            assert_eq!((named.user.kind, named.user.external_id.as_deref()), (UserKind::Host, Some("ann")));
            assert_eq!(named.token.claims(named.user.id).key_id, Some(site.key.id));

            for header in [json!({ "alg": algorithm }), json!({ "alg": algorithm, "typ": "JWT" })] {
                let unnamed = entered(&db.store, &site.sign_with(&header, &site.claims("ann"))).await;
                assert_eq!(unnamed.user, named.user);
            }
            // By its public key, to several, and with what others put into theirs.
            let mut claims = site.claims("ann");
            claims["iss"] = json!(site.tenant.public_key);
            claims["aud"] = json!(["parlour", "shop"]);
            claims["nbf"] = json!(now());
            claims["jti"] = json!("7");
            claims["scope"] = json!("openid");
            assert_eq!(entered(&db.store, &site.sign(&claims)).await.user.id, named.user.id);
            assert_eq!(users(&db.store, &site).await, 1);
        }
    }

    async fn while_keys_change_the_tokens_of_both_are_good(db: TestDatabase) {
        let store = &db.store;
        let old = Website::with_key(store, &vault(), "acme", KeyAlgorithm::Hs256, Some("old")).await;
        let new = Website::with_key(store, &vault(), "acme", KeyAlgorithm::Es256, Some("new")).await;
        let ann = entered(store, &old.token("ann")).await.user;
        assert_eq!(entered(store, &new.token("ann")).await.user.id, ann.id);

        tenants::revoke_key(store, &Actor::cli(), old.tenant.id, "old").await.unwrap();
        refused(store, &old.token("ann")).await;
        // Nobody has to name the only one that is left.
        let unnamed = new.sign_with(&json!({ "alg": "ES256" }), &new.claims("ann"));
        assert_eq!(entered(store, &unnamed).await.user.id, ann.id);

        let tenant = new.tenant.id;
        let next = Successor { public_key: crate::helpers::website::public_key(KeyAlgorithm::Es256).map(str::to_owned), ..Successor::default() };
        let (next, _) = tenants::rotate_key(store, &vault(), &Actor::cli(), tenant, "new", next).await.unwrap();
        refused(store, &unnamed).await;
        for kid in [&next.kid, "new"] {
            let named = new.sign_with(&json!({ "alg": "ES256", "kid": kid }), &new.claims("ann"));
            assert_eq!(entered(store, &named).await.user.id, ann.id);
        }
    }

    async fn the_first_token_makes_the_user_and_later_ones_update_what_they_say(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let first = json!({
            "name": "Zoë Müller", "avatar_url": "https://cdn.example/z.png", "email_hash": "0aF9", "attrs": { "plan": "pro" },
        });
        let zoe = entered(store, &site.token_of("7", -3, first)).await.user;
        assert_eq!((zoe.username.as_str(), zoe.name.as_deref()), ("Zoe-Muller", Some("Zoë Müller")));
        assert_eq!(zoe.avatar_url.as_deref(), Some("https://cdn.example/z.png"));
        assert_eq!((zoe.email_hash.as_deref(), zoe.attrs), (Some("0aF9"), Some(json!({ "plan": "pro" }))));

        // What is missing stays, what is null goes, and the username is the user's.
        let moment = now() - 2;
        let said = json!({ "name": "Zoe", "avatar_url": null, "iat": moment });
        let later = entered(store, &site.token_of("7", 0, said)).await.user;
        assert_eq!((later.id, later.username.as_str()), (zoe.id, "Zoe-Muller"));
        assert_eq!((later.name.as_deref(), later.avatar_url.as_deref()), (Some("Zoe"), None));
        assert_eq!(later.email_hash.as_deref(), Some("0aF9"));
        // Older tokens, and others of that moment, say nothing new.
        for iat in [moment, moment - 3] {
            let stale = entered(store, &site.token_of("7", 0, json!({ "name": "Mallory", "iat": iat }))).await.user;
            assert_eq!(stale, later);
        }
        // Without a name that will do, one is made; with one that is taken, it gets digits.
        let nameless = entered(store, &site.token_of("8", 0, json!({ "name": "-!-" }))).await.user;
        assert!(nameless.username.starts_with("user-"), "{}", nameless.username);
        people::user(store, "acme", "zoe").await;
        let namesake = entered(store, &site.token_of("9", 0, json!({ "name": "Zoe" }))).await.user;
        assert!(namesake.username.starts_with("Zoe-"), "{}", namesake.username);
        assert_eq!(users(store, &site).await, 4);
    }

    async fn a_user_is_the_tenants_whatever_others_are_called(db: TestDatabase) {
        let (store, acme) = (&db.store, site(&db.store).await);
        let globex = Website::open(store, &vault(), "globex").await;
        let (here, there) = (entered(store, &acme.token("1")).await.user, entered(store, &globex.token("1")).await.user);
        assert_ne!((here.id, here.tenant_id), (there.id, there.tenant_id));
    }

    async fn many_first_tokens_at_once_make_one_user(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let tokens: Vec<_> = (0..12)
            .map(|n| site.token_of("ann", -n % 3, json!({ "name": "Ann", "rooms": [] })))
            .collect();
        let entered = join_all(tokens.iter().map(|token| enter(store, token))).await;
        let ids: HashSet<_> = entered.into_iter().map(|entered| entered.unwrap().user.id).collect();
        assert_eq!((ids.len(), users(store, &site).await), (1, 1));
    }

    async fn a_token_ends_when_it_is_revoked_when_its_user_is_and_when_its_key_or_tenant_is(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let (one, other) = (site.token_of("ann", -9, json!({})), site.token_of("ann", -8, json!({})));
        let ann = entered(store, &one).await;
        accounts::revoke_token(store, &ann.token.claims(ann.user.id)).await.unwrap();
        refused(store, &one).await;
        let claims = entered(store, &other).await.token.claims(ann.user.id);
        assert_eq!(people::session_user(store, &claims).await.unwrap().id, ann.user.id);

        let (actor, tenant) = (Actor::cli(), &site.tenant);
        accounts::admin::revoke_tokens(store, &actor, tenant, ann.user.id).await.unwrap();
        refused(store, &other).await;
        let fresh = site.token_of("ann", 2, json!({}));
        entered(store, &fresh).await;

        accounts::admin::suspend_user(store, &actor, tenant, ann.user.id).await.unwrap();
        refused(store, &site.token_of("ann", 30, json!({}))).await;
        accounts::admin::unsuspend_user(store, &actor, tenant, ann.user.id).await.unwrap();
        let fresh = site.token_of("ann", 40, json!({}));
        let claims = entered(store, &fresh).await.token.claims(ann.user.id);

        tenants::suspend_tenant(store, &actor, tenant.id).await.unwrap();
        refused(store, &fresh).await;
        assert!(matches!(people::session_user(store, &claims).await, Err(Error::SignedOut)));
        tenants::resume_tenant(store, &actor, tenant.id).await.unwrap();
        entered(store, &fresh).await;

        tenants::revoke_key(store, &actor, tenant.id, &site.key.kid).await.unwrap();
        refused(store, &fresh).await;
        assert!(matches!(people::session_user(store, &claims).await, Err(Error::SignedOut)));
    }

    async fn revoking_outlives_a_websites_clock_that_is_ahead(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let ahead = site.token_of("ann", 45, json!({}));
        let ann = entered(store, &ahead).await.user;
        accounts::admin::revoke_tokens(store, &Actor::cli(), &site.tenant, ann.id).await.unwrap();
        refused(store, &ahead).await;
        entered(store, &site.token_of("ann", 50, json!({}))).await;
    }

    async fn a_user_who_was_deleted_comes_back_as_a_new_one(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let gone = entered(store, &site.token("ann")).await.user;
        accounts::admin::delete_user(store, &Actor::cli(), &site.tenant, gone.id).await.unwrap();
        assert_ne!(entered(store, &site.token("ann")).await.user.id, gone.id);
    }

    async fn a_token_gives_memberships_once(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let owner = scope(store, "acme", "owner").await;
        let (club, staff) = (public_room(store, &owner, "Club").await, private_room(store, &owner, "Staff").await);
        let grants = json!({ "rooms": [
            { "room": "club", "role": "moderator" },
            { "room": staff.id, "role": "reader" },
            { "room": "staff", "role": "member" },
        ] });
        let token = site.token_of("ann", -9, grants);
        let ann = entered(store, &token).await;
        let given: Vec<_> = ann.granted.iter().map(|change| (change.room.id, change.before, change.after)).collect();
        assert_eq!(given.len(), 2);
        for expected in [(club.id, None, Some(Role::Moderator)), (staff.id, None, Some(Role::Member))] {
            assert!(given.contains(&expected), "{given:?}");
        }
        let of_ann = scope_of(&ann.user);
        assert_eq!(role(store, &of_ann, &club).await, Some(Role::Moderator));

        // What was taken away since stays away, however often the token comes.
        chat::remove_member(store, &owner, &RoomRef::Id(staff.id), ann.user.id).await.unwrap();
        chat::change_role(store, &owner, &RoomRef::Id(club.id), ann.user.id, Role::Reader).await.unwrap();
        assert_eq!(entered(store, &token).await.granted, []);
        assert_eq!((role(store, &of_ann, &staff).await, role(store, &of_ann, &club).await), (None, Some(Role::Reader)));
        // An older one gives nothing either, a newer one does, up and down.
        let again = |age| site.token_of("ann", age, json!({ "rooms": [{ "room": "club", "role": "admin" }] }));
        assert_eq!(entered(store, &again(-20)).await.granted, []);
        let granted = entered(store, &again(-5)).await.granted;
        assert_eq!((granted[0].before, granted[0].after), (Some(Role::Reader), Some(Role::Admin)));
        // A token without grants takes nothing, and does not stand in the way of one of its moment.
        entered(store, &site.token_of("ann", -4, json!({}))).await;
        let granted = entered(store, &site.token_of("ann", -4, json!({ "rooms": [{ "room": "club", "role": "member" }] }))).await;
        assert_eq!(granted.granted[0].after, Some(Role::Member));
    }

    async fn grants_fill_no_room_beyond_its_cap(db: TestDatabase) {
        let store = &db.store;
        let site = site(store).await;
        let club = private_room(store, &scope_of(&people::user(store, "acme", "host").await), "club").await;
        let enter = async |sub: &str, role: &str, age| {
            let token = site.token_of(sub, age, json!({ "rooms": [{ "room": "club", "role": role }] }));
            let welcome = accounts::welcome(store, verify(store, &token).await.unwrap()).await.unwrap();
            accounts::provision(store, welcome, Cap::Max(2)).await.unwrap().granted
        };
        assert_eq!(enter("ann", "member", -9).await[0].room.id, club.id);
        assert_eq!(enter("bob", "member", -9).await, [], "bob comes in, and finds the club full");
        assert_eq!(enter("ann", "reader", -5).await[0].after, Some(Role::Reader), "who is in may be made something else");
    }

    async fn grants_lift_no_ban_and_reach_no_conversation_of_others(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let owner = scope(store, "acme", "owner").await;
        let (club, other) = (public_room(store, &owner, "Club").await, public_room(store, &owner, "Other").await);
        let ann = entered(store, &site.token_of("ann", -9, json!({}))).await.user;
        chat::ban(store, &owner, &RoomRef::Id(club.id), ann.id, None, None).await.unwrap();
        let rooms = json!({ "rooms": [{ "room": "club", "role": "owner" }, { "room": "other", "role": "member" }] });
        let granted = entered(store, &site.token_of("ann", -5, rooms)).await.granted;
        assert_eq!(granted.iter().map(|change| change.room.id).collect::<Vec<_>>(), [other.id]);
        let banned = chat::get_room(store, &scope_of(&ann), &RoomRef::Id(club.id)).await;
        assert!(matches!(banned, Err(chat::Error::Banned)));

        let bob = scope(store, "acme", "bob").await;
        let (dm, _, _) = chat::start_dm(store, &owner, bob.user_id).await.unwrap();
        let elsewhere = public_room(store, &scope(store, "globex", "eve").await, "Elsewhere").await;
        let rooms = json!({ "rooms": [{ "room": dm.id, "role": "member" }, { "room": elsewhere.id, "role": "member" }] });
        let granted = entered(store, &site.token_of("ann", 0, rooms)).await.granted;
        assert!(granted.is_empty(), "{granted:?}");
    }

    async fn a_room_that_is_not_there_keeps_nobody_out(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let club = public_room(store, &scope(store, "acme", "owner").await, "Club").await;
        let rooms = json!({ "rooms": [{ "room": "nowhere", "role": "owner" }, { "room": "club", "role": "reader" }] });
        let granted = entered(store, &site.token_of("ann", 0, rooms)).await.granted;
        assert_eq!(granted.iter().map(|change| change.room.id).collect::<Vec<_>>(), [club.id]);
    }

    async fn a_room_that_goes_does_not_take_the_token_along(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let owner = scope(store, "acme", "owner").await;
        let club = public_room(store, &owner, "Club").await;
        let token = site.token_of("ann", 0, json!({ "rooms": [{ "room": "club", "role": "member" }] }));
        entered(store, &token).await;
        chat::delete_room(store, &owner, &RoomRef::Id(club.id)).await.unwrap();
        entered(store, &token).await;
    }

    async fn many_requests_with_one_token_give_its_memberships_once(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let owner = scope(store, "acme", "owner").await;
        for name in ["One", "Two", "Three"] {
            public_room(store, &owner, name).await;
        }
        let rooms = |order: [&str; 3]| json!({ "rooms": order.map(|room| json!({ "room": room, "role": "member" })) });
        let ann = site.token_of("ann", 0, rooms(["one", "two", "three"]));
        let bob = site.token_of("bob", 0, rooms(["three", "two", "one"]));
        let entered = join_all((0..6).flat_map(|_| [&ann, &bob]).map(|token| enter(store, token))).await;
        let given: usize = entered.into_iter().map(|entered| entered.unwrap().granted.len()).sum();
        assert_eq!(given, 6);
    }

    async fn a_backend_makes_and_updates_users_by_their_id(db: TestDatabase) {
        let (store, site) = (&db.store, site(&db.store).await);
        let upsert = |new: HostUser| async move {
            let transaction = store.begin_write().await.unwrap();
            let done = accounts::upsert_user(&transaction, site.tenant.id, new).await;
            if done.is_ok() {
                transaction.commit().await.unwrap();
            }
            done
        };
        let named = |name: Value| serde_json::from_value::<ProfilePatch>(json!({ "name": name })).unwrap();
        let new = HostUser { external_id: "7".to_owned(), username: Some("zoe".to_owned()), profile: named(json!("Zoë")) };
        let (zoe, is_new) = upsert(new.clone()).await.unwrap();
        assert!(is_new && zoe.kind == UserKind::Host);
        assert_eq!((zoe.username.as_str(), zoe.name.as_deref()), ("zoe", Some("Zoë")));
        let (again, is_new) = upsert(HostUser { username: None, profile: named(Value::Null), ..new.clone() }).await.unwrap();
        assert!(!is_new && again.id == zoe.id);
        assert_eq!((again.username.as_str(), again.name), ("zoe", None));

        let taken = upsert(HostUser { external_id: "8".to_owned(), ..new.clone() }).await;
        assert!(matches!(taken, Err(Error::Invalid(_))), "{taken:?}");
        for new in [
            HostUser { external_id: String::new(), ..new.clone() },
            HostUser { username: Some("a b".to_owned()), ..new.clone() },
            HostUser { profile: named(json!("")), ..new },
        ] {
            assert!(matches!(upsert(new).await, Err(Error::Invalid(_))));
        }
    }
}
