//! What a socket keeps is bounded.

use super::*;

fn small() -> SocketLimits {
    SocketLimits {
        queued_max: 2,
        held_max: 2,
        ..SocketLimits::default()
    }
}

#[test]
fn a_push_beyond_the_queue_is_answered_as_overloaded() {
    let mut client = Client::with_limits(Version::V2, small());
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.accept(0, "{}");
    for r#ref in 2..5 {
        client.send(&format!(r#"["1",{ref},"room:7","a",{{}}]"#));
    }
    assert_eq!(
        client.send(r#"[null,5,"room:7","a",{}]"#),
        [r#"["1",5,"room:7","phx_reply",{"status":"error","response":{"reason":"overloaded"}}]"#]
    );
    assert_eq!(client.send(r#"["0",6,"room:7","stale",{}]"#), NOTHING);
    let leave = client.socket.receive_text(r#"["1",7,"room:7","phx_leave",{}]"#);
    assert!(matches!(leave, Err(DecodeError::Overloaded)));
    // A join that replaces the channel waits for nothing, so it may still come.
    assert_eq!(
        client.send(r#"["8",8,"room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.socket.queued(), 0);
}

#[test]
fn messages_beyond_the_queue_of_an_undecided_join_overload_the_socket() {
    for event in ["a", "phx_leave", "phx_join"] {
        let mut client = Client::with_limits(Version::V2, small());
        for r#ref in 1..4 {
            client.send(&format!(r#"["1",{ref},"room:7","phx_join",{{}}]"#));
        }
        let received = client
            .socket
            .receive_text(&format!(r#"["1",9,"room:7","{event}",{{}}]"#));
        assert!(matches!(received, Err(DecodeError::Overloaded)), "{event}");
        assert_eq!(client.socket.queued(), 2);
    }
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let mut client = Client::joined("\"1\"");
    let large = format!(r#"["1",2,"room:7","a","{}"]"#, "x".repeat(QUEUED_BYTES_MAX / 2));
    assert_eq!(client.send(&large).len(), 1);
    assert_eq!(client.send(&large), NOTHING);
    assert_eq!(
        client.send(&large),
        [r#"["1",2,"room:7","phx_reply",{"status":"error","response":{"reason":"overloaded"}}]"#]
    );
    assert_eq!(client.handled(0).len(), 1);
    assert_eq!(client.send(&large), NOTHING);
}

#[test]
fn a_join_fails_when_too_much_is_held_for_it() {
    let mut client = Client::with_limits(Version::V2, small());
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.send(r#"["2","2","room:7","phx_join",{}]"#);
    client.push(0, "a");
    client.push(0, "b");
    assert_eq!(client.deliver(0, &broadcast("typing").ephemeral()), NOTHING);
    assert_eq!(
        client.deliver(0, &broadcast("new_message")),
        [
            r#"["1","1","room:7","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]"#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(client.accept(0, "{}"), NOTHING);
    assert_eq!(client.accept(1, "{}").len(), 1);
}

#[test]
fn answers_for_a_channel_that_has_ended_are_ignored() {
    let mut client = Client::joined("\"1\"");
    client.send(r#"["1","2","room:7","phx_leave",{}]"#);
    let ended = client.channels[0];
    client.send(r#"["3","3","room:7","phx_join",{}]"#);
    client.accept(0, "{}");
    client.refuse(0, "no");
    client.socket.crash_join(ended);
    client.socket.stop_channel(ended);
    client.socket.crash_channel(ended);
    client.handled(0);
    client.push(0, "late");
    assert!(client.socket.reply_binary(ended, &Ref::NULL, "ok", &[]));
    assert_eq!(client.effects(), NOTHING);
    assert_eq!(client.socket.channel_of("room:7"), Some(client.channels[1]));
    // A join is decided once.
    client.accept(1, "{}");
    assert_eq!(client.accept(1, "{}"), NOTHING);
    assert_eq!(client.refuse(1, "no"), NOTHING);
    assert!(client.socket.is_joined(client.channels[1]));
}
