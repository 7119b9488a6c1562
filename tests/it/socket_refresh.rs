//! A socket outlives its token when its client brings another one in time.

use std::time::Duration;

use parlour::{accounts::Claims, phoenix::close_code, timestamp::Timestamp};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    longpoll::TestPoll,
    socket::{TestChannel, TestSocket},
};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(3);

fn issue(app: &TestApp, user: &TestUser, lifetime: Duration) -> (String, Claims) {
    let issued = app.app.tokens.issue_for(&user.user, lifetime, None);
    (issued.token.expose_secret().to_owned(), issued.claims)
}

fn ends(claims: &Claims) -> Value {
    json!({ "expires_at": Timestamp::from_seconds(claims.expires_at) })
}

async fn connect(app: &TestApp, token: &str) -> TestSocket {
    TestSocket::connect(app.address, &format!("token={token}&vsn=2.0.0")).await
}

async fn join_own(socket: &mut TestSocket, user: &TestUser) -> TestChannel {
    socket.join(&format!("user:{}", user.id())).await.0
}

both_engines! {
    async fn a_socket_lives_on_with_the_token_it_is_brought(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let (token, claims) = issue(&app, &ann, SHORT);
        let mut socket = connect(&app, &token).await;
        let own = join_own(&mut socket, &ann).await;
        let general = socket.join_quietly("room:general").await;
        assert_eq!(socket.assert_push(&own, "token_expiring").await, ends(&claims));

        let (next, next_claims) = issue(&app, &ann, LONG);
        let answer = socket.ask(&own, "token_refresh", json!({ "token": next })).await;
        assert_eq!(answer, ends(&next_claims));
        let left = (claims.expires_at * 1000 - Timestamp::now().milliseconds()).max(0).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(left + 500)).await;
        socket.ask(&general, "new_message", json!({ "content": "still here" })).await;

        // The next token may end sooner.
        let (last, last_claims) = issue(&app, &ann, SHORT);
        socket.ask(&own, "token_refresh", json!({ "token": last })).await;
        assert_eq!(socket.assert_push(&own, "token_expiring").await, ends(&last_claims));
        assert_eq!(socket.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED));
        assert!(Timestamp::now() >= Timestamp::from_seconds(last_claims.expires_at));
    }

    async fn who_joins_late_is_told_as_well_and_other_topics_are_not(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.socket.token_notice = LONG).await;
        let ann = app.user("acme", "ann").await;
        let (token, claims) = issue(&app, &ann, 4 * SHORT);
        let mut socket = connect(&app, &token).await;
        let left = Duration::from_secs(claims.expires_at.unsigned_abs()).saturating_sub(Duration::from_millis(
            Timestamp::now().milliseconds().unsigned_abs(),
        ));
        socket.join_quietly("room:general").await;
        tokio::time::sleep(left / 2 + Duration::from_millis(200)).await;
        socket.refute_event("token_expiring").await;
        let own = join_own(&mut socket, &ann).await;
        assert_eq!(socket.assert_push(&own, "token_expiring").await, ends(&claims));
    }

    async fn a_token_that_is_not_the_users_own_and_good_changes_nothing(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let namesake = app.user("zeta", "ann").await;
        let (token, _) = issue(&app, &ann, SHORT);
        let (revoked, revoked_claims) = issue(&app, &ann, LONG);
        parlour::accounts::revoke_token(&app.db.store, &revoked_claims).await.unwrap();
        let mut socket = connect(&app, &token).await;
        let own = join_own(&mut socket, &ann).await;
        let general = socket.join_quietly("room:general").await;
        for refused in [&bob.token, &namesake.token, &revoked, "nonsense", ""] {
            let answer = socket.refused(&own, "token_refresh", json!({ "token": refused })).await;
            assert_eq!(answer, json!({ "reason": "unauthorized" }));
        }
        for payload in [json!({}), json!({ "token": 1 }), json!([]), Value::Null] {
            assert_eq!(socket.refused(&own, "token_refresh", payload).await["reason"], "invalid");
        }
        let good = json!({ "token": issue(&app, &ann, LONG).0 });
        assert_eq!(socket.refused(&general, "token_refresh", good).await["reason"], "unknown_event");
        assert_eq!(socket.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED), "at its old end");
    }

    async fn the_old_token_no_longer_counts_for_the_socket_and_the_new_one_does(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let ((old, _), (new, _)) = (issue(&app, &ann, LONG), issue(&app, &ann, LONG));
        let mut socket = connect(&app, &old).await;
        let own = join_own(&mut socket, &ann).await;
        socket.ask(&own, "token_refresh", json!({ "token": new })).await;
        let sign_out = async |token: &str| {
            let logout = app.request(Method::DELETE, "/api/v1/auth/logout").bearer_auth(token).json(&json!({}));
            assert_eq!(logout.send().await.unwrap().status(), StatusCode::OK);
        };
        sign_out(&old).await;
        socket.send(json!([null, "h", "phoenix", "heartbeat", {}])).await;
        socket.expect(|frame| frame[1] == "h").await;
        let answer = socket.refused(&own, "token_refresh", json!({ "token": old })).await;
        assert_eq!(answer, json!({ "reason": "unauthorized" }));
        sign_out(&new).await;
        assert_eq!(socket.assert_closed().await.0, Some(close_code::GOING_AWAY));
        for token in [old, new] {
            let query = format!("token={token}&vsn=2.0.0");
            assert_eq!(TestSocket::try_connect(app.address, &query, &[]).await.err(), Some(403));
        }
    }

    async fn a_long_poll_lives_on_as_well(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let (token, claims) = issue(&app, &ann, SHORT);
        let topic = format!("user:{}", ann.id());
        let (mut kept, mut lost) = (TestPoll::open(app.address, &token).await, TestPoll::open(app.address, &token).await);
        let (own, _) = (kept.join(&topic).await, lost.join(&topic).await);
        assert_eq!(kept.expect(|frame| frame[3] == "token_expiring").await[4], ends(&claims));
        let next = json!({ "token": issue(&app, &ann, LONG).0 });
        assert_eq!(kept.ask(&own, &topic, "token_refresh", next).await["status"], "ok");
        assert_eq!(lost.assert_ended().await.0, 403);
        let heartbeat = kept.push("0", "phoenix", "heartbeat", json!({})).await;
        kept.expect(|frame| frame[1] == *heartbeat && frame[2] == "phoenix").await;
    }
}
