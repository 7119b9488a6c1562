//! The registry and its directory, with sockets that write down what they are told. No database.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Actor, Addr, Context, Handler, Message};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use super::{
    directory::TenantDirectory,
    live_tenants::{LiveTenants, tests::tenant},
    messages::{
        Baseline, Count, EndChannels, Gone, Listening, Publish, ReadMark, Register, RegistryCounts, Renew, Repair,
        Repaired, Revoke, SocketEnded, Subscribe, TenantChanged, Unsubscribe,
    },
    presence_levels::{PresenceLevel, PresenceLimits, PresenceSummary},
    raw_payload,
    revocations::{Credential, Revocation, Revocations},
    room_registry::{RegistryOptions, RoomRegistry, Surroundings},
    socket_handle::{Disconnect, Outbound, SocketHandle},
    topic::TopicKey,
};
use crate::{
    accounts::UserKind,
    chat::UserRef,
    ids::{RoomId, SigningKeyId, TenantId, UserId},
    phoenix::{ChannelId, Effect, Frame, Payload, Socket, SocketLimits, Version},
    tenants::TenantSettings,
    timestamp::Timestamp,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A socket's end that writes down what it is told.
struct Recorder {
    told: mpsc::UnboundedSender<Outbound>,
    capacity: usize,
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.capacity);
    }
}

impl Handler<Outbound> for Recorder {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, _: &mut Self::Context) {
        // The test may have seen enough.
        let _ = self.told.send(outbound);
    }
}

/// Makes the registry panic, as a bug would.
#[derive(Message)]
#[rtype(result = "()")]
struct Poison;

impl Handler<Poison> for RoomRegistry {
    type Result = ();

    #[expect(clippy::panic, reason = "what the test is about")]
    fn handle(&mut self, _: Poison, _: &mut Self::Context) {
        panic!("a test poisons the registry");
    }
}

struct Tap {
    handle: Arc<SocketHandle>,
    credential: Credential,
    told: mpsc::UnboundedReceiver<Outbound>,
}

