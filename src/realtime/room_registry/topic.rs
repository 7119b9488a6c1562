//! One topic: who listens, and how all of them are told something.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;
use serde_json::value::RawValue;
use tracing::error;

use super::outbox::Outbox;
use crate::{
    chat::UserRef,
    ids::UserId,
    phoenix::{Broadcast, Payload, PresenceRef},
    realtime::{
        messages::{ChannelKey, Publish},
        presence_levels::{LeveledPresence, PresenceLimits},
        room_order::RoomOrder,
        room_shard::{Fan, ShardHandle, ShardMessage},
        socket_handle::SocketHandle,
        topic::TopicKey,
    },
};

/// A topic with at least one member.
pub(super) struct TopicState {
    key: TopicKey,
    members: HashMap<ChannelKey, Member>,
    /// Members whose session is told everything; the others are told by the shards of their threads.
    mailboxes: HashSet<ChannelKey>,
    /// Threads with members, and how many.
    shards: Vec<(ShardHandle, usize)>,
    /// How members write the topic, and how many do; a place without any is used again. A room is joined by id or by
    /// slug, so there are at most two of them at a time.
    spellings: Vec<(Arc<str>, usize)>,
    pub presence: LeveledPresence,
    pub order: RoomOrder<Publish>,
    /// A missing change is waited for, or read.
    pub repairing: bool,
    /// Read marks that nobody has been told yet.
    pub read_marks: HashMap<UserId, i64>,
}

/// A channel on a topic. Small, for there is one of each channel of each socket.
pub(super) struct Member {
    pub handle: Arc<SocketHandle>,
    pub user: Arc<UserRef>,
    /// The user's place among those who are shown, where that is done.
    pub presence: Option<PresenceRef>,
    /// Whether the user is one to be shown, where that is done.
    pub is_presentee: bool,
    spelling: u8,
}

/// A channel that comes to a topic.
pub(super) struct Newcomer {
    pub channel: ChannelKey,
    pub handle: Arc<SocketHandle>,
    pub user: Arc<UserRef>,
    /// The topic as the client wrote it.
    pub topic: Arc<str>,
    pub is_presentee: bool,
    pub presence: Option<PresenceRef>,
}

/// Something to tell everybody.
pub(super) struct News<'n> {
    pub event: &'n str,
    pub payload: &'n RawValue,
    /// The change's place in the room's log, for what is in the log.
    pub seq: Option<i64>,
    /// The channel that must not get it.
    pub except: Option<ChannelKey>,
    /// May be skipped for sockets that lag.
    pub is_ephemeral: bool,
}

impl TopicState {
    pub fn new(key: TopicKey, presence: PresenceLimits) -> Self {
        Self {
            key,
            members: HashMap::new(),
            mailboxes: HashSet::new(),
            shards: Vec::new(),
            spellings: Vec::new(),
            presence: LeveledPresence::new(presence),
            order: RoomOrder::default(),
            repairing: false,
            read_marks: HashMap::new(),
        }
    }

    /// The topic's members.
    pub fn members(&self) -> &HashMap<ChannelKey, Member> {
        &self.members
    }

    /// The same and who is present, to change both.
    pub fn members_and_presence(&mut self) -> (impl Iterator<Item = &mut Member>, &mut LeveledPresence) {
        (self.members.values_mut(), &mut self.presence)
    }

    /// A channel comes. It is told everything from now on; by a shard, after its session has [released] it twice if it
    /// is told first who is present, and once if not.
    ///
    /// [released]: crate::realtime::room_shard::release
    pub fn enter(&mut self, newcomer: Newcomer, outbox: &mut Outbox) {
        let Newcomer {
            channel,
            handle,
            user,
            topic,
            is_presentee,
            presence,
        } = newcomer;
        let spelling = self.spell(&topic);
        if let Some(shard) = handle.shard() {
            match self.shards.iter_mut().find(|(known, _)| known.is(shard)) {
                Some((_, members)) => *members += 1,
                None => self.shards.push((shard.clone(), 1)),
            }
            let enter = ShardMessage::Enter {
                channel,
                version: handle.version(),
                spelling,
                holds: 1 + u16::from(presence.is_some()),
            };
            outbox.send(shard, self.key, enter);
        } else {
            self.mailboxes.insert(channel);
        }
        let member = Member {
            handle,
            user,
            presence,
            is_presentee,
            spelling,
        };
        self.members.insert(channel, member);
    }

