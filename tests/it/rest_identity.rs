//! Who people are, whoever vouches for them: websites' tokens, exchange, guests and claims, over REST and on sockets.

use parlour::{
    audit::Actor,
    chat::{self, RoomRef},
    entity::{TenantScoped, user},
    phoenix::close_code,
    tenants,
};
use reqwest::Method;
use sea_orm::PaginatorTrait;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http;

use crate::helpers::{
    app::TestApp,
    audit::audited,
    bad_tokens::bad_tokens,
    people::{PASSWORD, private_room},
    rest::{Answer, answer, expect},
    socket::TestSocket,
    website::{Website, set},
};

const ME: &str = "/api/v1/auth/me";
const EXCHANGE: &str = "/api/v1/auth/exchange";
const GUEST: &str = "/api/v1/auth/guest";
const CLAIM: &str = "/api/v1/auth/claim";
const PASSWORD_PATH: &str = "/api/v1/auth/password";
const TENANT: &str = "/api/v1/tenant";

async fn site(app: &TestApp) -> Website {
    let site = Website::open(&app.db.store, &app.app.vault, "acme").await;
    chat::seed::ensure_default_rooms(&app.db.store, site.tenant.id)
        .await
        .unwrap();
    site
}

async fn me(app: &TestApp, token: &str, status: u16) -> Answer {
    expect(app.request(Method::GET, ME).bearer_auth(token), status).await
}

async fn exchange(app: &TestApp, token: &str, status: u16) -> Answer {
    let request = app.request(Method::POST, EXCHANGE).json(&json!({ "token": token }));
    expect(request, status).await
}

async fn guest(app: &TestApp, body: Value, status: u16) -> Answer {
    let request = app.request(Method::POST, GUEST).header("x-tenant", "acme").json(&body);
    expect(request, status).await
}

async fn claim(app: &TestApp, token: &str, key: &str, status: u16) -> Answer {
    let request = app.request(Method::POST, CLAIM).bearer_auth(token);
    expect(request.json(&json!({ "guest_key": key })), status).await
}

async fn socket(app: &TestApp, token: &str) -> TestSocket {
    TestSocket::connect(app.address, &format!("token={token}&vsn=2.0.0")).await
}

async fn polled(app: &TestApp, token: &str) -> Value {
    let path = format!("/chat/socket/longpoll?token={token}&vsn=2.0.0");
    answer(app.request(Method::GET, &path)).await.body["status"].clone()
}

async fn users(app: &TestApp, site: &Website) -> u64 {
    user::Entity::in_tenant(site.tenant.id)
        .count(app.db.store.reader())
        .await
        .unwrap()
}

/// All that a refusal shows.
fn shown(refused: &Answer) -> (u16, String, String) {
    (
        refused.status,
        refused.text.clone(),
        refused.header("www-authenticate").to_owned(),
    )
}

