//! Frames on the wire: the vectors of protocol §2, §3 and §7, and round trips.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn json(payload: &Payload) -> &str {
    match payload {
        Payload::Json(raw) => raw.get(),
        Payload::Binary(data) => panic!("{data:?} is binary"),
    }
}

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect::<Vec<u8>>().into()
}

#[test]
fn a_version_two_frame_is_an_array_of_five() {
    let text = r#" [ "11" , "12", "room:7", "phx_join", {"some": "params"} ] "#;
    let inbound = decode_text(Version::V2, text).unwrap();
    assert_eq!(inbound.join_ref, Ref::text("11"));
    assert_eq!(inbound.r#ref, Ref::text("12"));
    assert_eq!(inbound.topic.as_str(), Some("room:7"));
    assert_eq!(inbound.event.as_str(), Some("phx_join"));
    assert_eq!(json(&inbound.payload), r#"{"some": "params"}"#);
}

#[test]
fn what_follows_the_first_five_is_ignored() {
    let inbound = decode_text(Version::V2, r#"["1","2","t","e",{},"more",[{"x":1}]]"#).unwrap();
    assert_eq!(json(&inbound.payload), "{}");
}

#[test]
fn a_version_one_frame_needs_its_four_keys_and_may_have_a_join_ref() {
    let text = r#"{"x":1,"topic":"t","event":"e","payload":null,"ref":7,"join_ref":"j"}"#;
    let inbound = decode_text(Version::V1, text).unwrap();
    assert_eq!(serde_json::to_string(&inbound.r#ref).unwrap(), "7");
    assert_eq!(inbound.join_ref, Ref::text("j"));
    assert_eq!(json(&inbound.payload), "null");

    let without_join_ref = r#"{"topic":"t","event":"e","payload":{},"ref":null}"#;
    let inbound = decode_text(Version::V1, without_join_ref).unwrap();
    assert!(inbound.join_ref.is_null() && inbound.r#ref.is_null());

    for missing in ["topic", "event", "payload", "ref"] {
        let text = without_join_ref.replace(&format!("\"{missing}\""), "\"other\"");
        assert!(decode_text(Version::V1, &text).is_err(), "{text}");
    }
}

#[test]
fn of_a_repeated_key_the_last_one_counts() {
    let text = r#"{"topic":"a","topic":"b","event":"e","payload":{},"\u0072ef":"1"}"#;
    let inbound = decode_text(Version::V1, text).unwrap();
    assert_eq!(inbound.topic.as_str(), Some("b"));
    assert_eq!(inbound.r#ref, Ref::text("1"));
}

#[test]
fn version_one_does_not_care_about_the_opcode() {
    let data = Bytes::from_static(br#"{"topic":"t","event":"e","payload":{},"ref":"1"}"#);
    assert_eq!(decode_binary(Version::V1, &data).unwrap().topic.as_str(), Some("t"));
    assert!(matches!(
        decode_binary(Version::V1, &Bytes::from_static(b"\xff")),
        Err(DecodeError::Utf8(_))
    ));
}

#[test]
fn text_that_is_no_frame_is_refused() {
    let refused = [
        "",
        " ",
        "garbage",
        "[",
        r#"["1","2","t","e",{}"#,
        r#"["1","2","t","e",{},]"#,
        r#"["1","2","t","e",{"a":1,}]"#,
        r#"["1","2","t","e",NaN]"#,
        r#"["1","2","t","e",01]"#,
        "[\"1\",\"2\",\"t\",\"e\",\"\u{1}\"]",
        "[\"1\",\"2\",\"t\u{0}\",\"e\",{}]",
        r#"["1","2","\ud800","e",{}]"#,
        r#"["\ud800","2","t","e",{}]"#,
        r#"["1","2","t","e",{}] ["1","2","t","e",{}]"#,
        r#"["1","2","t","e"]"#,
        "[]",
        r#"{"topic":"t"}"#,
        r#""text""#,
        "null",
        "7",
    ];
    for text in refused {
        let error = decode_text(Version::V2, text).unwrap_err();
        assert_eq!(error.close_code(), close_code::INTERNAL_ERROR, "{text}");
        assert!(decode_text(Version::V1, text).is_err(), "{text}");
    }
    assert!(decode_text(Version::V1, r#"["1","2","t","e",{}]"#).is_err());
}

#[test]
fn a_lone_surrogate_in_a_payload_fails_when_it_is_parsed() {
    for text in [
        r#"["1","2","t","e",{"a":"\ud800"}]"#,
        r#"["1","2","t","e",{"\udc00":1}]"#,
    ] {
        let inbound = decode_text(Version::V2, text).unwrap();
        assert!(inbound.payload.parse::<serde_json::Value>().is_err());
    }
}

#[test]
fn deep_nesting_overflows_nothing() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let inbound = decode_text(Version::V2, &format!(r#"["1","2","t","e",{deep}]"#)).unwrap();
    assert!(inbound.payload.parse::<serde_json::Value>().is_err());
    assert!(decode_text(Version::V2, &deep).is_err());
    assert!(decode_text(Version::V2, &format!(r#"[{deep},"2","t","e",{{}}]"#)).is_err());
    assert!(decode_text(Version::V2, &format!(r#"["1","2","t","e",{{}},{deep}]"#)).is_ok());
    assert!(decode_text(Version::V2, &"[".repeat(200_000)).is_err());
    assert!(decode_text(Version::V1, &format!(r#"{{"x":{deep}}}"#)).is_err());
}

#[test]
fn refs_echo_with_the_json_type_they_came_with() {
    for r#ref in [
        "7",
        r#""7""#,
        "null",
        "1.50",
        "true",
        r#"["a",1]"#,
        r#"{"a":null}"#,
        r#""ä\"\\""#,
        r#""""#,
    ] {
        let inbound = decode_text(Version::V2, &format!(r#"[{ref},{ref},"t","e",{{}}]"#)).unwrap();
        assert_eq!(serde_json::to_string(&inbound.r#ref).unwrap(), r#ref);
        assert_eq!(inbound.join_ref, inbound.r#ref);
    }
}

#[test]
fn refs_are_equal_by_type_and_value() {
    let join_ref = |json: &str| {
        decode_text(Version::V2, &format!(r#"[{json},"1","t","e",{{}}]"#))
            .unwrap()
            .join_ref
    };
    assert_ne!(join_ref("7"), join_ref(r#""7""#));
    assert_ne!(join_ref("null"), join_ref(r#""null""#));
    assert_ne!(join_ref(r#""""#), Ref::NULL);
    assert_eq!(join_ref(r#""\u0037""#), join_ref(r#""7""#));
    assert_eq!(join_ref("null"), Ref::NULL);
}

#[test]
fn a_ref_of_more_than_255_bytes_closes_with_too_big() {
    let frame = |len: usize| format!(r#"[null,"{}","t","e",{{}}]"#, "r".repeat(len));
    assert!(decode_text(Version::V2, &frame(REF_BYTES_MAX - 2)).is_ok());
    let error = decode_text(Version::V2, &frame(REF_BYTES_MAX - 1)).unwrap_err();
    assert_eq!(error.close_code(), close_code::TOO_BIG);
}

#[test]
fn names_of_a_wrong_type_are_kept_for_the_echo() {
    let inbound = decode_text(Version::V2, r#"["1","2",{"a":[1]},7,null]"#).unwrap();
    assert!(matches!(&inbound.topic, Name::Other(raw) if raw.get() == r#"{"a":[1]}"#));
    assert!(matches!(&inbound.event, Name::Other(raw) if raw.get() == "7"));
}

#[test]
fn the_binary_push_of_a_client_decodes_as_documented() {
    let inbound = decode_binary(Version::V2, &hex("00 02 01 06 03  3131 32 726f6f6d3a6a 62696e  0102")).unwrap();
    assert_eq!(inbound.join_ref, Ref::text("11"));
    assert_eq!(inbound.r#ref, Ref::text("2"));
    assert_eq!(inbound.topic.as_str(), Some("room:j"));
    assert_eq!(inbound.event.as_str(), Some("bin"));
    assert!(matches!(&inbound.payload, Payload::Binary(data) if data[..] == [1, 2]));
}

#[test]
fn an_empty_ref_of_a_binary_frame_is_null() {
    let inbound = decode_binary(
        Version::V2,
        &hex("00 00 01 07 09  31 70686f656e6978 686561727462656174"),
    )
    .unwrap();
    assert!(inbound.join_ref.is_null());
    assert_eq!(inbound.event.as_str(), Some("heartbeat"));
    assert!(matches!(&inbound.payload, Payload::Binary(data) if data.is_empty()));
}

#[test]
fn malformed_binary_frames_are_refused() {
    for data in [
        "",
        "00",
        "00010101",
        "01 00000000",
        "02 0000",
        "ff 00000000",
        "00 00000001",
        "00 ff010101 61",
    ] {
        let error = decode_binary(Version::V2, &hex(data)).unwrap_err();
        assert!(matches!(error, DecodeError::Binary), "{data}");
        assert_eq!(error.close_code(), close_code::INTERNAL_ERROR);
    }
    assert!(matches!(
        decode_binary(Version::V2, &hex("00 00000100 ff")),
        Err(DecodeError::Utf8(_))
    ));
}

#[test]
fn a_frame_knows_its_length() {
    let (text, binary) = (Frame::Text("[1]".into()), Frame::Binary(Bytes::new()));
    assert_eq!((text.len(), text.is_empty()), (3, false));
    assert_eq!((binary.len(), binary.is_empty()), (0, true));
}

#[test]
fn a_payload_is_made_of_a_value_and_parsed_into_one() {
    let payload = Payload::json(&["a"]).unwrap();
    assert_eq!(payload.parse::<Vec<String>>().unwrap(), ["a"]);
    assert!(payload.parse::<u8>().is_err());
    assert!(Payload::Binary(Bytes::new()).parse::<u8>().is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(data: Vec<u8>, small in prop::collection::vec(0..4u8, 0..12)) {
        for data in [Bytes::from(data), Bytes::from(small)] {
            let _ = decode_binary(Version::V2, &data);
            let _ = decode_binary(Version::V1, &data);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*", json in r#"(\[|\]|\{|\}|"|,|:|null|topic|ref|1|\\u|d800| ){0,40}"#) {
        for text in [text, json] {
            let _ = decode_text(Version::V2, &text);
            let _ = decode_text(Version::V1, &text);
        }
    }

    #[test]
    fn a_binary_push_survives_encoding_and_decoding(
        join_ref in "\\PC{0,20}", r#ref in "\\PC{0,20}", topic in "\\PC{0,60}", event in "\\PC{0,60}", data: Vec<u8>,
    ) {
        // The client's layout differs from the server's push, and equals that of a reply but for its kind.
        let fields = [&*join_ref, &*r#ref, &*topic, &*event];
        let frame = binary::encode(binary::PUSH, &fields, &data).unwrap();
        let inbound = decode_binary(Version::V2, &frame).unwrap();
        prop_assert_eq!(inbound.join_ref.as_binary(), join_ref);
        prop_assert_eq!(inbound.r#ref.as_binary(), r#ref);
        prop_assert_eq!(inbound.topic.as_str(), Some(&*topic));
        prop_assert_eq!(inbound.event.as_str(), Some(&*event));
        prop_assert!(matches!(&inbound.payload, Payload::Binary(bytes) if bytes[..] == data));
    }

    #[test]
    fn a_text_ref_survives_both_encodings(text in "\\PC{1,20}|[\u{0}-\u{7f}]{1,20}") {
        let r#ref = Ref::text(&text);
        prop_assert_eq!(r#ref.as_binary(), &*text);
        prop_assert_eq!(serde_json::from_str::<String>(r#ref.as_json()).unwrap(), &*text);
        prop_assert_eq!(&Ref::from_binary(&text), &r#ref);
    }
}
