//! Members, roles and invitations over REST.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::{ask, done, expect, invalid, refused},
};

/// A private room of alice's; gives its path.
async fn private_room(app: &TestApp, alice: &TestUser) -> String {
    let body = json!({ "name": "Hideout", "kind": "private" });
    format!(
        "/api/v1/rooms/{}",
        done(app, alice, "POST /api/v1/rooms", body).await.text_of("id")
    )
}

fn named(user: &TestUser) -> Value {
    json!({ "id": user.id(), "username": user.user.username })
}

both_engines! {
    async fn members_are_added_promoted_and_removed(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let carol = app.user("acme", "carol").await;
        let room = private_room(&app, &alice).await;
        let topic = format!("room:{}", room.rsplit('/').next().unwrap());
        let (mut socket, mine) = (app.connect(&bob).await, format!("user:{}", bob.id()));
        socket.join(&mine).await;

        let members = format!("{room}/members");
        let added = ask(&app, &alice, &format!("POST {members}"), json!({ "user_id": bob.id() })).await;
        assert_eq!((added.status, added.data()), (201, &json!({ "user": named(&bob), "role": "member" })));
        let told = socket.assert_broadcast(&mine, "member_added").await;
        assert_eq!((&told["room"]["name"], &told["role"]), (&json!("Hideout"), &json!("member")));
        // Who is there stays what they are.
        let again = json!({ "user_id": bob.id(), "role": "moderator" });
        let again = ask(&app, &alice, &format!("POST {members}"), again).await;
        assert_eq!((again.status, &again.data()["role"]), (200, &json!("member")));
        socket.refute_event("member_added").await;
        let body = json!({ "user_id": carol.id(), "role": "reader" });
        assert_eq!(done(&app, &alice, &format!("POST {members}"), body).await.data()["role"], "reader");
        let write = json!({ "content": "hi" });
        refused(&app, &carol, &format!("POST {room}/messages"), write, 403, "this room is read-only for you").await;

        let promote = format!("PATCH {members}/{}", bob.id());
        let promoted = done(&app, &alice, &promote, json!({ "role": "moderator" })).await;
        assert_eq!(promoted.data(), &json!({ "user": named(&bob), "role": "moderator" }));
        assert_eq!(socket.assert_broadcast(&mine, "role_changed").await["role"], "moderator");

        let mut channel = app.connect(&carol).await;
        channel.join(&topic).await;
        let removed = done(&app, &bob, &format!("DELETE {members}/{}", carol.id()), Value::Null).await;
        assert_eq!(removed.body, json!({ "data": {} }));
        channel.expect(|frame| frame[2] == topic.as_str() && frame[3] == "phx_close").await;
        assert_eq!(channel.refused_join(&topic).await, "unauthorized");
        refused(&app, &carol, &format!("GET {room}"), Value::Null, 403, "not a member of this room").await;

        let listed = done(&app, &bob, &format!("GET {members}?limit=1"), Value::Null).await;
        assert_eq!((&listed.data()[0]["user"], &listed.data()[0]["role"]), (&named(&alice), &json!("admin")));
        assert!(listed.data()[0]["inserted_at"].is_string());
        let cursor = listed.body["meta"]["next_cursor"].as_str().unwrap();
        let rest = done(&app, &bob, &format!("GET {members}?cursor={cursor}"), Value::Null).await;
        assert_eq!((rest.data().as_array().unwrap().len(), &rest.data()[0]["user"]), (1, &named(&bob)));
        assert_eq!(rest.body["meta"]["next_cursor"], Value::Null);
    }

    async fn who_may_not_is_told_why(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (carol, dave) = (app.user("acme", "carol").await, app.user("acme", "dave").await);
        let erin = app.user("acme", "erin").await;
        let room = private_room(&app, &alice).await;
        for (user, role) in [(&bob, "moderator"), (&carol, "member"), (&erin, "admin")] {
            let body = json!({ "user_id": user.id(), "role": role });
            done(&app, &alice, &format!("POST {room}/members"), body).await;
        }
        let not_admin = "only an admin of this room may do this";
        let not_moderator = "only a moderator of this room may do this";
        let outranked = "your role in this room is not high enough";
        let nobody = uuid::Uuid::now_v7();
        let of = |user: &TestUser| format!("{room}/members/{}", user.id());
        for (user, line, body, status, error) in [
            (&bob, format!("POST {room}/members"), json!({ "user_id": dave.id() }), 403, not_admin),
            (&erin, format!("POST {room}/members"), json!({ "user_id": dave.id(), "role": "owner" }), 403, outranked),
            (&alice, format!("POST {room}/members"), json!({ "user_id": nobody }), 404, "user not found"),
            (&bob, format!("PATCH {}", of(&carol)), json!({ "role": "reader" }), 403, not_admin),
            (&erin, format!("PATCH {}", of(&carol)), json!({ "role": "owner" }), 403, outranked),
            (&erin, format!("PATCH {}", of(&alice)), json!({ "role": "member" }), 403, outranked),
            (&alice, format!("PATCH {}", of(&dave)), json!({ "role": "reader" }), 404, "member not found"),
            (&alice, format!("PATCH {room}/members/nope"), json!({ "role": "reader" }), 404, "user not found"),
            (&carol, format!("DELETE {}", of(&bob)), Value::Null, 403, not_moderator),
            (&bob, format!("DELETE {}", of(&alice)), Value::Null, 403, outranked),
            (&bob, format!("DELETE {}", of(&dave)), Value::Null, 404, "member not found"),
            (&dave, format!("DELETE {}", of(&carol)), Value::Null, 403, "not a member of this room"),
            (&carol, format!("POST {room}/invitations"), json!({ "user_id": dave.id() }), 403, not_moderator),
            (&bob, format!("POST {room}/invitations"), json!({ "user_id": dave.id(), "role": "admin" }), 403, outranked),
            (&carol, format!("GET {room}/invitations"), Value::Null, 403, not_moderator),
            (&bob, format!("DELETE {room}/invitations/{}", dave.id()), Value::Null, 404, "invitation not found"),
            (&dave, format!("DELETE /api/v1/invitations/{}", room.rsplit('/').next().unwrap()), Value::Null, 404, "invitation not found"),
            (&dave, format!("DELETE /api/v1/invitations/{nobody}"), Value::Null, 404, "room not found"),
        ] {
            refused(&app, user, &line, body, status, error).await;
        }
        for (line, body, field) in [
            (format!("POST {room}/members"), json!({}), "user_id"),
            (format!("POST {room}/members"), json!({ "user_id": "nope" }), "user_id"),
            (format!("POST {room}/members"), json!({ "user_id": alice.id() }), "user_id"),
            (format!("POST {room}/members"), json!({ "user_id": dave.id(), "role": "boss" }), "role"),
            (format!("POST {room}/members"), json!({ "user_id": dave.id(), "role": "Admin" }), "role"),
            (format!("PATCH {}", of(&carol)), json!({}), "role"),
            (format!("PATCH {}", of(&carol)), json!({ "role": null }), "role"),
            (format!("PATCH {}", of(&carol)), json!({ "role": "none" }), "role"),
            (format!("PATCH {}", of(&alice)), json!({ "role": "reader" }), "user_id"),
            (format!("DELETE {}", of(&alice)), Value::Null, "user_id"),
            (format!("POST {room}/invitations"), json!({ "user_id": carol.id() }), "user_id"),
            (format!("POST {room}/invitations"), json!({ "user_id": dave.id(), "role": "boss" }), "role"),
            (format!("GET {room}/members?cursor=nope"), Value::Null, "cursor"),
        ] {
            invalid(&app, &alice, &line, body, field).await;
        }
        let told = ask(&app, &alice, &format!("PATCH {}", of(&carol)), json!({ "role": "boss" })).await;
        let expected = "must be one of owner, admin, moderator, member, reader";
        assert_eq!(told.body, json!({ "errors": { "role": [expected] } }));
    }

    async fn an_invitation_is_taken_declined_or_taken_back(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = private_room(&app, &alice).await;
        let id = room.rsplit('/').next().unwrap();
        let (mut socket, mine) = (app.connect(&bob).await, format!("user:{}", bob.id()));
        socket.join(&mine).await;
        let invite = format!("POST {room}/invitations");

        let body = json!({ "user_id": bob.id(), "role": "moderator" });
        let invited = expect(app.request_as(&alice, Method::POST, &format!("{room}/invitations")).json(&body), 201).await;
        let invitation = invited.data();
        assert_eq!((&invitation["room"]["id"], &invitation["user"]), (&json!(id), &named(&bob)));
        assert_eq!((&invitation["role"], &invitation["invited_by"]), (&json!("moderator"), &named(&alice)));
        assert_eq!(socket.assert_broadcast(&mine, "invited").await["role"], "moderator");
        for (user, line) in [(&bob, "GET /api/v1/invitations".to_owned()), (&alice, format!("GET {room}/invitations"))] {
            let listed = done(&app, user, &line, Value::Null).await;
            assert_eq!(listed.body, json!({ "data": [invitation], "meta": { "next_cursor": null } }), "{line}");
        }
        // Being invited is not being in.
        refused(&app, &bob, &format!("GET {room}/messages"), Value::Null, 403, "not a member of this room").await;
        done(&app, &bob, &format!("POST {room}/join"), Value::Null).await;
        let shown = done(&app, &bob, &format!("GET {room}"), Value::Null).await;
        assert_eq!(shown.data()["role"], "moderator");
        done(&app, &bob, &format!("DELETE {room}/leave"), Value::Null).await;
        assert_eq!(socket.assert_broadcast(&mine, "member_removed").await["role"], Value::Null);

        for end in [
            (&bob, format!("DELETE /api/v1/invitations/{id}")),
            (&alice, format!("DELETE {room}/invitations/{}", bob.id())),
        ] {
            let again = done(&app, &alice, &invite, json!({ "user_id": bob.id() })).await;
            assert_eq!(again.data()["role"], "member");
            let (user, line) = end;
            assert_eq!(done(&app, user, &line, Value::Null).await.body, json!({ "data": {} }));
            refused(&app, user, &line, Value::Null, 404, "invitation not found").await;
            let listed = done(&app, &bob, "GET /api/v1/invitations", Value::Null).await;
            assert_eq!(listed.data(), &json!([]));
            refused(&app, &bob, &format!("POST {room}/join"), Value::Null, 403, "not a member of this room").await;
        }
    }
}
