//! Whose address a request is counted for.

use parlour::config::{Cap, Settings, TrustedProxies};
use reqwest::Method;
use serde_json::json;

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::answer,
    socket::TestSocket,
};

const LOGIN: &str = "/api/v1/auth/login";

/// Every header that somewhere means another address.
const CLAIMS: &[(&str, &str)] = &[
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-for", "203.0.113.9, 127.0.0.1"),
    ("x-real-ip", "203.0.113.9"),
    ("forwarded", "for=203.0.113.9"),
    ("true-client-ip", "203.0.113.9"),
    ("cf-connecting-ip", "203.0.113.9"),
];

fn trusting(settings: &mut Settings, proxies: &[&str]) {
    let proxies: Vec<_> = proxies.iter().map(|proxy| (*proxy).to_owned()).collect();
    settings.server.trusted_proxies = TrustedProxies::parse(&proxies).unwrap();
}

async fn login(app: &TestApp, name: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = app.request(Method::POST, LOGIN);
    for (header, value) in headers {
        request = request.header(*header, *value);
    }
    let body = json!({ "username": name, "password": "not the password" });
    answer(request.json(&body)).await.status
}

async fn connect(app: &TestApp, user: &TestUser, headers: &[(&str, &str)]) -> Result<TestSocket, u16> {
    let query = format!("token={}&vsn=2.0.0", user.token);
    TestSocket::try_connect(app.address, &query, headers).await
}

both_engines! {
    async fn nobody_is_believed_who_was_not_named(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.logins_per_address = "3/1h".parse().unwrap();
            settings.socket.connections_per_address_max = Cap::Max(2);
            trusting(settings, &["192.0.2.1"]);
        })
        .await;
        let ann = app.user("default", "ann").await;
        let mut statuses = Vec::new();
        for (number, claim) in CLAIMS.iter().enumerate() {
            statuses.push(login(&app, &format!("somebody-{number}"), &[*claim]).await);
        }
        assert_eq!(statuses, [401, 401, 401, 429, 429, 429]);
        let mut open = Vec::new();
        for (number, claim) in CLAIMS.iter().enumerate() {
            match connect(&app, &ann, &[*claim]).await {
                Ok(socket) => open.push(socket),
                Err(status) => assert_eq!((status, open.len()), (429, 2), "{number}"),
            }
        }
        assert_eq!(open.len(), 2);
    }

    async fn behind_a_trusted_proxy_each_client_counts_by_itself(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.logins_per_address = "1/1h".parse().unwrap();
            settings.socket.connections_per_address_max = Cap::Max(1);
            trusting(settings, &["127.0.0.0/8", "10.0.0.0/8"]);
        })
        .await;
        let ann = app.user("default", "ann").await;
        for (forwarded, status) in [
            ("203.0.113.1", 401),
            ("203.0.113.1", 429),
            // What the client says itself stands further to the left.
            ("198.51.100.1, 203.0.113.1", 429),
            ("203.0.113.2, 203.0.113.1, 10.0.0.9", 429),
            ("203.0.113.2", 401),
            // Of an IPv6 network the first half counts.
            ("2001:db8:1:2::1", 401),
            ("2001:db8:1:2:ffff::2", 429),
            ("2001:db8:1:3::1", 401),
            ("::ffff:203.0.113.2", 429),
        ] {
            let name = format!("somebody-{}", forwarded.len());
            assert_eq!(login(&app, &name, &[("x-forwarded-for", forwarded)]).await, status, "{forwarded}");
        }
        let lines = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "203.0.113.3")];
        let _first = connect(&app, &ann, &lines).await.unwrap();
        assert_eq!(connect(&app, &ann, &[("x-forwarded-for", "203.0.113.3")]).await.err(), Some(429));
        let _other = connect(&app, &ann, &[("x-forwarded-for", "203.0.113.4")]).await.unwrap();
    }
}
