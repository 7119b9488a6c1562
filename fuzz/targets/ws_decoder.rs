//! A client sends any bytes, cut anywhere: what is understood does not depend on the cuts, and nothing is after the
//! end.
//!
//! The first byte of an input tells how many of those behind it are lengths of pieces; the rest is what is sent.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour_fuzz::web::socket::rfc6455::{Decoder, Event, Input, SizeLimits, Violation};

const LIMITS: SizeLimits = SizeLimits {
    frame_bytes_max: 300,
    message_bytes_max: 500,
};

#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Refused(Violation),
}

impl Seen {
    fn is_last(&self) -> bool {
        matches!(self, Self::Close(_) | Self::Refused(_))
    }
}

fn feed(decoder: &mut Decoder, piece: &[u8], seen: &mut Vec<Seen>) {
    let mut bytes = piece.to_vec();
    let mut input = Input::new(&mut bytes);
    loop {
        let event = match decoder.next(&mut input, LIMITS) {
            Ok(None) => return,
            Ok(Some(Event::Text(text))) => Seen::Text(text.to_owned()),
            Ok(Some(Event::Binary(bytes))) => Seen::Binary(bytes.to_vec()),
            Ok(Some(Event::Ping(payload))) => Seen::Ping(payload.to_vec()),
            Ok(Some(Event::Pong)) => Seen::Pong,
            Ok(Some(Event::Close(code))) => Seen::Close(code),
            Err(violation) => Seen::Refused(violation),
        };
        match &event {
            Seen::Text(text) => assert!(text.len() <= LIMITS.message_bytes_max),
            Seen::Binary(bytes) => assert!(bytes.len() <= LIMITS.message_bytes_max),
            Seen::Ping(payload) => assert!(payload.len() <= 125),
            Seen::Pong | Seen::Close(_) | Seen::Refused(_) => {}
        }
        assert!(
            !seen.last().is_some_and(Seen::is_last),
            "{event:?} after {:?}",
            seen.last()
        );
        seen.push(event);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&cuts, rest)) = data.split_first() else {
        return;
    };
    let (cuts, mut bytes) = rest.split_at(usize::from(cuts % 16).min(rest.len()));
    let mut at_once = Vec::new();
    feed(&mut Decoder::new(), bytes, &mut at_once);
    let mut in_pieces = Vec::new();
    let mut decoder = Decoder::new();
    for &cut in cuts {
        let (piece, rest) = bytes.split_at(usize::from(cut).min(bytes.len()));
        feed(&mut decoder, piece, &mut in_pieces);
        bytes = rest;
    }
    for byte in bytes.chunks(1) {
        feed(&mut decoder, byte, &mut in_pieces);
    }
    assert_eq!(in_pieces, at_once);
});