both_engines! {
    async fn a_websites_token_is_good_wherever_a_token_is(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        let said = json!({ "name": "Zoë", "avatar_url": "https://cdn.example/z.png", "email_hash": "ab12", "attrs": { "plan": "pro" } });
        let token = site.token_of("7", 0, said);
        let zoe = me(&app, &token, 200).await;
        for (field, value) in [
            ("kind", json!("host")),
            ("name", json!("Zoë")),
            ("avatar_url", json!("https://cdn.example/z.png")),
            ("email_hash", json!("ab12")),
            ("attrs", json!({ "plan": "pro" })),
            ("tenant", json!("acme")),
        ] {
            assert_eq!(zoe.data()[field], value, "{field}");
        }
        // Nobody else is told what is not for others.
        let id = zoe.text_of("id");
        let bob = app.user("acme", "bob").await;
        let others = expect(app.request_as(&bob, Method::GET, &format!("/api/v1/users/{id}")), 200).await;
        assert_eq!(others.data()["name"], "Zoë");
        assert!(!others.text.contains("ab12") && !others.text.contains("plan") && !others.text.contains("\"7\""));

        let mut socket = socket(&app, &token).await;
        let channel = socket.join_quietly("room:general").await;
        let sent = socket.push(&channel, "new_message", json!({ "content": "hi" })).await;
        socket.assert_reply(&sent, "ok").await;
        socket.join(&format!("user:{id}")).await;
        assert_eq!(polled(&app, &token).await, 410);

        let session = exchange(&app, &token, 200).await;
        assert_eq!(session.data()["user"]["id"], *id);
        let session = session.text_of("token");
        assert_eq!(me(&app, &session, 200).await.text_of("id"), id);
        // A session is for using, not for making another one.
        exchange(&app, &session, 401).await;
        exchange(&app, &bob.token, 401).await;

        // The tenant is named in any of its ways, or another one is.
        for (named, status) in [("acme", 200), (site.tenant.public_key.as_str(), 200), ("globex", 401), ("pk_0", 401)] {
            for request in [
                app.request(Method::GET, ME).header("x-tenant", named),
                app.request(Method::GET, &format!("{ME}?tenant={named}")),
            ] {
                expect(request.bearer_auth(&token), status).await;
            }
            let body = json!({ "token": token, "tenant": named });
            expect(app.request(Method::POST, EXCHANGE).json(&body), status).await;
            let query = format!("token={token}&vsn=2.0.0&tenant={named}");
            let connected = TestSocket::try_connect(app.address, &query, &[]).await;
            assert_eq!(connected.err(), (status == 401).then_some(403), "{named}");
        }
        // It is signed out like any other.
        expect(app.request(Method::DELETE, "/api/v1/auth/logout").bearer_auth(&token), 200).await;
        me(&app, &token, 401).await;
        exchange(&app, &token, 401).await;
        me(&app, &session, 200).await;
    }

    async fn whatever_is_wrong_with_a_token_the_answer_is_the_same_everywhere(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let bad = bad_tokens(&app.db.store, &app.app.vault).await;
        let expected = shown(&me(&app, "nothing", 401).await);
        assert_eq!(expected.1, r#"{"error":"unauthorized"}"#);
        for (flaw, token) in &bad.tokens {
            // What no header can hold comes in the body only.
            if http::HeaderValue::from_str(token).is_ok() {
                assert_eq!(shown(&me(&app, token, 401).await), expected, "{flaw}");
            }
            assert_eq!(shown(&exchange(&app, token, 401).await), expected, "{flaw}");
        }
        assert_eq!(users(&app, &bad.site).await, 0);
    }

    async fn nothing_unsigned_becomes_an_identity(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true })).await;
        let ann = me(&app, &site.token_of("ann", 0, json!({ "name": "Ann" })), 200).await;
        // Fields that only a signature can give are none of a body.
        for (path, body) in [
            ("/api/v1/auth/register", json!({ "username": "mallory", "password": PASSWORD, "external_id": "ann" })),
            ("/api/v1/auth/register", json!({ "username": "mallory", "password": PASSWORD, "kind": "host" })),
            (GUEST, json!({ "external_id": "ann" })),
            (GUEST, json!({ "name": "Ann", "attrs": {} })),
            (EXCHANGE, json!({ "token": site.token("ann"), "sub": "admin" })),
        ] {
            let refused = app.request(Method::POST, path).header("x-tenant", "acme").json(&body);
            expect(refused, 422).await;
        }
        // A guest may say any name, and stays a guest.
        let namesake = guest(&app, json!({ "name": "Ann" }), 200).await;
        let user = &namesake.data()["user"];
        assert_ne!(user["id"], ann.data()["id"]);
        assert_eq!((&user["kind"], user["username"] != ann.data()["username"]), (&json!("guest"), true));
        // What a page says beside the token counts for nothing.
        let token = namesake.text_of("token");
        let query = format!("{ME}?sub=ann&user_id={}&name=Ann", ann.text_of("id"));
        let asked = app.request(Method::GET, &query).bearer_auth(&token).header("x-user-id", "ann");
        assert_eq!(expect(asked, 200).await.data()["id"], user["id"]);
    }

    async fn a_foreign_page_makes_no_user(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "allowed_origins": ["https://acme.example"], "guests": true })).await;
        let token = site.token("ann");
        let foreign = |request: reqwest::RequestBuilder| request.header("origin", "https://evil.example");
        expect(foreign(app.request(Method::GET, ME)).bearer_auth(&token), 403).await;
        expect(foreign(app.request(Method::POST, EXCHANGE)).json(&json!({ "token": token })), 403).await;
        expect(foreign(app.request(Method::POST, GUEST)).header("x-tenant", "acme").json(&json!({})), 403).await;
        let query = format!("token={token}&vsn=2.0.0");
        let refused = TestSocket::try_connect(app.address, &query, &[("origin", "https://evil.example")]).await;
        assert_eq!(refused.err(), Some(403));
        assert_eq!(users(&app, &site).await, 0);
        let own = app.request(Method::GET, ME).header("origin", "https://acme.example");
        expect(own.bearer_auth(&token), 200).await;
        assert_eq!(users(&app, &site).await, 1);
    }

    async fn an_exchanged_session_dies_with_the_key(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        let session = exchange(&app, &site.token("ann"), 200).await;
        let session = session.text_of("token");
        let mut socket = socket(&app, &session).await;
        let minted = app.app.tokens.verify(&session).unwrap();
        assert_eq!(minted.key_id, Some(site.key.id));
        let lifetime = minted.expires_at - minted.issued_at.seconds();
        assert_eq!(u64::try_from(lifetime).unwrap(), app.app.settings.auth.exchanged_lifetime.as_secs());

        tenants::revoke_key(&app.db.store, &Actor::cli(), site.tenant.id, &site.key.kid).await.unwrap();
        let refused = me(&app, &session, 401).await;
        assert_eq!(refused.text, r#"{"error":"unauthorized"}"#);
        app.app.realtime.catch_up().await;
        assert_eq!(socket.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED));
    }

    async fn a_token_with_grants_tells_the_users_other_devices(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        let owner = app.user("acme", "owner").await;
        let staff = private_room(&app.db.store, &owner.scope(), "Staff").await;
        let first = site.token_of("ann", -5, json!({}));
        let id = me(&app, &first, 200).await.text_of("id");
        let mut phone = socket(&app, &first).await;
        phone.join(&format!("user:{id}")).await;
        assert_eq!(phone.refused_join("room:staff").await, "unauthorized");

        me(&app, &site.token_of("ann", 0, json!({ "rooms": [{ "room": "staff", "role": "reader" }] })), 200).await;
        let told = phone.assert_broadcast(&format!("user:{id}"), "member_added").await;
        assert_eq!((told["room"]["id"].as_str(), told["role"].as_str()), (Some(&*staff.id.to_string()), Some("reader")));
        phone.join_quietly("room:staff").await;
    }

    async fn registration_and_guests_are_the_tenants_choice(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        let account = json!({ "username": "ann", "password": PASSWORD });
        let register = |status: u16| {
            let request = app.request(Method::POST, "/api/v1/auth/register");
            expect(request.header("x-tenant", site.tenant.public_key.as_str()).json(&account), status)
        };
        assert_eq!(guest(&app, json!({}), 403).await.error(), "guests are not allowed");
        set(&app.db.store, site.tenant.id, json!({ "registration": false, "guests": true })).await;
        assert_eq!(register(403).await.error(), "registration is closed");
        guest(&app, json!({}), 200).await;
        set(&app.db.store, site.tenant.id, json!({ "registration": true })).await;
        register(201).await;
    }

    async fn a_guest_comes_back_and_gets_no_further(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true, "guest_claims": true })).await;
        let nobody = app.request(Method::POST, GUEST).header("x-tenant", "acme");
        let first = expect(nobody, 200).await;
        let key = first.text_of("guest_key");
        assert!(key.starts_with("gk_") && key.len() == 46);
        let back = guest(&app, json!({ "guest_key": key, "name": "Bo" }), 200).await;
        assert_eq!(back.data()["user"]["id"], first.data()["user"]["id"]);
        assert_eq!((back.data()["user"]["name"].as_str(), back.text_of("guest_key")), (Some("Bo"), key.clone()));
        for (body, status) in [
            (json!({ "guest_key": "gk_nobody" }), 401),
            (json!({ "guest_key": 5 }), 422),
            (json!({ "name": "" }), 422),
            (json!({ "name": "a\u{202e}b" }), 422),
            (json!({ "kind": "host" }), 422),
        ] {
            guest(&app, body, status).await;
        }
        let token = back.text_of("token");
        assert_eq!(me(&app, &token, 200).await.data()["kind"], "guest");
        assert_eq!(claim(&app, &token, &key, 403).await.error(), "guests cannot be claimed");
        exchange(&app, &token, 401).await;
        let password = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
        expect(app.request(Method::PUT, PASSWORD_PATH).bearer_auth(&token).json(&password), 422).await;
    }

    async fn a_guest_turns_out_to_be_somebody_before_everybodys_eyes(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true, "guest_claims": true })).await;
        let bob = app.user("acme", "bob").await;
        let visitor = guest(&app, json!({ "name": "Visitor" }), 200).await;
        let (key, guest_token) = (visitor.text_of("guest_key"), visitor.text_of("token"));
        let guest_id = visitor.data()["user"]["id"].clone();
        let (mut of_bob, mut of_guest) = (app.connect(&bob).await, socket(&app, &guest_token).await);
        of_bob.join_quietly("room:general").await;
        let general = of_guest.join_quietly("room:general").await;
        let sent = of_guest.push(&general, "new_message", json!({ "content": "hello" })).await;
        let sent = of_guest.assert_reply(&sent, "ok").await;
        of_bob.assert_broadcast("room:general", "new_message").await;

        let token = site.token_of("ann", 0, json!({ "name": "Ann" }));
        let ann = me(&app, &token, 200).await;
        let mut of_ann = socket(&app, &token).await;
        let own_topic = format!("user:{}", ann.text_of("id"));
        of_ann.join(&own_topic).await;
        let claimed = claim(&app, &token, &key, 200).await;
        assert_eq!((&claimed.data()["guest_id"], claimed.data()["messages"].as_u64()), (&guest_id, Some(1)));

        let news = of_bob.assert_broadcast("room:general", "user_claimed").await;
        assert_eq!((&news["guest_id"], news["user"]["id"].as_str()), (&guest_id, ann.data()["id"].as_str()));
        let changed = of_bob.assert_broadcast("room:general", "message_edited").await;
        assert_eq!((&changed["id"], &changed["user"]["name"]), (&sent["id"], &json!("Ann")));
        assert_eq!(changed["changed_seq"], 2);
        let told = of_ann.assert_broadcast(&own_topic, "member_added").await;
        assert_eq!(told["room"]["slug"], "general");
        assert_eq!(of_guest.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED));

        // The guest is nobody, and is claimed by nobody else.
        me(&app, &guest_token, 401).await;
        guest(&app, json!({ "guest_key": key }), 401).await;
        assert_eq!(claim(&app, &token, &key, 404).await.error(), "guest not found");
        let log = audited(&app.db.store).await;
        assert_eq!(log.iter().filter(|row| *row == "user guest.claim acme").count(), 1);
        // Later changes of the room go on from there.
        of_ann.join_quietly("room:general").await;
        let next = app.send(&bob, &RoomRef::Slug("general".to_owned()), "welcome").await;
        assert_eq!((next.seq, of_bob.assert_broadcast("room:general", "new_message").await["content"].clone()), (3, json!("welcome")));
    }

    async fn claims_are_the_tenants_choice_and_for_users_of_the_website(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true })).await;
        let key = guest(&app, json!({}), 200).await.text_of("guest_key");
        let (token, bob) = (site.token("ann"), app.user("acme", "bob").await);
        claim(&app, &token, &key, 403).await;
        set(&app.db.store, site.tenant.id, json!({ "guest_claims": true })).await;
        claim(&app, &bob.token, &key, 403).await;
        let session = exchange(&app, &token, 200).await.text_of("token");
        claim(&app, &session, &key, 200).await;
    }

    async fn a_new_password_ends_every_other_session(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut phone = app.connect(&ann).await;
        let change = |current: &str, new: &str, token: &str| {
            let body = json!({ "current_password": current, "new_password": new });
            answer(app.request(Method::PUT, PASSWORD_PATH).bearer_auth(token).json(&body))
        };
        let wrong = change("not the password", "another password", &ann.token).await;
        assert_eq!((wrong.status, wrong.invalid_fields()), (422, vec!["current_password"]));
        let short = change(PASSWORD, "short", &ann.token).await;
        assert_eq!((short.status, short.invalid_fields()), (422, vec!["new_password"]));
        me(&app, &ann.token, 200).await;

        let changed = change(PASSWORD, "another password", &ann.token).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        me(&app, &ann.token, 401).await;
        assert!(phone.assert_closed().await.0.is_some());
        let fresh = changed.text_of("token");
        me(&app, &fresh, 200).await;
        socket(&app, &fresh).await;
        let login = |password: &str| {
            let body = json!({ "username": "ann", "password": password, "tenant": "acme" });
            answer(app.request(Method::POST, "/api/v1/auth/login").json(&body))
        };
        assert_eq!((login(PASSWORD).await.status, login("another password").await.status), (401, 200));
    }

    async fn users_without_a_password_sign_in_with_none(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        let ann = me(&app, &site.token_of("ann", 0, json!({ "name": "Annika" })), 200).await;
        let suspended = app.user("acme", "suspended").await;
        parlour::accounts::admin::suspend_user(&app.db.store, &Actor::cli(), &site.tenant, suspended.user.id).await.unwrap();
        let mut texts = Vec::new();
        for (username, password) in [(&*ann.text_of("username"), PASSWORD), ("nobody", PASSWORD), ("suspended", PASSWORD)] {
            let body = json!({ "username": username, "password": password, "tenant": "acme" });
            texts.push(shown(&expect(app.request(Method::POST, "/api/v1/auth/login").json(&body), 401).await));
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
    }

    async fn anybody_may_know_what_a_page_needs_of_its_tenant(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true, "features": { "threads": false }, "message_chars_max": 500 })).await;
        let key = &site.tenant.public_key;
        for request in [
            app.request(Method::GET, TENANT).header("x-tenant", "acme"),
            app.request(Method::GET, TENANT).header("x-tenant", key),
            app.request(Method::GET, &format!("{TENANT}?tenant={key}")),
        ] {
            let facts = expect(request, 200).await;
            let expected = json!({
                "slug": "acme", "name": "acme", "public_key": key, "registration": true, "guests": true,
                "page_rooms": false, "features": { "reactions": true, "threads": false, "direct_messages": true, "typing": true, "read_marks": true },
                "message_chars_max": 500, "upload_bytes_max": 0, "presence": true,
            });
            assert_eq!(*facts.data(), expected);
        }
        assert_eq!(expect(app.request(Method::GET, TENANT), 200).await.text_of("slug"), "default");
        for unknown in ["nowhere", "pk_00000000000000000000000000000000", "No Slug!"] {
            let refused = expect(app.request(Method::GET, TENANT).header("x-tenant", unknown), 404).await;
            assert_eq!(refused.error(), "tenant not found");
        }
    }

    async fn in_a_suspended_tenant_nothing_works(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let site = site(&app).await;
        set(&app.db.store, site.tenant.id, json!({ "guests": true })).await;
        let (ann, token) = (app.user("acme", "ann").await, site.token("bob"));
        me(&app, &token, 200).await;
        tenants::suspend_tenant(&app.db.store, &Actor::cli(), site.tenant.id).await.unwrap();
        let account = json!({ "username": "ann", "password": PASSWORD });
        for request in [
            app.request(Method::GET, TENANT),
            app.request(Method::POST, "/api/v1/auth/register").json(&account),
            app.request(Method::POST, "/api/v1/auth/login").json(&account),
            app.request(Method::POST, GUEST).json(&json!({})),
        ] {
            let refused = expect(request.header("x-tenant", "acme"), 403).await;
            assert_eq!(refused.error(), "this tenant is suspended");
        }
        for token in [&ann.token, &token] {
            assert_eq!(me(&app, token, 401).await.text, r#"{"error":"unauthorized"}"#);
            assert_eq!(polled(&app, token).await, 403);
        }
        exchange(&app, &token, 401).await;
        tenants::resume_tenant(&app.db.store, &Actor::cli(), site.tenant.id).await.unwrap();
        me(&app, &ann.token, 200).await;
    }
}

