//! A tenant's settings hold for sockets that are open, from the moment they are changed; and users are shown as they
//! are.

use std::time::Duration;

use parlour::{
    accounts::UserKind,
    chat::{self, RoomRef},
    config::Cap,
    entity::{TenantScoped, user},
};
use reqwest::{Method, StatusCode};
use sea_orm::{ColumnTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    people::{public_room, set_settings},
    socket::{TestChannel, TestSocket},
};

const GENERAL: &str = "room:general";

/// Changes the tenant's settings as a request would.
async fn change(app: &TestApp, user: &TestUser, settings: Value) {
    set_settings(&app.db.store, user.user.tenant_id, settings).await;
    app.app.realtime.catch_up().await;
}

async fn join_two(app: &TestApp, ann: &TestUser, bob: &TestUser) -> (TestSocket, TestChannel, TestSocket, TestChannel) {
    let (mut one, mut other) = (app.connect(ann).await, app.connect(bob).await);
    let first = one.join_quietly(GENERAL).await;
    let second = other.join_quietly(GENERAL).await;
    one.assert_broadcast(GENERAL, "presence_diff").await;
    (one, first, other, second)
}

both_engines! {
    async fn what_is_turned_off_is_refused_at_once_and_what_is_turned_on_again_is_not(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (mut socket, channel, _other, _) = join_two(&app, &ann, &bob).await;
        let general = RoomRef::parse("general");
        let id = app.send(&ann, &general, "hello").await.id;
        let (room, _, _) = chat::start_dm(&app.db.store, &ann.scope(), bob.user.id).await.unwrap();
        let dm = socket.join_quietly(&format!("dm:{}", room.id)).await;
        let said = app.send(&ann, &RoomRef::Id(room.id), "between us").await.id;
        let all = |on: bool| json!({ "features": {
            "reactions": on, "threads": on, "direct_messages": on, "typing": on, "read_marks": on,
        } });
        let off = json!({ "reason": "feature_disabled" });

        change(&app, &ann, all(false)).await;
        for (on, event, payload) in [
            (&channel, "add_reaction", json!({ "id": id, "emoji": "👍" })),
            (&channel, "remove_reaction", json!({ "id": id, "emoji": "👍" })),
            (&channel, "new_message", json!({ "content": "x", "thread_root": id })),
            (&channel, "message:new", json!({ "body": "x", "thread_root": id })),
            (&channel, "typing", json!({})),
            (&channel, "mark_read", json!({ "seq": 1 })),
            (&channel, "mark_unread", json!({ "seq": 1 })),
            (&dm, "new_message", json!({ "content": "x" })),
            (&dm, "edit_message", json!({ "id": said, "content": "x" })),
            (&dm, "pin_message", json!({ "id": said })),
        ] {
            assert_eq!(socket.refused(on, event, payload).await, off, "{event} on {}", on.topic);
        }
        let message = format!("/api/v1/rooms/general/messages/{id}");
        for (method, path, body) in [
            (Method::PUT, format!("{message}/reactions/👍"), json!({})),
            (Method::DELETE, format!("{message}/reactions/👍"), json!({})),
            (Method::POST, "/api/v1/rooms/general/messages".to_owned(), json!({ "content": "x", "thread_root": id })),
            (Method::POST, "/api/v1/dm".to_owned(), json!({ "user_id": bob.id() })),
            (Method::POST, format!("/api/v1/dm/{}/messages", room.id), json!({ "content": "x" })),
        ] {
            let answer = app.request_as(&ann, method, &path).json(&body).send().await.unwrap();
            let status = answer.status();
            let answer: Value = answer.json().await.unwrap();
            assert_eq!((status, &answer["error"]), (StatusCode::FORBIDDEN, &json!("this feature is turned off")), "{path}");
        }
        // What is said goes on, and what was said can be taken back.
        socket.ask(&channel, "new_message", json!({ "content": "still here" })).await;
        socket.ask(&dm, "delete_message", json!({ "id": said })).await;

        change(&app, &ann, all(true)).await;
        socket.ask(&channel, "add_reaction", json!({ "id": id, "emoji": "👍" })).await;
        socket.ask(&channel, "new_message", json!({ "content": "x", "thread_root": id })).await;
        socket.ask(&channel, "mark_read", json!({ "seq": 1 })).await;
        socket.ask(&dm, "new_message", json!({ "content": "x" })).await;
    }

    async fn the_edit_window_is_that_of_now(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly(GENERAL).await;
        let id = app.send(&ann, &RoomRef::parse("general"), "hello").await.id;
        change(&app, &ann, json!({ "edit_window_s": 0 })).await;
        let edit = |content: &str| json!({ "id": id, "content": content });
        assert_eq!(socket.refused(&channel, "edit_message", edit("later")).await["reason"], "edit_window_over");
        change(&app, &ann, json!({ "edit_window_s": null })).await;
        socket.ask(&channel, "edit_message", edit("later")).await;
    }

    /// On another server than the one that was told.
    async fn presence_ends_and_comes_back_while_channels_are_open(db: TestDatabase) {
        let here = TestApp::start_limitless(db).await;
        let there = here.start_beside(|settings| settings.realtime.control_interval = Duration::from_millis(20)).await;
        let (ann, bob) = (here.user("acme", "ann").await, here.user("acme", "bob").await);
        let (mut socket, channel, _other, _) = join_two(&there, &ann, &bob).await;

        change(&here, &ann, json!({ "presence": false })).await;
        let diff = socket.assert_broadcast(GENERAL, "presence_diff").await;
        assert!(diff["leaves"][ann.id()].is_object() && diff["leaves"][bob.id()].is_object(), "{diff}");
        let mut late = there.connect(&bob).await;
        let (_, reply) = late.join(GENERAL).await;
        assert_eq!(reply.get("presence"), None);
        late.refute_event("presence_state").await;
        socket.refute_event("presence_diff").await;

        change(&here, &ann, json!({ "presence": true, "announce_joins": true })).await;
        let state = socket.assert_push(&channel, "presence_state").await;
        assert_eq!(state[bob.id()]["metas"].as_array().unwrap().len(), 2, "{state}");
        let carl = here.user("acme", "carl").await;
        there.connect(&carl).await.join_quietly(GENERAL).await;
        assert_eq!(socket.assert_broadcast(GENERAL, "user_joined").await["username"], "carl");
    }

    async fn users_are_shown_with_name_picture_and_kind_everywhere(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let transaction = app.db.store.begin_write().await.unwrap();
        user::Entity::update_in_tenant(ann.user.tenant_id)
            .filter(user::Column::Id.eq(ann.user.id))
            .col_expr(user::Column::Name, Expr::value("Ann Miller"))
            .col_expr(user::Column::AvatarUrl, Expr::value("https://shop.example/ann.png"))
            .col_expr(user::Column::Kind, Expr::value(UserKind::Host))
            .exec(&transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let shown = json!({
            "id": ann.id(), "username": "ann", "name": "Ann Miller", "avatar_url": "https://shop.example/ann.png",
            "kind": "host",
        });
        let plain = json!({ "id": bob.id(), "username": "bob" });
        let mut acting = shown.clone();
        acting["user_id"] = acting["id"].take();
        acting.as_object_mut().unwrap().remove("id");

        let club = public_room(&app.db.store, &bob.scope(), "Club").await;
        let (room, topic) = (RoomRef::Id(club.id), format!("room:{}", club.id));
        chat::join_room(&app.db.store, &ann.scope(), &room, Cap::Off).await.unwrap();
        let (mut one, mut other) = (app.connect(&bob).await, app.connect(&ann).await);
        one.join_quietly(&topic).await;
        let own = one.join(&format!("user:{}", bob.id())).await.0;
        let channel = other.join_quietly(&topic).await;

        let diff = one.assert_broadcast(&topic, "presence_diff").await;
        let mut meta = diff["joins"][ann.id()]["metas"][0].clone();
        for of_presence in ["phx_ref", "online_at"] {
            meta.as_object_mut().unwrap().remove(of_presence);
        }
        assert_eq!(meta, acting);
        other.push(&channel, "typing", json!({})).await;
        assert_eq!(one.assert_broadcast(&topic, "typing").await, acting);
        let sent = other.ask(&channel, "new_message", json!({ "content": "hello" })).await;
        assert_eq!(one.assert_broadcast(&topic, "new_message").await["user"], shown);
        other.ask(&channel, "add_reaction", json!({ "id": sent["id"], "emoji": "👍" })).await;
        let reacted = one.assert_broadcast(&topic, "reaction_added").await;
        assert_eq!((&reacted["user"], &reacted["message"]["reactions"][0]["users"][0]), (&shown, &shown));
        app.app.realtime.start_dm(&app.sender(&bob).await, ann.user.id).await.unwrap();
        assert_eq!(one.assert_broadcast(&format!("user:{}", bob.id()), "dm_created").await["peer"], shown);
        drop(own);

        let get = async |path: &str| {
            let answer = app.request_as(&bob, Method::GET, &format!("/api/v1{path}")).send().await.unwrap();
            answer.json::<Value>().await.unwrap()["data"].clone()
        };
        let members = get(&format!("/rooms/{}/members", club.id)).await;
        assert_eq!((&members[0]["user"], &members[1]["user"]), (&plain, &shown));
        assert_eq!(get(&format!("/rooms/{}/messages", club.id)).await[0]["user"], shown);
        assert_eq!(get("/dm").await[0]["user"], shown);
        let mut found = get(&format!("/users/{}", ann.id())).await;
        found.as_object_mut().unwrap().remove("inserted_at");
        assert_eq!(found, shown);
    }
}
