//! How often and how much over REST, with the limits of the server and of tenants.

use futures_util::future::join_all;
use parlour::{
    api_keys::Permission,
    config::{Cap, TrustedProxies},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    admin::{request, server_key},
    app::{TestApp, TestUser},
    limits::{from, set_limits, set_settings, usage},
    people::PASSWORD,
    rest::{Answer, answer, done, expect, refused},
};

const ME: &str = "/api/v1/auth/me";
const ROOMS: &str = "/api/v1/rooms";
const LOGIN: &str = "/api/v1/auth/login";
const MESSAGES: &str = "/api/v1/rooms/general/messages";

fn say(app: &TestApp, user: &TestUser, content: &str) -> reqwest::RequestBuilder {
    app.request_as(user, Method::POST, MESSAGES)
        .json(&json!({ "content": content }))
}

/// What an answer tells of the requests' limit: how many fit, how many are left, when all fit again.
fn told(answer: &Answer) -> (String, String, String) {
    let header = |name| answer.header(name).to_owned();
    (
        header("ratelimit-limit"),
        header("ratelimit-remaining"),
        header("ratelimit-reset"),
    )
}

fn told_as(limit: &str, remaining: &str, reset: &str) -> (String, String, String) {
    (limit.to_owned(), remaining.to_owned(), reset.to_owned())
}

fn limited(answer: &Answer) -> &str {
    assert_eq!(
        (answer.status, answer.error()),
        (429, "rate limited"),
        "{}",
        answer.text
    );
    let wait_ms = answer.body["retry_after_ms"].as_u64().unwrap();
    assert!(wait_ms > 0);
    let wait = wait_ms.div_ceil(1000).to_string();
    assert_eq!(answer.header("retry-after"), wait);
    let (fit, remaining, reset) = told(answer);
    assert!(!fit.is_empty(), "{:?}", answer.headers);
    assert_eq!(
        (remaining, reset),
        ("0".to_owned(), wait),
        "the limit that refused is told"
    );
    answer.body["limit"].as_str().unwrap()
}

