//! How often and how much on sockets.

use parlour::{
    config::Cap,
    phoenix::close_code::{TOO_BIG, TOO_MANY_REFUSALS},
};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    limits::{set_limits, usage},
    longpoll::TestPoll,
    socket::TestSocket,
};

async fn try_connect(app: &TestApp, user: &TestUser) -> Result<TestSocket, u16> {
    let query = format!("token={}&vsn=2.0.0", user.token);
    TestSocket::try_connect(app.address, &query, &[]).await
}

/// Tries so many sockets; gives those that were opened, and the statuses of the others.
async fn open(app: &TestApp, user: &TestUser, tries: usize) -> (Vec<TestSocket>, Vec<u16>) {
    let (mut opened, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..tries {
        match try_connect(app, user).await {
            Ok(socket) => opened.push(socket),
            Err(status) => refused.push(status),
        }
    }
    (opened, refused)
}

fn refusal(reply: &Value) -> &str {
    assert_eq!(reply["reason"], "rate_limited", "{reply}");
    assert!(reply["retry_after_ms"].as_u64().unwrap() > 0, "{reply}");
    reply["limit"].as_str().unwrap()
}

both_engines! {
    async fn sockets_are_counted_by_user_tenant_and_server(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.socket.connections_max = Cap::Max(7)).await;
        let (ann, bob, mallory) =
            (app.user("acme", "ann").await, app.user("acme", "bob").await, app.user("globex", "mallory").await);
        set_limits(&app, "acme", json!({ "connections_per_user_max": 3, "connections_per_tenant_max": 5 })).await;
        let (mut of_ann, refused) = open(&app, &ann, 5).await;
        assert_eq!((of_ann.len(), refused), (3, vec![429, 429]));
        let (of_bob, refused) = open(&app, &bob, 3).await;
        assert_eq!((of_bob.len(), refused), (2, vec![429]));
        let (_others, refused) = open(&app, &mallory, 4).await;
        assert_eq!(refused, [503, 503], "the server is full");
        assert_eq!(usage(&app, "acme", "connections_per_user_max").await, (2, 0));
        assert_eq!(usage(&app, "acme", "connections_per_tenant_max").await, (1, 0));
        // Those inside are not concerned, and a place that is left is free again.
        of_ann[0].join("room:general").await;
        of_ann.pop().unwrap().close(1000).await;
        while try_connect(&app, &bob).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn attempts_to_connect_are_limited_by_address(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits.connects_per_address = "2/1h".parse().unwrap();
        })
        .await;
        let ann = app.user("acme", "ann").await;
        let stranger = TestUser { token: "nonsense".to_owned(), ..ann.clone() };
        assert_eq!(try_connect(&app, &stranger).await.err(), Some(403));
        assert!(try_connect(&app, &ann).await.is_ok());
        assert_eq!(try_connect(&app, &ann).await.err(), Some(429));
        let query = format!("/chat/socket/longpoll?token={}&vsn=2.0.0", ann.token);
        let polled = app.request(reqwest::Method::GET, &query).send().await.unwrap();
        assert_eq!(polled.json::<Value>().await.unwrap(), json!({ "status": 403 }));
    }

    async fn joins_are_counted_by_socket_and_user(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        set_limits(&app, "acme", json!({ "joins_per_socket": "2/1h", "joins_per_user": "3/1h" })).await;
        let (mut phone, mut laptop) = (app.connect(&ann).await, app.connect(&ann).await);
        phone.join_quietly("room:general").await;
        phone.join_quietly("room:random").await;
        let channel = phone.start_join("room:general").await;
        assert_eq!(refusal(&phone.assert_reply(&channel.join_reply(), "error").await), "joins_per_socket");
        laptop.join_quietly("room:general").await;
        let channel = laptop.start_join("room:random").await;
        assert_eq!(refusal(&laptop.assert_reply(&channel.join_reply(), "error").await), "joins_per_user");
    }

    async fn a_client_that_goes_on_and_on_is_closed(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        set_limits(&app, "acme", json!({ "messages_per_user": "1/1h", "typing_per_user": "1/1h", "refusals_per_socket": "3/1h" })).await;
        let (mut pushy, mut calm) = (app.connect(&ann).await, app.connect(&ann).await);
        calm.join_quietly("room:general").await;
        let channel = pushy.join_quietly("room:general").await;
        pushy.ask(&channel, "new_message", json!({ "content": "first" })).await;
        pushy.push(&channel, "typing", json!({})).await;
        for (event, limit) in [
            ("new_message", "messages_per_user"),
            ("typing", "typing_per_user"),
            ("message:new", "messages_per_user"),
        ] {
            let pushed = pushy.push(&channel, event, json!({ "content": "x", "body": "x" })).await;
            let reply = pushy.assert_reply(&pushed, "error").await;
            if reply["reason"] != "invalid" {
                assert_eq!(refusal(&reply), limit);
            }
        }
        pushy.push(&channel, "new_message", json!({ "content": "x" })).await;
        pushy.push(&channel, "new_message", json!({ "content": "x" })).await;
        assert_eq!(pushy.assert_closed().await.0, Some(TOO_MANY_REFUSALS));
        let other = calm.join_quietly("room:random").await;
        assert_eq!(calm.refused(&other, "new_message", json!({ "content": "x" })).await["reason"], "rate_limited");
        assert!(try_connect(&app, &ann).await.is_ok(), "who comes again is heard again");
    }

    async fn limits_that_change_hold_for_sockets_that_are_open(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        socket.ask(&channel, "new_message", json!({ "content": "one" })).await;
        set_limits(&app, "acme", json!({ "messages_per_user": "1/1h" })).await;
        socket.ask(&channel, "new_message", json!({ "content": "two" })).await;
        let reply = socket.refused(&channel, "new_message", json!({ "content": "three" })).await;
        assert_eq!(refusal(&reply), "messages_per_user");
        set_limits(&app, "acme", json!({ "messages_per_user": "1/1h", "dry_run": true })).await;
        socket.ask(&channel, "new_message", json!({ "content": "four" })).await;
        assert_eq!(usage(&app, "acme", "messages_per_user").await, (1, 1));
    }

    async fn frames_have_the_tenants_size(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("globex", "bob").await);
        set_limits(&app, "acme", json!({ "frame_bytes_max": 300 })).await;
        let payload = json!({ "content": "x".repeat(300) });
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        socket.push(&channel, "new_message", payload.clone()).await;
        assert_eq!(socket.assert_closed().await.0, Some(TOO_BIG));
        let mut socket = app.connect(&bob).await;
        let channel = socket.join_quietly("room:general").await;
        socket.ask(&channel, "new_message", payload).await;
    }

    // Of sockets, `websocket_conformance` says the same.
    async fn lines_of_a_long_poll_have_the_tenants_size_of_now(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let mut poll = TestPoll::open(app.address, &ann.token).await;
        let joined = poll.join("room:general").await;
        let payload = json!({ "content": "x".repeat(300) });
        poll.ask(&joined, "room:general", "new_message", payload.clone()).await;
        set_limits(&app, "acme", json!({ "frame_bytes_max": 300 })).await;
        poll.ask(&joined, "room:general", "new_message", json!({ "content": "short" })).await;
        let (_, status) = poll.try_push(&joined, "room:general", "new_message", payload).await;
        assert_eq!(status, 400);
    }
}

