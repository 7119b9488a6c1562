//! Messages: the log of a room.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait, Select,
    sea_query::{Expr, ExprTrait, IntoCondition},
};
use uuid::Uuid;

use super::{Error, MessageKind, Role, RoomKind, RoomRef, UserRef, rooms};
use crate::{
    entity::{TenantScoped, message, room, room_member, user},
    ids::{MessageId, RoomId},
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
    /// The message of the same room it answers.
    pub reply_to: Option<MessageId>,
    /// When the text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

/// What a user wants to say.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// 1 to [`CONTENT_CHARS_MAX`] characters after trimming; stored as it is, untrimmed.
    pub content: String,
    /// 1 to [`CLIENT_ID_CHARS_MAX`] printable ASCII characters. Sending the same message with the same id again
    /// stores nothing and gives the first answer.
    pub client_id: Option<String>,
    /// A message of the same room.
    pub reply_to: Option<MessageId>,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The message.
    pub message: Message,
    /// Whether it had been stored before: the answer is the first one, and there is nothing to broadcast.
    pub repeated: bool,
    /// Whether the author became a member of the public room by it.
    pub joined: bool,
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
/// [`Error::NotMember`] in a private room or dm of others; [`Error::ReadOnly`] for a reader;
/// [`Error::Conflict`] when the author used the `client_id` in this room for something else;
/// [`Error::UserNotFound`] when the asker is no user of the tenant. No number is used up then.
pub async fn append_message(store: &Store, scope: &Scope, room: &RoomRef, new: NewMessage) -> Result<Appended, Error> {
    check_new(&new)?;
    let condition = room.condition().ok_or(Error::RoomNotFound)?;

    let transaction = store.begin_write().await?;
    let room = room::Entity::update_in_tenant(scope.tenant_id)
        .filter(condition)
        .col_expr(room::Column::HeadSeq, Expr::col(room::Column::HeadSeq).add(1))
        .exec_with_returning(&transaction)
        .await?
        .into_iter()
        .next()
        .ok_or(Error::RoomNotFound)?;
    let (author, role) = author(&transaction, scope, room.id).await?;
    let joined = match (room.kind, role) {
        (_, Some(Role::Reader)) => return Err(Error::ReadOnly),
        (_, Some(_)) => false,
        (RoomKind::Public, None) => true,
        (RoomKind::Private | RoomKind::Dm, None) => return Err(Error::NotMember),
    };
    if let Some(client_id) = &new.client_id {
        let first = in_room(scope, room.id)
            .filter(message::Column::UserId.eq(scope.user_id))
            .filter(message::Column::ClientId.eq(client_id.as_str()))
            .one(&transaction)
            .await?;
        if let Some(first) = first {
            // Gives the number back.
            transaction.rollback().await?;
            let unchanged = first.edited_at.is_none() && first.deleted_at.is_none();
            if unchanged && (first.content != new.content || first.reply_to != new.reply_to) {
                return Err(Error::Conflict);
            }
            return Ok(Appended {
                message: to_message(first, author),
                repeated: true,
                joined: false,
            });
        }
    }
    if let Some(reply_to) = new.reply_to
        && seq_of(&transaction, scope, room.id, reply_to).await?.is_none()
    {
        return Err(Violations::of("reply_to", "is not a message of this room").into());
    }
    if joined {
        rooms::insert_member(&transaction, scope, room.id, Role::Member).await?;
    }
    let row = message::Model {
        tenant_id: scope.tenant_id,
        room_id: room.id,
        seq: room.head_seq,
        id: MessageId::generate(),
        changed_seq: room.head_seq,
        user_id: scope.user_id,
        kind: MessageKind::Text,
        content: new.content,
        client_id: new.client_id,
        reply_to: new.reply_to,
        edited_at: None,
        deleted_at: None,
        inserted_at: Timestamp::now(),
    };
    message::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(Appended {
        message: to_message(row, author),
        repeated: false,
        joined,
    })
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
    let mut rows = in_room(scope, room.id)
        .filter(message::Column::Seq.lte(head_seq))
        .filter(bounded)
        .join(JoinType::InnerJoin, message::Relation::User.def())
        .column_as(user::Column::Username, "author_name")
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
    let messages = rows
        .into_iter()
        .map(|row| {
            let author = UserRef {
                id: row.message.user_id,
                username: row.author_name,
            };
            to_message(row.message, author)
        })
        .collect();
    Ok(MessagePage {
        messages,
        has_more,
        head_seq,
    })
}

/// A message and the name of its author.
#[derive(FromQueryResult)]
struct MessageRow {
    #[sea_orm(nested)]
    message: message::Model,
    author_name: String,
}

fn in_room(scope: &Scope, room_id: RoomId) -> Select<message::Entity> {
    message::Entity::in_tenant(scope.tenant_id).filter(message::Column::RoomId.eq(room_id))
}

/// The asker, and the asker's role in a room.
async fn author(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
) -> Result<(UserRef, Option<Role>), Error> {
    let membership = user::Relation::Memberships.def().on_condition(move |_, member| {
        Expr::col((member, room_member::Column::RoomId))
            .eq(room_id)
            .into_condition()
    });
    let (username, role): (String, Option<Role>) = user::Entity::in_tenant(scope.tenant_id)
        .filter(user::Column::Id.eq(scope.user_id))
        .join(JoinType::LeftJoin, membership)
        .select_only()
        .column(user::Column::Username)
        .column(room_member::Column::Role)
        .into_tuple()
        .one(connection)
        .await?
        .ok_or(Error::UserNotFound)?;
    Ok((
        UserRef {
            id: scope.user_id,
            username,
        },
        role,
    ))
}

/// The place of a message in a room; `None` when it is none of the room's.
async fn seq_of(
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
async fn last_seq_before(
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
fn last_id_at(moment: Timestamp) -> MessageId {
    const MILLISECONDS_MAX: i64 = (1 << 48) - 1;
    let milliseconds = moment.milliseconds().clamp(0, MILLISECONDS_MAX).cast_unsigned();
    MessageId(Uuid::from_u64_pair((milliseconds << 16) | 0xffff, u64::MAX))
}

fn to_message(row: message::Model, author: UserRef) -> Message {
    Message {
        id: row.id,
        room_id: row.room_id,
        seq: row.seq,
        changed_seq: row.changed_seq,
        kind: row.kind,
        content: row.content,
        author,
        client_id: row.client_id,
        reply_to: row.reply_to,
        edited_at: row.edited_at,
        deleted_at: row.deleted_at,
        inserted_at: row.inserted_at,
    }
}

fn not_in_room(field: &str) -> Error {
    Violations::of(field, "is not a message of this room").into()
}

fn check_new(new: &NewMessage) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if !(1..=CONTENT_CHARS_MAX).contains(&new.content.trim().chars().count()) {
        violations.add("content", format!("must be 1 to {CONTENT_CHARS_MAX} characters"));
    }
    // Postgres cannot store it.
    if new.content.contains('\0') {
        violations.add("content", "must not contain the null character");
    }
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
