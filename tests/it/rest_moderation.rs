//! Bans, mutes, slow mode and freezing over REST.

use parlour::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::{ask, done, invalid, refused},
};

/// A public room of alice's with bob in it; gives its path.
async fn room(app: &TestApp, alice: &TestUser, bob: &TestUser) -> String {
    let room = done(app, alice, "POST /api/v1/rooms", json!({ "name": "Club" })).await;
    let path = format!("/api/v1/rooms/{}", room.text_of("id"));
    done(app, bob, &format!("POST {path}/join"), Value::Null).await;
    path
}

fn named(user: &TestUser) -> Value {
    json!({ "id": user.id(), "username": user.user.username })
}

/// A time this many seconds from now, as it is written.
fn in_seconds(seconds: i64) -> String {
    Timestamp(Timestamp::now().0 + seconds * 1_000_000).to_string()
}

both_engines! {
    async fn who_is_banned_is_out_on_all_devices_until_the_ban_ends(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let topic = format!("room:{}", room.rsplit('/').next().unwrap());
        let (mut phone, mut laptop) = (app.connect(&bob).await, app.connect(&bob).await);
        phone.join(&topic).await;
        laptop.join(&topic).await;

        let ban = format!("{room}/bans/{}", bob.id());
        let until = in_seconds(3600);
        let banned = done(&app, &alice, &format!("PUT {ban}"), json!({ "until": until, "reason": "spam" })).await;
        let banned = banned.data();
        assert_eq!((&banned["user"], &banned["imposed_by"]), (&named(&bob), &named(&alice)));
        assert_eq!((&banned["until"], &banned["reason"]), (&json!(until), &json!("spam")));
        for socket in [&mut phone, &mut laptop] {
            socket.expect(|frame| frame[2] == topic.as_str() && frame[3] == "phx_close").await;
            assert_eq!(socket.refused_join(&topic).await, "banned");
        }
        for (line, body) in [
            (format!("GET {room}"), Value::Null),
            (format!("GET {room}/messages"), Value::Null),
            (format!("POST {room}/messages"), json!({ "content": "hi" })),
            (format!("GET {room}/members"), Value::Null),
            (format!("POST {room}/join"), Value::Null),
        ] {
            refused(&app, &bob, &line, body, 403, "banned from this room").await;
        }
        let listed = done(&app, &alice, &format!("GET {room}/bans"), Value::Null).await;
        assert_eq!(listed.body, json!({ "data": [banned], "meta": { "next_cursor": null } }));

        // The same user again, without a body: for good.
        let banned = done(&app, &alice, &format!("PUT {ban}"), Value::Null).await;
        assert_eq!((&banned.data()["until"], &banned.data()["reason"]), (&Value::Null, &Value::Null));
        assert_eq!(done(&app, &alice, &format!("GET {room}/bans"), Value::Null).await.data(), &json!([banned.data()]));
        for _ in 0..2 {
            assert_eq!(done(&app, &alice, &format!("DELETE {ban}"), Value::Null).await.body, json!({ "data": {} }));
        }
        assert_eq!(done(&app, &alice, &format!("GET {room}/bans"), Value::Null).await.data(), &json!([]));
        done(&app, &bob, &format!("POST {room}/join"), Value::Null).await;
    }

    async fn who_is_muted_reads_and_is_told_until_when(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let mute = format!("{room}/members/{}/mute", bob.id());
        let until = in_seconds(3600);
        for (body, until) in [(json!({ "until": until }), json!(until)), (Value::Null, Value::Null)] {
            let muted = done(&app, &alice, &format!("PUT {mute}"), body).await;
            assert_eq!((&muted.data()["user"], &muted.data()["until"]), (&named(&bob), &until));
            let listed = done(&app, &alice, &format!("GET {room}/mutes"), Value::Null).await;
            assert_eq!(listed.data(), &json!([muted.data()]));
            let told = ask(&app, &bob, &format!("POST {room}/messages"), json!({ "content": "hi" })).await;
            assert_eq!((told.status, told.body), (403, json!({ "error": "muted in this room", "until": until })));
            done(&app, &bob, &format!("GET {room}/messages"), Value::Null).await;
        }
        for _ in 0..2 {
            assert_eq!(done(&app, &alice, &format!("DELETE {mute}"), json!({})).await.body, json!({ "data": {} }));
        }
        done(&app, &bob, &format!("POST {room}/messages"), json!({ "content": "hi" })).await;
    }

    async fn bans_and_mutes_have_rules(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        for path in [format!("{room}/bans"), format!("{room}/members")] {
            let of = |user: &str| match path.ends_with("/bans") {
                true => format!("PUT {path}/{user}"),
                false => format!("PUT {path}/{user}/mute"),
            };
            for (body, field) in [
                (json!({ "until": in_seconds(-1) }), "until"),
                (json!({ "until": "2001-01-01T00:00:00Z" }), "until"),
                (json!({ "until": "tomorrow" }), "until"),
                (json!({ "until": "2099-01-01" }), "until"),
                (json!({ "until": 4_102_444_800_i64 }), "until"),
                (json!({ "reason": "x".repeat(501) }), "reason"),
                (json!({ "reason": "a\u{0}b" }), "reason"),
                (json!({ "reason": 5 }), "reason"),
                (json!({ "role": "reader" }), "role"),
            ] {
                invalid(&app, &alice, &of(&bob.id()), body, field).await;
            }
            let told = ask(&app, &alice, &of(&bob.id()), json!({ "until": "tomorrow" })).await;
            assert_eq!(told.body, json!({ "errors": { "until": ["is not an ISO 8601 date and time"] } }));
            invalid(&app, &alice, &of(&alice.id()), Value::Null, "user_id").await;
            refused(&app, &alice, &of("nope"), Value::Null, 404, "user not found").await;
            refused(&app, &bob, &of(&alice.id()), Value::Null, 403, "only a moderator of this room may do this").await;
        }
        for list in ["bans", "mutes"] {
            let line = format!("GET {room}/{list}");
            refused(&app, &bob, &line, Value::Null, 403, "only a moderator of this room may do this").await;
            assert_eq!(done(&app, &alice, &line, Value::Null).await.data(), &json!([]));
            invalid(&app, &alice, &format!("{line}?cursor=nope"), Value::Null, "cursor").await;
            invalid(&app, &alice, &format!("{line}?limit=0"), Value::Null, "limit").await;
        }
        // Who is no member may be banned as well; another offset is another way to write a time.
        let eve = app.user("acme", "eve").await;
        let body = json!({ "until": "2099-01-01T01:00:00+01:00" });
        let banned = done(&app, &alice, &format!("PUT {room}/bans/{}", eve.id()), body).await;
        assert_eq!(banned.data()["until"], "2099-01-01T00:00:00.000000Z");
    }

    async fn a_room_is_changed_in_what_is_given_only(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let patch = format!("PATCH {room}");
        let topic = format!("room:{}", room.rsplit('/').next().unwrap());
        let mut socket = app.connect(&bob).await;
        socket.join(&topic).await;
        let mut expected = done(&app, &bob, &format!("GET {room}"), Value::Null).await.data().clone();
        for field in ["role", "members", "member_count"] {
            expected.as_object_mut().unwrap().remove(field);
        }
        for (field, given, value) in [
            ("name", json!("  Pub "), json!("Pub")),
            ("description", json!("Quiet, please"), json!("Quiet, please")),
            ("description", Value::Null, Value::Null),
            ("slow_mode_s", json!(3600), json!(3600)),
            ("slow_mode_s", json!(0), json!(0)),
            ("frozen", json!(true), json!(true)),
            ("frozen", json!(false), json!(false)),
        ] {
            expected[field] = value;
            let changed = done(&app, &alice, &patch, json!({ field: given })).await;
            assert_eq!(changed.data(), &expected, "{field}: {given}");
            assert_eq!(socket.assert_broadcast(&topic, "room_updated").await["room"], expected);
        }
        // Nothing to do, and nothing told.
        for body in [json!({}), json!({ "name": "Pub", "frozen": false })] {
            assert_eq!(done(&app, &alice, &patch, body).await.data(), &expected);
        }
        socket.refute_event("room_updated").await;

        for (body, field) in [
            (json!({ "name": "" }), "name"),
            (json!({ "name": null }), "name"),
            (json!({ "name": "x".repeat(81) }), "name"),
            (json!({ "description": "x".repeat(501) }), "description"),
            (json!({ "slow_mode_s": 3601 }), "slow_mode_s"),
            (json!({ "slow_mode_s": -1 }), "slow_mode_s"),
            (json!({ "slow_mode_s": 1.5 }), "slow_mode_s"),
            (json!({ "slow_mode_s": null }), "slow_mode_s"),
            (json!({ "frozen": "yes" }), "frozen"),
            (json!({ "frozen": null }), "frozen"),
            (json!({ "slug": "pub" }), "slug"),
            (json!({ "kind": "private" }), "kind"),
        ] {
            invalid(&app, &alice, &patch, body, field).await;
        }
        let not_moderator = "only a moderator of this room may do this";
        refused(&app, &bob, &patch, json!({ "frozen": true }), 403, not_moderator).await;
        done(&app, &alice, &format!("PATCH {room}/members/{}", bob.id()), json!({ "role": "moderator" })).await;
        done(&app, &bob, &patch, json!({ "frozen": true })).await;
        refused(&app, &bob, &patch, json!({ "name": "Bar" }), 403, "only an admin of this room may do this").await;
    }

    async fn slow_mode_and_a_frozen_room_hold_who_does_not_moderate(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let room = room(&app, &alice, &bob).await;
        let send = format!("POST {room}/messages");
        let body = || json!({ "content": "hi" });
        done(&app, &alice, &format!("PATCH {room}"), json!({ "slow_mode_s": 60 })).await;
        done(&app, &bob, &send, body()).await;
        let slow = refused(&app, &bob, &send, body(), 429, "this room is in slow mode").await;
        let wait_ms = slow.body["retry_after_ms"].as_u64().unwrap();
        assert!((1..=60_000).contains(&wait_ms), "{wait_ms}");
        assert_eq!(slow.header("retry-after"), wait_ms.div_ceil(1000).to_string());
        done(&app, &alice, &format!("PATCH {room}"), json!({ "slow_mode_s": 0, "frozen": true })).await;
        refused(&app, &bob, &send, body(), 403, "this room is frozen").await;
        for _ in 0..2 {
            done(&app, &alice, &send, body()).await;
        }
        done(&app, &alice, &format!("PATCH {room}"), json!({ "frozen": false })).await;
        done(&app, &bob, &send, body()).await;
    }
}
