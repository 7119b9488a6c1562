//! What is kept in memory is never more than a copy: of several servers on one database, each refuses at once what was
//! revoked, and shows at once what was changed, through whichever of them or none.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use parlour::{
    accounts::{self, Claims, admin::UserPatch},
    audit::Actor,
    chat::{self, RoomRef},
    config::{Cap, Settings},
    tenants,
    timestamp::Timestamp,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::helpers::{
    app::{SECRET_KEY, TestApp, TestUser},
    database::TestDatabase,
    people::{let_sanctions_end, private_room, public_room, say, set_settings},
    rest::{Answer, ask, done},
    website::{Website, signed},
};

/// Two servers on one database, which do not hear of each other while a test runs.
struct Deployment([TestApp; 2]);

impl Deployment {
    async fn start(db: TestDatabase) -> Self {
        Self::start_with(db, |_| ()).await
    }

    async fn start_with(db: TestDatabase, change: impl Fn(&mut Settings) + Copy) -> Self {
        let deaf = |settings: &mut Settings| {
            settings.realtime.control_interval = Duration::from_secs(3600);
            change(settings);
        };
        let here = TestApp::start_with(db, deaf).await;
        let there = here.start_beside(deaf).await;
        Self([here, there])
    }

    fn here(&self) -> &TestApp {
        &self.0[0]
    }

    /// What a user is answered who asks each server for the newest messages of a room, three times: what is kept is
    /// kept by then.
    async fn pages(&self, user: &TestUser, room: &RoomRef) -> Vec<Answer> {
        let RoomRef::Id(id) = room else {
            panic!("a room by its id")
        };
        let mut answers = Vec::new();
        for app in &self.0 {
            for _ in 0..3 {
                answers.push(ask(app, user, &format!("GET /api/v1/rooms/{id}/messages"), Value::Null).await);
            }
        }
        answers
    }

    /// What all servers show alike, each time.
    async fn page(&self, user: &TestUser, room: &RoomRef) -> Value {
        let mut answers = self.pages(user, room).await;
        let last = answers.pop().unwrap();
        assert_eq!(last.status, 200, "{}", last.text);
        for answer in answers {
            assert_eq!((answer.status, &answer.body), (200, &last.body));
        }
        last.body
    }

    async fn assert_refused(&self, user: &TestUser, room: &RoomRef, status: u16) {
        for answer in self.pages(user, room).await {
            assert_eq!(answer.status, status, "{}", answer.text);
        }
    }

    async fn tenant(&self, user: &TestUser) -> tenants::Tenant {
        tenants::get_tenant(&self.here().db.store, user.user.tenant_id)
            .await
            .unwrap()
    }
}

