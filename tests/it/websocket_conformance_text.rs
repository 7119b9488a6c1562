//! RFC 6455 §8.1 over a bare connection: text is UTF-8 (RFC 3629), or the connection ends with 1007.
//!
//! The text is the ref of a heartbeat, which comes back as it went.

use parlour::phoenix::close_code;

use crate::helpers::wire::{LAST, MORE, PING, TEXT, TEXT_FIRST, WireServer, frame, heartbeat};

/// The bytes of a heartbeat with `text` as its ref, valid or not.
fn around(text: &[u8]) -> Vec<u8> {
    [&b"[null,\""[..], text, b"\",\"phoenix\",\"heartbeat\",{}]"].concat()
}

/// What is UTF-8: one, two, three and four bytes, the ends of each range, what surrounds the surrogates, characters
/// that are none by Unicode's own rules and yet are code points.
const GOOD: [&str; 14] = [
    "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!",
    "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}",
    "\u{7f}",
    "\u{80}",
    "\u{7ff}",
    "\u{800}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffd}",
    "\u{fffe}\u{ffff}\u{fdd0}",
    "\u{10000}",
    "\u{1fffe}\u{8ffff}",
    "\u{10fffe}\u{10ffff}",
    "\u{feff}\u{202e}\u{1f468}\u{200d}\u{1f469}",
];

/// What is not, by what is wrong with it.
const BAD: [(&str, &[u8]); 29] = [
    ("a continuation by itself", b"\x80"),
    ("the last continuation by itself", b"\xbf"),
    ("six continuations", b"\x80\xbf\x80\xbf\x80\xbf"),
    ("a lead of two, then a space", b"\xc2 "),
    ("a lead of three, then a space", b"\xe1 "),
    ("a lead of four, then a space", b"\xf1 "),
    ("three bytes, the last missing", b"\xe0\xa0 "),
    ("three bytes, the last missing, in the middle", b"\xef\xbf "),
    ("four bytes, the last missing", b"\xf0\x90\x80 "),
    ("a lead of five", b"\xf8\x88\x80\x80\x80"),
    ("a lead of six", b"\xfc\x84\x80\x80\x80\x80"),
    ("never a byte of UTF-8", b"\xfe"),
    ("never either", b"\xff"),
    ("both", b"\xfe\xfe\xff\xff"),
    ("a slash in two bytes", b"\xc0\xaf"),
    ("a slash in three", b"\xe0\x80\xaf"),
    ("a slash in four", b"\xf0\x80\x80\xaf"),
    ("NUL in two", b"\xc0\x80"),
    ("the highest of one byte in two", b"\xc1\xbf"),
    ("the highest of two bytes in three", b"\xe0\x9f\xbf"),
    ("the highest of three bytes in four", b"\xf0\x8f\xbf\xbf"),
    ("the first surrogate", b"\xed\xa0\x80"),
    ("the last high surrogate", b"\xed\xaf\xbf"),
    ("the first low surrogate", b"\xed\xb0\x80"),
    ("the last surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
    ("beyond the last code point", b"\xf4\x90\x80\x80"),
    ("a lead beyond the last code point", b"\xf5\x80\x80\x80"),
    ("good, then bad, then good", b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"),
];

every_transport! {
    async fn what_is_utf8_comes_back_as_it_went(server: WireServer) {
        let mut wire = server.open().await;
        for text in GOOD {
            wire.send(frame(TEXT, heartbeat(text))).await;
            wire.assert_heard(text).await;
            wire.send_chopped(frame(TEXT, heartbeat(text)), 1).await;
            wire.assert_heard(text).await;
        }
    }

    async fn characters_are_cut_by_fragments_at_every_byte(server: WireServer) {
        let mut wire = server.open().await;
        for text in GOOD {
            let message = heartbeat(text);
            let bytes = message.as_bytes();
            for cut in 0..=bytes.len() {
                let (one, two) = bytes.split_at(cut);
                wire.send([frame(TEXT_FIRST, one), frame(PING, "amid"), frame(LAST, two)].concat()).await;
                wire.assert_pong(b"amid").await;
                wire.assert_heard(text).await;
            }
            let mut singly = frame(TEXT_FIRST, "");
            singly.extend(bytes.iter().flat_map(|byte| frame(MORE, [*byte])));
            singly.extend(frame(LAST, ""));
            wire.send(singly).await;
            wire.assert_heard(text).await;
        }
    }

    async fn what_is_not_utf8_ends_the_connection(server: WireServer) {
        for (what, text) in BAD {
            let message = around(text);
            let middle = 7 + text.len() / 2;
            let (one, two) = message.split_at(middle);
            for bytes in [
                frame(TEXT, &message),
                [frame(TEXT_FIRST, one), frame(LAST, two)].concat(),
                [frame(TEXT_FIRST, &message), frame(LAST, "")].concat(),
            ] {
                let mut wire = server.open().await;
                wire.send(frame(TEXT, heartbeat("good"))).await;
                wire.assert_heard("good").await;
                wire.send([bytes, frame(PING, "late")].concat()).await;
                eprintln!("{what}");
                wire.assert_closed(close_code::INVALID_UTF8).await;
            }
        }
    }

    async fn a_character_that_the_message_cuts_short_ends_the_connection(server: WireServer) {
        for text in [&b"\xc2"[..], b"\xe1\x80", b"\xf1\x80\x80", b"\xf0", b"plain\xe2\x82"] {
            for bytes in [
                frame(TEXT, text),
                [frame(TEXT_FIRST, text), frame(LAST, "")].concat(),
                [frame(TEXT_FIRST, ""), frame(MORE, text), frame(LAST, "")].concat(),
            ] {
                let mut wire = server.open().await;
                wire.send(&bytes).await;
                wire.assert_closed(close_code::INVALID_UTF8).await;
            }
        }
    }

    // §8.1 lets a server wait for the end; this one does not.
    async fn bad_text_is_refused_before_the_message_is_whole(server: WireServer) {
        for (what, text) in BAD {
            let message = around(text);
            let mut wire = server.open().await;
            wire.send(frame(TEXT_FIRST, &message)).await;
            eprintln!("{what}, more to come");
            wire.assert_closed(close_code::INVALID_UTF8).await;
            // In the middle of a frame, too.
            let mut wire = server.open().await;
            let whole = frame(TEXT, &message);
            wire.send(&whole[..whole.len() - 1]).await;
            eprintln!("{what}, a byte to come");
            wire.assert_closed(close_code::INVALID_UTF8).await;
        }
    }
}
