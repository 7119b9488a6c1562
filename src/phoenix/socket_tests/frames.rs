//! What holds for single frames: heartbeats, refs, names.

use super::*;

// Heartbeat, §6.1

#[test]
fn a_heartbeat_is_answered_with_a_null_join_ref() {
    let mut client = Client::new(Version::V2);
    let expected = [r#"[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]"#];
    assert_eq!(client.send(r#"[null,"1","phoenix","heartbeat",{}]"#), expected);
    assert_eq!(client.send(r#"["9","1","phoenix","heartbeat",7]"#), expected);
    assert_eq!(client.send_binary(b"\x00\x00\x01\x07\x091phoenixheartbeat"), expected);
    let mut client = Client::new(Version::V1);
    assert_eq!(
        client.send(r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#),
        [r#"{"topic":"phoenix","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}"#]
    );
}

#[test]
fn a_heartbeat_is_answered_while_a_join_is_undecided_and_a_channel_is_busy() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","typing",{}]"#);
    client.send(r#"["3","3","lobby","phx_join",{}]"#);
    let heartbeat = r#"[null,4,"phoenix","heartbeat",{}]"#;
    assert_eq!(
        client.send(heartbeat),
        [r#"[null,4,"phoenix","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn another_event_on_the_phoenix_topic_is_unmatched() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send(r#"["1","2","phoenix","other",{}]"#),
        [r#"[null,"2","phoenix","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
}

// Refs, §3

#[test]
fn the_refs_of_a_reply_have_the_type_they_came_with() {
    let mut client = Client::new(Version::V2);
    client.send(r#"[1,2,"room:7","phx_join",{}]"#);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"[1,2,"room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
    assert_eq!(client.send(r#"["1",3,"room:7","stale",{}]"#), NOTHING);
    assert_eq!(client.send(r#"[1,3,"room:7","typing",{}]"#), ["push 0 typing {} 3"]);
    client.handled(0);
    assert_eq!(
        client.send(r#"[1,4,"room:7","phx_leave",{}]"#),
        [
            r#"[1,4,"room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"[1,1,"room:7","phx_close",{}]"#,
            "end 0"
        ]
    );
}

#[test]
fn a_null_join_ref_is_accepted() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client.send(r#"[null,"5","room:7","typing",{}]"#),
        [r#"push 0 typing {} "5""#]
    );
    assert_eq!(
        client.reply(0, "5", "{}"),
        [r#"["1","5","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn a_stale_push_or_leave_is_dropped_without_a_reply() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(client.send(r#"["0","7","room:7","typing",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["0","8","room:7","phx_leave",{}]"#), NOTHING);
    assert!(client.socket.is_joined(client.channels[0]));
}

#[test]
fn a_message_with_ref_null_gets_a_reply_with_ref_null() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client.send(r#"["1",null,"room:7","typing",{}]"#),
        ["push 0 typing {} null"]
    );
    client
        .socket
        .reply(client.channels[0], &Ref::NULL, "error", &raw(r#"{"reason":"bad"}"#));
    assert_eq!(
        client.effects(),
        [r#"["1",null,"room:7","phx_reply",{"status":"error","response":{"reason":"bad"}}]"#]
    );
}

// Names, §4.1 and §7

#[test]
fn a_topic_or_event_of_a_wrong_type_is_unmatched_and_echoed() {
    let mut client = Client::joined("\"1\"");
    for (topic, event) in [
        ("7", r#""phx_join""#),
        (r#"{"a":[1]}"#, r#""phx_leave""#),
        (r#""room:7""#, "null"),
    ] {
        assert_eq!(
            client.send(&format!(r#"["1",["r"],{topic},{event},{{}}]"#)),
            [format!(
                r#"[null,["r"],{topic},"phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            )]
        );
    }
}

#[test]
fn a_nul_in_a_topic_is_a_character_like_any_other() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:\u0000\"","phx_join",{}]"#);
    assert_eq!(client.channels.len(), 1);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"["1","1","room:\u0000\"","phx_reply",{"status":"ok","response":{}}]"#]
    );
}

#[test]
fn names_over_their_limit_close_with_too_big() {
    let mut client = Client::new(Version::V2);
    let frame =
        |topic: usize, event: usize| format!(r#"[null,"1","{}","{}",{{}}]"#, "t".repeat(topic), "e".repeat(event));
    assert_eq!(client.send(&frame(1024, 255)).len(), 1);
    for (topic, event) in [(1025, 1), (1, 256)] {
        let error = client.socket.receive_text(&frame(topic, event)).unwrap_err();
        assert_eq!(error.close_code(), close_code::TOO_BIG);
    }
    assert_eq!(client.effects(), NOTHING);
}
