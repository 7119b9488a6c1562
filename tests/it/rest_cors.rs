//! Whose pages may use the chat: over REST, by WebSocket and by long poll alike.

use parlour::config::OriginCheck;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    limits::set_settings,
    people::PASSWORD,
    rest::{Answer, answer, expect, with_query},
    socket::TestSocket,
};

const ROOMS: &str = "/api/v1/rooms";
const HOME: &str = "https://site.example";

/// The list of the tenant whose pages are judged.
const LIST: &[&str] = &[
    HOME,
    "http://localhost:3000",
    "https://*.wild.example",
    "https://xn--bcher-kva.example",
];

/// Origins, and whether that tenant means them.
const TABLE: &[(&str, bool)] = &[
    (HOME, true),
    ("HTTPS://Site.Example", true),
    ("https://site.example:443", true),
    ("http://localhost:3000", true),
    ("https://shop.wild.example", true),
    ("https://xn--bcher-kva.example", true),
    ("https://evil.example", false),
    ("https://evil-site.example", false),
    ("https://evilsite.example", false),
    ("https://a.site.example", false),
    ("https://site.example.evil", false),
    ("https://site.example:8443", false),
    ("http://site.example", false),
    ("https://site.example/", false),
    ("https://site.example@evil.example", false),
    ("https://localhost:3000", false),
    ("http://localhost", false),
    ("https://wild.example", false),
    ("https://a.b.wild.example", false),
    ("https://evilwild.example", false),
    ("https://bucher.example", false),
    ("null", false),
    ("", false),
    ("garbage", false),
];

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-tenant");
    answer(request).await
}

fn allowed(answer: &Answer) -> &str {
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(
        answer
            .headers
            .get_all("vary")
            .iter()
            .any(|vary| vary.to_str().unwrap().contains("Origin"))
    );
    answer.header("access-control-allow-origin")
}

/// Whether a page may open a WebSocket.
async fn opens(app: &TestApp, user: &TestUser, headers: &[(&str, &str)]) -> bool {
    let query = format!("token={}&vsn=2.0.0", user.token);
    match TestSocket::try_connect(app.address, &query, headers).await {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(status, 403);
            false
        }
    }
}

fn with(mut request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}

fn longpoll(query: &str) -> String {
    format!("/chat/socket/longpoll?vsn=2.0.0&{query}")
}

/// A poll without a session: what it is answered, and the session's token.
async fn poll(app: &TestApp, user: &TestUser, headers: &[(&str, &str)]) -> (Answer, String) {
    let request = app.request(Method::GET, &longpoll(&format!("token={}", user.token)));
    let polled = expect(with(request, headers), 200).await;
    let token = polled.body["token"].as_str().unwrap_or_default().to_owned();
    (polled, token)
}

async fn polls(app: &TestApp, user: &TestUser, headers: &[(&str, &str)]) -> bool {
    let (polled, token) = poll(app, user, headers).await;
    assert_eq!(
        (polled.body["status"] == 410, polled.body["status"] == 403),
        (!token.is_empty(), token.is_empty())
    );
    !token.is_empty()
}

