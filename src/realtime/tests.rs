//! The registry and its directory, with sockets that write down what they are told. No database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod delivery;
mod lifetime;
mod order;
mod presence;
mod revocation;

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
    let register = Register {
        socket,
        credential: Arc::new(credential),
    };
    registry.send(register).await.unwrap();
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
        let subscribe = Subscribe {
            socket: Arc::clone(&self.handle),
            channel,
            key,
            topic: Arc::from(key.to_string()),
            user: self.user(),
            is_shown: true,
        };
        registry.send(subscribe).await.unwrap()
    }

    fn user(&self) -> Arc<UserRef> {
        Arc::new(UserRef {
            id: self.credential.user_id,
            username: "ann".to_owned(),
            name: None,
            avatar_url: None,
            kind: UserKind::Account,
        })
    }

    async fn next(&mut self) -> Outbound {
        time::timeout(PATIENCE, self.told.recv()).await.unwrap().unwrap()
    }

    /// The event and payload of the next broadcast, given back to the queue's account.
    async fn broadcast(&mut self) -> (String, Value, Option<i64>) {
        let told = self.next().await;
        self.handle.release(&told);
        match told {
            Outbound::Broadcast { broadcast, seq, .. } => {
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
