//! What is no longer good ends what stands on it: at once on the server where it was revoked, and soon on every other
//! one of the deployment, whatever carries the frames.

use std::time::{Duration, Instant};

use parlour::{
    accounts,
    audit::Actor,
    chat::{self, RoomRef},
    config::Cap,
    phoenix::close_code,
    tenants,
};
use reqwest::{Method, StatusCode};
use sea_orm::ConnectionTrait;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    database::TestDatabase,
    longpoll::TestPoll,
    people::{PASSWORD, public_room},
    socket::{PATIENCE, TestChannel, TestSocket},
    website::Website,
};

const GENERAL: &str = "room:general";
const ME: &str = "/api/v1/auth/me";

/// How soon every server has to have acted.
const SOON: Duration = Duration::from_secs(2);

/// Two servers on one database.
struct Deployment {
    here: TestApp,
    there: TestApp,
}

impl Deployment {
    async fn start(db: TestDatabase) -> Self {
        let here = TestApp::start_limitless(db).await;
        let there = here
            .start_beside(|settings| settings.limits = here.app.settings.limits.clone())
            .await;
        Self { here, there }
    }

    /// Everything that can stand on a token: a socket and a long poll on each server.
    async fn open(&self, token: &str) -> Opened {
        let mut sockets = Vec::new();
        let mut polls = Vec::new();
        for app in [&self.here, &self.there] {
            let mut socket = TestSocket::connect(app.address, &format!("token={token}&vsn=2.0.0")).await;
            socket.join_quietly(GENERAL).await;
            sockets.push(socket);
            let mut poll = TestPoll::open(app.address, token).await;
            poll.join(GENERAL).await;
            polls.push(poll);
        }
        Opened { sockets, polls }
    }

    /// The token opens nothing any more, on either server.
    async fn assert_refused(&self, token: &str) {
        for app in [&self.here, &self.there] {
            let answer = app.request(Method::GET, ME).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            let query = format!("token={token}&vsn=2.0.0");
            assert_eq!(TestSocket::try_connect(app.address, &query, &[]).await.err(), Some(403));
            assert_eq!(TestPoll::try_open(app.address, token).await.err(), Some(403));
        }
    }
}

struct Opened {
    sockets: Vec<TestSocket>,
    polls: Vec<TestPoll>,
}

impl Opened {
    /// All of it ends, with this code, in time, and without a message that was sent after the revocation.
    async fn assert_ended(mut self, revoked: Instant, code: u16) {
        for socket in &mut self.sockets {
            let (closed, before) = socket.assert_closed().await;
            assert_eq!(closed, Some(code));
            assert_silent(&before);
        }
        for poll in &mut self.polls {
            let (status, before) = poll.assert_ended().await;
            assert_eq!(status, 403, "the session is over, and its token opens no other one");
            assert_silent(&before);
        }
        assert!(revoked.elapsed() < SOON, "{:?}", revoked.elapsed());
    }

    /// Nothing of it has ended.
    async fn assert_open(&mut self) {
        for socket in &mut self.sockets {
            socket.send(json!([null, "alive", "phoenix", "heartbeat", {}])).await;
            socket.expect(|frame| frame[1] == "alive").await;
        }
        for poll in &mut self.polls {
            let heartbeat = poll.push("0", "phoenix", "heartbeat", json!({})).await;
            poll.expect(|frame| frame[1] == *heartbeat && frame[2] == "phoenix")
                .await;
        }
    }
}

fn assert_silent(frames: &[Value]) {
    let late = frames.iter().find(|frame| frame[4]["content"] == "after");
    assert!(late.is_none(), "told after the revocation: {late:?}");
}

async fn tenant_of(app: &TestApp, user: &TestUser) -> tenants::Tenant {
    tenants::get_tenant(&app.db.store, user.user.tenant_id).await.unwrap()
}

