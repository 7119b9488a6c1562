//! Messages: the log of a room.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::IntoCondition,
};
use uuid::Uuid;

use super::{
    Attachment, Error, MessageKind, Quote, ReactionCount, Room, RoomRef, ThreadSummary, UserRef, attachments, changes,
    details::{self, Details, MessageRow, in_room},
    members::{self, MemberChange},
    mentions,
    permissions::{self, Act},
    rooms, threads,
    turn::Turn,
};
use crate::{
    config::Cap,
    entity::message,
    ids::{MessageId, RoomId, UploadId, UserId},
    page::{PAGE_LIMIT_DEFAULT, check_limit},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most characters of a message, after trimming.
pub const CONTENT_CHARS_MAX: usize = 2000;

/// Most characters of a `client_id`.
pub const CLIENT_ID_CHARS_MAX: usize = 64;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The room it is in.
    pub room_id: RoomId,
    /// Its place in the room, from 1 on; never changes.
    pub seq: i64,
    /// Number of the last change that touched it; `seq` while there was none.
    pub changed_seq: i64,
    /// What sort of message it is.
    pub kind: MessageKind,
    /// The text, exactly as sent.
    pub content: String,
    /// Who wrote it.
    pub author: UserRef,
    /// The author's own id for it.
    pub client_id: Option<String>,
    /// The message of the same room it answers, as that is now.
    pub reply_to: Option<Quote>,
    /// The message whose thread it is in.
    pub thread_root: Option<MessageId>,
    /// Whether it is in the room's main history; only a thread reply may not be.
    pub in_room: bool,
    /// The thread it is in or the root of; none for a message without replies.
    pub thread: Option<ThreadSummary>,
    /// Reactions to it, in the order in which their kinds came up.
    pub reactions: Vec<ReactionCount>,
    /// Who is named in it as `@username`.
    pub mentions: Vec<UserId>,
    /// The files in it, in the order in which its author put them.
    pub attachments: Vec<Attachment>,
    /// When it was pinned.
    pub pinned_at: Option<Timestamp>,
    /// When the text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

impl Message {
    /// The message without what is true for one reader only.
    pub fn for_everybody(mut self) -> Self {
        for reaction in &mut self.reactions {
            reaction.me = None;
        }
        self
    }
}

/// What a user wants to say.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// 1 to [`CONTENT_CHARS_MAX`] characters after trimming, or none in a message with attachments; stored as it is,
    /// untrimmed.
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

/// Which messages of a room are asked for. Without bounds: the newest.
#[derive(Clone, Debug)]
pub struct MessageQuery {
    /// Most messages to return, 1 to 100.
    pub limit: u64,
    /// The newest messages before this one.
    pub before_id: Option<MessageId>,
    /// The oldest messages after this one.
    pub after_id: Option<MessageId>,
    /// The newest messages stored before this moment, for clients that remember no id.
    pub inserted_before: Option<Timestamp>,
}

impl Default for MessageQuery {
    fn default() -> Self {
        Self {
            limit: PAGE_LIMIT_DEFAULT,
            before_id: None,
            after_id: None,
            inserted_before: None,
        }
    }
}

/// Messages of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages, oldest first. None has a `seq` above `head_seq`.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction asked for.
    pub has_more: bool,
    /// Number of the room's last change when the page was read.
    pub head_seq: i64,
}