#[cfg(target_os = "linux")]
mod sqlite {
    //! What does not depend on the database.

    use tempfile::TempDir;

    use super::*;
    use crate::helpers::{
        binary::{Server, secured},
        database::{Engine, TestDatabase},
    };

    /// Joins a room again and again, and rooms that there are none of.
    async fn join_often(socket: &mut TestSocket, joins: usize) {
        for first in (0..joins).step_by(50) {
            socket.join_quietly("room:general").await;
            let mut asked = Vec::new();
            for number in first + 1..first + 50 {
                asked.push(socket.start_join(&format!("room:nowhere-{number}")).await);
            }
            for channel in asked {
                socket.assert_reply(&channel.join_reply(), "error").await;
            }
        }
    }

    #[actix_web::test]
    async fn ten_thousand_joins_on_a_socket_take_no_memory() {
        let (folder, db) = (TempDir::new().unwrap(), TestDatabase::create(Engine::Sqlite).await);
        let server = Server::start(
            secured(folder.path(), &db.url)
                .env("PARLOUR_NO_LIMITS", "true")
                .env("PARLOUR_LOG__FILTER", "warn"),
        );
        let body = json!({ "username": "ann", "password": "correct horse" });
        let register = reqwest::Client::new()
            .post(server.url("/api/v1/auth/register"))
            .json(&body);
        let registered: Value = register.send().await.unwrap().json().await.unwrap();
        let token = registered["data"]["token"].as_str().unwrap();
        let mut socket = TestSocket::connect(server.address, &format!("token={token}&vsn=2.0.0")).await;
        // What is made once is there after the first ones.
        join_often(&mut socket, 1000).await;
        let before = server.resident_bytes();
        join_often(&mut socket, 10_000).await;
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 5 << 20, "{grown} bytes");
    }
}