mod sqlite {
    //! What does not depend on the database.

    use super::*;
    use crate::helpers::database::{Engine, TestDatabase};

    #[actix_web::test]
    async fn bad_tokens_open_no_socket() {
        let app = TestApp::start_limitless(TestDatabase::create(Engine::Sqlite).await).await;
        let bad = bad_tokens(&app.db.store, &app.app.vault).await;
        for (flaw, token) in &bad.tokens {
            let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            let query = format!("token={token}&vsn=2.0.0");
            let refused = TestSocket::try_connect(app.address, &query, &[]).await;
            assert_eq!(refused.err(), Some(403), "{flaw}");
            assert_eq!(polled(&app, &token).await, 403, "{flaw}");
        }
        assert_eq!(users(&app, &bad.site).await, 0);
        socket(&app, &bad.pair.token("ann")).await;
    }

    #[actix_web::test]
    async fn a_websites_token_comes_by_subprotocol_and_header_too() {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

        let app = TestApp::start(TestDatabase::create(Engine::Sqlite).await).await;
        let site = site(&app).await;
        let token = site.token("ann");
        let offered = format!("phoenix, base64url.bearer.phx.{}", URL_SAFE_NO_PAD.encode(&token));
        for (name, value) in [
            ("sec-websocket-protocol", offered),
            ("authorization", format!("Bearer {token}")),
        ] {
            let opened = TestSocket::try_connect(app.address, "vsn=2.0.0", &[(name, &value)]).await;
            assert!(opened.is_ok(), "{name}");
        }
        let poll = app.request(Method::GET, "/chat/socket/longpoll?vsn=2.0.0");
        assert_eq!(
            answer(poll.header("x-phoenix-authtoken", &token)).await.body["status"],
            410
        );
    }

    #[actix_web::test]
    async fn a_socket_goes_on_with_another_token_of_its_user_whoever_signed_it() {
        let app = TestApp::start(TestDatabase::create(Engine::Sqlite).await).await;
        let site = site(&app).await;
        let first = site.token_of("ann", -5, json!({}));
        let id = me(&app, &first, 200).await.text_of("id");
        let mut socket = socket(&app, &first).await;
        let (channel, _) = socket.join(&format!("user:{id}")).await;
        let session = exchange(&app, &first, 200).await.text_of("token");
        for good in [site.token_of("ann", 0, json!({ "name": "Ann" })), session] {
            let pushed = socket.push(&channel, "token_refresh", json!({ "token": good })).await;
            socket.assert_reply(&pushed, "ok").await;
        }
        let bob = app.user("acme", "bob").await;
        for bad in [site.token("bob"), bob.token, "nothing".to_owned()] {
            let pushed = socket.push(&channel, "token_refresh", json!({ "token": bad })).await;
            assert_eq!(socket.assert_reply(&pushed, "error").await["reason"], "unauthorized");
        }
    }
}