both_engines! {
    async fn without_a_list_any_page_may(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let asked = preflight(&app, ROOMS, "https://any.example").await;
        assert_eq!((asked.status, allowed(&asked)), (204, "*"));
        assert_eq!(asked.header("access-control-allow-methods"), "GET, POST, PUT, PATCH, DELETE");
        let headers = asked.header("access-control-allow-headers");
        assert_eq!(headers, "authorization, content-type, x-tenant, x-request-id");
        assert_eq!(asked.header("access-control-max-age"), "600");
        let request = app.request_as(&alice, Method::GET, ROOMS).header("origin", "https://any.example");
        let answered = expect(request, 200).await;
        assert_eq!(allowed(&answered), "*");
        let exposed = "x-request-id, retry-after, location, ratelimit-limit, ratelimit-remaining, ratelimit-reset";
        assert_eq!(answered.header("access-control-expose-headers"), exposed);
        // Errors are for the page to read as well.
        for (request, status) in [
            (app.request(Method::GET, ROOMS), 401),
            (app.request_as(&alice, Method::GET, "/api/v1/rooms/nope"), 404),
            (app.request_as(&alice, Method::GET, "/api/v1/nope"), 404),
            (app.request_as(&alice, Method::PUT, ROOMS), 405),
        ] {
            assert_eq!(allowed(&expect(request.header("origin", "https://any.example"), status).await), "*");
        }
        assert_eq!(allowed(&expect(app.request_as(&alice, Method::GET, ROOMS), 200).await), "");
        let origin = [("origin", "https://any.example")];
        assert!(opens(&app, &alice, &origin).await);
        assert_eq!(allowed(&poll(&app, &alice, &origin).await.0), "*");
        // Only a page that is nobody's may not: that takes a tenant that allows it.
        expect(app.request_as(&alice, Method::GET, ROOMS).header("origin", "null"), 403).await;
    }

    async fn the_pages_of_a_tenant_with_a_list_are_the_listed_ones(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        set_settings(&app, "acme", json!({ "allowed_origins": LIST })).await;
        for (origin, meant) in TABLE {
            let headers = [("origin", *origin)];
            let read = answer(with(app.request_as(&alice, Method::GET, ROOMS), &headers)).await;
            let room = json!({ "name": format!("Made by {origin}") });
            let made = answer(with(app.request_as(&alice, Method::POST, ROOMS), &headers).json(&room)).await;
            assert_eq!(opens(&app, &alice, &headers).await, *meant, "{origin}");
            let (polled, session) = poll(&app, &alice, &headers).await;
            assert_eq!(session.is_empty(), !meant, "{origin}");
            let asked = preflight(&app, &format!("{ROOMS}?tenant=acme"), origin).await;
            assert_eq!(asked.header("access-control-allow-methods").is_empty(), !meant, "{origin}");
            let echoed = if *meant { *origin } else { "" };
            for answered in [&read, &made, &polled, &asked] {
                assert_eq!(allowed(answered), echoed, "{origin}");
            }
            if *meant {
                assert_eq!((read.status, made.status), (200, 201), "{origin}");
            } else {
                for refused in [read, made] {
                    assert_eq!((refused.status, refused.error()), (403, "origin not allowed"), "{origin}");
                }
                for path in ["/api/v1/auth/login", "/api/v1/auth/register"] {
                    let body = json!({ "username": "forged", "password": PASSWORD, "tenant": "acme" });
                    expect(with(app.request(Method::POST, path), &headers).json(&body), 403).await;
                }
            }
            if *origin != "null" {
                let request = with(app.request_as(&mallory, Method::GET, ROOMS), &headers);
                assert_eq!(allowed(&expect(request, 200).await), "*", "another tenant's list is no matter");
            }
        }
        let own = format!("http://{}", app.address);
        expect(app.request_as(&alice, Method::GET, ROOMS).header("origin", &own), 200).await;
        assert!(opens(&app, &alice, &[("origin", &own)]).await);
        let rooms = expect(app.request_as(&alice, Method::GET, &format!("{ROOMS}?limit=100")), 200).await;
        assert!(!rooms.text.contains("evil") && rooms.text.contains("Made by"));
    }

    async fn two_origins_are_nobodys(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME] })).await;
        for user in [&alice, &mallory] {
            for second in [HOME, "https://evil.example"] {
                let two = [("origin", HOME), ("origin", second)];
                let refused = expect(with(app.request_as(user, Method::GET, ROOMS), &two), 403).await;
                assert_eq!(refused.header("access-control-allow-origin"), "");
                assert!(!opens(&app, user, &two).await);
                assert!(!polls(&app, user, &two).await);
                let asked = with(app.request(Method::OPTIONS, ROOMS), &two).header("access-control-request-method", "GET");
                assert_eq!(answer(asked).await.header("access-control-allow-origin"), "");
            }
        }
    }

    async fn tenants_may_let_in_pages_that_are_nobodys_and_ask_all_others_to_tell(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME], "allow_null_origin": true })).await;
        let null = [("origin", "null")];
        assert_eq!(allowed(&expect(with(app.request_as(&alice, Method::GET, ROOMS), &null), 200).await), "null");
        assert_eq!(allowed(&preflight(&app, &format!("{ROOMS}?tenant=acme"), "null").await), "null");
        assert_eq!(allowed(&preflight(&app, ROOMS, "null").await), "null", "some tenant does");
        assert!(opens(&app, &alice, &null).await && polls(&app, &alice, &null).await);

        assert!(opens(&app, &alice, &[]).await && polls(&app, &alice, &[]).await);
        set_settings(&app, "acme", json!({ "require_origin": true, "allow_null_origin": false })).await;
        assert!(!opens(&app, &alice, &[]).await && !polls(&app, &alice, &[]).await);
        assert!(!opens(&app, &alice, &null).await);
        assert!(opens(&app, &alice, &[("origin", HOME)]).await && polls(&app, &alice, &[("origin", HOME)]).await);
        // Browsers send no origin with the polls of this host's own pages, and say so.
        assert!(polls(&app, &alice, &[("sec-fetch-site", "same-origin")]).await);
        assert!(!polls(&app, &alice, &[("sec-fetch-site", "cross-site")]).await);
        expect(app.request_as(&alice, Method::GET, ROOMS), 200).await;
    }

    async fn a_session_is_polled_by_the_tenants_pages_as_they_are_now(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.socket.longpoll_window = std::time::Duration::from_secs(1);
        })
        .await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME, "https://other.example"] })).await;
        let home = [("origin", HOME)];
        let (_, session) = poll(&app, &alice, &home).await;
        let again = |method: Method, headers: &[(&str, &str)]| {
            let request = app.request(method, &longpoll(&format!("token={session}")));
            answer(with(request, headers).body(r#"[null,"1","phoenix","heartbeat",{}]"#))
        };
        for method in [Method::GET, Method::POST] {
            let evil = again(method.clone(), &[("origin", "https://evil.example")]).await;
            assert_eq!((&evil.body["status"], allowed(&evil)), (&json!(403), ""));
            let fine = again(method, &home).await;
            assert_ne!(fine.body["status"], 403);
            assert_eq!(allowed(&fine), HOME);
        }
        set_settings(&app, "acme", json!({ "allowed_origins": ["https://other.example"] })).await;
        assert_eq!(again(Method::GET, &home).await.body["status"], 403);
        let other = again(Method::GET, &[("origin", "https://other.example")]).await;
        assert_ne!(other.body["status"], 403);
    }

    async fn the_servers_own_check_of_sockets_comes_first(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.socket.check_origin = OriginCheck::Only(vec!["//*.example".to_owned()]);
        })
        .await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME, "https://site.test"] })).await;
        for (origin, meant) in [(HOME, true), ("https://site.test", false), ("https://a.example", false)] {
            let headers = [("origin", origin)];
            assert_eq!(opens(&app, &alice, &headers).await, meant, "{origin}");
            assert_eq!(polls(&app, &alice, &headers).await, meant, "{origin}");
        }
    }

    async fn a_preflight_is_answered_for_the_tenant_it_names_or_for_any(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.cors.allowed_origins = vec!["https://main.example".to_owned()];
        })
        .await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME] })).await;
        let key = parlour::tenants::get_tenant_by_slug(&app.db.store, "acme").await.unwrap().public_key;
        for (query, origin, expected) in [
            ("", "https://main.example", "https://main.example"),
            ("", HOME, HOME),
            ("", "https://evil.example", ""),
            ("", "null", ""),
            ("tenant=acme", HOME, HOME),
            (&format!("tenant={key}"), HOME, HOME),
            ("tenant=acme", "https://main.example", ""),
            ("tenant=default", HOME, ""),
            ("tenant=nowhere", HOME, ""),
        ] {
            let asked = preflight(&app, &format!("{ROOMS}?{query}"), origin).await;
            assert_eq!(allowed(&asked), expected, "{query} {origin}");
            assert_eq!(asked.header("access-control-allow-methods").is_empty(), expected.is_empty());
            let polled = preflight(&app, &longpoll(query), origin).await;
            assert_eq!(allowed(&polled), expected, "{query} {origin}");
            if !expected.is_empty() {
                assert_eq!(polled.header("access-control-max-age"), "600");
            }
        }
        // Of a request that did not get as far as its tenant, its page can read why.
        for (request, status) in [
            (app.request(Method::GET, ROOMS), 401),
            (app.request(Method::GET, ROOMS).bearer_auth("nonsense"), 401),
            (app.request_as(&alice, Method::GET, "/api/v1/nope"), 404),
        ] {
            assert_eq!(allowed(&expect(request.header("origin", HOME), status).await), HOME);
        }
    }

    async fn the_operators_routes_are_for_no_page(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let request = app
            .request(Method::OPTIONS, "/api/v1/admin/stats")
            .header("origin", HOME)
            .header("access-control-request-method", "GET");
        assert_eq!(answer(request).await.header("access-control-allow-origin"), "");
        let request = app.request(Method::GET, "/api/v1/admin/stats").header("origin", HOME);
        assert_eq!(expect(request, 401).await.header("access-control-allow-origin"), "");
        for path in ["/health/live", "/metrics", "/docs/"] {
            let answered = expect(app.request(Method::GET, path).header("origin", HOME), 200).await;
            assert_eq!(answered.header("access-control-allow-origin"), "");
        }
    }

    async fn a_body_that_needs_no_preflight_is_refused(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let body: Value = json!({ "name": "Simple" });
        for kind in ["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"] {
            let request = app.request_as(&alice, Method::POST, ROOMS).header("origin", HOME).header("content-type", kind);
            expect(request.body(body.to_string()), 415).await;
        }
    }

    async fn pages_are_framed_by_the_sites_they_are_for(db: TestDatabase) {
        let app = TestApp::start(db).await;
        for tenant in ["acme", "open"] {
            app.user(tenant, "alice").await;
        }
        set_settings(&app, "acme", json!({ "allowed_origins": [HOME, "https://*.wild.example"] })).await;
        let key = parlour::tenants::get_tenant_by_slug(&app.db.store, "acme").await.unwrap().public_key;
        let listed = format!("'self' {HOME} https://*.wild.example");
        for (path, ancestors) in [
            ("/", "'self'"),
            ("/?tenant=acme", listed.as_str()),
            (&format!("/?tenant={key}"), listed.as_str()),
            ("/?tenant=open", "*"),
            ("/?tenant=nowhere", "'self'"),
            ("/?tenant=%27none%27%3B%20script-src%20*", "'self'"),
        ] {
            let page = expect(app.request(Method::GET, path), 200).await;
            let policy = format!("default-src 'none'; frame-ancestors {ancestors}");
            assert_eq!(page.header("content-security-policy"), policy, "{path}");
        }
    }

    async fn where_the_server_names_sites_those_frame_pages_too(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.cors.allowed_origins = vec!["https://main.example".to_owned()];
        })
        .await;
        app.user("open", "alice").await;
        let page = expect(app.request(Method::GET, "/?tenant=open"), 200).await;
        let policy = "default-src 'none'; frame-ancestors 'self' https://main.example";
        assert_eq!(page.header("content-security-policy"), policy);
    }
    async fn what_an_origin_would_meet_can_be_asked(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.cors.allowed_origins = vec!["https://main.example".to_owned()];
            settings.socket.check_origin = OriginCheck::Only(vec!["https://*.example".to_owned()]);
        })
        .await;
        for tenant in ["acme", "open"] {
            app.user(tenant, "alice").await;
        }
        set_settings(&app, "acme", json!({ "allowed_origins": LIST, "allow_null_origin": true })).await;
        let own = format!("http://{}", app.address);
        let asked = async |tenant: &str, origin: &str| {
            let path = with_query("/api/v1/tenant/origin", &[("tenant", tenant), ("origin", origin)]);
            expect(app.request(Method::GET, &path), 200).await.data().clone()
        };
        for (origin, meant) in TABLE.iter().filter(|(origin, _)| *origin != "null") {
            let told = asked("acme", origin).await;
            assert_eq!((&told["allowed"], &told["rule"]), (&json!(meant), &json!("allowed_origins")), "{origin}");
        }
        let verdict = |allowed: bool, sockets: bool, rule: &str| {
            json!({ "allowed": allowed, "sockets": sockets, "rule": rule })
        };
        for (tenant, origin, expected) in [
            ("acme", HOME, verdict(true, true, "allowed_origins")),
            ("acme", "http://localhost:3000", verdict(true, false, "allowed_origins")),
            ("acme", "null", verdict(true, false, "allow_null_origin")),
            ("acme", &own, verdict(true, false, "own_host")),
            ("open", "https://main.example", verdict(true, true, "deployment")),
            ("open", HOME, verdict(false, true, "deployment")),
            ("open", "null", verdict(false, false, "allow_null_origin")),
        ] {
            assert_eq!(asked(tenant, origin).await, expected, "{tenant} {origin}");
        }
        let path = "/api/v1/tenant/origin";
        assert_eq!(expect(app.request(Method::GET, path), 422).await.invalid_fields(), ["origin"]);
        expect(app.request(Method::GET, &format!("{path}?origin=x&tenant=nowhere")), 404).await;
        // It is judged who asks, too.
        let asks = app.request(Method::GET, &format!("{path}?tenant=acme&origin={HOME}"));
        expect(asks.header("origin", "https://evil.example"), 403).await;
    }
}
