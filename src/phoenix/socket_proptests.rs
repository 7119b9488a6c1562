//! Whatever clients send and the application answers, in whatever order: the invariants hold.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet, VecDeque};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

const ROUTES: &[&str] = &["room:*"];
const TOPICS: [&str; 4] = ["room:a", "room:b", "room:c", "nope"];
const LIMITS: SocketLimits = SocketLimits {
    channels_max: 2,
    queued_max: 6,
    held_max: 4,
    at_once: 3,
    topic_bytes_max: 64,
    event_bytes_max: 64,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// join_ref by the topic's recent ones, topic, event.
    Send(JoinRef, usize, &'static str),
    /// Any channel that ever was.
    Accept(Index),
    Refuse(Index),
    CrashJoin(Index),
    Handled(Index),
    SetAside(Index),
    /// Any of the pushes that were set aside on any channel.
    Answer(Index, Index),
    Reply(Index),
    Push(Index),
    Deliver(Index),
    Stop(Index),
    Crash(Index),
}

#[derive(Clone, Copy, Debug)]
enum JoinRef {
    Null,
    /// That of the last join sent for the topic, or of the one before it.
    Last,
    Stale,
}

fn step() -> impl Strategy<Value = Step> {
    let join_ref = prop_oneof![1 => Just(JoinRef::Null), 3 => Just(JoinRef::Last), 1 => Just(JoinRef::Stale)];
    let event = prop_oneof![4 => Just("phx_join"), 2 => Just("phx_leave"), 9 => Just("typing"), 2 => Just("other")];
    prop_oneof![
        10 => (join_ref, 0..TOPICS.len(), event).prop_map(|(join_ref, topic, event)| Step::Send(join_ref, topic, event)),
        6 => any::<Index>().prop_map(Step::Accept),
        1 => any::<Index>().prop_map(Step::Refuse),
        1 => any::<Index>().prop_map(Step::CrashJoin),
        3 => any::<Index>().prop_map(Step::Handled),
        6 => any::<Index>().prop_map(Step::SetAside),
        4 => any::<(Index, Index)>().prop_map(|(channel, aside)| Step::Answer(channel, aside)),
        3 => any::<Index>().prop_map(Step::Reply),
        2 => any::<Index>().prop_map(Step::Push),
        2 => any::<Index>().prop_map(Step::Deliver),
        1 => any::<Index>().prop_map(Step::Stop),
        1 => any::<Index>().prop_map(Step::Crash),
    ]
}

/// Where a channel stands, told from the effects alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Joining,
    Joined,
    Gone,
}

struct Seen {
    topic: String,
    /// join_ref and ref of the join, each unique and of its own JSON type.
    join_ref: Value,
    r#ref: Value,
    stage: Stage,
    closes: usize,
    pushes: Vec<Value>,
    /// The push that is being handled, and those that were set aside.
    in_hand: Option<Value>,
    aside: Vec<(Aside, Value)>,
    /// What was set aside and is not answered on the wire, in the order of the pushes.
    owed: VecDeque<Value>,
}

/// Sends, answers, and checks each effect against what went before.
struct Model {
    socket: Socket,
    ids: Vec<ChannelId>,
    channels: HashMap<ChannelId, Seen>,
    /// Joins sent, by their ref: topic and join_ref.
    joins: HashMap<String, (String, Value)>,
    /// All refs sent and not answered yet.
    open: HashSet<String>,
    last_join_refs: [Value; TOPICS.len()],
    counter: u64,
}

impl Model {
    fn new() -> Model {
        Model {
            socket: Socket::new(Version::V2, LIMITS, ROUTES),
            ids: Vec::new(),
            channels: HashMap::new(),
            joins: HashMap::new(),
            open: HashSet::new(),
            last_join_refs: Default::default(),
            counter: 0,
        }
    }

    /// A ref that was never used: strings and numbers in turn.
    fn fresh_ref(&mut self) -> Value {
        self.counter += 1;
        if self.counter.is_multiple_of(2) {
            json!(self.counter)
        } else {
            json!(self.counter.to_string())
        }
    }