/// Channel ids come from the protocol machine only.
pub(super) fn channel_ids(count: usize) -> Vec<ChannelId> {
    let mut socket = Socket::new(Version::V2, SocketLimits::default(), &["t:*"]);
    (0..count)
        .map(|number| {
            socket
                .receive_text(&format!(r#"["{number}","{number}","t:{number}","phx_join",{{}}]"#))
                .unwrap();
            loop {
                if let Some(Effect::Join { channel, .. }) = socket.next_effect() {
                    break channel;
                }
            }
        })
        .collect()
}

/// Stands for the reader of the log: knows the changes it is given.
struct Log {
    head: i64,
    changes: Option<Vec<i64>>,
    asked: mpsc::UnboundedSender<i64>,
}

impl Actor for Log {
    type Context = Context<Self>;
}

impl Handler<Repair> for Log {
    type Result = ();

    fn handle(&mut self, repair: Repair, _: &mut Self::Context) {
        let key = TopicKey::Room(repair.room_id);
        // The test may have seen enough.
        let _ = self.asked.send(repair.since);
        let told = |changes: &Vec<i64>| changes.iter().map(|&seq| (seq, publish(key, seq))).collect();
        let changes = self.changes.as_ref().map(|changes| (self.head, told(changes)));
        #[expect(clippy::disallowed_methods, reason = "one answer")]
        repair.registry.do_send(Repaired { key, changes });
    }
}

const OPTIONS: RegistryOptions = RegistryOptions {
    mailbox_capacity: 64,
    idle_timeout: Duration::from_secs(60),
    presence: PresenceLimits {
        exact_max: 200,
        batched_max: 1000,
        sample_max: 50,
    },
    batch_interval: Duration::from_millis(10),
    hole_patience: Duration::from_millis(10),
    read_marks_max: 100,
};

fn surroundings(log: Log) -> Surroundings {
    Surroundings {
        repairs: log.start().recipient(),
        revocations: Arc::default(),
        tenants: Arc::default(),
    }
}

fn empty_log() -> Log {
    let (asked, _) = mpsc::unbounded_channel();
    Log {
        head: 0,
        changes: None,
        asked,
    }
}

fn directory_with(options: RegistryOptions, log: Log) -> TenantDirectory {
    TenantDirectory::new(1, options, surroundings(log))
}

fn directory() -> TenantDirectory {
    directory_with(OPTIONS, empty_log())
}

/// The registry of a tenant whose settings are known, and may change.
struct Site {
    tenant_id: TenantId,
    directory: TenantDirectory,
    registry: Addr<RoomRegistry>,
    revocations: Arc<Revocations>,
    tenants: Arc<LiveTenants>,
}

fn site(settings: TenantSettings) -> Site {
    let Surroundings {
        repairs,
        revocations,
        tenants,
    } = surroundings(empty_log());
    let tenant_id = TenantId::generate();
    tenants.put(tenant(tenant_id, settings), Instant::now());
    let surroundings = Surroundings {
        repairs,
        revocations: Arc::clone(&revocations),
        tenants: Arc::clone(&tenants),
    };
    let directory = TenantDirectory::new(1, OPTIONS, surroundings);
    Site {
        tenant_id,
        registry: directory.registry(tenant_id),
        directory,
        revocations,
        tenants,
    }
}

impl Site {
    async fn change(&self, settings: TenantSettings) {
        self.tenants.put(tenant(self.tenant_id, settings), Instant::now());
        self.registry.send(TenantChanged).await.unwrap();
    }
}

async fn tap(registry: &Addr<RoomRegistry>, queued_bytes_max: usize) -> Tap {
    let (sender, told) = mpsc::unbounded_channel();
    let recorder = Recorder {
        told: sender,
        capacity: 1000,
    }
    .start();
    let handle = Arc::new(SocketHandle::new(Version::V2, recorder.recipient(), queued_bytes_max));
    let credential = Credential {
        user_id: UserId::generate(),
        token_id: Uuid::now_v7(),
        key_id: None,
        issued_at: Timestamp::now(),
        verified_at: Instant::now(),
    };
    let socket = Arc::clone(&handle);
    registry.send(Register { socket, credential }).await.unwrap();
    Tap {
        handle,
        credential,
        told,
    }
}

impl Tap {
    async fn subscribe(
        &self,
        registry: &Addr<RoomRegistry>,
        channel: ChannelId,
        key: TopicKey,
    ) -> Result<Option<PresenceSummary>, SocketEnded> {
        let presentee = UserRef {
            id: self.credential.user_id,
            username: "ann".to_owned(),
            name: None,
            avatar_url: None,
            kind: UserKind::Account,
        };
        let subscribe = Subscribe {
            socket: Arc::clone(&self.handle),
            channel,
            key,
            topic: Arc::from(key.to_string()),
            presentee: Some(Arc::new(presentee)),
        };
        registry.send(subscribe).await.unwrap()
    }

    async fn next(&mut self) -> Outbound {
        time::timeout(PATIENCE, self.told.recv()).await.unwrap().unwrap()
    }

    /// The event and payload of the next broadcast, given back to the queue's account.
    async fn broadcast(&mut self) -> (String, Value, Option<i64>) {
        match self.next().await {
            Outbound::Broadcast {
                broadcast, seq, bytes, ..
            } => {
                self.handle.release(bytes);
                let Some(Frame::Text(text)) = broadcast.frame(Version::V2) else {
                    unreachable!("JSON")
                };
                let frame: Value = serde_json::from_str(&text).unwrap();
                (broadcast.event().to_owned(), frame[4].clone(), seq)
            }
            other => unreachable!("{other:?}"),
        }
    }

    async fn presence_state(&mut self) -> Value {
        match self.next().await {
            Outbound::PresenceState { state, .. } => Payload::Json(state).parse().unwrap(),
            other => unreachable!("{other:?}"),
        }
    }
}

fn publish(key: TopicKey, seq: i64) -> Publish {
    let payload = raw_payload(&json!({ "seq": seq })).unwrap();
    Publish {
        key,
        event: "new_message",
        payload,
        seq: Some(seq),
        except: None,
        ephemeral: false,
    }
}

#[actix::test]
async fn a_joiner_gets_the_state_then_its_own_diff_and_the_others_the_diff_only() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut first, mut second) = (tap(&registry, 10_000).await, tap(&registry, 10_000).await);
    first.subscribe(&registry, channel, key).await.unwrap();
    assert_eq!(first.presence_state().await.as_object().unwrap().len(), 1);
    assert_eq!(first.broadcast().await.0, "presence_diff");
    second.subscribe(&registry, channel, key).await.unwrap();
    assert_eq!(second.presence_state().await.as_object().unwrap().len(), 2);
    let diff = second.broadcast().await;
    assert_eq!(first.broadcast().await, diff);
    assert!(diff.1["joins"][second.credential.user_id.to_string()].is_object());
    directory.stop();
}