fn contents(page: &Value) -> Vec<&str> {
    let messages = page["data"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

/// A token as the server signs it.
fn own_token(claims: &Claims) -> String {
    let claims = json!({
        "iss": "parlour", "aud": "parlour", "sub": claims.user_id, "tid": claims.tenant_id, "jti": claims.token_id,
        "iat": claims.issued_at.seconds(), "exp": claims.expires_at,
    });
    let key = EncodingKey::from_secret(SECRET_KEY.as_bytes());
    signed(
        r#"{"alg":"HS256","typ":"parlour+jwt"}"#,
        &claims.to_string(),
        &key,
        Algorithm::HS256,
    )
}

both_engines! {
    async fn a_token_that_is_revoked_opens_nothing_from_then_on(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (app, store) = (deployment.here(), &deployment.here().db.store);
        let ann = app.user("acme", "ann").await;
        let club = public_room(store, &ann.scope(), "Club").await;
        let room = RoomRef::Id(club.id);
        say(store, &ann.scope(), &club, "hello").await;
        let tenant = deployment.tenant(&ann).await;
        let website = Website::open(store, &app.app.vault, "acme").await;
        let issue = |user: &TestUser| TestUser {
            token: app.app.tokens.issue(&user.user).token.expose_secret().to_owned(),
            ..user.clone()
        };

        // Signed out: this token, and no other one.
        let other = issue(&ann);
        deployment.page(&ann, &room).await;
        deployment.page(&other, &room).await;
        accounts::revoke_token(store, &app.app.tokens.verify(&ann.token).unwrap()).await.unwrap();
        deployment.assert_refused(&ann, &room, 401).await;
        deployment.page(&other, &room).await;

        // The website's key, and what was exchanged for one of its tokens.
        let lifetime = Duration::from_secs(60);
        let exchanged = app.app.tokens.issue_for(&ann.user, lifetime, Some(website.key.id)).token;
        let exchanged = TestUser { token: exchanged.expose_secret().to_owned(), ..ann.clone() };
        let signed = TestUser { token: website.token("visitor"), ..ann.clone() };
        deployment.page(&exchanged, &room).await;
        deployment.page(&signed, &room).await;
        tenants::revoke_key(store, &Actor::cli(), tenant.id, &website.key.kid).await.unwrap();
        deployment.assert_refused(&exchanged, &room, 401).await;
        deployment.assert_refused(&signed, &room, 401).await;

        // All that were issued so far.
        accounts::admin::revoke_tokens(store, &Actor::cli(), &tenant, ann.user.id).await.unwrap();
        deployment.assert_refused(&other, &room, 401).await;

        // The tenant, which may come back.
        let bob = app.user("acme", "bob").await;
        deployment.page(&bob, &room).await;
        tenants::suspend_tenant(store, &Actor::cli(), tenant.id).await.unwrap();
        deployment.assert_refused(&bob, &room, 401).await;
        tenants::resume_tenant(store, &Actor::cli(), tenant.id).await.unwrap();
        deployment.page(&bob, &room).await;

        // The user.
        accounts::admin::suspend_user(store, &Actor::cli(), &tenant, bob.user.id).await.unwrap();
        deployment.assert_refused(&bob, &room, 401).await;
        let eve = app.user("acme", "eve").await;
        deployment.page(&eve, &room).await;
        accounts::admin::delete_user(store, &Actor::cli(), &tenant, eve.user.id).await.unwrap();
        deployment.assert_refused(&eve, &room, 401).await;

        // Everybody.
        let zoe = app.user("acme", "zoe").await;
        deployment.page(&zoe, &room).await;
        tenants::delete_tenant(store, &Actor::cli(), tenant.id).await.unwrap();
        deployment.assert_refused(&zoe, &room, 401).await;
    }

    async fn a_token_that_has_expired_is_not_remembered_as_a_good_one(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let app = deployment.here();
        let ann = app.user("acme", "ann").await;
        let room = RoomRef::Id(public_room(&app.db.store, &ann.scope(), "Club").await.id);
        let good = app.app.tokens.verify(&ann.token).unwrap();
        // Longer ago than clocks may differ.
        let over = Claims { expires_at: Timestamp::now().seconds() - 60, ..good };
        let ran_out = TestUser { token: own_token(&over), ..ann };
        let remember = |claims: Claims| {
            deployment.0.iter().for_each(|server| server.app.tokens.remember(&ran_out.token, claims));
        };
        deployment.assert_refused(&ran_out, &room, 401).await;
        remember(good);
        deployment.page(&ran_out, &room).await;
        remember(over);
        deployment.assert_refused(&ran_out, &room, 401).await;
    }

    async fn who_may_not_see_a_room_any_more_is_shown_nothing_of_it(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (app, store) = (deployment.here(), &deployment.here().db.store);
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let stranger = app.user("zeta", "zoe").await;
        let board = private_room(store, &ann.scope(), "Board").await;
        let club = public_room(store, &ann.scope(), "Club").await;
        for room in [&board, &club] {
            say(store, &ann.scope(), room, "secret").await;
        }
        let (board, club) = (RoomRef::Id(board.id), RoomRef::Id(club.id));

        // What is kept for one is not for another.
        deployment.page(&ann, &board).await;
        deployment.assert_refused(&bob, &board, 403).await;
        deployment.assert_refused(&stranger, &board, 404).await;
        chat::add_member(store, &ann.scope(), &board, bob.user.id, chat::Role::Member, Cap::Off).await.unwrap();
        deployment.page(&bob, &board).await;
        chat::remove_member(store, &ann.scope(), &board, bob.user.id).await.unwrap();
        deployment.assert_refused(&bob, &board, 403).await;

        deployment.page(&bob, &club).await;
        chat::ban(store, &ann.scope(), &club, bob.user.id, None, None).await.unwrap();
        deployment.assert_refused(&bob, &club, 403).await;
        chat::unban(store, &ann.scope(), &club, bob.user.id).await.unwrap();
        deployment.page(&bob, &club).await;
        let in_an_hour = Timestamp(Timestamp::now().0 + 3_600_000_000);
        chat::ban(store, &ann.scope(), &club, bob.user.id, Some(in_an_hour), None).await.unwrap();
        deployment.assert_refused(&bob, &club, 403).await;
        let_sanctions_end(store, &ann.scope()).await;
        deployment.page(&bob, &club).await;

        chat::delete_room(store, &ann.scope(), &club).await.unwrap();
        deployment.assert_refused(&ann, &club, 404).await;
        deployment.assert_refused(&bob, &club, 404).await;
    }

    async fn a_page_shows_every_change_at_once(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (app, store) = (deployment.here(), &deployment.here().db.store);
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let club = public_room(store, &ann.scope(), "Club").await;
        let room = RoomRef::Id(club.id);
        assert_eq!(contents(&deployment.page(&ann, &room).await), Vec::<&str>::new());
        let first = say(store, &ann.scope(), &club, "first").await;
        assert_eq!(contents(&deployment.page(&bob, &room).await), ["first"]);
        let second = say(store, &bob.scope(), &club, "second @ann").await;
        assert_eq!(contents(&deployment.page(&ann, &room).await), ["first", "second @ann"]);
        chat::edit_message(store, &ann.scope(), &room, first.id, "edited".to_owned(), None).await.unwrap();
        assert_eq!(contents(&deployment.page(&bob, &room).await), ["edited", "second @ann"]);

        // One's own reactions are marked, so these pages differ.
        chat::add_reaction(store, &ann.scope(), &room, first.id, "\u{1f44d}").await.unwrap();
        for (reader, own) in [(&ann, true), (&bob, false), (&ann, true)] {
            let page = deployment.page(reader, &room).await;
            assert_eq!(page["data"][0]["reactions"][0]["me"], json!(own));
        }
        chat::remove_reaction(store, &ann.scope(), &room, first.id, "\u{1f44d}").await.unwrap();
        assert_eq!(deployment.page(&ann, &room).await["data"][0]["reactions"], json!([]));

        // What users are called is no change of a room.
        let tenant = deployment.tenant(&ann).await;
        let patch = UserPatch { username: Some("anna".to_owned()), ..UserPatch::default() };
        accounts::admin::update_user(store, &Actor::cli(), &tenant, ann.user.id, patch).await.unwrap();
        assert_eq!(deployment.page(&bob, &room).await["data"][0]["user"]["username"], "anna");
        accounts::admin::delete_user(store, &Actor::cli(), &tenant, ann.user.id).await.unwrap();
        let page = deployment.page(&bob, &room).await;
        assert!(page["data"][0]["user"]["username"].as_str().unwrap().starts_with("deleted-"));
        assert_eq!(page["data"][1]["mentions"], json!([]), "nor is anybody named who is gone");

        // Nor is what is removed for its age, even where later changes were counted off before.
        chat::prune_room(store, tenant.id, club.id, second.inserted_at).await.unwrap();
        assert_eq!(contents(&deployment.page(&bob, &room).await), ["second @ann"]);
        chat::prune_room(store, tenant.id, club.id, Timestamp(second.inserted_at.0 + 1)).await.unwrap();
        assert_eq!(contents(&deployment.page(&bob, &room).await), Vec::<&str>::new());
    }

    async fn a_tenant_that_is_changed_is_changed_at_once(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let ann = deployment.here().user("acme", "ann").await;
        let say = |app| done(app, &ann, "POST /api/v1/rooms/general/messages", json!({ "content": "hello" }));
        for app in &deployment.0 {
            say(app).await;
        }
        set_settings(&deployment.here().db.store, ann.user.tenant_id, json!({ "message_chars_max": 3 })).await;
        for app in &deployment.0 {
            let answer = ask(app, &ann, "POST /api/v1/rooms/general/messages", json!({ "content": "hello" })).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
        }
    }

    /// The reader has been told what they may see, and the room goes on before the page is read.
    async fn a_page_that_was_overtaken_is_shown_to_nobody_after(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (app, store) = (deployment.here(), &deployment.here().db.store);
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let club = public_room(store, &ann.scope(), "Club").await;
        let room = RoomRef::Id(club.id);
        say(store, &ann.scope(), &club, "first").await;
        let claims = app.app.tokens.verify(&bob.token).unwrap();
        let (_, overtaken) = app.app.standings.in_room(&claims, &room).await.unwrap();
        let overtaken = overtaken.unwrap();
        say(store, &ann.scope(), &club, "second").await;
        let tenant = deployment.tenant(&ann).await;
        let patch = UserPatch { username: Some("anna".to_owned()), ..UserPatch::default() };
        accounts::admin::update_user(store, &Actor::cli(), &tenant, ann.user.id, patch).await.unwrap();
        let page = deployment.page(&bob, &room).await;
        // Put in last, though it was asked for first.
        app.app.newest_pages.get(store, &bob.scope(), &overtaken, 50).await.unwrap();
        assert_eq!(deployment.page(&bob, &room).await, page);
        assert_eq!(contents(&page), ["first", "second"]);
    }

    async fn servers_that_keep_nothing_answer_alike(db: TestDatabase) {
        let deployment = Deployment::start_with(db, |settings| {
            settings.cache.tokens = 0;
            settings.cache.users = 0;
            settings.cache.tenants = 0;
            settings.cache.page_bytes = 0;
        }).await;
        let (app, store) = (deployment.here(), &deployment.here().db.store);
        let ann = app.user("acme", "ann").await;
        let club = public_room(store, &ann.scope(), "Club").await;
        say(store, &ann.scope(), &club, "hello").await;
        assert_eq!(contents(&deployment.page(&ann, &RoomRef::Id(club.id)).await), ["hello"]);
        let page = done(app, &ann, "GET /api/v1/rooms/general/messages?limit=1", Value::Null).await;
        assert_eq!(page.body["data"], json!([]));
    }
}
