//! What administrators do to users and rooms.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    admin::{administrator, call},
    app::TestApp,
    rest::{done, expect},
};

const USERS: &str = "/admin/tenants/acme/users";
const ROOMS: &str = "/admin/tenants/acme/rooms";

both_engines! {
    async fn users_are_listed_and_found(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        app.user("acme", "bob").await;
        let mallory = app.user("globex", "mallory").await;
        let (boss, _) = administrator(&app, "acme").await;
        let names = async |query: &str| {
            let page = call(&app, &boss, &format!("GET {USERS}{query}"), Value::Null, 200).await;
            page.data().as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("").await, ["alice", "bob"]);
        assert_eq!(names("?search=AL").await, ["alice"]);
        assert_eq!(names("?kind=host").await, [""; 0]);
        assert_eq!(names("?kind=account&limit=1").await, ["alice"]);
        for wrong in ["?kind=admin", "?kind=", "?limit=0", "?search="] {
            call(&app, &boss, &format!("GET {USERS}{wrong}"), Value::Null, 422).await;
        }
        let shown = call(&app, &boss, &format!("GET {USERS}/{}", alice.id()), Value::Null, 200).await;
        assert_eq!((shown.text_of("kind").as_str(), &shown.data()["suspended_at"]), ("account", &Value::Null));
        assert!(!shown.text.contains("password"));
        for id in [mallory.id(), "nope".to_owned()] {
            call(&app, &boss, &format!("GET {USERS}/{id}"), Value::Null, 404).await;
        }
    }

    async fn a_suspended_user_is_out_at_once_and_comes_back(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let (boss, _) = administrator(&app, "acme").await;
        let mut socket = app.connect(&alice).await;
        let suspension = format!("{USERS}/{}/suspension", alice.id());
        let suspended = call(&app, &boss, &format!("PUT {suspension}"), Value::Null, 200).await;
        assert!(suspended.data()["suspended_at"].is_string());
        assert_eq!(socket.assert_closed().await.0, Some(4401));
        expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 401).await;
        let login = || {
            let body = json!({ "username": "alice", "password": crate::helpers::people::PASSWORD });
            app.request(Method::POST, "/api/v1/auth/login").header("x-tenant", "acme").json(&body)
        };
        expect(login(), 401).await;
        call(&app, &boss, &format!("DELETE {suspension}"), Value::Null, 200).await;
        expect(login(), 200).await;
    }

    async fn a_user_is_renamed_signed_out_and_deleted(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        app.user("acme", "bob").await;
        let (boss, _) = administrator(&app, "acme").await;
        let user = format!("{USERS}/{}", alice.id());
        let patch = json!({ "username": "Ann", "name": "Ann of Acme" });
        let renamed = call(&app, &boss, &format!("PATCH {user}"), patch, 200).await;
        assert_eq!((renamed.text_of("username").as_str(), renamed.text_of("name").as_str()), ("Ann", "Ann of Acme"));
        for wrong in [json!({ "username": "bob" }), json!({ "username": "x" }), json!({ "kind": "bot" })] {
            call(&app, &boss, &format!("PATCH {user}"), wrong, 422).await;
        }
        expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 200).await;
        call(&app, &boss, &format!("DELETE {user}/tokens"), Value::Null, 200).await;
        expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 401).await;
        call(&app, &boss, &format!("DELETE {user}"), Value::Null, 200).await;
        call(&app, &boss, &format!("GET {user}"), Value::Null, 404).await;
        call(&app, &boss, &format!("DELETE {user}"), Value::Null, 404).await;
    }

    async fn rooms_are_listed_and_deleted_and_conversations_are_private(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let secret = json!({ "name": "Hideout", "kind": "private" });
        let room = done(&app, &alice, "POST /api/v1/rooms", secret).await.text_of("id");
        let dm = done(&app, &alice, "POST /api/v1/dm", json!({ "user_id": bob.id() })).await.text_of("id");
        let (boss, _) = administrator(&app, "acme").await;
        let listed = call(&app, &boss, &format!("GET {ROOMS}"), Value::Null, 200).await;
        let rooms = listed.data().as_array().unwrap();
        assert_eq!((rooms.len(), &rooms[3]["id"], &rooms[3]["member_count"]), (4, &json!(room), &json!(1)));
        let one = call(&app, &boss, &format!("GET {ROOMS}?limit=3"), Value::Null, 200).await;
        let cursor = one.body["meta"]["next_cursor"].as_str().unwrap();
        let rest = call(&app, &boss, &format!("GET {ROOMS}?cursor={cursor}"), Value::Null, 200).await;
        assert_eq!(rest.data().as_array().unwrap().len(), 1);
        for method in ["GET", "DELETE"] {
            for id in [dm.as_str(), "nope", "a%00b"] {
                let refused = call(&app, &boss, &format!("{method} {ROOMS}/{id}"), Value::Null, 404).await;
                assert_eq!(refused.error(), "room not found");
            }
        }
        let mut socket = app.connect(&alice).await;
        let (channel, _) = socket.join(&format!("room:{room}")).await;
        call(&app, &boss, &format!("DELETE {ROOMS}/{room}"), Value::Null, 200).await;
        socket.assert_push(&channel, "phx_close").await;
        call(&app, &boss, &format!("GET {ROOMS}/{room}"), Value::Null, 404).await;
        call(&app, &boss, &format!("DELETE {ROOMS}/general"), Value::Null, 200).await;
    }
}