/// Stores a message as the room's next one. The first message in a public room makes its author a member.
///
/// One transaction, which takes the room's row before anything else: messages of a room commit one after the
/// other in the order of their numbers, without a gap, and repeats sent at the same time find each other.
///
/// # Errors
/// [`Error::Invalid`] for input against the rules of [`NewMessage`]; [`Error::RoomNotFound`];
/// [`Error::NotMember`] in a private room or dm of others; [`Error::Banned`]; [`Error::ReadOnly`] for a reader,
/// [`Error::Frozen`], [`Error::Muted`], [`Error::SlowMode`], none of them for a repeat; [`Error::Conflict`] when the author used the `client_id` in this room for something else;
/// [`Error::RoomFull`] when the author would become a member of a room that has `members_max`;
/// [`Error::UserNotFound`] when the asker is no user of the tenant. No number is used up then.
pub async fn append_message(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    new: NewMessage,
    members_max: Cap<u64>,
) -> Result<Appended, Error> {
    check_new(&new)?;
    let turn = Turn::begin(store, scope, room).await?;
    if let Some(client_id) = &new.client_id {
        let first = in_room(scope, turn.room.id)
            .filter(message::Column::UserId.eq(scope.user_id))
            .filter(message::Column::ClientId.eq(client_id.as_str()))
            .one(&turn.transaction)
            .await?;
        if let Some(first) = first {
            return repeat(turn, first, &new).await;
        }
    }
    turn.check(Act::Write)?;
    permissions::check_pace(&turn.transaction, &turn.room, &turn.person).await?;
    let mut related = related(&turn, &new).await?;
    let joined = match turn.person.role {
        Some(_) => None,
        None => {
            let role = members::admit(&turn.transaction, &turn.room, &turn.person, members_max).await?;
            Some(MemberChange {
                room: turn.room.clone().into(),
                user: turn.person.user.clone(),
                before: None,
                after: Some(role),
            })
        }
    };
    let mentions = mentions::resolve(&turn.transaction, scope, &turn.room, &new.content).await?;
    let row = MessageRow {
        message: message::Model {
            tenant_id: scope.tenant_id,
            room_id: turn.room.id,
            seq: turn.room.head_seq,
            id: MessageId::generate(),
            changed_seq: turn.room.head_seq,
            user_id: scope.user_id,
            kind: MessageKind::Text,
            in_room: is_in_room(&new),
            content: new.content,
            client_id: new.client_id,
            reply_to: new.reply_to,
            edited_at: None,
            deleted_at: None,
            inserted_at: Timestamp::now(),
            thread_root: new.thread_root,
            reply_count: 0,
            last_reply_seq: None,
            last_reply_at: None,
            reaction_count: 0,
            mention_count: mentions::count(&mentions),
            attachment_count: attachments::count(&new.attachments),
            pinned_at: None,
            pinned_by: None,
        },
        author: turn.person.user.clone(),
    };
    message::Entity::insert(row.message.clone().into_active_model())
        .exec_without_returning(&turn.transaction)
        .await?;
    mentions::insert(&turn.transaction, scope, turn.room.id, row.message.seq, &mentions).await?;
    let (room_id, seq) = (turn.room.id, row.message.seq);
    let attachments = attachments::attach(&turn.transaction, scope, room_id, seq, &new.attachments).await?;
    let reply_to = new.reply_to.and_then(|id| related.get(&id)).map(MessageRow::quote);
    let thread = match new.thread_root.and_then(|id| related.get_mut(&id)) {
        Some(root) => {
            threads::reply_added(&turn, root, &row.message).await?;
            Some(root.thread_summary())
        }
        None => None,
    };
    turn.transaction.commit().await?;
    Ok(Appended {
        message: row.into_message(Details {
            reply_to,
            thread,
            reactions: Vec::new(),
            mentions,
            attachments,
        }),
        repeated: false,
        joined,
    })
}

/// The answer to a message with a `client_id` that the author has used before.
async fn repeat(turn: Turn, first: message::Model, new: &NewMessage) -> Result<Appended, Error> {
    let same = first.reply_to == new.reply_to
        && first.thread_root == new.thread_root
        && first.in_room == is_in_room(new)
        && changes::first_content(&turn.transaction, &turn.scope, &first).await? == new.content;
    if !same {
        return Err(Error::Conflict);
    }
    let author = turn.person.user.clone();
    let given_up = turn.give_up(MessageRow { message: first, author }).await?;
    // Of a deleted message nobody knows any more what was in it.
    let attached = given_up.message.attachments.iter().map(|attachment| attachment.id);
    if given_up.message.deleted_at.is_none() && !attached.eq(new.attachments.iter().copied()) {
        return Err(Error::Conflict);
    }
    Ok(Appended {
        message: given_up.message,
        repeated: true,
        joined: None,
    })
}

/// The messages that a new one answers and is under, checked; one query, none when it names none.
async fn related(turn: &Turn, new: &NewMessage) -> Result<HashMap<MessageId, MessageRow>, Error> {
    let ids: Vec<MessageId> = new.reply_to.into_iter().chain(new.thread_root).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = details::find_all(&turn.transaction, &turn.scope, turn.room.id, ids).await?;
    if new.reply_to.is_some_and(|id| !found.contains_key(&id)) {
        return Err(not_in_room("reply_to"));
    }
    if let Some(root) = new.thread_root {
        threads::check_root(found.get(&root))?;
    }
    Ok(found)
}

fn is_in_room(new: &NewMessage) -> bool {
    new.thread_root.is_none() || new.also_in_room
}

/// One message of a room, deleted or not.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::MessageNotFound`].
pub async fn get_message(store: &Store, scope: &Scope, room: &RoomRef, id: MessageId) -> Result<Message, Error> {
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    let row = details::find(store.reader(), scope, room.id, id)
        .await?
        .ok_or(Error::MessageNotFound)?;
    details::complete_one(store.reader(), scope, row).await
}

/// A page of a room's messages: the newest, those before a message or moment, or those after a message.
///
/// The page is the room as it was at its `head_seq`: it lacks no message up to there and has none beyond.
///
/// # Errors
/// [`Error::RoomNotFound`], [`Error::NotMember`]; [`Error::Invalid`] for a limit out of range, an id that is no
/// message of the room, and more than one bound.
pub async fn list_messages(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    query: MessageQuery,
) -> Result<MessagePage, Error> {
    check_limit(query.limit)?;
    // The head comes first: whatever has a number up to it was committed before.
    let (room, _) = rooms::find(store.reader(), scope, room).await?;
    let in_history = in_room(scope, room.id).filter(message::Column::InRoom.eq(true));
    page(store, scope, &room, in_history, query).await
}

