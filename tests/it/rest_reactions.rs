//! Reactions over REST.

use parlour::config::RateLimit;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    rest::{done, invalid, refused},
};

const MESSAGES: &str = "/api/v1/rooms/general/messages";

async fn say(app: &TestApp, user: &TestUser) -> String {
    let sent = done(app, user, &format!("POST {MESSAGES}"), json!({ "content": "hello" })).await;
    format!("{MESSAGES}/{}", sent.text_of("id"))
}

/// As it is written in a path.
fn encoded(emoji: &str) -> String {
    emoji.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

both_engines! {
    async fn a_reaction_is_there_once_for_each_user(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let message = say(&app, &alice).await;
        let mut socket = app.connect(&bob).await;
        socket.join("room:general").await;
        let thumb = format!("{message}/reactions/{}", encoded("👍"));
        let user = |user: &TestUser| json!({ "id": user.id(), "username": user.user.username });

        let reacted = done(&app, &alice, &format!("PUT {thumb}"), Value::Null).await;
        let mine = json!([{ "emoji": "👍", "count": 1, "users": [user(&alice)], "me": true }]);
        assert_eq!((&reacted.data()["reactions"], &reacted.data()["changed_seq"]), (&mine, &json!(2)));
        let told = socket.assert_broadcast("room:general", "reaction_added").await;
        assert_eq!((&told["emoji"], &told["user"]), (&json!("👍"), &user(&alice)));
        let for_all = json!([{ "emoji": "👍", "count": 1, "users": [user(&alice)] }]);
        assert_eq!(told["message"]["reactions"], for_all);

        let again = done(&app, &alice, &format!("PUT {thumb}"), json!({})).await;
        assert_eq!(again.data(), reacted.data());
        socket.refute_event("reaction_added").await;
        let seen = done(&app, &bob, &format!("GET {message}"), Value::Null).await;
        assert_eq!(seen.data()["reactions"][0]["me"], false);
        let nothing = done(&app, &bob, &format!("DELETE {thumb}"), Value::Null).await;
        assert_eq!((&nothing.data()["changed_seq"], &nothing.data()["reactions"][0]["count"]), (&json!(2), &json!(1)));

        done(&app, &bob, &format!("PUT {thumb}"), Value::Null).await;
        let left = done(&app, &alice, &format!("DELETE {thumb}"), Value::Null).await;
        assert_eq!(
            left.data()["reactions"],
            json!([{ "emoji": "👍", "count": 1, "users": [user(&bob)], "me": false }])
        );
        let told = socket.assert_broadcast("room:general", "reaction_removed").await;
        assert_eq!((&told["user"], &told["message"]["changed_seq"]), (&user(&alice), &json!(4)));
        let none = done(&app, &bob, &format!("DELETE {thumb}"), Value::Null).await;
        assert_eq!(none.data()["reactions"], json!([]));
    }

    async fn an_emoji_in_a_path_is_one_emoji(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.limits.reactions_per_user = RateLimit::Off).await;
        let alice = app.user("acme", "alice").await;
        let message = say(&app, &alice).await;
        let path = |emoji: &str| format!("{message}/reactions/{emoji}");
        let emoji = ["👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇨🇭", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "#️⃣"];
        for one in emoji {
            let reacted = done(&app, &alice, &format!("PUT {}", path(&encoded(one))), Value::Null).await;
            let kinds = reacted.data()["reactions"].as_array().unwrap().clone();
            assert_eq!(kinds.last().unwrap()["emoji"], one);
        }
        for text in ["a", "1", "%2B1", "%F0%9F%91%8D%F0%9F%91%8D", "%F0%9F%91%8Da", "%00", "%FF", "%2F", "%25", "%20"] {
            for method in ["PUT", "DELETE"] {
                invalid(&app, &alice, &format!("{method} {}", path(text)), Value::Null, "emoji").await;
            }
        }
        invalid(&app, &alice, &format!("PUT {}", path("%F0%9F%91%8D")), json!({ "emoji": "x" }), "emoji").await;
        refused(&app, &alice, &format!("PUT {}", path("")), Value::Null, 404, "not found").await;

        let more = ["😀", "😃", "😄", "😁", "😆", "😅", "😂", "🙂", "🙃", "😉", "😊", "😇", "🥰", "😍"];
        assert_eq!(emoji.len() + more.len(), 20);
        for one in more {
            done(&app, &alice, &format!("PUT {}", path(&encoded(one))), Value::Null).await;
        }
        invalid(&app, &alice, &format!("PUT {}", path("%F0%9F%91%8D")), Value::Null, "emoji").await;
        // One that is there is no further kind.
        let bob = app.user("acme", "bob").await;
        done(&app, &bob, &format!("PUT {}", path(&encoded("😀"))), Value::Null).await;
    }

    async fn nobody_reacts_to_what_is_not_there(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let alice = app.user("acme", "alice").await;
        let message = say(&app, &alice).await;
        done(&app, &alice, &format!("DELETE {message}"), Value::Null).await;
        for message in [message, format!("{MESSAGES}/nope"), format!("{MESSAGES}/{}", uuid::Uuid::now_v7())] {
            for method in ["PUT", "DELETE"] {
                let line = format!("{method} {message}/reactions/{}", encoded("👍"));
                refused(&app, &alice, &line, Value::Null, 404, "message not found").await;
            }
        }
    }
}