#[actix::test]
async fn every_socket_gets_the_same_order_and_the_excepted_channel_nothing() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let mut taps = Vec::new();
    for &channel in &channels {
        let tap = tap(&registry, 1 << 20).await;
        tap.subscribe(&registry, channel, key).await.unwrap();
        taps.push(tap);
    }
    for seq in 1..=100 {
        let except = (seq == 50).then(|| (taps[0].handle.id(), channels[0]));
        registry
            .send(Publish {
                except,
                ..publish(key, seq)
            })
            .await
            .unwrap();
    }
    for (index, tap) in taps.iter_mut().enumerate() {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&100) {
            if let Outbound::Broadcast { seq: Some(seq), .. } = tap.next().await {
                seqs.push(seq);
            }
        }
        let expected: Vec<i64> = (1..=100).filter(|&seq| index != 0 || seq != 50).collect();
        assert_eq!(seqs, expected);
    }
    directory.stop();
}

#[actix::test]
async fn a_socket_that_takes_nothing_is_ended_and_leaves_the_room() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (slow, mut witness) = (tap(&registry, 300).await, tap(&registry, 1 << 20).await);
    witness.subscribe(&registry, channel, key).await.unwrap();
    slow.subscribe(&registry, channel, key).await.unwrap();
    // Its own diff is in its queue and stays there: nobody gives the bytes back.
    for seq in 1..=10 {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(slow.handle.disconnect(), Some(Disconnect::TooSlow));
    assert!(!slow.handle.is_alive());
    assert_eq!(registry.send(Count).await.unwrap().channels, 1);
    let mut seen = Vec::new();
    while seen.len() < 10 {
        match witness.next().await {
            Outbound::Broadcast { seq: Some(seq), .. } => seen.push(seq),
            Outbound::Broadcast { .. } | Outbound::PresenceState { .. } => {}
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "the room goes on");
    directory.stop();
}

#[actix::test]
async fn ephemeral_frames_are_skipped_from_half_of_the_queue_on() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut lagging = tap(&registry, 1000).await;
    lagging.subscribe(&registry, channel, key).await.unwrap();
    lagging.presence_state().await;
    lagging.broadcast().await;
    let mut sent = 0;
    while sent * 100 < 600 {
        sent += 1;
        registry.send(publish(key, sent)).await.unwrap();
    }
    let typing = Publish {
        event: "typing",
        ephemeral: true,
        seq: None,
        ..publish(key, 0)
    };
    registry.send(typing).await.unwrap();
    assert!(lagging.handle.is_alive());
    registry.send(Gone(lagging.handle.id())).await.unwrap();
    let mut events = Vec::new();
    while let Ok(Outbound::Broadcast { broadcast, .. }) = lagging.told.try_recv() {
        events.push(broadcast.event().to_owned());
    }
    assert_eq!(events.len(), usize::try_from(sent).unwrap());
    assert!(events.iter().all(|event| event == "new_message"), "{events:?}");
    directory.stop();
}

#[actix::test]
async fn ended_channels_are_told_and_forgotten() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let (key, other) = (TopicKey::Room(RoomId::generate()), TopicKey::Room(RoomId::generate()));
    let channels = channel_ids(2);
    let (mut kicked, bystander) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    kicked.subscribe(&registry, channels[0], key).await.unwrap();
    kicked.subscribe(&registry, channels[1], other).await.unwrap();
    bystander.subscribe(&registry, channels[0], key).await.unwrap();
    registry
        .send(EndChannels {
            key,
            user_id: Some(kicked.credential.user_id),
        })
        .await
        .unwrap();
    loop {
        if let Outbound::EndChannel(channel) = kicked.next().await {
            assert_eq!(channel, channels[0]);
            break;
        }
    }
    registry.send(publish(key, 1)).await.unwrap();
    assert!(kicked.told.try_recv().is_err(), "nothing of the topic follows");
    assert_eq!(
        registry.send(Count).await.unwrap(),
        RegistryCounts {
            sockets: 2,
            channels: 2,
            topics: 2,
            present: 2
        }
    );
    directory.stop();
}

