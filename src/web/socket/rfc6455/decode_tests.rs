//! RFC 6455, section by section.

use bytes::BytesMut;

use super::{
    Decoder, Event, Input, Opcode, SizeLimits, Violation, binary,
    client::{KEY, LIMITS, Seen, feed, frame, header, read},
    close, pong, push_header, text,
};
use crate::phoenix::close_code;

const TEXT: u8 = 0x81;
const TEXT_FIRST: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_FIRST: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn said(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

fn refused(violation: Violation) -> Vec<Seen> {
    vec![Seen::Refused(violation)]
}

#[test]
fn a_message_in_one_frame_is_handed_out_where_it_lies() {
    // §5.7: a single-frame masked text message.
    let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let place = bytes[6..].as_ptr();
    let mut input = Input::new(&mut bytes);
    let mut decoder = Decoder::new();
    let Ok(Some(Event::Text(text))) = decoder.next(&mut input, LIMITS) else {
        panic!("a text was sent");
    };
    assert_eq!((text, text.as_ptr()), ("Hello", place));
    assert_eq!(decoder.next(&mut input, LIMITS), Ok(None));
}

#[test]
fn frames_of_every_length_are_read() {
    for length in [0, 1, 7, 8, 124, 125, 126, 127, 128, 255, 256, 999, 1000] {
        let payload = "x".repeat(length);
        let mut bytes = frame(TEXT, &payload);
        bytes.extend(frame(BINARY, &payload));
        assert_eq!(
            read(&bytes),
            [said(&payload), Seen::Binary(payload.clone().into_bytes())],
            "{length}"
        );
    }
    let limits = SizeLimits {
        frame_bytes_max: usize::MAX,
        message_bytes_max: usize::MAX,
    };
    for length in [65_535, 65_536, 1 << 20] {
        let payload = vec![7; length];
        let mut bytes = frame(BINARY, &payload);
        let mut input = Input::new(&mut bytes);
        assert_eq!(
            Decoder::new().next(&mut input, limits),
            Ok(Some(Event::Binary(&payload))),
            "{length}"
        );
    }
}

#[test]
fn control_frames_come_between_fragments_and_keep_their_order() {
    let mut bytes = frame(TEXT_FIRST, "one, ");
    bytes.extend(frame(PING, "p1"));
    bytes.extend(frame(MORE, ""));
    bytes.extend(frame(PONG, "unasked"));
    bytes.extend(frame(MORE, "two, "));
    bytes.extend(frame(PING, ""));
    bytes.extend(frame(LAST, "three"));
    bytes.extend(frame(BINARY_FIRST, [1]));
    bytes.extend(frame(LAST, [2]));
    bytes.extend(frame(TEXT, "next"));
    let ping = |payload: &str| Seen::Ping(payload.into());
    assert_eq!(
        read(&bytes),
        [
            ping("p1"),
            Seen::Pong,
            ping(""),
            said("one, two, three"),
            Seen::Binary(vec![1, 2]),
            said("next")
        ]
    );
}

#[test]
fn what_the_rfc_forbids_is_refused_and_nothing_is_read_after_it() {
    let sent = |first: u8, length: u8, rest: &[u8]| {
        let mut bytes = vec![first, 0x80 | length];
        bytes.extend(rest);
        bytes.extend(KEY);
        bytes
    };
    let mut cases = vec![
        (vec![TEXT, 0x02, b'h', b'i'], Violation::NotMasked),
        (frame(0x09, ""), Violation::FragmentedControl),
        (frame(0x08, ""), Violation::FragmentedControl),
        (frame(PING, [0; 126]), Violation::LongControl),
        (header(CLOSE, 70_000, KEY), Violation::LongControl),
        (frame(LAST, "x"), Violation::NothingToContinue),
        (frame(MORE, "x"), Violation::NothingToContinue),
        (sent(TEXT, 126, &[0, 125]), Violation::LengthNotMinimal),
        (
            sent(TEXT, 127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            Violation::LengthNotMinimal,
        ),
        (
            sent(BINARY, 127, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
            Violation::LengthOutOfRange,
        ),
        (sent(BINARY, 127, &[0xff; 8]), Violation::LengthOutOfRange),
        (
            [frame(TEXT_FIRST, "a"), frame(TEXT, "b")].concat(),
            Violation::InterleavedMessage,
        ),
        (
            [frame(TEXT_FIRST, "a"), frame(BINARY_FIRST, "b")].concat(),
            Violation::InterleavedMessage,
        ),
    ];
    cases.extend([0x40, 0x20, 0x10, 0x70].map(|bits| (frame(TEXT | bits, "x"), Violation::ReservedBit)));
    cases.extend(
        (3..8)
            .chain(11..16)
            .map(|code| (frame(0x80 | code, ""), Violation::ReservedOpcode(code))),
    );
    for (mut bytes, violation) in cases {
        assert_eq!(violation.close_code(), close_code::PROTOCOL_ERROR);
        bytes.extend(frame(TEXT, "after"));
        assert_eq!(read(&bytes), refused(violation));
    }
}

#[test]
fn a_length_over_a_limit_is_refused_by_the_header_alone() {
    for length in [1001, 65_536, 400 << 20, i64::MAX as u64] {
        assert_eq!(
            read(&header(TEXT, length, KEY)),
            refused(Violation::FrameTooBig),
            "{length}"
        );
    }
    let mut bytes = frame(TEXT_FIRST, "x".repeat(800));
    bytes.extend(frame(PING, [0; 125]));
    bytes.extend(frame(MORE, "x".repeat(700)));
    assert_eq!(read(&bytes), [Seen::Ping(vec![0; 125])], "exactly at the limit");
    bytes.extend(header(LAST, 1, KEY));
    assert_eq!(read(&bytes)[1..], refused(Violation::MessageTooBig));
    assert_eq!(Violation::MessageTooBig.close_code(), close_code::TOO_BIG);
    assert_eq!(Violation::FrameTooBig.close_code(), close_code::TOO_BIG);
    let mut bytes = [frame(TEXT_FIRST, "x".repeat(900)), frame(LAST, "x".repeat(600))].concat();
    bytes.extend(frame(TEXT, "y".repeat(1000)));
    assert_eq!(read(&bytes).len(), 2, "each message is counted by itself");
}

#[test]
fn text_that_is_not_utf8_is_refused_as_soon_as_that_is_certain() {
    let refused_at = |bytes: &[u8]| {
        let mut decoder = Decoder::new();
        bytes
            .chunks(1)
            .position(|byte| feed(&mut decoder, byte) == refused(Violation::NotUtf8))
    };
    // Too long, surrogates, beyond the last code point, never begun, never used.
    for bad in [
        &b"\xc0\xaf"[..],
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xfe",
        b"\xce\xba\xff",
    ] {
        let payload = [bad, b"and a good deal more"].concat();
        assert_eq!(read(&frame(TEXT, &payload)), refused(Violation::NotUtf8), "{bad:x?}");
        assert!(
            refused_at(&frame(TEXT, &payload)) < Some(6 + bad.len()),
            "{bad:x?}: before the rest"
        );
        let split = [frame(TEXT_FIRST, bad), frame(LAST, "more")].concat();
        assert_eq!(read(&split), refused(Violation::NotUtf8), "{bad:x?}");
    }
    let cut = [frame(TEXT_FIRST, b"\xf0\x9f"), frame(LAST, b"\x98")].concat();
    assert_eq!(read(&cut), refused(Violation::NotUtf8), "the end is missing");
    assert_eq!(Violation::NotUtf8.close_code(), close_code::INVALID_UTF8);
    assert_eq!(
        read(&frame(BINARY, [0xff])),
        [Seen::Binary(vec![0xff])],
        "bytes are bytes"
    );
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let payload = "ß€😀\u{10ffff}\u{fffe}";
    for one in 0..=payload.len() {
        for two in one..=payload.len() {
            let bytes = payload.as_bytes();
            let mut sent = frame(TEXT_FIRST, &bytes[..one]);
            sent.extend(frame(MORE, &bytes[one..two]));
            sent.extend(frame(LAST, &bytes[two..]));
            assert_eq!(read(&sent), [said(payload)], "{one} {two}");
        }
    }
}

#[test]
fn a_close_is_the_last_that_is_read() {
    let body = |code: u16, reason: &[u8]| [&code.to_be_bytes(), reason].concat();
    let closed = |body: Vec<u8>| {
        let mut bytes = frame(CLOSE, body);
        bytes.extend(frame(TEXT, "after"));
        bytes.extend(frame(PING, ""));
        read(&bytes)
    };
    assert_eq!(closed(vec![]), [Seen::Close(None)]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(closed(body(code, b"")), [Seen::Close(Some(code))]);
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(closed(body(code, b"")), refused(Violation::BadCloseCode(code)));
    }
    assert_eq!(closed(vec![3]), refused(Violation::CutCloseCode));
    assert_eq!(closed(body(1000, &[b'r'; 123])), [Seen::Close(Some(1000))]);
    assert_eq!(closed(body(1000, &[b'r'; 124])), refused(Violation::LongControl));
    assert_eq!(closed(body(1000, b"\xed\xa0\x80")), refused(Violation::NotUtf8));
    assert_eq!(
        closed(body(1000, "€".as_bytes().split_at(2).0)),
        refused(Violation::NotUtf8)
    );
}

#[test]
fn a_close_inside_a_fragmented_message_ends_it() {
    let bytes = [frame(TEXT_FIRST, "never"), frame(CLOSE, ""), frame(LAST, "finished")].concat();
    assert_eq!(read(&bytes), [Seen::Close(None)]);
}

#[test]
fn a_decoder_between_messages_keeps_nothing() {
    assert!(size_of::<Decoder>() <= 16);
    let mut decoder = Decoder::new();
    let message = [frame(TEXT_FIRST, "a"), frame(PING, "b"), frame(LAST, "c")].concat();
    assert!(decoder.is_idle());
    for (index, byte) in message.chunks(1).enumerate() {
        feed(&mut decoder, byte);
        assert_eq!(decoder.is_idle(), index + 1 == message.len(), "byte {index}");
    }
}

#[test]
fn what_is_kept_grows_with_what_has_come() {
    let mut decoder = Decoder::new();
    feed(&mut decoder, &header(BINARY, 1000, KEY));
    feed(&mut decoder, &[0; 10]);
    assert!(decoder.kept_bytes() <= 20, "{}", decoder.kept_bytes());
    feed(&mut decoder, &[0; 980]);
    assert!(decoder.kept_bytes() <= 1000, "{}", decoder.kept_bytes());
}

#[test]
fn answers_are_frames_that_are_not_masked() {
    // §5.7, its examples.
    assert_eq!(&text("Hello")[..], [0x81, 0x05, b'H', b'e', b'l', b'l', b'o']);
    assert_eq!(&pong(b"Hello")[..], [0x8a, 0x05, b'H', b'e', b'l', b'l', b'o']);
    assert_eq!(&close(1000)[..], [0x88, 0x02, 0x03, 0xe8]);
    assert_eq!(&binary(&[0; 256])[..5], [0x82, 0x7e, 0x01, 0x00, 0]);
    assert_eq!(&binary(&[0; 65_536])[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    for (length, header) in [
        (0, vec![0x81, 0]),
        (125, vec![0x81, 125]),
        (126, vec![0x81, 126, 0, 126]),
        (65_535, vec![0x81, 126, 0xff, 0xff]),
    ] {
        let mut bytes = BytesMut::new();
        push_header(&mut bytes, Opcode::Text, length);
        assert_eq!(&bytes[..], header);
    }
}