    fn pick(&self, index: Index) -> Option<ChannelId> {
        // The latest few: older ones are surely gone.
        let recent = &self.ids[self.ids.len().saturating_sub(5)..];
        (!recent.is_empty()).then(|| *index.get(recent))
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let empty = RawValue::from_string("{}".to_owned()).unwrap();
        match step {
            Step::Send(join_ref, topic, event) => return self.send(join_ref, topic, event),
            Step::Accept(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let decided = self.joining(id);
                self.socket.accept_join(id, empty);
                self.check_effects()?;
                if decided {
                    prop_assert_ne!(
                        self.channels[&id].stage,
                        Stage::Joining,
                        "an accepted join goes unanswered"
                    );
                }
            }
            Step::Refuse(index) | Step::CrashJoin(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let decided = self.joining(id);
                if matches!(step, Step::Refuse(_)) {
                    self.socket.refuse_join(id, empty);
                } else {
                    self.socket.crash_join(id);
                }
                self.check_effects()?;
                if decided {
                    prop_assert_eq!(self.channels[&id].stage, Stage::Gone, "a refused join goes unanswered");
                }
            }
            Step::Handled(index) => {
                if let Some(id) = self.pick(index) {
                    self.handled(id);
                }
            }
            Step::SetAside(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let aside = self.socket.set_aside(id, "typing");
                let seen = self.channels.get_mut(&id).unwrap();
                let push = seen.in_hand.take().filter(|_| seen.stage == Stage::Joined);
                prop_assert_eq!(aside.is_some(), push.is_some());
                if let (Some(aside), Some(push)) = (aside, push) {
                    if let Some(at) = seen.pushes.iter().position(|known| *known == push) {
                        seen.pushes.remove(at);
                        seen.owed.push_back(push.clone());
                        seen.aside.push((aside, push));
                    } else {
                        // It was replied to while it was handled.
                        self.socket.answer(id, aside, None);
                    }
                }
            }
            Step::Answer(index, aside) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let waiting = &mut self.channels.get_mut(&id).unwrap().aside;
                if waiting.is_empty() {
                    return Ok(());
                }
                let (aside, push) = waiting.swap_remove(aside.index(waiting.len()));
                self.socket.answer(id, aside, Some((&ref_of(&push), "ok", &empty)));
            }
            Step::Reply(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let Some(to) = self.channels.get_mut(&id).and_then(|seen| seen.pushes.pop()) else {
                    return Ok(());
                };
                self.socket.reply(id, &ref_of(&to), "ok", &empty);
            }
            Step::Push(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                self.socket.push(id, "pushed", &Payload::json(&json!({})).unwrap());
            }
            Step::Deliver(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                let topic = self.channels[&id].topic.clone();
                self.socket
                    .deliver(id, &Broadcast::json(&topic, "broadcast", &json!({})).unwrap());
            }
            Step::Stop(index) | Step::Crash(index) => {
                let Some(id) = self.pick(index) else { return Ok(()) };
                if matches!(step, Step::Stop(_)) {
                    self.socket.stop_channel(id);
                } else {
                    self.socket.crash_channel(id);
                }
                self.check_effects()?;
                prop_assert_eq!(self.channels[&id].stage, Stage::Gone);
            }
        }
        self.check_effects()
    }

    fn handled(&mut self, id: ChannelId) {
        self.channels.get_mut(&id).unwrap().in_hand = None;
        self.socket.handled(id);
    }

    fn joining(&self, id: ChannelId) -> bool {
        self.channels[&id].stage == Stage::Joining
    }

    fn send(&mut self, join_ref: JoinRef, topic: usize, event: &str) -> Result<(), TestCaseError> {
        let r#ref = self.fresh_ref();
        let join_ref = match join_ref {
            // Joins without a join_ref are covered by their own test: the model tells channels apart by it.
            _ if event == "phx_join" => self.fresh_ref(),
            JoinRef::Null => Value::Null,
            JoinRef::Last => self.last_join_refs[topic].clone(),
            JoinRef::Stale => json!("stale"),
        };
        let frame = json!([join_ref, r#ref, TOPICS[topic], event, {}]).to_string();
        match self.socket.receive_text(&frame) {
            Ok(()) => {
                self.open.insert(r#ref.to_string());
                if event == "phx_join" {
                    self.joins
                        .insert(r#ref.to_string(), (TOPICS[topic].to_owned(), join_ref.clone()));
                    self.last_join_refs[topic] = join_ref;
                }
            }
            Err(DecodeError::Overloaded) => prop_assert_eq!(self.socket.queued(), LIMITS.queued_max),
            Err(other) => prop_assert!(false, "{}", other),
        }
        self.check_effects()
    }

    fn check_effects(&mut self) -> Result<(), TestCaseError> {
        while let Some(effect) = self.socket.next_effect() {
            match effect {
                Effect::Send(Frame::Text(text)) => self.check_frame(&serde_json::from_str(&text).unwrap())?,
                Effect::Send(Frame::Binary(data)) => prop_assert!(false, "{:?}", data),
                Effect::Join { channel, topic, .. } => {
                    let taken = self
                        .channels
                        .values()
                        .any(|seen| seen.topic == *topic && seen.stage != Stage::Gone);
                    prop_assert!(!taken, "two live channels on {}", topic);
                    prop_assert!(!self.channels.contains_key(&channel), "an id was used twice");
                    // Which join it is shows in the reply.
                    let seen = Seen {
                        topic: topic.to_string(),
                        join_ref: Value::Null,
                        r#ref: Value::Null,
                        stage: Stage::Joining,
                        closes: 0,
                        pushes: Vec::new(),
                        in_hand: None,
                        aside: Vec::new(),
                        owed: VecDeque::new(),
                    };
                    self.channels.insert(channel, seen);
                    self.ids.push(channel);
                }
                Effect::Push {
                    channel,
                    topic,
                    event,
                    r#ref,
                    ..
                } => {
                    let seen = self.channels.get_mut(&channel).unwrap();
                    prop_assert_eq!(seen.stage, Stage::Joined);
                    prop_assert_eq!(&*topic, &seen.topic);
                    prop_assert!(seen.in_hand.is_none(), "the last push is neither handled nor set aside");
                    prop_assert!(seen.owed.len() < usize::from(LIMITS.at_once), "too many at once");
                    prop_assert!(event == "typing" || seen.owed.is_empty(), "{} overtakes", event);
                    let push = serde_json::to_value(&r#ref).unwrap();
                    seen.in_hand = Some(push.clone());
                    seen.pushes.push(push);
                }
                Effect::End { channel, .. } => self.channels.get_mut(&channel).unwrap().stage = Stage::Gone,
            }
        }
        prop_assert!(self.socket.queued() <= LIMITS.queued_max);
        prop_assert!(self.socket.channels().count() <= LIMITS.channels_max);
        let live: HashSet<ChannelId> = self.socket.channels().map(|(id, _)| id).collect();
        for (id, seen) in &self.channels {
            prop_assert_eq!(
                live.contains(id),
                seen.stage != Stage::Gone,
                "{:?} on {}",
                id,
                seen.topic
            );
            prop_assert_eq!(self.socket.is_joined(*id), seen.stage == Stage::Joined);
        }
        Ok(())
    }

    fn check_frame(&mut self, frame: &Value) -> Result<(), TestCaseError> {
        let (join_ref, r#ref, topic) = (&frame[0], &frame[1], frame[2].as_str().unwrap());
        match frame[3].as_str().unwrap() {
            "phx_reply" => {
                prop_assert!(
                    self.open.remove(&r#ref.to_string()),
                    "answered twice or never asked: {}",
                    frame
                );
                let answered = self.channels.values_mut().find(|seen| seen.owed.contains(r#ref));
                if let Some(seen) = answered.filter(|seen| seen.stage == Stage::Joined) {
                    let first = seen.owed.pop_front();
                    prop_assert_eq!(first.as_ref(), Some(r#ref), "answered before its turn");
                }
                let unmatched = frame[4]["response"]["reason"] == "unmatched topic";
                prop_assert!(!unmatched || join_ref.is_null());
                if let Some((join_topic, sent_join_ref)) = self.joins.get(&r#ref.to_string())
                    && !unmatched
                {
                    prop_assert_eq!((topic, join_ref), (&**join_topic, sent_join_ref));
                    if frame[4]["response"]["reason"] == "too many channels joined" {
                        return Ok(());
                    }
                    let joining = |seen: &&mut Seen| seen.topic == topic && seen.stage == Stage::Joining;
                    let seen = self.channels.values_mut().find(joining).unwrap();
                    seen.stage = if frame[4]["status"] == "ok" {
                        Stage::Joined
                    } else {
                        Stage::Gone
                    };
                    (seen.join_ref, seen.r#ref) = (join_ref.clone(), r#ref.clone());
                }
            }
            "phx_close" | "phx_error" => {
                prop_assert_eq!(join_ref, r#ref);
                let seen = self.by_join_ref(join_ref).unwrap();
                seen.closes += 1;
                prop_assert_eq!(seen.closes, 1, "closed twice: {}", frame);
                // Otherwise the `End` was before this, or comes right behind it.
                seen.stage = Stage::Gone;
            }
            "pushed" => {
                let seen = self.by_join_ref(join_ref);
                prop_assert!(
                    seen.is_some_and(|seen| seen.stage == Stage::Joined),
                    "not joined: {}",
                    frame
                );
            }
            "broadcast" => {
                let joined = |seen: &Seen| seen.topic == topic && seen.stage == Stage::Joined;
                prop_assert!(
                    join_ref.is_null() && self.channels.values().any(joined),
                    "not joined: {}",
                    frame
                );
            }
            other => prop_assert!(false, "{}", other),
        }
        Ok(())
    }

    fn by_join_ref(&mut self, join_ref: &Value) -> Option<&mut Seen> {
        self.channels
            .values_mut()
            .find(|seen| !seen.r#ref.is_null() && seen.join_ref == *join_ref)
    }
}

/// The ref that reads so in JSON.
fn ref_of(json: &Value) -> Ref {
    let frame = format!(r#"[null,{json},"x","x",null]"#);
    decode_text(Version::V2, &frame).unwrap().r#ref
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_sequence_of_frames_and_answers_keeps_the_invariants(steps in prop::collection::vec(step(), 0..80)) {
        let mut model = Model::new();
        for step in steps {
            model.step(step)?;
        }
        // Once everything is decided and handled, nothing is left waiting.
        for _ in 0..50 {
            for id in model.ids.clone() {
                model.socket.accept_join(id, RawValue::from_string("{}".to_owned()).unwrap());
                model.check_effects()?;
                model.handled(id);
                model.check_effects()?;
                for (aside, push) in std::mem::take(&mut model.channels.get_mut(&id).unwrap().aside) {
                    model.socket.answer(id, aside, Some((&ref_of(&push), "ok", RawValue::NULL)));
                    model.check_effects()?;
                }
            }
        }
        let owing = model.channels.values().filter(|seen| seen.stage == Stage::Joined);
        prop_assert!(owing.into_iter().all(|seen| seen.owed.is_empty()), "what was set aside is not answered");
        prop_assert_eq!(model.socket.queued(), 0);
        prop_assert!(model.channels.values().all(|seen| seen.stage != Stage::Joining));
        for join in model.joins.keys() {
            prop_assert!(!model.open.contains(join), "a join was never answered: {}", join);
        }
    }

    #[test]
    fn any_bytes_received_never_panic(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
        for version in [Version::V1, Version::V2] {
            let mut socket = Socket::new(version, LIMITS, ROUTES);
            for frame in &frames {
                let _ = socket.receive_text(&String::from_utf8_lossy(frame));
                let _ = socket.receive_binary(&bytes::Bytes::copy_from_slice(frame));
            }
        }
    }
}
