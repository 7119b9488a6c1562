//! Which pages may use the API.

use parlour::tenants::{self, TenantSettings};
use reqwest::Method;
use serde_json::json;

use crate::helpers::{
    app::TestApp,
    people::PASSWORD,
    rest::{Answer, answer, expect},
};

const ROOMS: &str = "/api/v1/rooms";
const HOME: &str = "https://site.example";

/// Origins that are not `HOME`, however they look.
const FOREIGN: &[&str] = &[
    "https://evil.example",
    "https://evil-site.example",
    "https://a.site.example",
    "https://site.example.evil",
    "https://site.example:8443",
    "http://site.example",
    "https://site.example/",
    "null",
    "",
];

async fn list_origins(app: &TestApp, tenant: &str, origins: &[&str]) {
    let store = &app.db.store;
    let tenant = tenants::get_tenant_by_slug(store, tenant).await.unwrap();
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    let settings = TenantSettings {
        allowed_origins: Some(origins),
        ..tenant.settings
    };
    tenants::update_settings(store, tenant.id, settings).await.unwrap();
}

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-tenant");
    expect(request, 204).await
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

both_engines! {
    async fn without_a_list_any_page_may(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let asked = preflight(&app, ROOMS, "https://any.example").await;
        assert_eq!(allowed(&asked), "*");
        assert_eq!(asked.header("access-control-allow-methods"), "GET, POST, PUT, PATCH, DELETE");
        let headers = asked.header("access-control-allow-headers");
        assert_eq!(headers, "authorization, content-type, x-tenant, x-request-id");
        assert_eq!(asked.header("access-control-max-age"), "600");
        let request = app.request_as(&alice, Method::GET, ROOMS).header("origin", "https://any.example");
        let answered = expect(request, 200).await;
        assert_eq!(allowed(&answered), "*");
        assert_eq!(answered.header("access-control-expose-headers"), "x-request-id, retry-after, location");
        // Errors are for the page to read as well.
        for (request, status) in [
            (app.request(Method::GET, ROOMS), 401),
            (app.request_as(&alice, Method::GET, "/api/v1/rooms/nope"), 404),
            (app.request_as(&alice, Method::GET, "/api/v1/nope"), 404),
            (app.request_as(&alice, Method::PUT, ROOMS), 405),
        ] {
            assert_eq!(allowed(&expect(request.header("origin", "null"), status).await), "*");
        }
        assert_eq!(allowed(&expect(app.request_as(&alice, Method::GET, ROOMS), 200).await), "");
    }

    async fn the_pages_of_a_tenant_with_a_list_are_the_listed_ones(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        list_origins(&app, "acme", &[HOME]).await;
        for origin in [HOME, "HTTPS://Site.Example", "https://site.example:443"] {
            let request = app.request_as(&alice, Method::GET, ROOMS).header("origin", origin);
            assert_eq!(allowed(&expect(request, 200).await), origin);
        }
        let own = format!("http://{}", app.address);
        expect(app.request_as(&alice, Method::GET, ROOMS).header("origin", own), 200).await;
        expect(app.request_as(&alice, Method::GET, ROOMS), 200).await;

        for origin in FOREIGN {
            for method in [Method::GET, Method::POST] {
                let request = app.request_as(&alice, method, ROOMS).header("origin", *origin);
                let refused = expect(request.json(&json!({ "name": "Forged" })), 403).await;
                assert_eq!((refused.error(), allowed(&refused)), ("origin not allowed", ""), "{origin}");
            }
            for path in ["/api/v1/auth/login", "/api/v1/auth/register"] {
                let body = json!({ "username": "forged", "password": PASSWORD, "tenant": "acme" });
                let refused = expect(app.request(Method::POST, path).header("origin", *origin).json(&body), 403).await;
                assert_eq!(allowed(&refused), "", "{origin}");
            }
            let request = app.request_as(&mallory, Method::GET, ROOMS).header("origin", *origin);
            assert_eq!(allowed(&expect(request, 200).await), "*");
        }
        let rooms = expect(app.request_as(&alice, Method::GET, ROOMS), 200).await;
        assert!(!rooms.text.contains("Forged"));
        let two = app.request_as(&alice, Method::GET, ROOMS).header("origin", HOME).header("origin", HOME);
        expect(two, 403).await;
    }

    async fn a_preflight_is_answered_for_the_tenant_it_names_or_for_any(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.cors.allowed_origins = vec!["https://main.example".to_owned()];
        })
        .await;
        app.user("acme", "alice").await;
        list_origins(&app, "acme", &[HOME]).await;
        for (path, origin, expected) in [
            (ROOMS, "https://main.example", "https://main.example"),
            (ROOMS, HOME, HOME),
            (ROOMS, "https://evil.example", ""),
            (ROOMS, "null", ""),
            ("/api/v1/rooms?tenant=acme", HOME, HOME),
            ("/api/v1/rooms?tenant=acme", "https://main.example", ""),
            ("/api/v1/rooms?tenant=default", HOME, ""),
            ("/api/v1/rooms?tenant=nowhere", HOME, ""),
        ] {
            let asked = preflight(&app, path, origin).await;
            assert_eq!(allowed(&asked), expected, "{path} {origin}");
            assert_eq!(asked.header("access-control-allow-methods").is_empty(), expected.is_empty());
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
}
