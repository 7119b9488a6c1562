//! Leaves, §4.5.

use super::*;

#[test]
fn a_leave_is_answered_and_then_closes() {
    let mut client = Client::joined("\"20\"");
    assert_eq!(
        client.send(r#"["20","21","room:7","phx_leave",{}]"#),
        [
            r#"["20","21","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["20","20","room:7","phx_close",{}]"#,
            "end 0",
        ]
    );
    assert_eq!(client.push(0, "late"), NOTHING);
    assert_eq!(client.deliver(0, &broadcast("late")), NOTHING);
    assert_eq!(client.reply(0, "5", "{}"), NOTHING);
}

#[test]
fn a_leave_of_an_unjoined_topic_is_answered_without_a_close() {
    let mut client = Client::new(Version::V2);
    for topic in ["room:7", "nope:1"] {
        assert_eq!(
            client.send(&format!(r#"["8","9","{topic}","phx_leave",{{}}]"#)),
            [format!(
                r#"["8","9","{topic}","phx_reply",{{"status":"ok","response":{{}}}}]"#
            )]
        );
    }
}

#[test]
fn a_leave_waits_for_earlier_messages_and_a_join_behind_it_stays() {
    let mut client = Client::joined("\"20\"");
    client.send(r#"["20","21","room:7","a",{}]"#);
    assert_eq!(client.send(r#"["20","22","room:7","phx_leave",{}]"#), NOTHING);
    assert_eq!(client.send(r#"["23","23","room:7","phx_join",{}]"#), NOTHING);
    client.reply(0, "21", "{}");
    assert_eq!(
        client.handled(0),
        [
            r#"["20","22","room:7","phx_reply",{"status":"ok","response":{}}]"#,
            r#"["20","20","room:7","phx_close",{}]"#,
            "end 0",
            "join 1 room:7 {}",
        ]
    );
    assert_eq!(
        client.accept(1, "{}"),
        [r#"["23","23","room:7","phx_reply",{"status":"ok","response":{}}]"#]
    );
}