both_engines! {
    async fn signing_out_ends_what_stands_on_the_token_on_all_servers(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (ann, bob) = (deployment.here.user("acme", "ann").await, deployment.here.user("acme", "bob").await);
        let other = deployment.here.app.tokens.issue(&ann.user).token.expose_secret().to_owned();
        let (opened, mut others) = (deployment.open(&ann.token).await, deployment.open(&other).await);
        let logout = deployment.here.request_as(&ann, Method::DELETE, "/api/v1/auth/logout").json(&json!({}));
        assert_eq!(logout.send().await.unwrap().status(), StatusCode::OK);
        let revoked = Instant::now();
        deployment.here.send(&bob, &RoomRef::parse("general"), "after").await;
        opened.assert_ended(revoked, close_code::GOING_AWAY).await;
        deployment.assert_refused(&ann.token).await;
        others.assert_open().await;
    }

    async fn another_password_ends_everything_but_the_session_it_gives(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (ann, bob) = (deployment.here.user("acme", "ann").await, deployment.here.user("acme", "bob").await);
        let (opened, mut others) = (deployment.open(&ann.token).await, deployment.open(&bob.token).await);
        let change = deployment.here.request_as(&ann, Method::PUT, "/api/v1/auth/password");
        let passwords = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
        let answer = change.json(&passwords).send().await.unwrap();
        let revoked = Instant::now();
        assert_eq!(answer.status(), StatusCode::OK);
        let session: Value = answer.json().await.unwrap();
        deployment.here.send(&bob, &RoomRef::parse("general"), "after").await;
        opened.assert_ended(revoked, close_code::TOKEN_EXPIRED).await;
        deployment.assert_refused(&ann.token).await;
        deployment.open(session["data"]["token"].as_str().unwrap()).await.assert_open().await;
        others.assert_open().await;
    }

    async fn a_suspended_user_is_out_and_stays_out(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (ann, bob) = (deployment.here.user("acme", "ann").await, deployment.here.user("acme", "bob").await);
        let (opened, mut others) = (deployment.open(&ann.token).await, deployment.open(&bob.token).await);
        let tenant = tenant_of(&deployment.here, &ann).await;
        accounts::admin::suspend_user(&deployment.here.db.store, &Actor::cli(), &tenant, ann.user.id).await.unwrap();
        deployment.here.app.realtime.catch_up().await;
        let revoked = Instant::now();
        deployment.here.send(&bob, &RoomRef::parse("general"), "after").await;
        opened.assert_ended(revoked, close_code::TOKEN_EXPIRED).await;
        deployment.assert_refused(&ann.token).await;
        let new = deployment.here.app.tokens.issue(&ann.user).token;
        deployment.assert_refused(new.expose_secret()).await;
        others.assert_open().await;
    }

    /// As the command line does, which no server hears of but through the database.
    async fn what_another_process_revokes_ends_soon(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let ann = deployment.here.user("acme", "ann").await;
        let opened = deployment.open(&ann.token).await;
        let tenant = tenant_of(&deployment.here, &ann).await;
        let revoked = Instant::now();
        accounts::admin::revoke_tokens(&deployment.here.db.store, &Actor::cli(), &tenant, ann.user.id).await.unwrap();
        opened.assert_ended(revoked, close_code::TOKEN_EXPIRED).await;
        deployment.assert_refused(&ann.token).await;
    }

    async fn a_revoked_key_ends_what_stands_on_it_and_nothing_else(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (store, app) = (&deployment.here.db.store, &deployment.here.app);
        let ann = deployment.here.user("acme", "ann").await;
        let website = Website::open(store, &app.vault, "acme").await;
        let other = Website::open(store, &app.vault, "acme").await;
        // The website's own token, and one that such a token was exchanged for.
        let signed = website.token("visitor");
        let lifetime = Duration::from_secs(60);
        let exchanged = app.tokens.issue_for(&ann.user, lifetime, Some(website.key.id)).token.expose_secret().to_owned();
        let (first, second) = (deployment.open(&signed).await, deployment.open(&exchanged).await);
        let (mut own, mut others) = (deployment.open(&ann.token).await, deployment.open(&other.token("visitor")).await);
        tenants::revoke_key(store, &Actor::cli(), website.tenant.id, &website.key.kid).await.unwrap();
        app.realtime.catch_up().await;
        let revoked = Instant::now();
        for (opened, token) in [(first, signed), (second, exchanged)] {
            opened.assert_ended(revoked, close_code::TOKEN_EXPIRED).await;
            deployment.assert_refused(&token).await;
        }
        own.assert_open().await;
        others.assert_open().await;
    }

    async fn a_suspended_tenant_is_empty_and_others_are_not_disturbed(db: TestDatabase) {
        let deployment = Deployment::start(db).await;
        let (ann, zoe) = (deployment.here.user("acme", "ann").await, deployment.here.user("zeta", "zoe").await);
        let (opened, mut others) = (deployment.open(&ann.token).await, deployment.open(&zoe.token).await);
        let store = &deployment.here.db.store;
        tenants::suspend_tenant(store, &Actor::cli(), ann.user.tenant_id).await.unwrap();
        let revoked = Instant::now();
        opened.assert_ended(revoked, close_code::TOKEN_EXPIRED).await;
        deployment.assert_refused(&ann.token).await;

        tenants::resume_tenant(store, &Actor::cli(), ann.user.tenant_id).await.unwrap();
        let again = deployment.open(&ann.token).await;
        tenants::delete_tenant(store, &Actor::cli(), ann.user.tenant_id).await.unwrap();
        let deleted = Instant::now();
        again.assert_ended(deleted, close_code::TOKEN_EXPIRED).await;
        deployment.assert_refused(&ann.token).await;
        others.assert_open().await;
    }

    async fn who_is_kicked_banned_or_loses_a_room_hears_nothing_of_it_on_any_server(db: TestDatabase) {
        let Deployment { here, there } = Deployment::start(db).await;
        let (ann, bob) = (here.user("acme", "ann").await, here.user("acme", "bob").await);
        let club = public_room(&here.db.store, &ann.scope(), "Club").await;
        let (room, topic) = (RoomRef::Id(club.id), format!("room:{}", club.id));
        chat::join_room(&here.db.store, &bob.scope(), &room, Cap::Off).await.unwrap();
        let (admin, mut socket) = (here.sender(&ann).await, there.connect(&bob).await);
        let mut witness = there.connect(&ann).await;
        witness.join_quietly(&topic).await;
        let closed = async |channel: &TestChannel, socket: &mut TestSocket| {
            let told = Instant::now();
            socket.assert_push(channel, "phx_close").await;
            assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
        };

        let channel = socket.join_quietly(&topic).await;
        here.app.realtime.remove_member(&admin, &room, bob.user.id).await.unwrap();
        closed(&channel, &mut socket).await;
        // Kicked from a public room, one may come back; the next try is not ended by the last event.
        let channel = socket.join_quietly(&topic).await;
        socket.refute_event("phx_close").await;
        here.app.realtime.ban(&admin, &room, bob.user.id, None, None).await.unwrap();
        closed(&channel, &mut socket).await;
        assert_eq!(socket.refused_join(&topic).await, "banned");
        there.send(&ann, &room, "after").await;
        socket.refute_event("new_message").await;

        chat::unban(&here.db.store, &ann.scope(), &room, bob.user.id).await.unwrap();
        let channel = socket.join_quietly(&topic).await;
        here.app.realtime.delete_room(&admin, &room).await.unwrap();
        closed(&channel, &mut socket).await;
        witness.expect(|frame| frame[3] == "phx_close").await;
        assert_eq!(socket.refused_join(&topic).await, "room not found");
    }

    async fn who_comes_back_right_after_a_kick_stays(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.realtime.control_interval = Duration::from_millis(20)).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let club = public_room(&app.db.store, &ann.scope(), "Club").await;
        let (room, topic) = (RoomRef::Id(club.id), format!("room:{}", club.id));
        chat::join_room(&app.db.store, &bob.scope(), &room, Cap::Off).await.unwrap();
        let mut socket = app.connect(&bob).await;
        let channel = socket.join_quietly(&topic).await;
        app.app.realtime.remove_member(&app.sender(&ann).await, &room, bob.user.id).await.unwrap();
        let back = socket.join_quietly(&topic).await;
        socket.assert_push(&channel, "phx_close").await;
        socket.refute_event("phx_close").await;

        // Neither does a server that starts now act on what was told before.
        let beside = app.start_beside(|settings| settings.realtime.control_interval = Duration::from_millis(20)).await;
        let mut other = beside.connect(&bob).await;
        other.join_quietly(&topic).await;
        other.refute_event("phx_close").await;
        socket.ask(&back, "new_message", json!({ "content": "still here" })).await;
    }

    async fn what_was_revoked_stays_revoked_when_the_servers_start_anew(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let logout = app.request_as(&ann, Method::DELETE, "/api/v1/auth/logout").json(&json!({}));
        assert_eq!(logout.send().await.unwrap().status(), StatusCode::OK);
        app.stop().await;
        let again = app.start_beside(|_| ()).await;
        let answer = again.request_as(&ann, Method::GET, ME).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let query = format!("token={}&vsn=2.0.0", ann.token);
        assert_eq!(TestSocket::try_connect(again.address, &query, &[]).await.err(), Some(403));
        again.connect(&bob).await.join_quietly(GENERAL).await;
    }

    /// The table is gone for a while, as a database may be.
    async fn a_server_that_could_not_read_goes_on_when_it_can(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.realtime.control_interval = Duration::from_millis(20)).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        socket.join_quietly(GENERAL).await;
        let rename = async |from: &str, to: &str| {
            let transaction = app.db.store.begin_write().await.unwrap();
            transaction.execute_unprepared(&format!("ALTER TABLE {from} RENAME TO {to}")).await.unwrap();
            transaction.commit().await.unwrap();
        };
        rename("control_events", "elsewhere").await;
        app.app.realtime.catch_up().await;
        socket.refute_event("phx_close").await;
        rename("elsewhere", "control_events").await;
        let revoked = Instant::now();
        accounts::revoke_token(&app.db.store, &app.app.tokens.verify(&ann.token).unwrap()).await.unwrap();
        assert_eq!(socket.assert_closed().await.0, Some(close_code::GOING_AWAY));
        assert!(revoked.elapsed() < PATIENCE);
    }
}
