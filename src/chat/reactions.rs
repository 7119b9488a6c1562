//! Reactions: an emoji that a user puts to a message.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, OverStatement, Query, WindowStatement},
};

use super::{Changed, Error, RoomRef, UserRef, permissions::Act, turn::Turn, user_ref::SHOWN};
use crate::{
    entity::{TenantScoped, reaction, user},
    ids::{MessageId, RoomId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// Most kinds of emoji one message can have.
pub const REACTION_KINDS_MAX: u64 = 20;

/// How many users are shown with each emoji.
pub const REACTION_USERS_SHOWN: u64 = 5;

/// Who reacted to a message with one emoji.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionCount {
    /// The emoji, fully qualified.
    pub emoji: String,
    /// How many users chose it.
    pub count: u64,
    /// The first [`REACTION_USERS_SHOWN`] of them.
    pub users: Vec<UserRef>,
    /// Whether the reader is among them all; `None` where the message is for more than one reader.
    pub me: Option<bool>,
}

/// Puts an emoji to a message. Whoever may read the room may, readers too, unless they are muted or the room is frozen;
/// in a public room nobody becomes a member by it. An emoji that can be written in several ways (with a variation
/// selector or without) is one.
///
/// # Errors
/// [`Error::Invalid`] for what is not one emoji, and for one kind more than [`REACTION_KINDS_MAX`];
/// [`Error::RoomNotFound`], [`Error::NotMember`], [`Error::UserNotFound`], [`Error::Banned`], [`Error::Frozen`],
/// [`Error::Muted`]; [`Error::MessageNotFound`] also for a deleted message.
pub async fn add_reaction(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    id: MessageId,
    emoji: &str,
) -> Result<Changed, Error> {
    let emoji = canonical(emoji)?;
    let turn = Turn::begin(store, scope, room).await?;
    turn.check(Act::React)?;
    let mut row = turn.live_message(id).await?;
    if own(&turn, id, emoji).count(&turn.transaction).await? > 0 {
        return turn.give_up(row).await;
    }
    if row.message.reaction_count.unsigned_abs() >= REACTION_KINDS_MAX {
        let kinds: HashSet<String> = of_message(&turn, id)
            .select_only()
            .column(reaction::Column::Emoji)
            .distinct()
            .into_tuple()
            .all(&turn.transaction)
            .await?
            .into_iter()
            .collect();
        if !kinds.contains(emoji) && kinds.len() as u64 >= REACTION_KINDS_MAX {
            let message = format!("would be one kind more than the {REACTION_KINDS_MAX} a message can have");
            return Err(Violations::of("emoji", message).into());
        }
    }
    let reaction = reaction::ActiveModel {
        tenant_id: Set(scope.tenant_id),
        room_id: Set(turn.room.id),
        message_id: Set(id),
        user_id: Set(scope.user_id),
        emoji: Set(emoji.to_owned()),
        inserted_at: Set(Timestamp::now()),
    };
    reaction::Entity::insert(reaction)
        .exec_without_returning(&turn.transaction)
        .await?;
    row.message.reaction_count += 1;
    turn.save(row).await
}

/// Takes an emoji of one's own from a message. Who is muted may do this too, and everybody in a frozen room.
///
/// # Errors
/// As [`add_reaction`], but for those two.
pub async fn remove_reaction(
    store: &Store,
    scope: &Scope,
    room: &RoomRef,
    id: MessageId,
    emoji: &str,
) -> Result<Changed, Error> {
    let emoji = canonical(emoji)?;
    let turn = Turn::begin(store, scope, room).await?;
    let mut row = turn.live_message(id).await?;
    let removed = reaction::Entity::delete_in_tenant(scope.tenant_id)
        .filter(reaction::Column::RoomId.eq(turn.room.id))
        .filter(reaction::Column::MessageId.eq(id))
        .filter(reaction::Column::UserId.eq(scope.user_id))
        .filter(reaction::Column::Emoji.eq(emoji))
        .exec(&turn.transaction)
        .await?;
    if removed.rows_affected == 0 {
        return turn.give_up(row).await;
    }
    row.message.reaction_count -= 1;
    turn.save(row).await
}

/// All reactions to a message go with it.
pub(super) async fn delete_all(turn: &Turn, id: MessageId) -> Result<(), Error> {
    reaction::Entity::delete_in_tenant(turn.scope.tenant_id)
        .filter(reaction::Column::RoomId.eq(turn.room.id))
        .filter(reaction::Column::MessageId.eq(id))
        .exec(&turn.transaction)
        .await?;
    Ok(())
}

/// The reactions to some messages, as the asker sees them: one query, none without messages. The kinds of a
/// message come in the order of their oldest reactions.
pub(super) async fn load(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    messages: Vec<MessageId>,
) -> Result<HashMap<MessageId, Vec<ReactionCount>>, Error> {
    /// A reaction that is shown, or the asker's own.
    #[derive(FromQueryResult)]
    struct Row {
        message_id: MessageId,
        emoji: String,
        #[sea_orm(nested(prefix = "shown_"))]
        user: UserRef,
        place: i64,
        total: i64,
    }

    let mut found: HashMap<MessageId, Vec<ReactionCount>> = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    let kind = || {
        WindowStatement::partition_by(reaction::Column::MessageId)
            .add_partition_by(Expr::col(reaction::Column::Emoji))
            .take()
    };
    let by_age = kind()
        .order_by(reaction::Column::InsertedAt, sea_orm::Order::Asc)
        .order_by(reaction::Column::UserId, sea_orm::Order::Asc)
        .take();
    let (ranked, place) = (Alias::new("ranked"), Alias::new("place"));
    let ranking = Query::select()
        .columns([
            reaction::Column::MessageId,
            reaction::Column::Emoji,
            reaction::Column::UserId,
            reaction::Column::InsertedAt,
        ])
        .expr_window_as(Func::cust("ROW_NUMBER"), by_age, place.clone())
        .expr_window_as(Func::count(Expr::col(Asterisk)), kind(), Alias::new("total"))
        .from(reaction::Entity)
        .and_where(reaction::Column::TenantId.eq(scope.tenant_id))
        .and_where(reaction::Column::RoomId.eq(room_id))
        .and_where(reaction::Column::MessageId.is_in(messages))
        .take();
    let mut shown = Query::select()
        .columns([
            (ranked.clone(), Alias::new("message_id")),
            (ranked.clone(), Alias::new("emoji")),
            (ranked.clone(), place.clone()),
            (ranked.clone(), Alias::new("total")),
        ])
        .from_subquery(ranking, ranked.clone())
        .inner_join(
            user::Entity,
            Expr::col((user::Entity, user::Column::Id))
                .equals((ranked.clone(), Alias::new("user_id")))
                .and(Expr::col((user::Entity, user::Column::TenantId)).eq(scope.tenant_id)),
        )
        .and_where(
            Expr::col((ranked.clone(), place.clone()))
                .lte(REACTION_USERS_SHOWN)
                .or(Expr::col((ranked.clone(), Alias::new("user_id"))).eq(scope.user_id)),
        )
        .order_by((ranked.clone(), place), sea_orm::Order::Asc)
        .order_by((ranked.clone(), Alias::new("inserted_at")), sea_orm::Order::Asc)
        .order_by((ranked, Alias::new("emoji")), sea_orm::Order::Asc)
        .take();
    for (column, name) in SHOWN {
        shown.expr_as(Expr::col((user::Entity, column)), Alias::new(name));
    }
    for row in connection.query_all(&shown).await? {
        let row = Row::from_query_result(&row, "")?;
        let kinds = found.entry(row.message_id).or_default();
        let kind = match kinds.iter_mut().position(|kind| kind.emoji == row.emoji) {
            Some(position) => &mut kinds[position],
            None => {
                kinds.push(ReactionCount {
                    emoji: row.emoji,
                    count: row.total.unsigned_abs(),
                    users: Vec::new(),
                    me: Some(false),
                });
                let last = kinds.len() - 1;
                &mut kinds[last]
            }
        };
        if row.user.id == scope.user_id {
            kind.me = Some(true);
        }
        if row.place.unsigned_abs() <= REACTION_USERS_SHOWN {
            kind.users.push(row.user);
        }
    }
    Ok(found)
}

fn of_message(turn: &Turn, id: MessageId) -> sea_orm::Select<reaction::Entity> {
    reaction::Entity::in_tenant(turn.scope.tenant_id)
        .filter(reaction::Column::RoomId.eq(turn.room.id))
        .filter(reaction::Column::MessageId.eq(id))
}

fn own(turn: &Turn, id: MessageId, emoji: &str) -> sea_orm::Select<reaction::Entity> {
    of_message(turn, id)
        .filter(reaction::Column::UserId.eq(turn.scope.user_id))
        .filter(reaction::Column::Emoji.eq(emoji))
}

/// The one way in which an emoji is stored. Unicode recommends which sequences are emoji; the table has these,
/// each a single grapheme.
fn canonical(emoji: &str) -> Result<&'static str, Violations> {
    emojis::get(emoji)
        .map(emojis::Emoji::as_str)
        .ok_or_else(|| Violations::of("emoji", "must be one emoji"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one_grapheme_of_the_table() {
        for emoji in [
            "\u{1f44d}",
            "\u{1f44d}\u{1f3fd}",
            "\u{2764}\u{fe0f}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
            "\u{1f469}\u{1f3fe}\u{200d}\u{1f4bb}",
            "\u{1f1e8}\u{1f1ed}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "1\u{fe0f}\u{20e3}",
            "#\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(canonical(emoji), Ok(emoji), "{emoji}");
        }
    }

    #[test]
    fn what_is_no_emoji_or_more_than_one_is_refused() {
        for text in [
            "",
            " ",
            "a",
            "1",
            "#",
            ":+1:",
            "+1",
            "\u{1f44d}\u{1f44d}",
            "\u{1f44d}a",
            " \u{1f44d}",
            "\u{fe0f}",
            "\u{200d}",
            "\u{20e3}",
            "\u{1f1e8}",
            "\u{1f1e8}\u{1f1ed}\u{1f1e8}",
            "\u{1f44d}\u{200d}",
            "\u{1f44d}\u{301}",
            "\0",
        ] {
            assert!(canonical(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_same_emoji_with_and_without_its_variation_selector_is_one() {
        assert_eq!(canonical("\u{2764}"), Ok("\u{2764}\u{fe0f}"));
        assert_eq!(canonical("1\u{20e3}"), Ok("1\u{fe0f}\u{20e3}"));
        assert_eq!(
            canonical("\u{1f3f3}\u{200d}\u{1f308}"),
            Ok("\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}")
        );
    }
}
