//! Health, metrics and the pages for people.

use std::time::Duration;

use reqwest::Method;

use crate::helpers::{app::TestApp, rest::expect};

both_engines! {
    async fn the_server_says_how_it_is(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let live = expect(app.request(Method::GET, "/health/live"), 200).await;
        assert_eq!(live.text, r#"{"data":{"status":"live"}}"#);
        let ready = expect(app.request(Method::GET, "/health/ready"), 200).await;
        assert_eq!(ready.text, r#"{"data":{"status":"ready"}}"#);
        let metrics = expect(app.request(Method::GET, "/metrics"), 200).await;
        assert!(metrics.header("content-type").starts_with("text/plain"));
    }

    async fn a_server_that_stops_or_lost_its_database_is_not_ready(db: TestDatabase) {
        let app = TestApp::start(db).await;
        app.app.store.clone().close().await;
        let unready = expect(app.request(Method::GET, "/health/ready"), 503).await;
        assert_eq!((unready.error(), unready.header("retry-after")), ("database unavailable", "1"));
        app.app.realtime.drain(1, Duration::ZERO, Duration::ZERO).await;
        let unready = expect(app.request(Method::GET, "/health/ready"), 503).await;
        assert_eq!(unready.error(), "shutting down");
        expect(app.request(Method::GET, "/health/live"), 200).await;
    }

    async fn the_page_of_the_api_loads_nothing_from_elsewhere(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let page = expect(app.request(Method::GET, "/docs"), 200).await;
        assert!(page.header("content-type").starts_with("text/html"));
        let mut files = vec!["swagger-initializer.js"];
        for quote in page.text.split(['"', '\'']).filter(|text| text.starts_with("./")) {
            files.push(quote.trim_start_matches("./"));
        }
        assert!(files.len() > 3, "{files:?}");
        for file in files {
            let file = expect(app.request(Method::GET, &format!("/docs/{file}")), 200).await;
            let policy = file.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
            assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
        }
        for attribute in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
            assert!(!page.text.contains(attribute), "{attribute}");
        }
        let start = expect(app.request(Method::GET, "/docs/swagger-initializer.js"), 200).await;
        assert!(start.text.contains("\"/api/v1/openapi.json\"") && start.text.contains("\"validatorUrl\": \"none\""));
    }
}
