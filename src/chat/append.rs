//! New messages: many of them in one transaction.
//!
//! Invariants:
//! * Messages of a room get the room's next numbers in the order they are given, without a gap: one that is refused
//!   takes none.
//! * Each message is judged as if it came alone, after those before it.
//! * The rooms' rows are locked before anything else is read, so what is read of them stays true until the commit; see
//!   [`super::turn`] for what else begins so.

use std::collections::HashMap;

use sea_orm::DbErr;

use super::{Error, Message, RoomRef, attachments, membership::MemberChange, messages, rooms};
use crate::{
    config::Cap,
    ids::{MessageId, RoomId, TenantId, UploadId},
    scope::Scope,
    store::{self, Store},
    validation::Violations,
};

use self::batch::{Batch, Failure};

mod batch;
mod pending;
mod statements;

/// Most characters of a `client_id`.
pub const CLIENT_ID_CHARS_MAX: usize = 64;

/// What a user wants to say.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// 1 to [`CONTENT_CHARS_MAX`](super::CONTENT_CHARS_MAX) characters after trimming, or none in a message with
    /// attachments; stored as it is, untrimmed.
    pub content: String,
    /// 1 to [`CLIENT_ID_CHARS_MAX`] printable ASCII characters. Sending the same message with the same id again
    /// stores nothing and gives the first answer.
    pub client_id: Option<String>,
    /// A message of the same room.
    pub reply_to: Option<MessageId>,
    /// A message of the same room, in whose thread this one is to be; it is in no thread itself.
    pub thread_root: Option<MessageId>,
    /// Whether a message in a thread is in the room's main history, too.
    pub also_in_room: bool,
    /// Up to [`ATTACHMENTS_MAX`](super::ATTACHMENTS_MAX) uploads of the author's to this room that are in no message yet.
    pub attachments: Vec<UploadId>,
}

impl NewMessage {
    fn is_in_room(&self) -> bool {
        self.thread_root.is_none() || self.also_in_room
    }
}

/// A message for [`append_batch`].
#[derive(Clone, Debug)]
pub struct Append {
    /// Who says it.
    pub scope: Scope,
    /// Where.
    pub room_id: RoomId,
    /// What.
    pub new: NewMessage,
    /// How many members the room may have, if this one makes its author a member.
    pub members_max: Cap<u64>,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The message.
    pub message: Message,
    /// Whether it had been stored before: the answer is the first one, and there is nothing to broadcast.
    pub repeated: bool,
    /// The membership of the public room that the author has by it.
    pub joined: Option<MemberChange>,
}

/// Stores a message as the room's next one: [`append_batch`] for one message.
///
/// # Errors
/// As [`append_batch`].
pub async fn append_message(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    new: NewMessage,
    members_max: Cap<u64>,
) -> Result<Appended, Error> {
    check_new(&new)?;
    let append = Append {
        scope: *scope,
        room_id: rooms::id_of(store.reader(), scope, room).await?,
        new,
        members_max,
    };
    alone(store, &append).await.map_err(Failure::into_error)?
}

/// Stores messages as the next ones of their rooms, and answers each. The first message in a public room makes its
/// author a member.
///
/// One transaction, with few statements however many messages there are. It takes the rooms' rows before anything else:
/// messages of a room commit one after the other in the order of their numbers, without a gap, and repeats sent at the
/// same time find each other. When the database fails, each message is tried by itself, so that one that cannot be
/// stored leaves the others alone.
///
/// # Errors
/// For each message by itself: [`Error::Invalid`] for input against the rules of [`NewMessage`];
/// [`Error::RoomNotFound`]; [`Error::NotMember`] in a private room or dm of others; [`Error::Banned`];
/// [`Error::ReadOnly`] for a reader, [`Error::Frozen`], [`Error::Muted`], [`Error::SlowMode`], none of them for a
/// repeat; [`Error::Conflict`] when the author used the `client_id` in this room for something else;
/// [`Error::RoomFull`] when the author would become a member of a room that has `members_max`;
/// [`Error::UserNotFound`] when the asker is no user of the tenant. No number is used up then.
pub async fn append_batch(store: &Store, appends: &[Append]) -> Vec<Result<Appended, Error>> {
    match commit(store, appends).await {
        Ok(answers) => answers,
        Err(Failure::OfStatement(error)) if appends.len() > 1 && !store::is_unreachable(&error) => {
            one_by_one(store, appends).await
        }
        // Whether it was stored is not known, or nothing can be stored at present: trying again would store it twice,
        // or take for each message as long as it took for all.
        Err(failure) => appends.iter().map(|_| Err(failure.clone().into_error())).collect(),
    }
}

/// Each message in a transaction of its own, after they could not be stored together.
async fn one_by_one(store: &Store, appends: &[Append]) -> Vec<Result<Appended, Error>> {
    let mut answers = Vec::with_capacity(appends.len());
    let mut gone: Option<DbErr> = None;
    let mut stuck: HashMap<(TenantId, RoomId), DbErr> = HashMap::new();
    for append in appends {
        let place = (append.scope.tenant_id, append.room_id);
        // Waiting as long again for what was waited for in vain helps nobody.
        if let Some(error) = gone.as_ref().or_else(|| stuck.get(&place)) {
            answers.push(Err(error.clone().into()));
            continue;
        }
        answers.push(match alone(store, append).await {
            Ok(answer) => answer,
            Err(failure) => {
                let error = failure.into_error();
                if let Error::Db(error) = &error {
                    if store::is_unreachable(error) {
                        gone = Some(error.clone());
                    } else if store::is_timeout(error) {
                        stuck.insert(place, error.clone());
                    }
                }
                Err(error)
            }
        });
    }
    answers
}

async fn alone(store: &Store, append: &Append) -> Result<Result<Appended, Error>, Failure> {
    let mut answers = commit(store, std::slice::from_ref(append)).await?;
    Ok(answers.pop().unwrap_or(Err(Error::RoomNotFound)))
}

/// Judges the messages, stores those that pass, and answers all.
async fn commit(store: &Store, appends: &[Append]) -> Result<Vec<Result<Appended, Error>>, Failure> {
    let mut batch = Batch::begin(store, appends).await?;
    batch.judge().await?;
    batch.store().await?;
    batch.commit().await
}

/// Checks a message against the rules of [`NewMessage`], as far as that takes no database.
///
/// # Errors
/// What breaks them.
pub fn check_new(new: &NewMessage) -> Result<(), Violations> {
    let mut violations = Violations::new();
    messages::add_content_violations(&mut violations, &new.content, !new.attachments.is_empty());
    attachments::check(&mut violations, &new.attachments);
    if let Some(client_id) = &new.client_id {
        let printable = client_id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !printable || !(1..=CLIENT_ID_CHARS_MAX).contains(&client_id.len()) {
            violations.add(
                "client_id",
                format!("must be 1 to {CLIENT_ID_CHARS_MAX} printable ASCII characters"),
            );
        }
    }
    violations.into_result()
}