#[actix::test]
async fn a_revoked_token_ends_its_sockets_before_anything_else_reaches_them() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let Credential { user_id, token_id, .. } = tap.credential;
    let another = Revocation::Token {
        user_id,
        token_id: Uuid::now_v7(),
    };
    registry.send(Revoke(another)).await.unwrap();
    assert!(tap.handle.is_alive());
    let revocation = Revocation::Token { user_id, token_id };
    registry.send(Revoke(revocation)).await.unwrap();
    assert_eq!(tap.handle.disconnect(), Some(Disconnect::SignedOut));
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    assert_eq!(
        tap.subscribe(&registry, channel, key).await,
        Err(SocketEnded),
        "it cannot come back"
    );
    directory.stop();
}

#[actix::test]
async fn leaving_twice_and_leaving_what_was_never_joined_is_fine() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channels[0], key).await.unwrap();
    let socket_id = tap.handle.id();
    for channel in [channels[0], channels[0], channels[1]] {
        registry.send(Unsubscribe { socket_id, channel }).await.unwrap();
    }
    registry.send(Gone(socket_id)).await.unwrap();
    registry.send(Gone(socket_id)).await.unwrap();
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}

#[actix::test]
async fn a_socket_that_registers_after_its_revocation_was_carried_out_ends_as_well() {
    let Site {
        tenant_id,
        directory,
        registry,
        revocations,
        ..
    } = site(TenantSettings::default());
    let mut late = tap(&registry, 1 << 20).await;
    let (sender, told) = mpsc::unbounded_channel();
    let recorder = Recorder {
        told: sender,
        capacity: 1000,
    };
    let verified = late.credential;
    let revocation = Revocation::Key(SigningKeyId::generate());
    revocations.note(tenant_id, revocation);
    registry.send(Revoke(revocation)).await.unwrap();
    assert!(late.handle.is_alive(), "it stands on another key, or none");

    // It was verified before, and comes after.
    let Revocation::Key(key_id) = revocation else { return };
    let socket = Arc::new(SocketHandle::new(Version::V2, recorder.start().recipient(), 1000));
    let credential = Credential {
        key_id: Some(key_id),
        ..verified
    };
    registry
        .send(Register {
            socket: Arc::clone(&socket),
            credential,
        })
        .await
        .unwrap();
    assert_eq!(socket.disconnect(), Some(Disconnect::Revoked));

    // So does one that brings such a token.
    let renew = Renew {
        socket_id: late.handle.id(),
        credential,
    };
    registry.send(renew).await.unwrap();
    assert_eq!(late.handle.disconnect(), Some(Disconnect::Revoked));
    assert!(matches!(late.next().await, Outbound::Disconnected));
    drop(told);
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}

#[actix::test]
async fn a_renewed_socket_ends_with_its_new_token_and_not_with_the_old_one() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let tap = tap(&registry, 1 << 20).await;
    let old = tap.credential;
    let credential = Credential {
        token_id: Uuid::now_v7(),
        ..old
    };
    let renew = Renew {
        socket_id: tap.handle.id(),
        credential,
    };
    registry.send(renew).await.unwrap();
    let of_token = |token_id| {
        Revoke(Revocation::Token {
            user_id: old.user_id,
            token_id,
        })
    };
    registry.send(of_token(old.token_id)).await.unwrap();
    assert!(tap.handle.is_alive());
    registry.send(of_token(credential.token_id)).await.unwrap();
    assert_eq!(tap.handle.disconnect(), Some(Disconnect::SignedOut));
    directory.stop();
}

