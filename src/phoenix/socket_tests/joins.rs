//! Joins: their answers, what waits for them, and a second one of a topic.

use super::*;

// Join, §4.2

#[test]
fn a_join_is_answered_before_any_push_of_its_channel() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send(r#"["11","12","room:7","phx_join",{"some":"params"}]"#),
        [r#"join 0 room:7 {"some":"params"}"#]
    );
    assert!(!client.socket.is_joined(client.channels[0]));
    assert_eq!(client.push(0, "message_history"), NOTHING);
    assert_eq!(client.deliver(0, &broadcast("new_message")), NOTHING);
    assert_eq!(
        client.accept(0, r#"{"room":1}"#),
        [
            r#"["11","12","room:7","phx_reply",{"status":"ok","response":{"room":1}}]"#,
            r#"["11",null,"room:7","message_history",{}]"#,
            r#"[null,null,"room:7","new_message",{}]"#,
        ]
    );
    assert!(client.socket.is_joined(client.channels[0]));
    assert_eq!(client.push(0, "later"), [r#"["11",null,"room:7","later",{}]"#]);
}

#[test]
fn a_join_payload_of_any_json_type_goes_to_the_application() {
    for (index, payload) in ["null", "7", "[1]", r#""x""#].into_iter().enumerate() {
        let mut client = Client::new(Version::V2);
        let sent = format!(r#"["1","{index}","room:7","phx_join",{payload}]"#);
        assert_eq!(client.send(&sent), [format!("join 0 room:7 {payload}")]);
    }
}

#[test]
fn a_topic_without_a_route_is_unmatched() {
    let mut client = Client::new(Version::V2);
    for topic in ["nope:1", "room", "lobby2", ""] {
        assert_eq!(
            client.send(&format!(r#"["1","2","{topic}","phx_join",{{}}]"#)),
            [format!(
                r#"[null,"2","{topic}","phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]"#
            )]
        );
    }
    assert_eq!(client.send(r#"["1","2","room:","phx_join",{}]"#), ["join 0 room: {}"]);
    assert_eq!(client.send(r#"["1","2","lobby","phx_join",{}]"#), ["join 1 lobby {}"]);
}

#[test]
fn a_refused_join_leaves_the_topic_unjoined() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","2","room:8","phx_join",{}]"#);
    client.push(0, "never_seen");
    assert_eq!(
        client.refuse(0, "unauthorized"),
        [r#"["1","2","room:8","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]"#]
    );
    assert_eq!(
        client.send(r#"["1","3","room:8","typing",{}]"#),
        [r#"[null,"3","room:8","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
    assert_eq!(client.send(r#"["4","4","room:8","phx_join",{}]"#), ["join 1 room:8 {}"]);
}

#[test]
fn a_crashed_join_says_so() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","2","room:9","phx_join",{}]"#);
    client.socket.crash_join(client.channels[0]);
    assert_eq!(
        client.effects(),
        [r#"["1","2","room:9","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#]
    );
    assert_eq!(client.socket.channels().count(), 0);
}

#[test]
fn the_channel_beyond_the_limit_is_refused_until_another_leaves() {
    let mut client = Client::new(Version::V2);
    for index in 0..100 {
        client.send(&format!(r#"["1","2","room:{index}","phx_join",{{}}]"#));
        client.accept(index, "{}");
    }
    let join = r#"["1","2","room:x","phx_join",{}]"#;
    assert_eq!(
        client.send(join),
        [r#"["1","2","room:x","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]"#]
    );
    // A topic that is joined may be joined again.
    assert_eq!(
        client.send(r#"["3","3","room:5","phx_join",{}]"#),
        ["end 5", "join 100 room:5 {}"]
    );
    client.send(r#"["1","4","room:6","phx_leave",{}]"#);
    assert_eq!(client.send(join), ["join 101 room:x {}"]);
}

#[test]
fn a_join_without_join_ref_has_null_refs_and_accepts_any_join_ref() {
    let mut client = Client::new(Version::V2);
    client.send(r#"[null,"1","room:7","phx_join",{}]"#);
    let accepted = [r#"[null,"1","room:7","phx_reply",{"status":"ok","response":{}}]"#];
    assert_eq!(client.accept(0, "{}"), accepted);
    assert_eq!(
        client.send(r#"["x","2","room:7","typing",{}]"#),
        [r#"push 0 typing {} "2""#]
    );
    client.socket.stop_channel(client.channels[0]);
    assert_eq!(client.effects(), [r#"[null,null,"room:7","phx_close",{}]"#]);
}

// While a join is being worked on, §4.3

#[test]
fn messages_wait_in_order_until_the_join_is_decided() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    assert_eq!(client.send(r#"["1","2","room:7","a",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","3","room:7","b",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","4","room:7","phx_leave",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["1","5","room:7","c",{}]"#), NOTHING);
    assert_eq!(client.socket.queued(), 4);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"push 0 a {} "2""#
        ]
    );
    assert_eq!(client.handled(0), [r#"push 0 b {} "3""#]);
    assert_eq!(
        client.handled(0),
        [
            r#"["1","4","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["1","1","room:7","phx_close",{}]"#,
            "end 0",
            r#"[null,"5","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
        ]
    );
    assert_eq!(client.socket.queued(), 0);
}

#[test]
fn messages_that_waited_for_a_refused_join_are_unmatched() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","phx_leave",{}]"#);
    assert_eq!(
        client.refuse(0, "no"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"error","response":{"reason":"no"}}]"#,
            r#"[null,"2","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            r#"["1","3","room:7","phx_reply",{"status":"ok","response":{}}]"#,
        ]
    );
}

#[test]
fn a_burst_of_joins_and_leaves_is_answered_in_order_and_the_last_join_stays() {
    let mut client = Client::new(Version::V2);
    assert_eq!(client.send(r#"["1","1","room:7","phx_join",{}]"#), ["join 0 room:7 {}"]);
    for text in [
        r#"["1","2","room:7","phx_leave",{}]"#,
        r#"["3","3","room:7","phx_join",{}]"#,
        r#"["3","4","room:7","phx_leave",{}]"#,
        r#"["5","5","room:7","phx_join",{}]"#,
    ] {
        assert_eq!(client.send(text), NOTHING);
    }
    for (channel, join_ref, leave_ref) in [(0, 1, 2), (1, 3, 4)] {
        assert_eq!(
            client.accept(channel, "{}"),
            [
                format!(r#"["{join_ref}","{join_ref}","room:7","phx_reply",{{"status":"ok","response":{{}}}}]"#),
                format!(r#"["{join_ref}","{leave_ref}","room:7","phx_reply",{{"status":"ok","response":{{}}}}]"#),
                format!(r#"["{join_ref}","{join_ref}","room:7","phx_close",{{}}]"#),
                format!("end {channel}"),
                format!("join {} room:7 {{}}", channel + 1),
            ]
        );
    }
    assert_eq!(
        client.accept(2, "{}"),
        [r#"["5","5","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
    assert_eq!(client.socket.channel_of("room:7"), Some(client.channels[2]));
}

#[test]
fn a_second_join_waits_for_the_first_and_then_replaces_it() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    assert_eq!(client.send(r#"["2","2","room:7","phx_join",{"n":2}]"#), NOTHING);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            "end 0",
            r#"join 1 room:7 {"n":2}"#
        ]
    );
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"["2","2","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["1","1","room:7","phx_close",{}]"#
        ]
    );
}

#[test]
fn other_topics_do_not_wait_for_an_undecided_join() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["2","2","lobby","phx_join",{}]"#);
    assert_eq!(
        client.send(r#"["1","3","room:7","typing",{}]"#),
        [r#"push 0 typing {} "3""#]
    );
}

// Duplicate join, §4.4

#[test]
fn a_duplicate_join_closes_the_old_channel_after_its_reply() {
    let mut client = Client::joined("\"70\"");
    assert_eq!(
        client.send(r#"["71","72","room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.push(1, "message_history"), NOTHING);
    assert_eq!(client.push(0, "from_the_old_one"), NOTHING);
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"["71","72","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["70","70","room:7","phx_close",{}]"#,
            r#"["71",null,"room:7","message_history",{}]"#,
        ]
    );
    assert_eq!(client.send(r#"["70","73","room:7","typing",{}]"#), NOTHING);
    assert_eq!(
        client.socket.channels().collect::<Vec<_>>(),
        [(client.channels[1], "room:7")]
    );
}

#[test]
fn a_refused_duplicate_join_still_closes_the_old_channel() {
    let mut client = Client::joined("\"70\"");
    client.send(r#"["71","72","room:7","phx_join",{}]"#);
    assert_eq!(
        client.refuse(1, "no"),
        [
            r#"["71","72","room:7","phx_reply",{"status":"error","response":{"reason":"no"}}]"#,
            r#"["70","70","room:7","phx_close",{}]"#,
        ]
    );
    assert_eq!(client.socket.channel_of("room:7"), None);
}

#[test]
fn a_duplicate_join_ends_a_busy_channel_and_its_unfinished_pushes() {
    let mut client = Client::joined("\"70\"");
    assert_eq!(client.send(r#"["70","1","room:7","a",{}]"#), [r#"push 0 a {} "1""#]);
    client.send(r#"["70","2","room:7","b",{}]"#);
    client.send(r#"["69","3","room:7","phx_leave",{}]"#); // stale, so it does not count as a leave
    assert_eq!(
        client.send(r#"["71","72","room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.socket.queued(), 0);
    assert_eq!(client.reply(0, "1", "{}"), NOTHING);
    assert_eq!(client.handled(0), NOTHING);
    assert_eq!(client.accept(1, "{}").len(), 2);
}

#[test]
fn a_join_behind_a_waiting_push_replaces_the_channel_as_soon_as_it_is_joined() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","b",{}]"#);
    client.send(r#"["4","4","room:7","phx_join",{}]"#);
    client.send(r#"["4","5","room:7","c",{}]"#);
    assert_eq!(
        client.accept(0, "{}"),
        [
            r#"["1","1","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"push 0 a {} "2""#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(client.accept(1, "{}").last().unwrap(), r#"push 1 c {} "5""#);
}

#[test]
fn a_version_one_duplicate_join_closes_with_the_old_join_ref() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"70","join_ref":"70"}"#);
    client.accept(0, "{}");
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"72","join_ref":"71"}"#);
    assert_eq!(
        client.accept(1, "{}"),
        [
            r#"{"topic":"room:7","event":"phx_reply","ref":"72","payload":{"status":"ok","response":{}}}"#,
            r#"{"topic":"room:7","event":"phx_close","ref":"70","payload":{}}"#,
        ]
    );
}