/// A page of some of a room's messages, with nothing above the room's head.
pub(super) async fn page(
    store: &Store,
    scope: &Scope,
    room: &Room,
    messages: Select<message::Entity>,
    query: MessageQuery,
) -> Result<MessagePage, Error> {
    check_limit(query.limit)?;
    let head_seq = room.head_seq;
    let nothing = MessagePage {
        messages: Vec::new(),
        has_more: false,
        head_seq,
    };

    let bounded = match (query.before_id, query.after_id, query.inserted_before) {
        (None, None, None) => Condition::all(),
        (Some(before), None, None) => {
            let seq = seq_of(store.reader(), scope, room.id, before)
                .await?
                .ok_or_else(|| not_in_room("before_id"))?;
            message::Column::Seq.lt(seq).into_condition()
        }
        (None, Some(after), None) => {
            let seq = seq_of(store.reader(), scope, room.id, after)
                .await?
                .ok_or_else(|| not_in_room("after_id"))?;
            message::Column::Seq.gt(seq).into_condition()
        }
        (None, None, Some(moment)) => match last_seq_before(store.reader(), scope, room.id, moment).await? {
            Some(seq) => message::Column::Seq.lte(seq).into_condition(),
            None => return Ok(nothing),
        },
        (_, Some(_), _) => return Err(Violations::of("after_id", "cannot be combined with another bound").into()),
        (Some(_), None, Some(_)) => {
            return Err(Violations::of("before_id", "cannot be combined with another bound").into());
        }
    };

    let forwards = query.after_id.is_some();
    let mut rows = details::with_author(messages)
        .filter(message::Column::Seq.lte(head_seq))
        .filter(bounded)
        .order_by(
            message::Column::Seq,
            if forwards {
                sea_orm::Order::Asc
            } else {
                sea_orm::Order::Desc
            },
        )
        .limit(query.limit + 1)
        .into_model::<MessageRow>()
        .all(store.reader())
        .await?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if !forwards {
        rows.reverse();
    }
    Ok(MessagePage {
        messages: details::complete(store.reader(), scope, room.id, rows).await?,
        has_more,
        head_seq,
    })
}

/// The place of a message in a room; `None` when it is none of the room's.
pub(super) async fn seq_of(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    id: MessageId,
) -> Result<Option<i64>, Error> {
    Ok(in_room(scope, room_id)
        .filter(message::Column::Id.eq(id))
        .select_only()
        .column(message::Column::Seq)
        .into_tuple()
        .one(connection)
        .await?)
}

/// The place of the last message stored before a moment. Message ids begin with the time they were made, so
/// the index by id leads there without one by time.
pub(super) async fn last_seq_before(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    moment: Timestamp,
) -> Result<Option<i64>, Error> {
    Ok(in_room(scope, room_id)
        .filter(message::Column::Id.lte(last_id_at(moment)))
        .filter(message::Column::InsertedAt.lt(moment))
        .order_by_desc(message::Column::Id)
        .select_only()
        .column(message::Column::Seq)
        .into_tuple()
        .one(connection)
        .await?)
}

/// The greatest id a message can have that was made in the millisecond of this moment.
pub(super) fn last_id_at(moment: Timestamp) -> MessageId {
    const MILLISECONDS_MAX: i64 = (1 << 48) - 1;
    let milliseconds = moment.milliseconds().clamp(0, MILLISECONDS_MAX).cast_unsigned();
    MessageId(Uuid::from_u64_pair((milliseconds << 16) | 0xffff, u64::MAX))
}

fn not_in_room(field: &str) -> Error {
    Violations::of(field, "is not a message of this room").into()
}

/// Refuses a text of more than `max` characters after trimming, for tenants that allow less than
/// [`CONTENT_CHARS_MAX`].
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_length(content: &str, max: usize) -> Result<(), Error> {
    if content.trim().chars().count() <= max {
        return Ok(());
    }
    Err(Violations::of("content", length_rule(max)).into())
}

fn length_rule(max: usize) -> String {
    format!("must be 1 to {max} characters")
}

/// Checks a text against the rules of [`NewMessage`].
pub(super) fn check_content(content: &str, has_attachments: bool) -> Result<(), Violations> {
    let mut violations = Violations::new();
    add_content_violations(&mut violations, content, has_attachments);
    violations.into_result()
}

fn add_content_violations(violations: &mut Violations, content: &str, has_attachments: bool) {
    let least = usize::from(!has_attachments);
    if !(least..=CONTENT_CHARS_MAX).contains(&content.trim().chars().count()) {
        violations.add("content", length_rule(CONTENT_CHARS_MAX));
    }
    // Postgres cannot store it.
    if content.contains('\0') {
        violations.add("content", "must not contain the null character");
    }
}

fn check_new(new: &NewMessage) -> Result<(), Violations> {
    let mut violations = Violations::new();
    add_content_violations(&mut violations, &new.content, !new.attachments.is_empty());
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
