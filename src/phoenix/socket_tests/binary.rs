//! Binary frames, §2.4.

use super::*;

#[test]
fn a_binary_push_is_handled_and_answered_in_binary_or_text() {
    let mut client = Client::new(Version::V2);
    client.send(r#"["11","1","room:j","phx_join",{}]"#);
    client.accept(0, "{}");
    assert_eq!(
        client.send_binary(b"\x00\x02\x01\x06\x03112room:jbin\x01\x02"),
        [r#"push 0 bin [01, 02] "2""#]
    );
    assert_eq!(
        client.reply(0, "2", "{}"),
        [r#"["11","2","room:j","phx_reply",{"status":"ok","response":{}}]"#]
    );

    let channel = client.channels[0];
    assert!(
        client
            .socket
            .reply_binary(channel, &Ref::text("2"), "ok", &[1, 2, 3, 4])
    );
    client
        .socket
        .push(channel, "bin_push", &Payload::Binary(Bytes::from_static(&[0, 1])));
    let payload = Payload::Binary(Bytes::from_static(&[7, 8]));
    client
        .socket
        .deliver(channel, &Broadcast::new("room:j", "bin_bcast", payload));
    let sent: Vec<Frame> = std::iter::from_fn(|| client.socket.next_effect())
        .map(|effect| match effect {
            Effect::Send(frame) => frame,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        sent,
        [
            Frame::Binary(Bytes::from_static(b"\x01\x02\x01\x06\x02112room:jok\x01\x02\x03\x04")),
            Frame::Binary(Bytes::from_static(b"\x00\x02\x06\x0811room:jbin_push\x00\x01")),
            Frame::Binary(Bytes::from_static(b"\x02\x06\x09room:jbin_bcast\x07\x08")),
        ]
    );
    assert!(
        !client
            .socket
            .reply_binary(channel, &Ref::text("2"), &"s".repeat(256), &[])
    );
    assert_eq!(client.effects(), NOTHING);
}

#[test]
fn join_and_leave_may_come_as_binary_frames() {
    let mut client = Client::new(Version::V2);
    assert_eq!(
        client.send_binary(b"\x00\x01\x01\x05\x0812lobbyphx_join"),
        ["join 0 lobby []"]
    );
    client.accept(0, "{}");
    // An empty join_ref counts as null.
    assert_eq!(client.send_binary(b"\x00\x00\x01\x05\x093lobbyphx_leave").len(), 3);
}

#[test]
fn binary_is_skipped_on_a_version_one_socket() {
    let mut client = Client::new(Version::V1);
    client.send(r#"{"topic":"room:7","event":"phx_join","payload":{},"ref":"1"}"#);
    client.accept(0, "{}");
    let channel = client.channels[0];
    let payload = Payload::Binary(Bytes::from_static(&[1]));
    client.socket.push(channel, "bin", &payload);
    client
        .socket
        .deliver(channel, &Broadcast::new("room:7", "bin", payload));
    assert!(!client.socket.reply_binary(channel, &Ref::text("1"), "ok", &[1]));
    assert_eq!(client.effects(), NOTHING);
}
