//! How a topic's channels are told who is present.

use std::sync::Arc;

use tracing::error;

use super::{
    outbox::Outbox,
    topic::{News, TopicState},
};
use crate::{
    chat::UserRef,
    realtime::{
        messages::ChannelKey,
        presence_levels::{PresenceLevel, PresenceNews, Presentee},
        socket_handle::Outbound,
    },
    wire::ParticipantOut,
};

impl TopicState {
    /// Tells what cannot wait about who is present.
    pub(super) fn tell_presence(&mut self, outbox: &mut Outbox) -> Vec<ChannelKey> {
        self.presence
            .urgent_news()
            .map(|news| self.broadcast_news(&news, outbox))
            .unwrap_or_default()
    }

    pub(super) fn broadcast_news(&self, news: &PresenceNews, outbox: &mut Outbox) -> Vec<ChannelKey> {
        let events = news.events().unwrap_or_else(|error| {
            error!(%error, "presence not encoded");
            Vec::new()
        });
        let mut undeliverable = Vec::new();
        for (event, payload) in events {
            let news = News {
                event,
                payload: &payload,
                seq: None,
                except: None,
                // A client that misses a leave shows a ghost until it rejoins.
                is_ephemeral: false,
            };
            undeliverable.extend(self.broadcast(&news, outbox));
        }
        undeliverable
    }

    pub(super) fn announce(&self, event: &str, presentee: &UserRef, outbox: &mut Outbox) -> Vec<ChannelKey> {
        self.broadcast_json(event, &ParticipantOut::from(presentee.clone()), true, outbox)
    }

    /// Shows everybody who is here, to everybody.
    pub(super) fn show_all(&mut self, outbox: &mut Outbox) -> Vec<ChannelKey> {
        let (members, presence) = self.members_and_presence();
        for member in members.filter(|member| member.is_presentee) {
            member.presence = Some(presence.track(Presentee::now(Arc::clone(&member.user))));
        }
        // Taken first, so that everybody's state has everybody.
        let news = self.presence.news();
        let shown: Vec<_> = self
            .members()
            .iter()
            .filter_map(|(&channel, member)| {
                Some((channel, Arc::clone(&member.handle), member.user.id, member.presence?))
            })
            .collect();
        let mut undeliverable = Vec::new();
        for (channel, handle, user_id, reference) in shown {
            let told = Outbound::PresenceState {
                channel: channel.1,
                state: self.presence.state_for(user_id, reference),
            };
            self.hold(channel, &handle, outbox);
            if handle.tell(told).is_err() {
                undeliverable.push(channel);
            }
        }
        undeliverable.extend(news.iter().flat_map(|news| self.broadcast_news(news, outbox)));
        undeliverable
    }

    /// Shows nobody any more: to those who look, everybody leaves.
    pub(super) fn hide_all(&mut self, outbox: &mut Outbox) -> Vec<ChannelKey> {
        let (members, presence) = self.members_and_presence();
        for member in members {
            if let Some(reference) = member.presence.take() {
                presence.untrack(member.user.id, reference);
            }
        }
        self.tell_presence(outbox)
    }

    /// How many users are here; their channels, where it is not shown who is present.
    pub(super) fn users(&self) -> usize {
        match self.presence.summary().count {
            0 => self.members().len(),
            count => count,
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.presence.summary().level == PresenceLevel::Exact
    }
}
