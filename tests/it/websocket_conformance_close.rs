//! RFC 6455 §7 over a bare connection: how it ends.

use std::time::Duration;

use parlour::{config::Cap, phoenix::close_code};

use crate::helpers::wire::{CLOSE, LAST, PING, PONG, TEXT, TEXT_FIRST, WireServer, frame, heartbeat, padded_heartbeat};

fn close(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

// §5.5.1, §7.1: the client closes
every_transport! {
    async fn a_close_is_answered_and_nothing_is_heard_after_it(server: WireServer) {
        let late = [frame(TEXT, heartbeat("late")), frame(PING, "late"), close(1000, "twice")].concat();
        for bytes in [
            close(1000, ""),
            frame(CLOSE, ""),
            close(1000, "going"),
            close(1000, "\u{3ba}\u{1f79}\u{3c3}\u{1f600}"),
            close(1000, [b'r'; 123]),
            [close(1000, ""), late.clone()].concat(),
        ] {
            let mut wire = server.open().await;
            wire.send([frame(TEXT, heartbeat("before")), bytes].concat()).await;
            wire.assert_heard("before").await;
            wire.assert_close_frame(close_code::NORMAL).await;
            wire.assert_ended().await;
        }
    }

    async fn a_close_that_comes_byte_by_byte_is_answered(server: WireServer) {
        let mut wire = server.open().await;
        wire.send_chopped(close(1001, "by and by"), 1).await;
        wire.assert_close_frame(close_code::NORMAL).await;
        wire.assert_ended().await;
    }

    async fn a_close_between_fragments_ends_the_message_with_the_connection(server: WireServer) {
        let mut wire = server.open().await;
        let text = heartbeat("never whole");
        let (one, two) = text.split_at(8);
        wire.send([frame(TEXT_FIRST, one), close(1000, ""), frame(LAST, two)].concat()).await;
        wire.assert_close_frame(close_code::NORMAL).await;
        wire.assert_ended().await;
    }

    async fn what_came_before_a_close_is_answered_first(server: WireServer) {
        let mut wire = server.open().await;
        let bytes = [
            frame(TEXT, padded_heartbeat("big", 65_536)),
            frame(PING, "p"),
            close(1000, ""),
        ]
        .concat();
        wire.send(bytes).await;
        wire.assert_heard("big").await;
        wire.assert_pong(b"p").await;
        wire.assert_close_frame(close_code::NORMAL).await;
        wire.assert_ended().await;
    }

    // §7.1.1: a client that goes without a word is let go.
    async fn an_end_without_a_close_frame_frees_the_socket(server: WireServer) {
        let mut wire = server.open().await;
        wire.send(frame(TEXT, heartbeat("here"))).await;
        wire.assert_heard("here").await;
        wire.shut_down().await;
        wire.assert_ended().await;
    }
}

// §7.4
every_transport! {
    async fn codes_that_may_be_sent_are_taken(server: WireServer) {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ] {
            let mut wire = server.open().await;
            wire.send(close(code, "because")).await;
            wire.assert_close_frame(close_code::NORMAL).await;
            wire.assert_ended().await;
        }
    }

    async fn bodies_that_may_not_be_sent_are_refused(server: WireServer) {
        let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
        let mut cases: Vec<_> = codes
            .into_iter()
            .map(|code| (close(code, "because"), close_code::PROTOCOL_ERROR))
            .collect();
        cases.push((frame(CLOSE, [3]), close_code::PROTOCOL_ERROR));
        cases.push((close(1000, [b'r'; 124]), close_code::PROTOCOL_ERROR));
        cases.push((close(1000, b"\xce\xba\xed\xa0\x80"), close_code::INVALID_UTF8));
        cases.push((close(1000, b"cut \xe2\x82"), close_code::INVALID_UTF8));
        for (bytes, code) in cases {
            let mut wire = server.open().await;
            wire.send(&bytes).await;
            wire.assert_close_frame(code).await;
            // The client has had its say; it need not say it again.
            wire.shut_down().await;
            wire.assert_ended().await;
        }
    }
}

// §7.1.2, §7.1.7: the server closes
every_transport! {
    async fn a_server_that_closes_waits_for_the_answer(server: WireServer, |settings| {
        settings.socket.close_timeout = Duration::from_secs(60);
    }) {
        let mut wire = server.open().await;
        wire.send(frame(TEXT, heartbeat("open"))).await;
        wire.assert_heard("open").await;
        server.app.app.realtime.drain(1, Duration::ZERO, Duration::ZERO).await;
        wire.assert_close_frame(close_code::RESTART).await;
        // Neither heard nor answered: the server's last frame is out.
        wire.send([frame(TEXT, heartbeat("late")), frame(PING, "late"), frame(PONG, "late")].concat()).await;
        wire.assert_silent().await;
        wire.send(close(close_code::RESTART, "")).await;
        wire.assert_ended().await;
    }

    async fn a_client_that_does_not_answer_is_not_waited_for_long(server: WireServer, |settings| {
        settings.socket.close_timeout = Duration::from_millis(700);
    }) {
        for (bad, code) in [
            (frame(TEXT, "undecodable"), close_code::INTERNAL_ERROR),
            (frame(TEXT | 0x40, ""), close_code::PROTOCOL_ERROR),
            (frame(TEXT, b"\xff"), close_code::INVALID_UTF8),
        ] {
            let mut wire = server.open().await;
            wire.send(&bad).await;
            wire.assert_close_frame(code).await;
            let waited = wire.ended_after().await;
            // An answer to what broke the framing could not be understood.
            let is_waited_for = code == close_code::INTERNAL_ERROR;
            assert!(waited >= Duration::from_millis(400) || !is_waited_for, "it could have answered: {waited:?}");
            assert!(waited < Duration::from_secs(5), "{waited:?}");
        }
    }

    // What a client still sends must not make the kernel throw away the close frame.
    async fn the_code_reaches_a_client_that_goes_on_sending(server: WireServer, |settings| {
        settings.socket.frame_bytes_max = Cap::Max(1000);
    }) {
        for _ in 0..5 {
            let mut wire = server.open().await;
            let bytes = [frame(TEXT, [b' '; 1001]), frame(TEXT, vec![b' '; 1 << 20])].concat();
            wire.try_send(&bytes).await;
            wire.assert_closed(close_code::TOO_BIG).await;
        }
    }

    async fn two_closes_that_cross_are_one_end(server: WireServer) {
        for _ in 0..20 {
            let mut wire = server.open().await;
            // What cannot be decoded closes from the server's side, while the client's own close is on its way.
            wire.send([frame(TEXT, "undecodable"), close(1000, "")].concat()).await;
            wire.assert_close_frame(close_code::INTERNAL_ERROR).await;
            wire.assert_ended().await;
        }
    }
}
