//! The token a socket stands on: it ends, its client is told in time, and may bring another one.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use serde_json::json;

use super::{Holder, Session};
use crate::{
    app::App,
    chat,
    moment::Moment,
    phoenix::{ChannelId, Payload, Ref},
    realtime::{Subject, messages::Renew, socket_handle::Disconnect, topic::TopicKey},
    timestamp::Timestamp,
    validation::Violations,
    web::{
        error::channel_error,
        identity::{self, Identity},
        socket::{
            payloads::{self, TokenNews},
            transport::{Done, Reply, raw},
        },
    },
};

/// From when to when a token is good, as far as its socket is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenLife {
    /// When the client is told that the end is near.
    notice: Moment,
    end: Moment,
    heeded: Heeded,
}

/// How much of what is due about a token was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heeded {
    Nothing,
    Notice,
    End,
}

impl TokenLife {
    /// A token that expires then, in seconds since 1970. The client is told `notice` before the end, or at half of the
    /// time that is left now when that is less.
    pub fn new(expires_at: i64, notice: Duration) -> Self {
        let (now, expires_at) = (Moment::now(), Timestamp::from_seconds(expires_at));
        let left = expires_at.0.saturating_sub(Timestamp::now().0);
        let left = Duration::from_micros(u64::try_from(left).unwrap_or_default());
        Self {
            notice: now + (left - notice.min(left / 2)),
            end: now + left,
            heeded: Heeded::Nothing,
        }
    }

    /// Whether the token has ended.
    pub fn is_over(&self) -> bool {
        self.end <= Moment::now()
    }

    /// Whether the client has to know by now that the end is near.
    pub fn is_ending(&self) -> bool {
        self.notice <= Moment::now()
    }

    /// The next moment that something is due.
    pub fn next(&self) -> Option<Moment> {
        match self.heeded {
            Heeded::Nothing => Some(self.notice),
            Heeded::Notice => Some(self.end),
            Heeded::End => None,
        }
    }
}

impl Session {
    /// Does what is due about the token.
    pub(super) fn heed_token(&mut self, now: Moment) {
        if self.token.next().is_none_or(|due| now < due) {
            return;
        }
        if self.token.is_over() {
            self.token.heeded = Heeded::End;
            self.handle.end(Disconnect::Expired);
            return;
        }
        self.token.heeded = Heeded::Notice;
        let listening: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(_, channel)| matches!(channel.key(), Some(TopicKey::User(_))))
            .map(|(&id, _)| id)
            .collect();
        for id in listening {
            self.tell_token_is_ending(id);
        }
        self.wake_at(self.token.next());
    }

    /// Who has just joined their own topic learns what was told there before.
    pub(super) fn tell_token_if_ending(&mut self, id: ChannelId) {
        if self.token.is_ending() {
            self.tell_token_is_ending(id);
        }
    }

    fn tell_token_is_ending(&mut self, id: ChannelId) {
        let news = raw(&TokenNews {
            expires_at: Timestamp::from_seconds(self.holder.expires_at),
        });
        self.socket.push(id, "token_expiring", &Payload::Json(news));
    }

    /// A client brings another token.
    pub(super) fn refresh_token(&mut self, channel: ChannelId, payload: &Payload, r#ref: Ref) {
        let (app, known) = (Arc::clone(&self.app), Arc::clone(&self.holder));
        let token = payloads::token_refresh(payload);
        let job = async move {
            Done::Refreshed {
                channel,
                r#ref,
                result: verify(&app, &known, token).await.map(Box::new),
            }
        };
        self.run(job.boxed_local(), Done::Crashed(channel));
    }

    /// Another token was looked at. When it is good, the socket stands on it from now on, and on the old one no longer.
    pub(super) fn token_refreshed(&mut self, channel: ChannelId, r#ref: &Ref, result: Result<Box<Identity>, Reply>) {
        let reply = match result {
            Ok(identity) => {
                self.stand_on(*identity);
                Reply::ok(&TokenNews {
                    expires_at: Timestamp::from_seconds(self.holder.expires_at),
                })
            }
            Err(refusal) => refusal,
        };
        self.handled(channel, r#ref, None, Some(&reply));
    }

    fn stand_on(&mut self, identity: Identity) {
        self.token = TokenLife::new(identity.claims.expires_at, self.app.settings.socket.token_notice);
        self.wake_at(self.token.next());
        let holder = Holder::from(identity);
        // Before the reply, so before anything that the client may do about either token.
        #[expect(clippy::disallowed_methods, reason = "once per token, and must not be lost")]
        self.registry.do_send(Renew {
            socket_id: self.handle.id(),
            credential: Arc::clone(&holder.credential),
        });
        self.holder = Arc::new(holder);
    }
}

/// Looks at a token as at one that a socket is opened with. It has to be of the same user.
async fn verify(app: &App, known: &Holder, token: Result<String, Violations>) -> Result<Identity, Reply> {
    let token = token.map_err(|violations| Reply::error(&channel_error(&chat::Error::Invalid(violations))))?;
    let user = Subject::User(known.user.id);
    if let Err(refused) = app.realtime.limits().check_request(&known.tenant, user) {
        return Err(Reply::refusal(&refused));
    }
    identity::reauthenticate(app, known.scope(), &token)
        .await
        .map_err(|error| {
            // The server's own trouble must not look like a bad token, which clients would throw away.
            let reason = if error.is_own_fault() {
                "unavailable"
            } else {
                "unauthorized"
            };
            Reply::error(&json!({ "reason": reason }))
        })
}
