//! Messages: the log of a room.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
    sea_query::IntoCondition,
};

use super::{
    Attachment, Error, MessageKind, Quote, ReactionCount, RoomRef, ThreadSummary, UserRef,
    details::{self, MessageRow, in_room},
    rooms,
};
use crate::{
    entity::message,
    ids::{MessageId, RoomId, UserId},
    page::{PAGE_LIMIT_DEFAULT, check_limit},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most characters of a message, after trimming.
pub const CONTENT_CHARS_MAX: usize = 2000;

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

impl MessageQuery {
    /// Whether it has no bounds.
    pub const fn is_newest(&self) -> bool {
        self.before_id.is_none() && self.after_id.is_none() && self.inserted_before.is_none()
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
    list_messages_up_to(store, scope, room.id, room.head_seq, query).await
}

/// [`list_messages`] of a room that the asker may read in, when its head was read after they asked.
///
/// # Errors
/// As [`list_messages`], where they do not depend on the room.
pub async fn list_messages_up_to(
    store: &Store,
    scope: &Scope,
    room_id: RoomId,
    head_seq: i64,
    query: MessageQuery,
) -> Result<MessagePage, Error> {
    let in_history = in_room(scope, room_id).filter(message::Column::InRoom.eq(true));
    page(store, scope, room_id, head_seq, in_history, query).await
}

/// A page of some of a room's messages, with nothing above the room's head.
pub(super) async fn page(
    store: &Store,
    scope: &Scope,
    room_id: RoomId,
    head_seq: i64,
    messages: Select<message::Entity>,
    query: MessageQuery,
) -> Result<MessagePage, Error> {
    check_limit(query.limit)?;
    let nothing = MessagePage {
        messages: Vec::new(),
        has_more: false,
        head_seq,
    };

    let bounded = match (query.before_id, query.after_id, query.inserted_before) {
        (None, None, None) => Condition::all(),
        (Some(before), None, None) => {
            let seq = seq_of(store.reader(), scope, room_id, before)
                .await?
                .ok_or_else(|| not_in_room("before_id"))?;
            message::Column::Seq.lt(seq).into_condition()
        }
        (None, Some(after), None) => {
            let seq = seq_of(store.reader(), scope, room_id, after)
                .await?
                .ok_or_else(|| not_in_room("after_id"))?;
            message::Column::Seq.gt(seq).into_condition()
        }
        (None, None, Some(moment)) => match last_seq_before(store.reader(), scope, room_id, moment).await? {
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
        messages: details::complete(store.reader(), scope, room_id, rows).await?,
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

/// Finds the last message of a room before a moment by halving the numbers where it may be: those after `low`, which is
/// before the moment, or is no message, up to `low + span`. Numbers of messages follow time, as far as clocks do.
const LAST_SEQ_BEFORE: &str = "WITH RECURSIVE halves(low, span) AS (\
     SELECT CAST(0 AS bigint), head_seq FROM rooms WHERE tenant_id = $1 AND id = $2 \
     UNION ALL \
     SELECT low + CASE WHEN COALESCE((\
     SELECT inserted_at FROM messages WHERE tenant_id = $1 AND room_id = $2 AND seq > low AND seq <= low + (span + 1) / 2 \
     ORDER BY seq DESC LIMIT 1) < $3, TRUE) THEN (span + 1) / 2 ELSE 0 END, span / 2 \
     FROM halves WHERE span > 0) \
     SELECT seq FROM messages WHERE tenant_id = $1 AND room_id = $2 AND seq <= (SELECT low FROM halves WHERE span = 0) \
     ORDER BY seq DESC LIMIT 1";

/// The place of the last message stored before a moment.
pub(super) async fn last_seq_before(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    moment: Timestamp,
) -> Result<Option<i64>, DbErr> {
    let values = [scope.tenant_id.0.into(), room_id.0.into(), moment.0.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), LAST_SEQ_BEFORE, values);
    let found = connection.query_one_raw(statement).await?;
    found.map(|row| row.try_get_by_index(0)).transpose()
}

pub(super) fn not_in_room(field: &str) -> Violations {
    Violations::of(field, "is not a message of this room")
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

/// Checks a text against the rules of [`NewMessage`](super::NewMessage).
pub(super) fn check_content(content: &str, has_attachments: bool) -> Result<(), Violations> {
    let mut violations = Violations::new();
    add_content_violations(&mut violations, content, has_attachments);
    violations.into_result()
}

pub(super) fn add_content_violations(violations: &mut Violations, content: &str, has_attachments: bool) {
    let least = usize::from(!has_attachments);
    if !(least..=CONTENT_CHARS_MAX).contains(&content.trim().chars().count()) {
        violations.add("content", length_rule(CONTENT_CHARS_MAX));
    }
    // Postgres cannot store it.
    if content.contains('\0') {
        violations.add("content", "must not contain the null character");
    }
}