#[actix::test]
async fn a_revocation_ends_all_it_covers_and_tells_the_others_who_left() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut stays, leaves) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    stays.subscribe(&registry, channel, key).await.unwrap();
    leaves.subscribe(&registry, channel, key).await.unwrap();
    stays.presence_state().await;
    stays.broadcast().await;
    stays.broadcast().await;
    let user_id = leaves.credential.user_id;
    for (before, ends) in [
        (leaves.credential.issued_at, false),
        (Timestamp(leaves.credential.issued_at.0 + 1), true),
    ] {
        registry
            .send(Revoke(Revocation::UserBefore { user_id, before }))
            .await
            .unwrap();
        assert_eq!(leaves.handle.disconnect().is_some(), ends);
    }
    assert!(stays.broadcast().await.1["leaves"][user_id.to_string()].is_object());
    registry.send(Revoke(Revocation::Everything)).await.unwrap();
    assert_eq!(stays.handle.disconnect(), Some(Disconnect::Revoked));
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}

#[actix::test]
async fn presence_is_shown_and_hidden_while_channels_are_open() {
    let settings = |presence| TenantSettings {
        presence,
        announce_joins: true,
        ..TenantSettings::default()
    };
    let site = site(settings(false));
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut first, mut second) = (tap(&site.registry, 1 << 20).await, tap(&site.registry, 1 << 20).await);
    for tap in [&first, &second] {
        assert_eq!(tap.subscribe(&site.registry, channel, key).await, Ok(None));
    }
    site.registry.send(publish(key, 1)).await.unwrap();
    for tap in [&mut first, &mut second] {
        let (event, ..) = tap.broadcast().await;
        assert_eq!(event, "new_message", "nobody came, as far as it is told");
    }

    site.change(settings(true)).await;
    let ids = [first.credential.user_id, second.credential.user_id].map(|id| id.to_string());
    for tap in [&mut first, &mut second] {
        let state = tap.presence_state().await;
        assert!(ids.iter().all(|id| state[id].is_object()), "{state}");
    }
    let (event, diff, _) = first.broadcast().await;
    assert_eq!((event.as_str(), &diff["count"]), ("presence_diff", &json!(2)));

    site.change(settings(false)).await;
    let (event, diff, _) = first.broadcast().await;
    assert_eq!((event.as_str(), &diff["count"]), ("presence_diff", &json!(0)));
    assert!(ids.iter().all(|id| diff["leaves"][id].is_object()), "{diff}");
    // Who leaves now is not told of, and who comes neither.
    site.registry.send(Gone(second.handle.id())).await.unwrap();
    let third = tap(&site.registry, 1 << 20).await;
    assert_eq!(third.subscribe(&site.registry, channel, key).await, Ok(None));
    site.registry.send(publish(key, 2)).await.unwrap();
    assert_eq!(first.broadcast().await.0, "new_message");
    site.directory.stop();
}

#[actix::test]
async fn comings_are_told_in_words_from_the_moment_the_tenant_wants_it() {
    let site = site(TenantSettings::default());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(1);
    let mut first = tap(&site.registry, 1 << 20).await;
    first.subscribe(&site.registry, channels[0], key).await.unwrap();
    first.presence_state().await;
    assert_eq!(first.broadcast().await.0, "presence_diff");
    site.change(TenantSettings {
        announce_joins: true,
        ..TenantSettings::default()
    })
    .await;
    let second = tap(&site.registry, 1 << 20).await;
    second.subscribe(&site.registry, channels[0], key).await.unwrap();
    assert_eq!(first.broadcast().await.0, "presence_diff");
    assert_eq!(first.broadcast().await.0, "user_joined");
    site.directory.stop();
}

#[actix::test]
async fn a_registry_that_dies_tells_its_sockets_and_is_replaced() {
    let directory = directory();
    let tenant_id = TenantId::generate();
    let registry = directory.registry(tenant_id);
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    tap.presence_state().await;
    tap.broadcast().await;

    assert!(registry.send(Poison).await.is_err());
    assert!(matches!(tap.next().await, Outbound::RegistryLost));

    // Another tenant on the same thread does not notice, and this one gets a fresh registry.
    assert!(directory.registry(TenantId::generate()).send(Count).await.is_ok());
    let counts = directory.ask(tenant_id, Count).await.unwrap();
    assert_eq!(counts, RegistryCounts::default());
    let fresh = directory.registry(tenant_id);
    fresh
        .send(Register {
            socket: Arc::clone(&tap.handle),
            credential: tap.credential,
        })
        .await
        .unwrap();
    tap.subscribe(&fresh, channel, key).await.unwrap();
    assert_eq!(tap.presence_state().await.as_object().unwrap().len(), 1);
    directory.stop();
}

