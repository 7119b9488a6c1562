//! Pushes that overlap, on the wire.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::socket_tests::{Client, NOTHING, broadcast, raw};
use super::*;

impl Client {
    /// Sets the push in hand of channel 0 aside; pushes of `said` may follow.
    fn set_aside(&mut self) -> (Aside, Vec<String>) {
        let aside = self.socket.set_aside(self.channels[0], "said").unwrap();
        (aside, self.effects())
    }

    fn answer(&mut self, aside: Aside, to: &str) -> Vec<String> {
        let to = Ref::text(to);
        let reply = Some((&to, "ok", &*raw("{}")));
        self.socket.answer(self.channels[0], aside, reply);
        self.effects()
    }

    fn say(&mut self, r#ref: &str, event: &str) -> Vec<String> {
        self.send(&format!(r#"["1","{ref}","room:7","{event}",{{}}]"#))
    }

    fn say_and_set_aside(&mut self, r#ref: &str) -> Aside {
        assert_eq!(self.say(r#ref, "said"), [pushed(r#ref, "said")]);
        let (aside, effects) = self.set_aside();
        assert_eq!(effects, NOTHING);
        aside
    }
}

fn pushed(r#ref: &str, event: &str) -> String {
    format!(r#"push 0 {event} {{}} "{ref}""#)
}

fn replied(r#ref: &str) -> String {
    format!(r#"["1","{ref}","room:7","phx_reply",{{"status":"ok","response":{{}}}}]"#)
}

#[test]
fn the_next_push_begins_when_the_last_is_set_aside() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(client.say("2", "said"), [pushed("2", "said")]);
    assert_eq!(client.say("3", "said"), NOTHING);
    let (second, effects) = client.set_aside();
    assert_eq!(effects, [pushed("3", "said")]);
    let (third, effects) = client.set_aside();
    assert_eq!(effects, NOTHING);
    assert_eq!(client.answer(second, "2"), [replied("2")]);
    assert_eq!(client.answer(third, "3"), [replied("3")]);
    assert_eq!(client.say("4", "other"), [pushed("4", "other")]);
}

#[test]
fn answers_keep_the_order_of_the_pushes_and_broadcasts_do_not_wait_for_them() {
    let mut client = Client::joined("\"1\"");
    let (two, three) = (client.say_and_set_aside("2"), client.say_and_set_aside("3"));
    assert_eq!(client.say("4", "said"), [pushed("4", "said")]);
    assert_eq!(
        client.reply(0, "4", "{}"),
        NOTHING,
        "it was handled first, and asked last"
    );
    assert_eq!(client.handled(0), NOTHING);
    assert_eq!(client.answer(three, "3"), NOTHING);
    assert_eq!(
        client.deliver(0, &broadcast("said")),
        [r#"[null,null,"room:7","said",{}]"#]
    );
    assert_eq!(client.answer(two, "2"), [replied("2"), replied("3"), replied("4")]);
}

#[test]
fn another_event_and_what_is_behind_it_wait_until_all_is_answered() {
    let mut client = Client::joined("\"1\"");
    let (two, three) = (client.say_and_set_aside("2"), client.say_and_set_aside("3"));
    assert_eq!(client.say("4", "other"), NOTHING);
    assert_eq!(client.say("5", "said"), NOTHING);
    assert_eq!(client.answer(two, "2"), [replied("2")]);
    assert_eq!(client.answer(three, "3"), [replied("3"), pushed("4", "other")]);
    assert_eq!(client.handled(0), [pushed("5", "said")]);
}

#[test]
fn a_leave_comes_after_the_answers_of_the_pushes_before_it() {
    let mut client = Client::joined("\"1\"");
    let two = client.say_and_set_aside("2");
    assert_eq!(client.say("3", "phx_leave"), NOTHING);
    assert_eq!(
        client.answer(two, "2"),
        [
            replied("2"),
            replied("3"),
            r#"["1","1","room:7","phx_close",{}]"#.to_owned(),
            "end 0".to_owned()
        ]
    );
}

#[test]
fn a_duplicate_join_does_not_wait_and_what_was_set_aside_is_not_answered() {
    let mut client = Client::joined("\"1\"");
    let two = client.say_and_set_aside("2");
    assert_eq!(client.say("3", "other"), NOTHING);
    assert_eq!(
        client.send(r#"["9","9","room:7","phx_join",{}]"#),
        ["end 0", "join 1 room:7 {}"]
    );
    assert_eq!(client.answer(two, "2"), NOTHING);
    assert_eq!(client.socket.queued(), 0);
}

#[test]
fn no_more_pushes_are_in_hand_than_may_be() {
    let limits = SocketLimits {
        at_once: 2,
        queued_max: 1,
        ..SocketLimits::default()
    };
    let mut client = Client::with_limits(Version::V2, limits);
    client.send(r#"["1","1","room:7","phx_join",{}]"#);
    client.accept(0, "{}");
    let (two, three) = (client.say_and_set_aside("2"), client.say_and_set_aside("3"));
    assert_eq!(client.say("4", "said"), NOTHING);
    assert_eq!(
        client.say("5", "said"),
        [r#"["1","5","room:7","phx_reply",{"status":"error","response":{"reason":"overloaded"}}]"#]
    );
    assert_eq!(
        client.answer(three, "3"),
        NOTHING,
        "its answer waits, and so does its place"
    );
    assert_eq!(
        client.answer(two, "2"),
        [replied("2"), replied("3"), pushed("4", "said")]
    );
}

#[test]
fn a_push_without_a_reply_holds_up_only_what_is_behind_it() {
    let mut client = Client::joined("\"1\"");
    let (two, three) = (client.say_and_set_aside("2"), client.say_and_set_aside("3"));
    assert_eq!(client.answer(three, "3"), NOTHING);
    client.socket.answer(client.channels[0], two, None);
    assert_eq!(client.effects(), [replied("3")]);
    assert_eq!(client.answer(three, "3"), NOTHING, "answered already");
}

#[test]
fn only_a_push_in_hand_can_be_set_aside() {
    let mut client = Client::joined("\"1\"");
    assert_eq!(client.socket.set_aside(client.channels[0], "said"), None);
    client.say("2", "said");
    client.handled(0);
    assert_eq!(client.socket.set_aside(client.channels[0], "said"), None);
    client.say("3", "said");
    client.socket.crash_channel(client.channels[0]);
    assert_eq!(client.socket.set_aside(client.channels[0], "said"), None);
}