    /// A channel goes.
    pub fn leave(&mut self, channel: ChannelKey, outbox: &mut Outbox) -> Option<Member> {
        let member = self.members.remove(&channel)?;
        if let Some((_, members)) = self.spellings.get_mut(usize::from(member.spelling)) {
            *members -= 1;
        }
        if let Some(shard) = member.handle.shard() {
            outbox.send(shard, self.key, ShardMessage::Leave(channel));
            if let Some(at) = self.shards.iter().position(|(known, _)| known.is(shard)) {
                self.shards[at].1 -= 1;
                if self.shards[at].1 == 0 {
                    self.shards.swap_remove(at);
                }
            }
        } else {
            self.mailboxes.remove(&channel);
        }
        Some(member)
    }

    /// All channels go.
    pub fn leave_all(&mut self, outbox: &mut Outbox) -> Vec<(ChannelKey, Member)> {
        let channels: Vec<_> = self.members.keys().copied().collect();
        channels
            .into_iter()
            .filter_map(|channel| Some((channel, self.leave(channel, outbox)?)))
            .collect()
    }

    /// Has a member's session told something that comes before what is told from now on.
    pub fn hold(&self, channel: ChannelKey, handle: &SocketHandle, outbox: &mut Outbox) {
        if let Some(shard) = handle.shard() {
            outbox.send(shard, self.key, ShardMessage::Hold(channel));
        }
    }

    /// Tells everybody; returns the channels that could not take it. One message to each thread, whatever the number of
    /// its members.
    pub fn broadcast(&self, news: &News<'_>, outbox: &mut Outbox) -> Vec<ChannelKey> {
        let broadcasts: Box<[_]> = self
            .spellings
            .iter()
            .map(|(topic, members)| (*members > 0).then(|| Arc::new(news.broadcast(topic))))
            .collect();
        let mut undeliverable = Vec::new();
        for &channel in &self.mailboxes {
            let Some(member) = self.members.get(&channel) else {
                continue;
            };
            if news.except == Some(channel) || member.handle.disconnect().is_some() {
                continue;
            }
            if let Some(Some(broadcast)) = broadcasts.get(usize::from(member.spelling))
                && member.handle.deliver(channel.1, broadcast, news.seq).is_err()
            {
                undeliverable.push(channel);
            }
        }
        if !self.shards.is_empty() {
            let fan = Arc::new(Fan {
                seq: news.seq,
                except: news.except,
                is_ephemeral: news.is_ephemeral,
                broadcasts,
                bytes: news.payload.get().len(),
            });
            for (shard, _) in &self.shards {
                outbox.send(shard, self.key, ShardMessage::Fan(Arc::clone(&fan)));
            }
        }
        undeliverable
    }

    /// The same, with a payload that is yet to be encoded.
    pub fn broadcast_json(
        &self,
        event: &str,
        payload: &impl Serialize,
        is_ephemeral: bool,
        outbox: &mut Outbox,
    ) -> Vec<ChannelKey> {
        match serde_json::value::to_raw_value(payload) {
            Ok(payload) => {
                let news = News {
                    event,
                    payload: &payload,
                    seq: None,
                    except: None,
                    is_ephemeral,
                };
                self.broadcast(&news, outbox)
            }
            Err(error) => {
                error!(%error, event, "payload not encoded");
                Vec::new()
            }
        }
    }

    /// The place of a way to write the topic, which one member more uses.
    fn spell(&mut self, topic: &Arc<str>) -> u8 {
        let known = self.spellings.iter().position(|(known, _)| known == topic);
        let place = known.or_else(|| self.spellings.iter().position(|(_, members)| *members == 0));
        let place = place.unwrap_or_else(|| {
            self.spellings.push((Arc::clone(topic), 0));
            self.spellings.len() - 1
        });
        if known.is_none() {
            self.spellings[place].0 = Arc::clone(topic);
        }
        self.spellings[place].1 += 1;
        // At most two.
        u8::try_from(place).unwrap_or(u8::MAX)
    }
}

impl News<'_> {
    fn broadcast(&self, topic: &str) -> Broadcast {
        let broadcast = Broadcast::new(topic, self.event, Payload::Json(self.payload.to_owned()));
        if self.is_ephemeral {
            broadcast.ephemeral()
        } else {
            broadcast
        }
    }
}

impl Publish {
    /// What it tells.
    pub(super) fn news(&self) -> News<'_> {
        News {
            event: self.event,
            payload: &self.payload,
            seq: self.seq,
            except: self.except,
            is_ephemeral: self.ephemeral,
        }
    }
}