both_engines! {
    async fn requests_of_a_user_are_counted_and_what_is_left_is_told(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.requests_per_user = "3/3h".parse().unwrap();
            settings.limits.requests_per_address = "100/1h".parse().unwrap();
        })
        .await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        for (remaining, reset) in [("2", "3600"), ("1", "7200"), ("0", "10800")] {
            let answered = expect(app.request_as(&ann, Method::GET, ME), 200).await;
            assert_eq!(told(&answered), told_as("3", remaining, reset));
        }
        assert_eq!(limited(&answer(app.request_as(&ann, Method::GET, ROOMS)).await), "requests_per_user");
        let answered = expect(app.request_as(&bob, Method::GET, ME), 200).await;
        assert_eq!(told(&answered).1, "2", "somebody else's are counted by themselves");
        let anonymous = expect(app.request(Method::GET, ME), 401).await;
        assert_eq!(told(&anonymous).0, "100", "without a user the address's are told");
        set_limits(&app, "acme", json!({ "requests_per_user": "off" })).await;
        expect(app.request_as(&ann, Method::GET, ME), 200).await;
    }

    async fn a_refusal_tells_the_limit_that_refused_and_no_other(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.requests_per_user = "2/2h".parse().unwrap();
            settings.limits.requests_per_tenant = "5/5h".parse().unwrap();
            settings.limits.requests_per_address = "100/1h".parse().unwrap();
        })
        .await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (key, _) = server_key(&app, "acme", &[Permission::UsersRead]).await;
        let ask = |user: &TestUser| answer(app.request_as(user, Method::GET, ME));
        let ask_by_key = || answer(request(&app, &key, "GET /server/users", &Value::Null));
        let refused = |answer: &Answer, limit: &str, fit: &str| {
            assert_eq!((limited(answer), told(answer).0.as_str()), (limit, fit));
        };
        for _ in 0..2 {
            assert_eq!((ask(&ann).await.status, ask_by_key().await.status), (200, 200));
        }
        refused(&ask(&ann).await, "requests_per_user", "2");
        refused(&ask_by_key().await, "requests_per_user", "2");
        assert_eq!(ask(&bob).await.status, 200);
        refused(&ask(&bob).await, "requests_per_tenant", "5");

        let limits = json!({ "requests_per_user": "9/1h", "requests_per_tenant": "off", "messages_per_room": "1/1h" });
        set_limits(&app, "acme", limits).await;
        let said = expect(say(&app, &ann, "first"), 201).await;
        assert_eq!(told(&said).0, "9");
        refused(&answer(say(&app, &ann, "second")).await, "messages_per_room", "1");
    }

    async fn one_address_and_one_tenant_leave_room_for_others(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.server.trusted_proxies = TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap();
            settings.limits.requests_per_address = "3/1h".parse().unwrap();
        })
        .await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("globex", "bob").await);
        let ask = |user: &TestUser, address: &str| answer(from(app.request_as(user, Method::GET, ME), address));
        for _ in 0..3 {
            assert_eq!(ask(&ann, "203.0.113.1").await.status, 200);
        }
        let refused = from(app.request_as(&bob, Method::GET, ME), "203.0.113.1").header("origin", "https://a.example");
        let refused = answer(refused).await;
        assert_eq!(limited(&refused), "requests_per_address");
        assert_eq!(refused.header("access-control-allow-origin"), "*", "pages can read it");
        assert_eq!(ask(&bob, "203.0.113.2").await.status, 200);

        set_limits(&app, "acme", json!({ "requests_per_tenant": "1/1h" })).await;
        assert_eq!(ask(&ann, "203.0.113.3").await.status, 200);
        assert_eq!(limited(&ask(&ann, "203.0.113.4").await), "requests_per_tenant");
        assert_eq!(ask(&bob, "203.0.113.5").await.status, 200);
    }

    async fn messages_are_limited_by_user_room_and_tenant(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        set_limits(&app, "acme", json!({ "messages_per_user": "2/1h", "messages_per_room": "3/1h" })).await;
        for user in [&ann, &ann, &bob] {
            expect(say(&app, user, "hello"), 201).await;
        }
        assert_eq!(limited(&answer(say(&app, &ann, "third")).await), "messages_per_user");
        assert_eq!(limited(&answer(say(&app, &bob, "fourth")).await), "messages_per_room");
        let elsewhere = "/api/v1/rooms/random/messages";
        set_limits(&app, "acme", json!({ "messages_per_user": "off", "messages_per_tenant": "1/1h" })).await;
        let say_there = || app.request_as(&ann, Method::POST, elsewhere).json(&json!({ "content": "x" }));
        expect(say_there(), 201).await;
        assert_eq!(limited(&answer(say_there()).await), "messages_per_tenant");
        let mallory = app.user("globex", "mallory").await;
        expect(say(&app, &mallory, "another tenant"), 201).await;
        assert_eq!(usage(&app, "acme", "messages_per_room").await, (1, 0));
        assert_eq!(usage(&app, "globex", "messages_per_tenant").await, (0, 0));
    }

    async fn nobody_fills_a_room_they_may_not_write_in(db: TestDatabase) {
        let app = TestApp::start(db).await;
        set_limits(&app, "acme", json!({ "messages_per_room": "2/1h", "messages_per_user": "off" })).await;
        let (ann, mallory) = (app.user("acme", "ann").await, app.user("acme", "mallory").await);
        let den = done(&app, &ann, "POST /api/v1/rooms", json!({ "name": "Den", "kind": "private" })).await.text_of("id");
        let path = format!("/api/v1/rooms/{den}/messages");
        let say = |user: &TestUser, body: Value| answer(app.request_as(user, Method::POST, &path).json(&body));
        for _ in 0..5 {
            assert_eq!(say(&mallory, json!({ "content": "let me in" })).await.status, 403);
        }
        let first = json!({ "content": "first", "client_id": "1" });
        for status in [201, 200, 200] {
            assert_eq!(say(&ann, first.clone()).await.status, status, "a repeat is no other message");
        }
        assert_eq!(say(&ann, json!({ "content": "second" })).await.status, 201);
        assert_eq!(limited(&say(&ann, json!({ "content": "third" })).await), "messages_per_room");
    }

    async fn limits_that_are_only_tried_refuse_nothing_and_are_counted(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let limits = json!({
            "dry_run": true, "messages_per_user": "1/1h", "messages_per_room": "1/1h", "requests_per_user": "2/1h",
            "rooms_max": 1, "members_per_room_max": 1,
        });
        set_limits(&app, "acme", limits).await;
        for _ in 0..3 {
            expect(say(&app, &ann, "hello"), 201).await;
        }
        done(&app, &ann, "POST /api/v1/rooms", json!({ "name": "One more" })).await;
        done(&app, &bob, "POST /api/v1/rooms/general/join", json!({})).await;
        for (limit, counted) in [
            ("messages_per_user", 2),
            ("messages_per_room", 2),
            ("requests_per_user", 2),
            ("rooms_max", 1),
            ("members_per_room_max", 1),
        ] {
            assert_eq!(usage(&app, "acme", limit).await, (0, counted), "{limit}");
        }
    }

    async fn a_tenant_has_so_many_rooms_and_a_room_so_many_members(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob, carol) =
            (app.user("acme", "ann").await, app.user("acme", "bob").await, app.user("acme", "carol").await);
        // Three are there from the beginning.
        set_limits(&app, "acme", json!({ "rooms_max": 5, "members_per_room_max": 2 })).await;
        let made = join_all((0..6).map(|number| {
            let name = json!({ "name": format!("Room {number}") });
            answer(app.request_as(&ann, Method::POST, ROOMS).json(&name))
        }));
        let (made, full): (Vec<_>, Vec<_>) = made.await.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((made.len(), full.len()), (2, 4));
        assert!(full.iter().all(|answer| (answer.status, answer.error()) == (409, "there are too many rooms")));
        let conversation = app.request_as(&ann, Method::POST, "/api/v1/dm").json(&json!({ "user_id": bob.id() }));
        expect(conversation, 201).await;

        let room = made[0].text_of("id");
        let join = format!("POST /api/v1/rooms/{room}/join");
        done(&app, &bob, &join, json!({})).await;
        done(&app, &bob, &join, json!({})).await;
        refused(&app, &carol, &join, json!({}), 409, "this room is full").await;
        let member = json!({ "user_id": carol.id() });
        refused(&app, &ann, &format!("POST /api/v1/rooms/{room}/members"), member, 409, "this room is full").await;
        let message = json!({ "content": "I only write" });
        refused(&app, &carol, &format!("POST /api/v1/rooms/{room}/messages"), message, 409, "this room is full").await;
        done(&app, &bob, &format!("DELETE /api/v1/rooms/{room}/leave"), json!({})).await;
        done(&app, &carol, &join, json!({})).await;
        assert_eq!(usage(&app, "acme", "rooms_max").await, (4, 0));
        assert_eq!(usage(&app, "acme", "members_per_room_max").await, (3, 0));
    }

    async fn rooms_are_made_at_a_rate_and_conversations_that_exist_are_found_at_any(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob, carol) =
            (app.user("acme", "ann").await, app.user("acme", "bob").await, app.user("acme", "carol").await);
        set_limits(&app, "acme", json!({ "rooms_created_per_user": "2/1h" })).await;
        done(&app, &ann, "POST /api/v1/rooms", json!({ "name": "One" })).await;
        let talk_to = |user: &TestUser| {
            answer(app.request_as(&ann, Method::POST, "/api/v1/dm").json(&json!({ "user_id": user.id() })))
        };
        assert_eq!(talk_to(&bob).await.status, 201);
        assert_eq!(talk_to(&bob).await.status, 200);
        assert_eq!(limited(&talk_to(&carol).await), "rooms_created_per_user");
        let room = app.request_as(&ann, Method::POST, ROOMS).json(&json!({ "name": "Two" }));
        assert_eq!(limited(&answer(room).await), "rooms_created_per_user");
    }

    async fn messages_and_bodies_have_the_tenants_length(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("globex", "bob").await);
        set_settings(&app, "acme", json!({ "message_chars_max": 10 })).await;
        let sent = expect(say(&app, &ann, " \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9} "), 201).await;
        let long = expect(say(&app, &ann, "eleven char"), 422).await;
        assert_eq!(long.body, json!({ "errors": { "content": ["must be 1 to 10 characters"] } }));
        let edit = format!("PATCH /api/v1/rooms/general/messages/{}", sent.text_of("id"));
        assert_eq!(crate::helpers::rest::ask(&app, &ann, &edit, json!({ "content": "eleven char" })).await.status, 422);
        expect(say(&app, &bob, "eleven char"), 201).await;

        set_limits(&app, "acme", json!({ "body_bytes_max": 200 })).await;
        let body = json!({ "content": "x", "client_id": "y".repeat(200) });
        let over = expect(app.request_as(&ann, Method::POST, MESSAGES).json(&body), 413).await;
        assert_eq!(over.error(), "the body is longer than 200 bytes");
        let anonymous = json!({ "username": "z".repeat(200), "password": PASSWORD, "tenant": "acme" });
        expect(app.request(Method::POST, LOGIN).json(&anonymous), 413).await;
        expect(app.request_as(&bob, Method::POST, MESSAGES).json(&body), 422).await;
    }

    async fn who_guesses_passwords_is_slowed_down_and_locks_nobody_out(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.server.trusted_proxies = TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap();
            settings.limits.logins_per_account = "10/1m".parse().unwrap();
            settings.limits.logins_per_account_anywhere = "100/1h".parse().unwrap();
            settings.limits.logins_per_tenant = "600/1m".parse().unwrap();
        })
        .await;
        app.user("default", "victim").await;
        let login = |password: &str, address: &str| {
            let body = json!({ "username": "Victim", "password": password });
            answer(from(app.request(Method::POST, LOGIN).json(&body), address))
        };
        let mut hashed = 0;
        for _ in 0..100 {
            let guesses = join_all((0..10).map(|_| login("not the password", "203.0.113.66"))).await;
            for guess in guesses {
                match guess.status {
                    401 => hashed += 1,
                    _ => assert_eq!(limited(&guess), "logins_per_account"),
                }
            }
        }
        // Ten, and one each six seconds.
        assert!((10..=15).contains(&hashed), "{hashed} guesses of 1000 were looked at");
        let owner = login(PASSWORD, "198.51.100.1").await;
        assert_eq!(owner.status, 200, "{}", owner.text);
        assert_eq!(limited(&login(PASSWORD, "203.0.113.66").await), "logins_per_account");

        // From many addresses the wide limit holds.
        let mut statuses = Vec::new();
        for number in 0..30 {
            for _ in 0..5 {
                statuses.push(login("not the password", &format!("203.0.113.{number}")).await);
            }
        }
        assert_eq!(limited(statuses.last().unwrap()), "logins_per_account_anywhere");
        let hashed = statuses.iter().filter(|answer| answer.status == 401).count();
        assert!((85..=95).contains(&hashed), "{hashed}");
    }

    async fn sign_ins_and_registrations_of_a_tenant_are_limited_apart_from_others(db: TestDatabase) {
        let app = TestApp::start(db).await;
        for tenant in ["acme", "globex"] {
            app.user(tenant, "ann").await;
        }
        let limits = json!({ "dry_run": true, "logins_per_tenant": "2/1h", "registrations_per_tenant": "1/1h" });
        set_limits(&app, "acme", limits).await;
        let post = |path: &str, tenant: &str, name: &str| {
            let body = json!({ "username": name, "password": PASSWORD, "tenant": tenant });
            answer(app.request(Method::POST, path).json(&body))
        };
        for _ in 0..2 {
            assert_eq!(post(LOGIN, "acme", "ann").await.status, 200);
        }
        let refused = post(LOGIN, "acme", "ann").await;
        assert_eq!(limited(&refused), "logins_per_tenant", "no trial opens the door to guessing");
        assert_eq!(post(LOGIN, "globex", "ann").await.status, 200);
        let register = "/api/v1/auth/register";
        for name in ["bob", "carol"] {
            assert_eq!(post(register, "acme", name).await.status, 201);
        }
        set_limits(&app, "acme", json!({ "registrations_per_tenant": "1/1h" })).await;
        assert_eq!(limited(&post(register, "acme", "dave").await), "registrations_per_tenant");
        assert_eq!(post(register, "globex", "dave").await.status, 201);
        assert_eq!(usage(&app, "acme", "registrations_per_tenant").await, (1, 1));
    }

    async fn many_sign_ins_at_once_slow_nobody_else_down(db: TestDatabase) {
        use std::time::{Duration, Instant};

        let app = TestApp::start_with(db, |settings| {
            // Some milliseconds each in a build without optimisation: two cores are busy for seconds.
            settings.auth.password_rounds = 20_000;
            settings.auth.hash_queue_max = Cap::Max(64);
        })
        .await;
        let ann = app.user("default", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let logins = join_all((0..200).map(|number| {
            let body = json!({ "username": format!("nobody-{number}"), "password": PASSWORD });
            answer(app.request(Method::POST, LOGIN).json(&body))
        }));
        let others = async {
            let mut slowest = Duration::ZERO;
            for number in 0..5 {
                let started = Instant::now();
                expect(app.request(Method::GET, "/health/live"), 200).await;
                let pushed = socket.push(&channel, "new_message", json!({ "content": number.to_string() })).await;
                socket.assert_reply(&pushed, "ok").await;
                slowest = slowest.max(started.elapsed());
            }
            slowest
        };
        let (logins, slowest) = tokio::join!(logins, others);
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        let (mut wrong, mut busy) = (0, 0);
        for login in logins {
            match login.status {
                401 => wrong += 1,
                _ => {
                    assert_eq!((login.status, login.error()), (503, "too many logins at once"));
                    assert_eq!(login.header("retry-after"), "1");
                    busy += 1;
                }
            }
        }
        assert!(wrong >= 64 && wrong + busy == 200, "{wrong} looked at, {busy} turned away");
    }
}
