//! Sockets below the chat: who gets one, when it ends, and what it survives.

use std::time::Duration;

use futures_util::SinkExt;
use parlour::{
    config::{Cap, OriginCheck, RateLimit},
    phoenix::close_code,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::helpers::{app::TestApp, people, socket::TestSocket};

both_engines! {
    async fn logging_out_ends_the_sockets_of_that_token_only_and_nothing_follows(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let ann = app.user("acme", "ann").await;
        let other_login = {
            use secrecy::ExposeSecret;
            let token = app.app.tokens.issue(&ann.user).token.expose_secret().to_owned();
            crate::helpers::app::TestUser { token, ..ann.clone() }
        };
        let (mut phone, mut laptop) = (app.connect(&ann).await, app.connect(&other_login).await);
        phone.join_quietly("room:general").await;
        let channel = laptop.join_quietly("room:general").await;
        assert!(app.request_as(&ann, Method::DELETE, "/api/v1/auth/logout").send().await.unwrap().status().is_success());
        let pushed = laptop.push(&channel, "new_message", json!({ "content": "after" })).await;
        laptop.assert_reply(&pushed, "ok").await;
        let (code, before) = phone.assert_closed().await;
        assert_eq!(code, Some(close_code::GOING_AWAY));
        assert!(before.iter().all(|frame| frame[3] != "new_message"), "{before:?}");
        let query = format!("token={}&vsn=2.0.0", ann.token);
        assert_eq!(TestSocket::try_connect(app.address, &query, &[]).await.err(), Some(403));
        assert_eq!(app.request_as(&ann, Method::GET, "/api/v1/auth/me").send().await.unwrap().status(), 401);
        assert_eq!(app.request_as(&other_login, Method::GET, "/api/v1/auth/me").send().await.unwrap().status(), 200);
    }
}

mod sqlite {
    //! What does not depend on the database.

    use super::*;
    use crate::helpers::database::{Engine, TestDatabase};

    async fn app() -> TestApp {
        TestApp::start(TestDatabase::create(Engine::Sqlite).await).await
    }

    async fn app_with(change: impl FnOnce(&mut parlour::config::Settings)) -> TestApp {
        TestApp::start_with(TestDatabase::create(Engine::Sqlite).await, change).await
    }

    #[actix_web::test]
    async fn a_token_comes_by_query_subprotocol_or_header() {
        use base64::{
            Engine as _,
            engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
        };
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        let connect = |query: String, headers: Vec<(&'static str, String)>| {
            let address = app.address;
            async move {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                TestSocket::try_connect(address, &query, &headers).await.map(|_| ())
            }
        };
        assert_eq!(connect(format!("vsn=2.0.0&token={}", ann.token), vec![]).await, Ok(()));
        assert_eq!(
            connect(format!("token=wrong&vsn=2.0.0&&token={}&", ann.token), vec![]).await,
            Ok(()),
            "the last wins"
        );
        assert_eq!(
            connect(
                "vsn=2.0.0".into(),
                vec![("authorization", format!("Bearer {}", ann.token))]
            )
            .await,
            Ok(())
        );
        for encoded in [STANDARD_NO_PAD.encode(&ann.token), URL_SAFE_NO_PAD.encode(&ann.token)] {
            let offered = format!("phoenix, base64url.bearer.phx.{encoded}");
            assert_eq!(
                connect("vsn=2.0.0".into(), vec![("sec-websocket-protocol", offered)]).await,
                Ok(())
            );
        }
        for bad in [
            "phoenix, base64url.bearer.phx.%%%",
            "soap",
            "phoenix, base64url.bearer.phx.aGVsbG8",
        ] {
            assert_eq!(
                connect("vsn=2.0.0".into(), vec![("sec-websocket-protocol", bad.into())]).await,
                Err(403),
                "{bad}"
            );
        }
        assert_eq!(connect("vsn=2.0.0".into(), vec![]).await, Err(403));
        assert_eq!(
            connect(format!("vsn=2.0.0&tenant=acme&token={}", ann.token), vec![]).await,
            Ok(())
        );
        assert_eq!(
            connect(format!("vsn=2.0.0&tenant=globex&token={}", ann.token), vec![]).await,
            Err(403)
        );
    }

    #[actix_web::test]
    async fn the_version_is_checked_as_phoenix_does() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        for (vsn, accepted) in [
            ("&vsn=2.0.0", true),
            ("&vsn=1.0.0", true),
            ("", true),
            ("&vsn=2.0", false),
            ("&vsn=", false),
            ("&vsn=3.0.0", false),
            ("&vsn[]=2.0.0", false),
            ("&vsn=2.0.0-rc.1", false),
        ] {
            let query = format!("token={}{vsn}", ann.token);
            let status = TestSocket::try_connect(app.address, &query, &[]).await.err();
            assert_eq!(status, (!accepted).then_some(403), "{vsn:?}");
        }
    }

    #[actix_web::test]
    async fn a_plain_request_is_told_what_the_path_is_for() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        let get = |method: Method, path: String| app.request(method, &path).send();
        let path = "/chat/socket/websocket";
        let refused = get(Method::GET, path.to_owned()).await.unwrap();
        assert_eq!(
            (refused.status().as_u16(), refused.text().await.unwrap().as_str()),
            (403, "")
        );
        let explained = get(Method::GET, format!("{path}?token={}&vsn=2.0.0", ann.token))
            .await
            .unwrap();
        assert_eq!(explained.status(), 400);
        assert!(!explained.text().await.unwrap().is_empty());
        let posted = get(Method::POST, path.to_owned()).await.unwrap();
        assert_eq!(
            (posted.status().as_u16(), posted.text().await.unwrap().as_str()),
            (400, "")
        );
        assert_eq!(get(Method::GET, "/chat/socket".to_owned()).await.unwrap().status(), 404);
        assert_eq!(
            get(Method::GET, "/chat/socket/other".to_owned())
                .await
                .unwrap()
                .status(),
            404
        );
    }

    #[actix_web::test]
    async fn origins_are_checked_against_the_servers_list_and_the_tenants() {
        let app = app_with(|settings| {
            settings.socket.check_origin =
                OriginCheck::Only(vec!["https://*.good.example".into(), "//any.example".into()]);
        })
        .await;
        let ann = app.user("acme", "ann").await;
        let query = format!("token={}&vsn=2.0.0", ann.token);
        for (origin, accepted) in [
            ("https://good.example", true),
            ("https://a.good.example", true),
            ("http://a.good.example", false),
            ("http://any.example:81", true),
            ("https://good.example.evil", false),
            ("null", false),
        ] {
            let status = TestSocket::try_connect(app.address, &query, &[("origin", origin)])
                .await
                .err();
            assert_eq!(status, (!accepted).then_some(403), "{origin}");
        }
        assert!(
            TestSocket::try_connect(app.address, &query, &[]).await.is_ok(),
            "no browser, no origin"
        );
        let two = [("origin", "https://good.example"), ("origin", "https://evil.example")];
        assert_eq!(
            TestSocket::try_connect(app.address, &query, &two).await.err(),
            Some(403)
        );

        let settings = json!({ "allowed_origins": ["https://good.example"] });
        people::set_settings(&app.db.store, ann.user.tenant_id, settings).await;
        assert!(
            TestSocket::try_connect(app.address, &query, &[("origin", "https://good.example")])
                .await
                .is_ok()
        );
        assert_eq!(
            TestSocket::try_connect(app.address, &query, &[("origin", "http://any.example")])
                .await
                .err(),
            Some(403)
        );
    }

    #[actix_web::test]
    async fn a_silent_socket_is_closed_and_a_heartbeat_keeps_it() {
        let app = app_with(|settings| settings.socket.idle_timeout = Duration::from_millis(600)).await;
        let ann = app.user("acme", "ann").await;
        let (mut silent, mut alive) = (app.connect(&ann).await, app.connect(&ann).await);
        let started = std::time::Instant::now();
        let beating = async {
            while started.elapsed() < Duration::from_millis(1500) {
                alive.send(json!([null, "h", "phoenix", "heartbeat", {}])).await;
                assert_eq!(
                    alive.next_frame().await,
                    json!([null, "h", "phoenix", "phx_reply", { "status": "ok", "response": {} }])
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let (closed, ()) = tokio::join!(silent.assert_closed(), beating);
        assert_eq!(closed.0, Some(close_code::PROTOCOL_ERROR));
        assert!(started.elapsed() >= Duration::from_millis(600));
    }

    #[actix_web::test]
    async fn a_token_that_runs_out_ends_its_socket() {
        let app = app_with(|settings| settings.auth.token_lifetime = Duration::from_secs(2)).await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        socket.join_quietly("room:general").await;
        assert_eq!(socket.assert_closed().await.0, Some(close_code::TOKEN_EXPIRED));
    }

    #[actix_web::test]
    async fn what_cannot_be_decoded_closes_this_socket_only() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        let mut witness = app.connect(&ann).await;
        let channel = witness.join_quietly("room:general").await;
        for text in [
            "",
            "nonsense",
            "{}",
            "[1,2,3,4]",
            "[null,null,\"t\",\"e\",{}",
            "[\"1\",\"2\",\"t\",\"e\",NaN]",
        ] {
            let mut socket = app.connect(&ann).await;
            socket.send_text(text).await;
            assert_eq!(
                socket.assert_closed().await.0,
                Some(close_code::INTERNAL_ERROR),
                "{text:?}"
            );
        }
        for data in [vec![], vec![9, 0, 0, 0, 0], vec![0, 200, 0, 0, 0]] {
            let mut socket = app.connect(&ann).await;
            socket.send_binary(data.clone()).await;
            assert_eq!(
                socket.assert_closed().await.0,
                Some(close_code::INTERNAL_ERROR),
                "{data:?}"
            );
        }
        let pushed = witness
            .push(&channel, "new_message", json!({ "content": "still here" }))
            .await;
        witness.assert_reply(&pushed, "ok").await;
    }

    fn raw_frame(payload: impl Into<Vec<u8>>, opcode: OpCode, last: bool) -> Message {
        Message::Frame(Frame::message(payload.into(), opcode, last))
    }

    #[actix_web::test]
    async fn fragments_are_joined_with_control_frames_in_between() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        let text = r#"[null,"1","phoenix","heartbeat",{"ü":1}]"#.as_bytes();
        // Cut in the middle of a character, too.
        let (one, rest) = text.split_at(33);
        let (two, three) = rest.split_at(3);
        let stream = socket.stream();
        stream
            .send(raw_frame(one, OpCode::Data(Data::Text), false))
            .await
            .unwrap();
        stream
            .send(Message::Ping(b"are you there".to_vec().into()))
            .await
            .unwrap();
        stream
            .send(raw_frame(two, OpCode::Data(Data::Continue), false))
            .await
            .unwrap();
        stream
            .send(raw_frame(three, OpCode::Data(Data::Continue), true))
            .await
            .unwrap();
        assert_eq!(socket.next_frame().await[1], "1");
    }

    #[actix_web::test]
    async fn broken_text_and_sizes_are_told_by_the_close_code() {
        let app = app_with(|settings| {
            settings.socket.frame_bytes_max = Cap::Max(1000);
            settings.socket.message_bytes_max = Cap::Max(1500);
        })
        .await;
        let ann = app.user("acme", "ann").await;
        let text = |len: usize| raw_frame(vec![b' '; len], OpCode::Data(Data::Text), false);
        let cases = [
            (
                vec![raw_frame(vec![0xff, 0xfe], OpCode::Data(Data::Text), true)],
                close_code::INVALID_UTF8,
            ),
            (
                vec![
                    raw_frame(vec![0xff], OpCode::Data(Data::Text), false),
                    raw_frame(vec![], OpCode::Data(Data::Continue), true),
                ],
                close_code::INVALID_UTF8,
            ),
            (vec![Message::text(" ".repeat(1001))], close_code::TOO_BIG),
            (
                vec![
                    text(900),
                    raw_frame(vec![b' '; 700], OpCode::Data(Data::Continue), true),
                ],
                close_code::TOO_BIG,
            ),
            (
                vec![raw_frame(vec![b' '], OpCode::Data(Data::Continue), true)],
                close_code::PROTOCOL_ERROR,
            ),
            (
                vec![raw_frame(vec![b' '], OpCode::Data(Data::Reserved(3)), true)],
                close_code::PROTOCOL_ERROR,
            ),
        ];
        for (frames, code) in cases {
            let mut socket = app.connect(&ann).await;
            for frame in frames {
                socket.stream().send(frame).await.unwrap();
            }
            assert_eq!(socket.assert_closed().await.0, Some(code));
        }
    }

    #[actix_web::test]
    async fn a_close_is_answered_with_1000() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        for code in [1000, 1001, 4000] {
            assert_eq!(
                app.connect(&ann).await.close(code).await,
                Some(close_code::NORMAL),
                "{code}"
            );
        }
    }

    #[actix_web::test]
    async fn caps_refuse_the_socket_beyond_and_no_other() {
        let app = app_with(|settings| settings.socket.connections_per_tenant_max = Cap::Max(2)).await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("globex", "bob").await);
        let (first, _second) = (app.connect(&ann).await, app.connect(&ann).await);
        let query = format!("token={}&vsn=2.0.0", ann.token);
        assert_eq!(TestSocket::try_connect(app.address, &query, &[]).await.err(), Some(429));
        app.connect(&bob).await;
        drop(first);
        // The place comes back when the server has seen the end of the connection.
        let deadline = std::time::Instant::now() + crate::helpers::socket::PATIENCE;
        while TestSocket::try_connect(app.address, &query, &[]).await.is_err() {
            assert!(std::time::Instant::now() < deadline, "the place does not come back");
            tokio::task::yield_now().await;
        }
    }

    #[actix_web::test]
    async fn joins_beyond_the_rate_and_the_number_are_refused() {
        let app = app_with(|settings| {
            settings.socket.channels_max = Cap::Max(2);
            settings.limits.joins_per_socket = "3/1h".parse().unwrap();
        })
        .await;
        let ann = app.user("acme", "ann").await;
        let mut socket = app.connect(&ann).await;
        socket.join("room:general").await;
        socket.join("room:random").await;
        assert_eq!(socket.refused_join("room:tech-talk").await, "too many channels joined");
        socket.join("room:random").await;
        assert_eq!(socket.refused_join("room:random").await, "rate_limited");
    }

    #[actix_web::test]
    async fn a_slow_reader_is_closed_and_the_others_do_not_notice() {
        let app = app_with(|settings| {
            settings.limits.messages_per_user = RateLimit::Off;
            settings.socket.outbound_bytes_max = Cap::Max(64 * 1024);
            settings.socket.user_timeout = Duration::from_secs(30);
        })
        .await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (mut talker, mut slow) = (app.connect(&ann).await, app.connect(&bob).await);
        let channel = talker.join_quietly("room:general").await;
        slow.join_quietly("room:general").await;
        talker.assert_broadcast("room:general", "presence_diff").await;

        // More than the buffers of both kernels hold.
        let content = "x".repeat(2000);
        for number in 0..6000 {
            let pushed = talker
                .push(&channel, "new_message", json!({ "content": content }))
                .await;
            let started = std::time::Instant::now();
            talker.assert_reply(&pushed, "ok").await;
            talker.assert_broadcast("room:general", "new_message").await;
            assert!(
                started.elapsed() < Duration::from_secs(2),
                "message {number} waited for a slow reader"
            );
            if talker.try_broadcast("room:general", "presence_diff").is_some() {
                break;
            }
        }
        // The slow one is out of the room; it reads what is left, then the close.
        let (code, before) = slow.assert_closed().await;
        assert_eq!(code, Some(close_code::SLOW_CONSUMER));
        let seqs: Vec<_> = before
            .iter()
            .filter(|frame| frame[3] == "new_message")
            .map(|frame| frame[4]["seq"].as_i64().unwrap())
            .collect();
        assert!(
            seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "what arrived has no holes"
        );
        assert!(!seqs.is_empty());
    }

    #[actix_web::test]
    async fn a_reader_that_never_reads_again_is_ended_by_the_kernel() {
        let app = app_with(|settings| {
            settings.limits.messages_per_user = RateLimit::Off;
            settings.socket.user_timeout = Duration::from_secs(1);
        })
        .await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let (mut talker, mut dead) = (app.connect(&ann).await, app.connect(&bob).await);
        let channel = talker.join_quietly("room:general").await;
        dead.join_quietly("room:general").await;
        talker.assert_broadcast("room:general", "presence_diff").await;
        let content = "x".repeat(2000);
        while talker.try_broadcast("room:general", "presence_diff").is_none() {
            let pushed = talker
                .push(&channel, "new_message", json!({ "content": content }))
                .await;
            talker.assert_reply(&pushed, "ok").await;
            talker.assert_broadcast("room:general", "new_message").await;
        }
        let connections = app.app.realtime.connections();
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while connections.open() > 1 {
            assert!(std::time::Instant::now() < deadline, "the dead socket is still held");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(dead);
    }

    #[actix_web::test]
    async fn a_graceful_stop_finishes_what_was_sent_and_says_restart() {
        let app = app().await;
        let ann = app.user("acme", "ann").await;
        let mut idle = app.connect(&ann).await;
        let mut socket = app.connect(&ann).await;
        let channel = socket.join_quietly("room:general").await;
        let pushed = socket
            .push(&channel, "new_message", json!({ "content": "last words" }))
            .await;
        socket.assert_broadcast("room:general", "new_message").await;
        let (closed, idle_closed, ()) = tokio::join!(socket.assert_closed(), idle.assert_closed(), app.stop());
        assert_eq!(closed.0, Some(close_code::RESTART));
        let replied = closed
            .1
            .iter()
            .any(|frame| frame[3] == "phx_reply" && frame[1] == *pushed.r#ref);
        assert!(replied, "the send in flight was answered: {:?}", closed.1);
        assert_eq!(
            idle_closed.0,
            Some(close_code::RESTART),
            "a socket without a channel as well"
        );
        assert!(
            app.request(Method::GET, "/health/live").send().await.is_err(),
            "nothing listens any more"
        );
    }

    #[actix_web::test]
    async fn a_socket_that_closes_in_the_middle_of_a_join_leaves_nothing_behind() {
        let app = app().await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        for _ in 0..20 {
            let mut socket = app.connect(&bob).await;
            socket.start_join("room:general").await;
            socket.start_join("room:random").await;
            drop(socket);
        }
        let mut witness = app.connect(&ann).await;
        let deadline = std::time::Instant::now() + crate::helpers::socket::PATIENCE;
        loop {
            let counts = app.app.realtime.counts().await;
            let (_, counts) = counts
                .iter()
                .find(|(tenant_id, _)| *tenant_id == ann.user.tenant_id)
                .unwrap();
            if (counts.sockets, counts.channels, counts.topics, counts.present) == (1, 0, 0, 0) {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "left behind: {counts:?}");
            tokio::task::yield_now().await;
        }
        let (channel, _) = witness.join("room:general").await;
        let state: Value = witness.assert_push(&channel, "presence_state").await;
        assert_eq!(state.as_object().unwrap().len(), 1, "{state}");
    }

    #[actix_web::test]
    async fn a_duplicate_join_is_told_in_the_order_clients_need() {
        let app = app().await;
        let (ann, bob) = (app.user("acme", "ann").await, app.user("acme", "bob").await);
        let mut watcher = app.connect(&bob).await;
        watcher.join_quietly("room:general").await;
        let mut socket = app.connect(&ann).await;
        let old = socket.join_quietly("room:general").await;
        let first = watcher.assert_broadcast("room:general", "presence_diff").await;
        let new = socket.start_join("room:general").await;
        let reply = socket.next_frame().await;
        assert_eq!((&reply[0], &reply[3]), (&json!(new.join_ref), &json!("phx_reply")));
        let close = socket.next_frame().await;
        assert_eq!(
            close,
            json!([old.join_ref, old.join_ref, "room:general", "phx_close", {}])
        );
        assert_eq!(socket.next_frame().await[3], "message_history");
        assert_eq!(socket.next_frame().await[3], "presence_state");

        assert_eq!(
            watcher.assert_broadcast("room:general", "presence_diff").await["leaves"],
            first["joins"]
        );
        assert!(watcher.assert_broadcast("room:general", "presence_diff").await["joins"][ann.id()].is_object());
        let pushed = socket.push(&new, "new_message", json!({ "content": "once" })).await;
        socket.assert_reply(&pushed, "ok").await;
        socket.assert_broadcast("room:general", "new_message").await;
        socket.refute_event("new_message").await;
        let stale = socket.push(&old, "new_message", json!({ "content": "stale" })).await;
        socket.refute_event("new_message").await;
        socket.refute_event("phx_reply").await;
        drop(stale);
    }
}
