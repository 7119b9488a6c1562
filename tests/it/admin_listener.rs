//! With `server.admin_listen` the operator's routes answer there and nowhere else.

use reqwest::Method;

use crate::helpers::{
    app::{OPERATOR_TOKEN, TestApp},
    rest::{answer, comparable},
};

both_engines! {
    async fn the_operators_routes_answer_on_their_own_address_only(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.server.admin_listen = Some(([127, 0, 0, 1], 0).into());
        })
        .await;
        let alice = app.user("acme", "alice").await;
        let inside = app.admin_address.unwrap();
        let http = reqwest::Client::new();
        let ask = async |address: std::net::SocketAddr, method: Method, path: &str, token: &str| {
            answer(http.request(method, format!("http://{address}{path}")).bearer_auth(token)).await
        };
        let none = ask(app.address, Method::GET, "/api/v1/admin/nowhere", OPERATOR_TOKEN).await;
        let outside_none = ask(app.address, Method::GET, "/nowhere", OPERATOR_TOKEN).await;
        for path in ["/api/v1/admin/stats", "/api/v1/admin/tenants", "/api/v1/admin/tenants/acme", "/api/v1/%61dmin/stats"] {
            for token in [OPERATOR_TOKEN, "", &alice.token] {
                for method in [Method::GET, Method::POST, Method::OPTIONS] {
                    let outside = ask(app.address, method.clone(), path, token).await;
                    assert_eq!(comparable(&outside), comparable(&none), "{method} {path}");
                }
            }
        }
        for method in [Method::GET, Method::OPTIONS] {
            let outside = ask(app.address, method, "/metrics", OPERATOR_TOKEN).await;
            assert_eq!(comparable(&outside), comparable(&outside_none));
        }
        for path in ["/api/v1/admin/stats", "/api/v1/admin/tenants/acme", "/metrics", "/health/ready"] {
            assert_eq!(ask(inside, Method::GET, path, OPERATOR_TOKEN).await.status, 200, "{path}");
        }
        assert_eq!(ask(inside, Method::GET, "/api/v1/admin/stats", &alice.token).await.status, 401);
        for path in ["/api/v1/rooms", "/docs", "/", "/chat.js", "/chat/socket/websocket", "/api/v1/server/users"] {
            assert_eq!(ask(inside, Method::GET, path, &alice.token).await.status, 404, "{path}");
        }
        assert_eq!(ask(app.address, Method::GET, "/api/v1/rooms", &alice.token).await.status, 200);
    }
}
