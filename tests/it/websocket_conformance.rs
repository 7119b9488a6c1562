//! What RFC 6455 asks of a server's framing, over a bare connection: frames, pings, reserved bits, opcodes, fragments,
//! limits, extensions. A heartbeat of the channel protocol stands in for an echo.

use parlour::{config::Cap, phoenix::close_code};
use serde_json::{Value, json};

use crate::helpers::{
    limits::set_limits,
    wire::{
        BINARY, BINARY_FIRST, CLOSE, LAST, MORE, PING, PONG, STANDARD_HEADERS, TEXT, TEXT_FIRST, WireServer, frame,
        header, heartbeat, padded_heartbeat,
    },
};

/// A binary push of the channel protocol that is a heartbeat.
fn binary_heartbeat(r#ref: &str) -> Vec<u8> {
    let (topic, event) = ("phoenix", "heartbeat");
    let mut bytes = vec![0, 0];
    bytes.extend([r#ref, topic, event].map(|part| u8::try_from(part.len()).expect("short")));
    bytes.extend([r#ref, topic, event].concat().bytes());
    bytes
}

// §4.2.2, §9.1
every_transport! {
    async fn the_handshake_is_answered_and_no_extension_is_negotiated(server: WireServer) {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n";
        for headers in [STANDARD_HEADERS.to_owned(), format!("{STANDARD_HEADERS}{offer}")] {
            let mut wire = server.ask(&headers, b"").await;
            let head = wire.head().await.to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 101 "), "{head}");
            assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
            assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
            // The answer to the key of §1.3.
            assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
            assert!(!head.contains("sec-websocket-extensions"), "{head}");
            assert!(!head.contains("sec-websocket-protocol"), "{head}");
            wire.send(frame(TEXT, heartbeat("plain"))).await;
            wire.assert_heard("plain").await;
            // §9: RSV1 would mean compression.
            wire.send(frame(TEXT | 0x40, heartbeat("compressed"))).await;
            wire.assert_closed(close_code::PROTOCOL_ERROR).await;
        }
    }

    async fn a_bad_handshake_is_told_which_version_is_spoken(server: WireServer) {
        for (wanted, instead) in [
            ("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 8\r\n"),
            ("Sec-WebSocket-Version: 13\r\n", ""),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Key: short\r\n"),
            ("Upgrade: websocket\r\n", "Upgrade: other\r\n"),
        ] {
            let mut wire = server.ask(&STANDARD_HEADERS.replace(wanted, instead), b"").await;
            let head = wire.head().await.to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 4"), "{wanted} -> {instead}: {head}");
            assert!(head.contains("\r\nsec-websocket-version: 13\r\n"), "{wanted} -> {instead}: {head}");
        }
    }

    async fn frames_that_come_with_the_handshake_are_heard(server: WireServer) {
        let early = frame(TEXT, heartbeat("early"));
        for cut in [early.len(), 1, 7, 0] {
            let mut wire = server.open_saying(&early[..cut]).await;
            wire.send(&early[cut..]).await;
            wire.assert_heard("early").await;
        }
    }
}

// §5.2, §5.6: lengths
every_transport! {
    async fn messages_of_every_length_are_heard_however_they_are_cut(server: WireServer) {
        let mut wire = server.open().await;
        for bytes in [50, 125, 126, 127, 128, 1000, 65_535, 65_536] {
            let r#ref = bytes.to_string();
            let text = frame(TEXT, padded_heartbeat(&r#ref, bytes));
            wire.send(&text).await;
            wire.assert_heard(&r#ref).await;
            let sizes: &[usize] = if bytes < 1000 { &[1, 3, 64] } else { &[997, 1000, 8192] };
            for &size in sizes {
                wire.send_chopped(&text, size).await;
                wire.assert_heard(&r#ref).await;
            }
        }
        let binary = frame(BINARY, binary_heartbeat("bytes"));
        wire.send(&binary).await;
        wire.assert_heard("bytes").await;
        wire.send_chopped(&binary, 1).await;
        wire.assert_heard("bytes").await;
    }

    async fn many_messages_in_one_piece_are_answered_in_order(server: WireServer) {
        let mut wire = server.open().await;
        let names: Vec<String> = (0..100).map(|number| format!("n{number}")).collect();
        let bytes: Vec<u8> = names.iter().flat_map(|name| frame(TEXT, heartbeat(name))).collect();
        wire.send(&bytes).await;
        for name in &names {
            wire.assert_heard(name).await;
        }
        wire.send_chopped(&bytes, 1021).await;
        for name in &names {
            wire.assert_heard(name).await;
        }
    }

    async fn lengths_that_are_not_minimal_or_out_of_range_are_refused(server: WireServer) {
        let text = heartbeat("never");
        let short = u8::try_from(text.len()).expect("short");
        for length in [
            vec![0x80 | 126, 0, short],
            vec![0x80 | 127, 0, 0, 0, 0, 0, 0, 0, short],
            vec![0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            vec![0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1],
            vec![0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            let mut wire = server.open().await;
            let mut bytes = vec![TEXT];
            bytes.extend(length);
            bytes.extend([0; 4]);
            bytes.extend(text.bytes());
            wire.send(bytes).await;
            wire.assert_closed(close_code::PROTOCOL_ERROR).await;
        }
    }

    // §5.1
    async fn frames_that_are_not_masked_are_refused(server: WireServer) {
        for first in [TEXT, BINARY, PING, PONG, CLOSE] {
            let mut wire = server.open().await;
            wire.send([first, 2, 0x03, 0xe8]).await;
            wire.assert_closed(close_code::PROTOCOL_ERROR).await;
        }
    }
}

// §5.5.2, §5.5.3
every_transport! {
    async fn pings_are_answered_with_what_they_carry(server: WireServer) {
        let mut wire = server.open().await;
        for payload in [&b""[..], b"hello", &[0x00, 0xff, 0xfe, 0x80], &[0xfe; 125]] {
            wire.send(frame(PING, payload)).await;
            wire.assert_pong(payload).await;
            wire.send_chopped(frame(PING, payload), 1).await;
            wire.assert_pong(payload).await;
        }
        let payloads: Vec<String> = (0..10).map(|number| format!("payload-{number}")).collect();
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(PING, payload)).collect();
        for size in [bytes.len(), 1] {
            wire.send_chopped(&bytes, size).await;
            for payload in &payloads {
                wire.assert_pong(payload.as_bytes()).await;
            }
        }
    }

    async fn pongs_nobody_asked_for_are_nothing(server: WireServer) {
        let mut wire = server.open().await;
        wire.send([frame(PONG, ""), frame(PONG, "unasked"), frame(PING, "asked")].concat()).await;
        wire.assert_pong(b"asked").await;
        wire.assert_silent().await;
    }

    async fn control_frames_are_short_and_whole(server: WireServer) {
        for bytes in [
            frame(PING, [0; 126]),
            frame(PONG, [0; 126]),
            frame(CLOSE, [3; 126]),
            header(PING, 70_000),
            [frame(0x09, "a"), frame(LAST, "b")].concat(),
            [frame(0x0a, "a"), frame(LAST, "b")].concat(),
            frame(0x08, 1000_u16.to_be_bytes()),
        ] {
            let mut wire = server.open().await;
            wire.send(&bytes).await;
            wire.assert_closed(close_code::PROTOCOL_ERROR).await;
        }
    }
}

// §5.2: reserved bits and opcodes
every_transport! {
    async fn reserved_bits_and_opcodes_end_the_connection_behind_what_was_good(server: WireServer) {
        let bits = (1..8).flat_map(|bits| [TEXT, PING, CLOSE].map(|first| first | bits << 4));
        let opcodes = (3..8).chain(11..16).map(|opcode| 0x80 | opcode);
        for first in bits.chain(opcodes) {
            for payload in ["", "payload"] {
                let mut wire = server.open().await;
                let bad = [frame(TEXT, heartbeat("good")), frame(first, payload), frame(PING, "late")].concat();
                wire.send(&bad).await;
                wire.assert_heard("good").await;
                wire.assert_closed(close_code::PROTOCOL_ERROR).await;
            }
        }
    }

    async fn a_bad_frame_is_refused_when_it_comes_byte_by_byte(server: WireServer) {
        for bad in [frame(TEXT | 0x10, "x"), frame(0x83, "x"), frame(0x8b, ""), frame(LAST, "x")] {
            let mut wire = server.open().await;
            wire.send_chopped(frame(TEXT, heartbeat("good")), 1).await;
            wire.assert_heard("good").await;
            wire.send_chopped(&bad[..2], 1).await;
            wire.try_send(&bad[2..]).await;
            wire.assert_closed(close_code::PROTOCOL_ERROR).await;
        }
    }
}

// §5.4
every_transport! {
    async fn fragments_are_joined_with_control_frames_between_them(server: WireServer) {
        let mut wire = server.open().await;
        let text = heartbeat("pieces");
        for cut in [0, 1, 10, text.len()] {
            let (one, two) = text.split_at(cut);
            let bytes = [frame(TEXT_FIRST, one), frame(PING, "amid"), frame(LAST, two)].concat();
            for size in [bytes.len(), 1, 7] {
                wire.send_chopped(&bytes, size).await;
                wire.assert_pong(b"amid").await;
                wire.assert_heard("pieces").await;
            }
        }
        let mut bytes = frame(TEXT_FIRST, "");
        for byte in text.bytes() {
            bytes.extend(frame(MORE, [byte]));
            bytes.extend(frame(MORE, ""));
            bytes.extend(frame(PONG, "unasked"));
        }
        bytes.extend(frame(LAST, ""));
        wire.send(&bytes).await;
        wire.assert_heard("pieces").await;
        let binary = binary_heartbeat("bytes");
        let (one, two) = binary.split_at(6);
        wire.send([frame(BINARY_FIRST, one), frame(LAST, two)].concat()).await;
        wire.assert_heard("bytes").await;
    }

    async fn a_ping_between_fragments_is_answered_before_the_message_is_whole(server: WireServer) {
        let mut wire = server.open().await;
        let text = heartbeat("late");
        let (one, two) = text.split_at(9);
        wire.send([frame(TEXT_FIRST, one), frame(PING, "now")].concat()).await;
        wire.assert_pong(b"now").await;
        wire.assert_silent().await;
        wire.send(frame(LAST, two)).await;
        wire.assert_heard("late").await;
    }

    async fn fragments_out_of_order_are_refused(server: WireServer) {
        let whole = || frame(TEXT, heartbeat("whole"));
        let parted = || [frame(TEXT_FIRST, ""), frame(LAST, heartbeat("whole"))].concat();
        for (good, bad) in [
            (vec![], frame(LAST, heartbeat("orphan"))),
            (vec![], frame(MORE, heartbeat("orphan"))),
            (whole(), frame(LAST, "")),
            (parted(), frame(LAST, heartbeat("orphan"))),
            (parted(), frame(MORE, "")),
            (vec![], [frame(TEXT_FIRST, "["), whole()].concat()),
            (vec![], [frame(TEXT_FIRST, "["), frame(TEXT_FIRST, "[")].concat()),
            (vec![], [frame(TEXT_FIRST, "["), frame(BINARY, binary_heartbeat("x"))].concat()),
            (vec![], [frame(BINARY_FIRST, [0]), frame(MORE, [0]), whole()].concat()),
        ] {
            for size in [usize::MAX, 1] {
                let mut wire = server.open().await;
                wire.send_chopped(&good, size).await;
                if !good.is_empty() {
                    wire.assert_heard("whole").await;
                }
                wire.try_send(&bad).await;
                wire.assert_closed(close_code::PROTOCOL_ERROR).await;
            }
        }
    }
}

// §7.4.1: 1009; §10.4
every_transport! {
    async fn a_declared_size_over_the_limit_is_refused_before_its_payload_comes(server: WireServer, |settings| {
        settings.socket.frame_bytes_max = Cap::Max(1000);
        settings.socket.message_bytes_max = Cap::Max(1500);
    }) {
        for length in [1001, 65_535, 65_536, 400 << 20, i64::MAX as u64] {
            let mut wire = server.open().await;
            wire.send(header(TEXT, length)).await;
            wire.assert_closed(close_code::TOO_BIG).await;
        }
        let mut wire = server.open().await;
        wire.send(frame(TEXT, padded_heartbeat("most", 1000))).await;
        wire.assert_heard("most").await;
        let text = padded_heartbeat("parts", 1500);
        let (one, two) = text.split_at(700);
        wire.send([frame(TEXT_FIRST, one), frame(PING, [1; 125]), frame(LAST, two)].concat()).await;
        wire.assert_pong(&[1; 125]).await;
        wire.assert_heard("parts").await;
        wire.send([frame(TEXT_FIRST, one), frame(MORE, two), header(LAST, 1)].concat()).await;
        wire.assert_closed(close_code::TOO_BIG).await;
    }

    async fn the_tenants_limits_are_those_of_now(server: WireServer) {
        let limit = async |bytes: Value| set_limits(&server.app, "acme", json!({ "frame_bytes_max": bytes })).await;
        for parts in [false, true] {
            limit(json!(300)).await;
            let mut wire = server.open().await;
            let message = |r#ref: &str| {
                let text = padded_heartbeat(r#ref, 301);
                let (one, two) = text.split_at(150);
                if parts { [frame(TEXT_FIRST, one), frame(LAST, two)].concat() } else { frame(TEXT, text) }
            };
            limit(json!(1000)).await;
            wire.send(message("raised")).await;
            wire.assert_heard("raised").await;
            limit(json!(300)).await;
            wire.send(frame(TEXT, padded_heartbeat("most", 300))).await;
            wire.assert_heard("most").await;
            wire.send(message("lowered")).await;
            wire.assert_closed(close_code::TOO_BIG).await;
        }
    }

    async fn messages_up_to_the_limit_come_in_fragments_and_chops_of_any_size(server: WireServer) {
        let mut wire = server.open().await;
        let text = padded_heartbeat("big", 65_536);
        for fragment in [512, 1300, 4096, 65_535] {
            let mut bytes = Vec::new();
            let mut pieces = text.as_bytes().chunks(fragment).peekable();
            let mut opcode = TEXT_FIRST;
            while let Some(piece) = pieces.next() {
                let last = if pieces.peek().is_none() { 0x80 } else { 0 };
                bytes.extend(frame(opcode | last, piece));
                opcode = MORE;
            }
            for chop in [bytes.len(), 1024, 16_384] {
                wire.send_chopped(&bytes, chop).await;
                wire.assert_heard("big").await;
            }
        }
    }
}
