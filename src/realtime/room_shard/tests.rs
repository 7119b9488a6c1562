//! Rooms of one thread, with outlets that write down what they are given.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::{Cell, RefCell};

use proptest::prelude::*;

use super::*;
use crate::{
    config::{Settings, Sources},
    ids::RoomId,
    phoenix::Payload,
    realtime::{tests::channel_ids, topic::TopicKey},
};

const HELD_MAX: usize = 4;

/// Writes down the numbers of the broadcasts it is given, and how many writes it took.
#[derive(Default)]
struct Recorder {
    given: RefCell<Vec<u64>>,
    writes: Cell<usize>,
    is_congested: Cell<bool>,
}

impl Outlet for Recorder {
    fn frame(&self, frame: &Frame) -> Bytes {
        let Frame::Text(text) = frame else { unreachable!("JSON") };
        let frame: (Option<u8>, Option<u8>, String, String, u64) = serde_json::from_str(text).unwrap();
        format!("{}\n", frame.4).into()
    }

    fn is_congested(&self) -> bool {
        self.is_congested.get()
    }

    fn deliver(&self, frames: Bytes) -> bool {
        self.writes.set(self.writes.get() + 1);
        let lines = std::str::from_utf8(&frames).unwrap().lines();
        self.given
            .borrow_mut()
            .extend(lines.map(|line| line.parse::<u64>().unwrap()));
        true
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn abandon(&self) {}
}

const SPELLING: Spelling = Spelling {
    topic: 0,
    version: Version::V2,
};

/// A room, and a way to fill it.
#[derive(Default)]
struct Fixture {
    room: Room,
    next: u64,
}

impl Fixture {
    fn append(&mut self, change: impl FnOnce(&mut Fan)) -> u64 {
        let number = self.next;
        self.next += 1;
        let payload = Payload::json(&number).unwrap();
        let mut fan = Fan {
            seq: None,
            except: None,
            is_ephemeral: false,
            broadcasts: Box::new([Some(Arc::new(Broadcast::new("room:7", "e", payload)))]),
            bytes: 1,
        };
        change(&mut fan);
        self.room.append(Waiting {
            fan: Arc::new(fan),
            _permit: None,
        });
        number
    }

    fn enter(&mut self, channel: ChannelKey, holds: u16) -> Rc<Recorder> {
        let recorder = Rc::new(Recorder::default());
        self.room
            .enter(channel, Rc::clone(&recorder) as Rc<dyn Outlet>, SPELLING, holds);
        recorder
    }

    fn flush(&mut self, mut turns: usize) -> Flushed {
        self.room.flush(&mut turns, HELD_MAX, Duration::ZERO)
    }