#[actix::test]
async fn a_registry_without_sockets_stops_and_one_with_sockets_stays() {
    let options = RegistryOptions {
        idle_timeout: Duration::from_millis(20),
        ..OPTIONS
    };
    let (asked, _) = mpsc::unbounded_channel();
    let log = Log {
        head: 0,
        changes: None,
        asked,
    };
    let directory = directory_with(options, log);
    let (idle, used) = (TenantId::generate(), TenantId::generate());
    let (idle_registry, used_registry) = (directory.registry(idle), directory.registry(used));
    let _tap = tap(&used_registry, 1000).await;
    let deadline = time::Instant::now() + PATIENCE;
    while idle_registry.connected() {
        assert!(time::Instant::now() < deadline, "the idle registry does not stop");
        time::sleep(Duration::from_millis(5)).await;
    }
    assert!(used_registry.connected());
    directory.sweep();
    assert!(directory.running(idle).is_none() && directory.running(used).is_some());
    directory.stop();
}

#[actix::test]
async fn comings_and_goings_are_told_once_per_user() {
    let Site {
        directory, registry, ..
    } = site(TenantSettings {
        announce_joins: true,
        ..TenantSettings::default()
    });
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let (mut watcher, device) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    watcher.subscribe(&registry, channels[0], key).await.unwrap();
    device.subscribe(&registry, channels[0], key).await.unwrap();
    device.subscribe(&registry, channels[1], key).await.unwrap();
    registry
        .send(Unsubscribe {
            socket_id: device.handle.id(),
            channel: channels[0],
        })
        .await
        .unwrap();
    registry.send(Gone(device.handle.id())).await.unwrap();
    watcher.presence_state().await;
    let mut words = Vec::new();
    while words.last().map(String::as_str) != Some("user_left") {
        let (event, ..) = watcher.broadcast().await;
        if event != "presence_diff" {
            words.push(event);
        }
    }
    assert_eq!(
        words,
        ["user_joined", "user_joined", "user_left"],
        "the watcher's own, then the other's"
    );
    directory.stop();
}

/// The sequence of changes a socket is told, until one of them is `last`.
async fn seqs_until(tap: &mut Tap, last: i64) -> Vec<i64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        if let Outbound::Broadcast { seq: Some(seq), .. } = tap.next().await {
            seqs.push(seq);
        }
    }
    seqs
}

#[actix::test]
async fn changes_that_come_out_of_order_are_told_in_order() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let socket_id = tap.handle.id();
    registry
        .send(Baseline {
            key,
            seq: 0,
            socket_id,
            channel,
        })
        .await
        .unwrap();
    for seq in [3, 2, 5, 1, 4, 4] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(seqs_until(&mut tap, 5).await, [1, 2, 3, 4, 5]);
    directory.stop();
}

#[actix::test]
async fn what_does_not_come_is_read_from_the_log() {
    let (asked, mut since) = mpsc::unbounded_channel();
    // Change 3 has been overtaken by change 4 of the same message.
    let log = Log {
        head: 4,
        changes: Some(vec![2, 4]),
        asked,
    };
    let directory = directory_with(OPTIONS, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    for seq in [1, 4, 5] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(seqs_until(&mut tap, 5).await, [1, 2, 4, 5]);
    assert_eq!(since.recv().await, Some(1));
    directory.stop();
}

#[actix::test]
async fn what_cannot_be_read_sends_the_clients_to_rejoin() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    for seq in [1, 4] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    loop {
        match tap.next().await {
            Outbound::CrashChannel(crashed) => {
                assert_eq!(crashed, channel);
                break;
            }
            Outbound::Broadcast { seq, .. } => assert_ne!(seq, Some(4), "never with a hole before it"),
            _ => {}
        }
    }
    assert_eq!(registry.send(Count).await.unwrap().channels, 0);
    tap.subscribe(&registry, channel, key).await.unwrap();
    registry.send(publish(key, 5)).await.unwrap();
    assert_eq!(seqs_until(&mut tap, 5).await, [5], "a fresh start");
    directory.stop();
}

