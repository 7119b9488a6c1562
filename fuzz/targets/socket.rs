//! The protocol's state machine: a client sends frames, the application answers, refuses, pushes and ends, all of it in
//! any order. What waits is bounded, every ref is answered at most once, joins are answered exactly once, pushes that
//! were set aside in their order, and a channel that has ended is not heard of again.

#![no_main]

use std::collections::{HashMap, HashSet, VecDeque};

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parlour_fuzz::phoenix::{
    Aside, Broadcast, ChannelId, Effect, Frame, Payload, Ref, Socket, SocketLimits, Version};
use serde_json::{Value, json, value::RawValue};

const ROUTES: &[&str] = &["room:*", "user:1"];
const TOPICS: [&str; 4] = ["room:a", "room:b", "user:1", "elsewhere"];
const LIMITS: SocketLimits = SocketLimits {
    channels_max: 2,
    queued_max: 6,
    held_max: 4,
    at_once: 3,
    topic_bytes_max: 64,
    event_bytes_max: 64,
};

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// A frame that is well-formed; its ref is one that was never used.
    Send {
        topic: u8,
        event: Event,
        join_ref: JoinRef,
    },
    Heartbeat,
    /// Whatever text or bytes; a frame that cannot be decoded ends the socket.
    Text(&'a str),
    Binary(&'a [u8]),
    /// What the application does, to one of the channels there have been.
    Answer {
        channel: u8,
        answer: Answer,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Event {
    Join,
    Leave,
    Push,
    OtherPush,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum JoinRef {
    Null,
    Last,
    Stale,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Answer {
    Accept,
    Refuse,
    CrashJoin,
    Handled,
    SetAside,
    /// The answer of one of the pushes that were set aside.
    AnswerAside {
        aside: u8,
    },
    Reply,
    ReplyWithBytes,
    Push,
    Deliver { is_ephemeral: bool },
    Stop,
    Crash,
}

/// Where a channel stands, told from the effects and the answers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    Joined,
    Ended,
}

struct Channel {
    topic: String,
    stage: Stage,
    /// Pushes that were not replied to.
    pushes: Vec<Ref>,
    /// The push that is being handled, and those that were set aside.
    in_hand: Option<Ref>,
    aside: Vec<(Aside, Ref)>,
    /// What was set aside and is not answered on the wire, in the order of the pushes.
    owed: VecDeque<Ref>,
}

struct Model {
    socket: Socket,
    order: Vec<ChannelId>,
    channels: HashMap<ChannelId, Channel>,
    /// Refs of joins, and of everything, that were sent and are not answered.
    joins: HashSet<String>,
    open: HashSet<String>,
    /// Replies whose refs the model has not made.
    has_strangers: bool,
    refs: u64,
    last_join_refs: [Value; TOPICS.len()],
}

impl Model {
    fn new(version: Version) -> Self {
        Self {
            socket: Socket::new(version, LIMITS, ROUTES),
            order: Vec::new(),
            channels: HashMap::new(),
            joins: HashSet::new(),
            open: HashSet::new(),
            has_strangers: false,
            refs: 0,
            last_join_refs: Default::default(),
        }
    }

    /// Whether the socket goes on.
    fn step(&mut self, step: &Step<'_>) -> bool {
        let received = match *step {
            Step::Send { topic, event, join_ref } => self.send(usize::from(topic) % TOPICS.len(), event, join_ref),
            Step::Heartbeat => self.say(&Value::Null, "phoenix", "heartbeat"),
            Step::Text(text) => {
                self.has_strangers = true;
                self.socket.receive_text(text).is_ok()
            }
            Step::Binary(data) => {
                self.has_strangers = true;
                self.socket.receive_binary(&Bytes::copy_from_slice(data)).is_ok()
            }
            Step::Answer { channel, answer } => {
                if let Some(&id) = self.order.get(usize::from(channel)) {
                    self.answer(id, answer);
                }
                true
            }
        };
        self.check_effects();
        received
    }

    fn send(&mut self, topic: usize, event: Event, join_ref: JoinRef) -> bool {
        let join_ref = match (event, join_ref) {
            (Event::Join, JoinRef::Null) | (_, JoinRef::Stale) => json!(format!("j{}", self.refs)),
            (Event::Join, JoinRef::Last) => json!(self.refs),
            (_, JoinRef::Null) => Value::Null,
            (_, JoinRef::Last) => self.last_join_refs[topic].clone(),
        };
        if matches!(event, Event::Join) {
            self.last_join_refs[topic] = join_ref.clone();
        }
        let name = match event {
            Event::Join => "phx_join",
            Event::Leave => "phx_leave",
            Event::Push => "said",
            Event::OtherPush => "other",
        };
        self.say(&join_ref, TOPICS[topic], name)
    }

    /// Sends a frame with a ref of its own.
    fn say(&mut self, join_ref: &Value, topic: &str, event: &str) -> bool {
        self.refs += 1;
        let r#ref = json!(format!("model-{}", self.refs));
        let frame = match self.socket.version() {
            Version::V2 => json!([join_ref, r#ref, topic, event, {}]),
            Version::V1 => {
                json!({ "join_ref": join_ref, "ref": r#ref, "topic": topic, "event": event, "payload": {} })
            }
        };
        let is_taken = self.socket.receive_text(&frame.to_string()).is_ok();
        if is_taken {
            self.open.insert(r#ref.to_string());
            if event == "phx_join" {
                self.joins.insert(r#ref.to_string());
            }
        }
        is_taken
    }

    fn answer(&mut self, id: ChannelId, answer: Answer) {
        let channel = self.channels.get_mut(&id).expect("known since its join");
        let was_joining = channel.stage == Stage::Joining;
        let empty = || RawValue::from_string("{}".to_owned()).expect("JSON");
        match answer {
            Answer::Accept => {
                if was_joining {
                    channel.stage = Stage::Joined;
                }
                self.socket.accept_join(id, empty());
            }
            Answer::Refuse | Answer::CrashJoin => {
                if was_joining {
                    channel.stage = Stage::Ended;
                }
                if matches!(answer, Answer::Refuse) {
                    self.socket.refuse_join(id, empty());
                } else {
                    self.socket.crash_join(id);
                }
            }
            Answer::Handled => {
                channel.in_hand = None;
                self.socket.handled(id);
            }
            Answer::SetAside => {
                let aside = self.socket.set_aside(id, "said");
                let push = channel.in_hand.take().filter(|_| channel.stage == Stage::Joined);
                assert_eq!(aside.is_some(), push.is_some(), "only a push in hand is set aside");
                if let (Some(aside), Some(push)) = (aside, push) {
                    if let Some(at) = channel.pushes.iter().rposition(|known| *known == push) {
                        channel.pushes.remove(at);
                        channel.owed.push_back(push.clone());
                        channel.aside.push((aside, push));
                    } else {
                        // It was replied to while it was handled.
                        self.socket.answer(id, aside, None);
                    }
                }
            }
            Answer::AnswerAside { aside } => {
                if !channel.aside.is_empty() {
                    let (aside, to) = channel.aside.swap_remove(usize::from(aside) % channel.aside.len());
                    self.socket.answer(id, aside, Some((&to, "ok", &empty())));
                }
            }
            Answer::Reply => {
                if let Some(to) = channel.pushes.pop() {
                    self.socket.reply(id, &to, "ok", &empty());
                }
            }
            Answer::ReplyWithBytes => {
                if let Some(to) = channel.pushes.last()
                    && self.socket.reply_binary(id, to, "ok", b"bytes")
                {
                    let to = channel.pushes.pop().expect("just seen");
                    self.open.remove(&serde_json::to_string(&to).expect("JSON"));
                }
            }
            Answer::Push => {
                let payload = Payload::json(&json!({})).expect("JSON");
                self.socket.push(id, "pushed", &payload);
            }
            Answer::Deliver { is_ephemeral } => {
                let broadcast = Broadcast::json(&channel.topic, "broadcast", &json!({})).expect("JSON");
                let broadcast = if is_ephemeral { broadcast.ephemeral() } else { broadcast };
                self.socket.deliver(id, &broadcast);
            }
            Answer::Stop | Answer::Crash => {
                channel.stage = Stage::Ended;
                if matches!(answer, Answer::Stop) {
                    self.socket.stop_channel(id);
                } else {
                    self.socket.crash_channel(id);
                }
            }
        }
    }

    fn check_effects(&mut self) {
        while let Some(effect) = self.socket.next_effect() {
            match effect {
                Effect::Send(Frame::Text(text)) => self.check_frame(&text),
                Effect::Send(Frame::Binary(_)) => assert_eq!(self.socket.version(), Version::V2),
                Effect::Join { channel, topic, .. } => {
                    let topic = topic.to_string();
                    let taken = self
                        .channels
                        .values()
                        .any(|known| known.topic == topic && known.stage != Stage::Ended);
                    assert!(!taken, "two live channels on {topic}");
                    let new = Channel {
                        topic,
                        stage: Stage::Joining,
                        pushes: Vec::new(),
                        in_hand: None,
                        aside: Vec::new(),
                        owed: VecDeque::new(),
                    };
                    assert!(self.channels.insert(channel, new).is_none(), "an id was used twice");
                    self.order.push(channel);
                }
                Effect::Push {
                    channel,
                    topic,
                    event,
                    r#ref,
                    ..
                } => {
                    let known = self.channels.get_mut(&channel).expect("a channel that joined");
                    assert_eq!((known.stage, &*known.topic), (Stage::Joined, &*topic));
                    assert!(known.in_hand.is_none(), "the last push is neither handled nor set aside");
                    assert!(self.has_strangers || known.owed.len() < usize::from(LIMITS.at_once), "too many at once");
                    assert!(
                        self.has_strangers || event == "said" || known.owed.is_empty(),
                        "{event} overtakes"
                    );
                    known.in_hand = Some(r#ref.clone());
                    known.pushes.push(r#ref);
                }
                Effect::End { channel, .. } => {
                    let known = self.channels.get_mut(&channel).expect("a channel that began");
                    assert_ne!(
                        known.stage,
                        Stage::Ended,
                        "an end that the application asked for, or a second"
                    );
                    known.stage = Stage::Ended;
                }
            }
        }
        assert!(self.socket.queued() <= LIMITS.queued_max);
        let live: HashSet<ChannelId> = self.socket.channels().map(|(id, _)| id).collect();
        assert!(live.len() <= LIMITS.channels_max);
        for (id, known) in &self.channels {
            assert_eq!(
                live.contains(id),
                known.stage != Stage::Ended,
                "{id:?} on {}",
                known.topic
            );
            assert_eq!(
                self.socket.is_joined(*id),
                known.stage == Stage::Joined,
                "{id:?} on {}",
                known.topic
            );
        }
    }

    fn check_frame(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).expect("what is sent is JSON");
        let (r#ref, event) = match self.socket.version() {
            Version::V2 => (&frame[1], &frame[3]),
            Version::V1 => (&frame["ref"], &frame["event"]),
        };
        let r#ref = r#ref.to_string();
        if event == "phx_reply" && !self.has_strangers {
            let is_ref = |known: &Ref| serde_json::to_string(known).expect("JSON") == r#ref;
            let mut live = self.channels.values_mut().filter(|known| known.stage == Stage::Joined);
            if let Some(known) = live.find(|known| known.owed.iter().any(is_ref)) {
                let first = known.owed.pop_front();
                assert!(first.as_ref().is_some_and(is_ref), "answered before its turn: {text}");
            }
        }
        if event == "phx_reply" && (r#ref.starts_with("\"model-") || !self.has_strangers) {
            // Nobody else's refs look like the model's, unless strangers imitate them.
            assert!(
                self.open.remove(&r#ref) || self.has_strangers,
                "answered twice or never asked: {text}"
            );
            self.joins.remove(&r#ref);
        }
    }

    /// Once everything is decided and handled, nothing waits and no join is left without an answer.
    fn settle(mut self) {
        for _ in 0..=LIMITS.queued_max {
            let mut next = 0;
            while let Some(&id) = self.order.get(next) {
                for answer in [Answer::Accept, Answer::Handled] {
                    self.answer(id, answer);
                    self.check_effects();
                }
                while !self.channels[&id].aside.is_empty() {
                    self.answer(id, Answer::AnswerAside { aside: 0 });
                    self.check_effects();
                }
                next += 1;
            }
        }
        let mut live = self.channels.values().filter(|known| known.stage == Stage::Joined);
        assert!(
            self.has_strangers || live.all(|known| known.owed.is_empty()),
            "what was set aside is not answered"
        );
        assert_eq!(self.socket.queued(), 0);
        assert!(self.joins.is_empty(), "joins without an answer: {:?}", self.joins);
    }
}

fuzz_target!(|case: (bool, Vec<Step<'_>>)| {
    let (is_v1, steps) = case;
    let version = if is_v1 { Version::V1 } else { Version::V2 };
    let mut model = Model::new(version);
    for step in &steps {
        if !model.step(step) {
            // The transport closes the connection here, and drops the socket.
            return;
        }
    }
    model.settle();
});
