//! A client sends any text or bytes as a frame of the channel protocol: what can be read can be written, and reads the
//! same. Bodies of long polls are split into frames.
//!
//! The first byte of an input tells what the rest is.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parlour_fuzz::phoenix::{
    Inbound, NDJSON, Name, Payload, PollLine, REF_BYTES_MAX, Version, decode_binary, decode_text, parse_body,
};
use serde_json::Value;

const LINES_MAX: usize = 8;

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 5 {
        0 => text(Version::V1, data),
        1 => text(Version::V2, data),
        2 => binary(Version::V1, data),
        3 => binary(Version::V2, data),
        _ => {
            let lines = parse_body(Some(NDJSON), data, LINES_MAX).unwrap_or_default();
            assert!(lines.len() <= LINES_MAX);
            for line in lines {
                match line {
                    PollLine::Text(line) => text(Version::V2, line.as_bytes()),
                    PollLine::Binary(line) => binary(Version::V2, &line),
                }
            }
        }
    }
});

fn text(version: Version, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(inbound) = decode_text(version, text) else {
        return;
    };
    assert!(matches!(inbound.payload, Payload::Json(_)));
    check(&inbound);
}

fn binary(version: Version, data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(inbound) = decode_binary(version, &data) else {
        return;
    };
    if let Payload::Binary(payload) = &inbound.payload {
        assert!(data.ends_with(payload), "a payload that was not sent");
        assert!(inbound.topic.as_str().is_some() && inbound.event.as_str().is_some());
    }
    check(&inbound);
}

/// Writes a frame as version 2 does, and reads it again.
fn check(inbound: &Inbound) {
    let name = |name: &Name| match name {
        Name::Text(text) => Value::String(text.clone()).to_string(),
        Name::Other(raw) => raw.get().to_owned(),
    };
    let reference = |of: &_| serde_json::to_string(of).expect("a ref is JSON");
    let payload = match &inbound.payload {
        Payload::Json(raw) => raw.get(),
        Payload::Binary(_) => "{}",
    };
    let (join_ref, r#ref) = (reference(&inbound.join_ref), reference(&inbound.r#ref));
    // A ref is bounded as it came, and may have got longer by the one way of escaping it.
    let is_longer = join_ref.len().max(r#ref.len()) > REF_BYTES_MAX;
    let written = format!(
        "[{join_ref},{ref},{},{},{payload}]",
        name(&inbound.topic),
        name(&inbound.event)
    );
    let read = match decode_text(Version::V2, &written) {
        Ok(read) => read,
        Err(_) if is_longer => return,
        Err(error) => panic!("{error}: {written}"),
    };
    assert_eq!(read.join_ref, inbound.join_ref);
    assert_eq!(read.r#ref, inbound.r#ref);
    assert_eq!(name(&read.topic), name(&inbound.topic));
    assert_eq!(name(&read.event), name(&inbound.event));
    let Payload::Json(again) = &read.payload else {
        panic!("text frames carry JSON");
    };
    assert_eq!(again.get(), payload.trim());
}