#[actix::test]
async fn a_joiner_who_missed_what_was_never_told_is_sent_back() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let socket_id = tap.handle.id();
    // Change 9 was lost; it has read up to 8.
    registry.send(publish(key, 10)).await.unwrap();
    registry
        .send(Baseline {
            key,
            seq: 8,
            socket_id,
            channel,
        })
        .await
        .unwrap();
    loop {
        if let Outbound::CrashChannel(crashed) = tap.next().await {
            assert_eq!(crashed, channel);
            break;
        }
    }
    directory.stop();
}

#[actix::test]
async fn a_lost_last_change_is_told_when_somebody_comes_who_has_read_it() {
    let (asked, _since) = mpsc::unbounded_channel();
    let log = Log {
        head: 2,
        changes: Some(vec![2]),
        asked,
    };
    let directory = directory_with(OPTIONS, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut there, coming) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    there.subscribe(&registry, channel, key).await.unwrap();
    registry.send(publish(key, 1)).await.unwrap();
    coming.subscribe(&registry, channel, key).await.unwrap();
    let baseline = Baseline {
        key,
        seq: 2,
        socket_id: coming.handle.id(),
        channel,
    };
    registry.send(baseline).await.unwrap();
    assert_eq!(seqs_until(&mut there, 2).await, [1, 2]);
    directory.stop();
}

#[actix::test]
async fn larger_rooms_are_told_together_with_level_and_count() {
    let presence = PresenceLimits {
        exact_max: 1,
        batched_max: 2,
        sample_max: 2,
    };
    let (asked, _) = mpsc::unbounded_channel();
    let log = Log {
        head: 0,
        changes: None,
        asked,
    };
    let directory = directory_with(RegistryOptions { presence, ..OPTIONS }, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut first = tap(&registry, 1 << 20).await;
    first.subscribe(&registry, channel, key).await.unwrap();
    first.presence_state().await;
    let (_, diff, _) = first.broadcast().await;
    assert_eq!((&diff["level"], &diff["count"]), (&json!("exact"), &json!(1)));
    let mut others = Vec::new();
    for _ in 0..5 {
        let tap = tap(&registry, 1 << 20).await;
        others.push(tap.subscribe(&registry, channel, key).await.unwrap());
    }
    let last = PresenceSummary {
        level: PresenceLevel::Sampled,
        count: 6,
    };
    assert_eq!(others.last(), Some(&Some(last)));
    loop {
        let (event, diff, _) = first.broadcast().await;
        assert!(matches!(event.as_str(), "presence_diff" | "presence_state"));
        if diff["count"] == 6 {
            assert_eq!(diff["level"], "sampled");
            break;
        }
    }
    directory.stop();
}

#[actix::test]
async fn read_marks_are_told_together_and_the_last_counts() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    tap.presence_state().await;
    tap.broadcast().await;
    let reader = UserId::generate();
    for seq in 1..=3 {
        let mark = ReadMark {
            key,
            user_id: reader,
            seq,
        };
        registry.send(mark).await.unwrap();
    }
    let mut told = Vec::new();
    while told.last() != Some(&json!({ "user_id": reader, "seq": 3 })) {
        let (event, payload, _) = tap.broadcast().await;
        assert_eq!(event, "read");
        told.push(payload);
    }
    assert!(told.len() <= 3);
    directory.stop();
}

#[actix::test]
async fn who_listens_on_the_own_topic_is_known() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let channel = channel_ids(1)[0];
    let tap = tap(&registry, 1 << 20).await;
    let subscribe = Subscribe {
        socket: Arc::clone(&tap.handle),
        channel,
        key: TopicKey::User(tap.credential.user_id),
        topic: Arc::from("user:x"),
        presentee: None,
    };
    registry.send(subscribe).await.unwrap().unwrap();
    let asked = vec![UserId::generate(), tap.credential.user_id];
    assert_eq!(registry.send(Listening(asked)).await.unwrap(), [tap.credential.user_id]);
    directory.stop();
}