    fn flush_all(&mut self) {
        while self.flush(100) != Flushed::All {}
    }
}

fn channel() -> ChannelKey {
    (SocketId::next(), channel_ids(1)[0])
}

#[test]
fn a_member_gets_what_comes_after_it_in_one_write() {
    let mut fixture = Fixture::default();
    let first = fixture.enter(channel(), 0);
    fixture.append(|_| ());
    let second = fixture.enter(channel(), 0);
    fixture.append(|_| ());
    fixture.append(|_| ());
    fixture.flush_all();
    assert_eq!(*first.given.borrow(), [0, 1, 2]);
    assert_eq!(*second.given.borrow(), [1, 2]);
    assert_eq!((first.writes.get(), second.writes.get()), (1, 1));
}

#[test]
fn who_catches_up_gets_the_rest_with_the_others_and_nothing_twice() {
    let mut fixture = Fixture::default();
    let sender = channel();
    let (ahead, other) = (fixture.enter(sender, 0), fixture.enter(channel(), 0));
    fixture.append(|_| ());
    fixture.room.catch_up(sender, HELD_MAX);
    assert_eq!(*ahead.given.borrow(), [0]);
    assert!(other.given.borrow().is_empty());
    fixture.append(|_| ());
    fixture.flush_all();
    assert_eq!(
        (&*ahead.given.borrow(), &*other.given.borrow()),
        (&vec![0, 1], &vec![0, 1])
    );
}

#[test]
fn a_held_member_gets_what_its_session_has_not_told_when_it_is_released() {
    let mut fixture = Fixture::default();
    let joining = channel();
    let recorder = fixture.enter(joining, 2);
    for seq in 1..=3 {
        fixture.append(|fan| fan.seq = Some(seq));
    }
    fixture.flush_all();
    fixture.room.release(joining, None, HELD_MAX);
    assert!(recorder.given.borrow().is_empty(), "it was held twice");
    fixture.append(|_| ());
    fixture.room.release(joining, Some(2), HELD_MAX);
    assert_eq!(*recorder.given.borrow(), [2, 3], "changes 1 and 2 were told as history");
    // A change that was told as history may still come late.
    fixture.append(|fan| fan.seq = Some(2));
    fixture.append(|fan| fan.seq = Some(4));
    fixture.flush_all();
    assert_eq!(*recorder.given.borrow(), [2, 3, 5]);
}

#[test]
fn what_is_held_is_bounded_and_only_what_may_be_lost_is_lost_silently() {
    let mut fixture = Fixture::default();
    let joining = channel();
    fixture.enter(joining, 1);
    for _ in 0..HELD_MAX {
        fixture.append(|_| ());
    }
    fixture.append(|fan| fan.is_ephemeral = true);
    fixture.flush_all();
    assert!(!fixture.room.has_lost(joining));
    fixture.append(|_| ());
    fixture.flush_all();
    assert!(fixture.room.has_lost(joining));
}

#[test]
fn who_lags_misses_what_may_be_lost_and_nothing_else() {
    let mut fixture = Fixture::default();
    let recorder = fixture.enter(channel(), 0);
    recorder.is_congested.set(true);
    fixture.append(|_| ());
    fixture.append(|fan| fan.is_ephemeral = true);
    fixture.append(|_| ());
    fixture.flush_all();
    assert_eq!(*recorder.given.borrow(), [0, 2]);
}

#[test]
fn a_room_where_nothing_was_going_on_is_flushed_at_once() {
    let mut fixture = Fixture::default();
    let recorder = fixture.enter(channel(), 0);
    fixture.append(|_| ());
    let mut turns = 100;
    let flushed = fixture.room.flush(&mut turns, HELD_MAX, Duration::from_secs(3600));
    assert_eq!((flushed, &*recorder.given.borrow()), (Flushed::All, &vec![0]));
}

#[derive(Clone, Debug)]
enum Step {
    Append { ephemeral: bool, except: Option<usize> },
    Enter(usize),
    Remove(usize),
    CatchUp(usize),
    Hold(usize),
    Release(usize),
    Flush(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let member = 0..6_usize;
    prop_oneof![
        4 => (any::<bool>(), proptest::option::of(member.clone()))
            .prop_map(|(ephemeral, except)| Step::Append { ephemeral, except }),
        2 => member.clone().prop_map(Step::Enter),
        1 => member.clone().prop_map(Step::Remove),
        1 => member.clone().prop_map(Step::CatchUp),
        1 => member.clone().prop_map(Step::Hold),
        2 => member.prop_map(Step::Release),
        3 => (1..4_usize).prop_map(Step::Flush),
    ]
}

proptest! {
    /// Whatever happens in between: what came after a member and before its end, but for what it is excepted from, once
    /// and in order.
    #[test]
    fn every_member_gets_everything_once_and_in_order(steps in proptest::collection::vec(step(), 0..80)) {
        let mut fixture = Fixture::default();
        let names: Vec<_> = (0..6).map(|_| channel()).collect();
        let mut members: Vec<Option<(Rc<Recorder>, Vec<u64>)>> = vec![None; 6];
        for step in steps {
            match step {
                Step::Append { ephemeral, except } => {
                    let number = fixture.append(|fan| {
                        fan.is_ephemeral = ephemeral;
                        fan.except = except.map(|member| names[member]);
                    });
                    for (member, state) in members.iter_mut().enumerate() {
                        if let Some((_, expected)) = state && except != Some(member) {
                            expected.push(number);
                        }
                    }
                }
                Step::Enter(member) if members[member].is_none() => {
                    members[member] = Some((fixture.enter(names[member], 0), Vec::new()));
                }
                Step::Enter(_) => {}
                Step::Remove(member) => {
                    if let Some((recorder, expected)) = members[member].take() {
                        fixture.room.remove(names[member]);
                        let given = recorder.given.borrow();
                        prop_assert!(expected.starts_with(&given));
                    }
                }
                Step::CatchUp(member) => fixture.room.catch_up(names[member], usize::MAX),
                Step::Hold(member) => fixture.room.hold(names[member], usize::MAX),
                Step::Release(member) => fixture.room.release(names[member], None, usize::MAX),
                Step::Flush(mut turns) => {
                    fixture.room.flush(&mut turns, usize::MAX, Duration::ZERO);
                }
            }
        }
        let mut turns = usize::MAX;
        while fixture.room.flush(&mut turns, usize::MAX, Duration::ZERO) != Flushed::All {}
        for (member, state) in members.iter().enumerate() {
            for _ in 0..80 {
                fixture.room.release(names[member], None, usize::MAX);
            }
            if let Some((recorder, expected)) = state {
                prop_assert_eq!(&*recorder.given.borrow(), expected);
            }
        }
    }
}

/// Says whether it was abandoned; one that is broken panics when it is written to, as a bug would.
#[derive(Default)]
struct Fragile {
    is_broken: bool,
    is_abandoned: Cell<bool>,
}

impl Outlet for Fragile {
    fn frame(&self, _: &Frame) -> Bytes {
        Bytes::from_static(b"frame")
    }

