//! Pushes and the end of a channel, §4.6 and §5.

use super::*;

#[test]
fn one_message_of_a_channel_is_handled_at_a_time() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(
        client
            .send(r#"["1","2","room:7","new_message",{"content":"hi"}]"#)
            .len(),
        1
    );
    assert_eq!(client.send(r#"["1","3","room:7","typing",{}]"#), NOTHING);
    let broadcast = Broadcast::json("room:7", "new_message", &json!({"id": "m1"})).unwrap();
    assert_eq!(
        client.deliver(0, &broadcast),
        [r#"[null,null,"room:7","new_message",{"id":"m1"}]"#]
    );
    assert_eq!(
        client.reply(0, "2", r#"{"id":"m1"}"#),
        [r#"["1","2","room:7","phx_reply",{"status":"ok","response":{"id":"m1"}}]"#]
    );
    assert_eq!(client.handled(0), [r#"push 0 typing {} "3""#]);
    // A reply may come later, too.
    assert_eq!(client.handled(0), NOTHING);
    assert_eq!(client.reply(0, "3", "{}").len(), 1);
}

#[test]
fn a_message_is_judged_stale_when_its_turn_comes() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["0","3","room:7","stale",{}]"#);
    client.send(r#"["1","4","room:7","b",{}]"#);
    assert_eq!(client.handled(0), [r#"push 0 b {} "4""#]);
}

#[test]
fn events_that_servers_send_are_ordinary_when_clients_send_them() {
    for event in ["phx_reply", "phx_close", "phx_error", "presence_diff"] {
        let mut client = Client::joined("\"1\"");
        let sent = format!(r#"["1","2","room:7","{event}",{{}}]"#);
        assert_eq!(client.send(&sent), [format!(r#"push 0 {event} {{}} "2""#)]);
    }
}

#[test]
fn a_stopped_channel_closes_and_its_topic_can_be_joined_again() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.send(r#"["1","3","room:7","b",{}]"#);
    client.socket.stop_channel(client.channels[0]);
    assert_eq!(
        client.effects(),
        [
            r#"["1","1","room:7","phx_close",{}]"#,
            r#"[null,"3","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
        ]
    );
    assert_eq!(client.socket.channel_topic(client.channels[0]), None);
    assert_eq!(client.send(r#"["4","4","room:7","phx_join",{}]"#), ["join 1 room:7 {}"]);
}

#[test]
fn a_crashed_channel_sends_phx_error_and_no_reply() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","a",{}]"#);
    client.socket.crash_channel(client.channels[0]);
    assert_eq!(
        client.effects(),
        [r#"["1","1","room:7","phx_error",{"reason":"channel_crash"}]"#]
    );
    client.socket.crash_channel(client.channels[0]);
    assert_eq!(client.effects(), NOTHING);
    assert_eq!(
        client.send(r#"["1","3","room:7","b",{}]"#),
        [r#"[null,"3","room:7","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#]
    );
}

#[test]
fn stopping_an_undecided_join_answers_it_as_crashed() {
    for stop in [Socket::stop_channel, Socket::crash_channel] {
        let mut client = Client::new(Version::V2);
        client.send(r#"["1","2","room:7","phx_join",{}]"#);
        stop(&mut client.socket, client.channels[0]);
        assert_eq!(
            client.effects(),
            [r#"["1","2","room:7","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#]
        );
        assert_eq!(client.accept(0, "{}"), NOTHING);
    }
}

#[test]
fn version_one_frames_never_have_a_join_ref() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"1"}"#);
    assert_eq!(
        client.accept(0, "{}"),
        [r#"{"topic":"room:7","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}"#]
    );
    assert_eq!(
        client.push(0, "message_history"),
        [r#"{"topic":"room:7","event":"message_history","ref":null,"payload":{}}"#]
    );
    assert_eq!(
        client.send(r#"{"topic":"room:7","event":"phx_leave","payload":{},"ref":"2"}"#),
        [
            r#"{"topic":"room:7","event":"phx_reply","ref":"2","payload":{"status":"ok","response":{}}}"#,
            r#"{"topic":"room:7","event":"phx_close","ref":null,"payload":{}}"#,
            "end 0",
        ]
    );
}