    fn is_congested(&self) -> bool {
        false
    }

    fn deliver(&self, _: Bytes) -> bool {
        assert!(!self.is_broken, "a test breaks the shard");
        true
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn abandon(&self) {
        self.is_abandoned.set(true);
    }
}

#[actix::test]
async fn a_panic_ends_the_shard_and_every_socket_of_its_thread_and_the_next_ones_have_a_new_shard() {
    let settings = Settings::load(&Sources::default()).unwrap().settings;
    let metrics = Metrics::new(&settings);
    let options = ShardOptions {
        queued_bytes_max: 1_000_000,
        rest_max: Duration::ZERO,
        held_max: HELD_MAX,
        told_max: 1000,
    };
    let shard = of_this_thread(&options, &metrics);
    let (quiet, loud) = (channel(), channel());
    let rooms = [quiet, loud].map(|(socket_id, _)| (socket_id, TopicKey::Room(RoomId::generate())));
    let sockets = [false, true].map(|is_broken| {
        Rc::new(Fragile {
            is_broken,
            ..Fragile::default()
        })
    });
    for (((socket_id, key), channel), socket) in rooms.into_iter().zip([quiet, loud]).zip(&sockets) {
        attach(socket_id, Rc::clone(socket) as Rc<dyn Outlet>);
        let enter = ShardMessage::Enter {
            channel,
            version: SPELLING.version,
            spelling: SPELLING.topic,
            holds: 0,
        };
        shard.try_send(key, enter).unwrap();
    }
    let fan = || {
        ShardMessage::Fan(Arc::new(Fan {
            seq: None,
            except: None,
            is_ephemeral: false,
            broadcasts: Box::new([Some(Arc::new(Broadcast::json("room:7", "e", &()).unwrap()))]),
            bytes: 1,
        }))
    };
    let is_abandoned = || sockets.each_ref().map(|socket| socket.is_abandoned.get());
    shard.try_send(rooms[0].1, fan()).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(is_abandoned(), [false, false]);
    shard.try_send(rooms[1].1, fan()).unwrap();
    while is_abandoned() != [true, true] {
        tokio::task::yield_now().await;
    }
    // Who still has the old one waits for nothing.
    shard.send(rooms[0].1, fan()).await;
    let next = of_this_thread(&options, &metrics);
    assert!(!next.is(&shard));
}
