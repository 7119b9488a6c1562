//! What one user is and has in rooms becomes another's: a guest turned out to be somebody.
//!
//! The log stays a log: each message that looks otherwise afterwards (by its author, or who reacted, or who is named)
//! takes a number of its room, so that clients who were away are told of it like of any other change.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    UpdateMany,
    sea_query::{Asterisk, CaseStatement, Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, SimpleExpr},
};

use super::{
    Error, MemberChange, Role, RoomKind, RoomRef, attachments, direct, invitations, members,
    permissions::{self, Person},
};
use crate::{
    entity::{
        TenantScoped, mention, message, message_revision, reaction, room, room_invitation, room_member, room_sanction,
    },
    ids::{RoomId, TenantId, UserId},
};

/// Messages that one statement gives their numbers to.
const BATCH_ROWS: usize = 500;

/// What has become of what somebody was and had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// The rooms in which something is the other one's now.
    pub rooms: Vec<TransferredRoom>,
    /// How many messages have another author now.
    pub messages: u64,
    /// Rooms that the other one is a member of by this.
    pub memberships: Vec<MemberChange>,
}

/// A room in which something is somebody else's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferredRoom {
    /// The room.
    pub id: RoomId,
    /// The number of its last change before. What follows are the messages that look otherwise.
    pub since: i64,
}

/// One room, locked, and the two whom it is about.
struct Move<'a> {
    transaction: &'a DatabaseTransaction,
    room: room::Model,
    from: UserId,
    to: UserId,
}

/// Makes all that a user is and has in rooms another's.
///
/// Where both are members, the other one's role stays, and of the read marks the further one. A ban counts for both:
/// nobody becomes a member by this who is banned. A restriction of somebody who is no member goes along. A direct
/// conversation goes along unless the other one has one with the same peer, or is the peer: then it stays, with all
/// that is in it.
pub(crate) async fn transfer(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    from: UserId,
    to: UserId,
) -> Result<Transfer, Error> {
    let mut done = Transfer::default();
    for room_id in rooms_of(transaction, tenant_id, from).await? {
        let room = permissions::lock_row(transaction, tenant_id, &RoomRef::Id(room_id)).await?;
        let mut moving = Move {
            transaction,
            room,
            from,
            to,
        };
        if moving.room.kind == RoomKind::Dm && !moving.take_over_dm().await? {
            continue;
        }
        let since = moving.room.head_seq;
        done.messages += moving.messages().await?;
        done.memberships.extend(moving.membership().await?);
        moving.traces().await?;
        done.rooms.push(TransferredRoom { id: room_id, since });
    }
    // After the rooms, as a message that takes an upload has its room locked by then.
    attachments::hand_over(transaction, tenant_id, from, to).await?;
    Ok(done)
}

/// The rooms that a user is or was in, said or did something in, or is kept out of; in the order of their ids, as
/// whoever locks several locks them.
async fn rooms_of(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    user_id: UserId,
) -> Result<Vec<RoomId>, Error> {
    let member = room_member::Entity::in_tenant(tenant_id)
        .filter(room_member::Column::UserId.eq(user_id))
        .select_only()
        .column(room_member::Column::RoomId)
        .into_query();
    let invited = room_invitation::Entity::in_tenant(tenant_id)
        .filter(room_invitation::Column::UserId.eq(user_id))
        .select_only()
        .column(room_invitation::Column::RoomId)
        .into_query();
    let named = mention::Entity::in_tenant(tenant_id)
        .filter(mention::Column::UserId.eq(user_id))
        .select_only()
        .column(mention::Column::RoomId)
        .into_query();
    let reacted = reaction::Entity::in_tenant(tenant_id)
        .filter(reaction::Column::UserId.eq(user_id))
        .select_only()
        .column(reaction::Column::RoomId)
        .into_query();
    // These have indexes that begin with the room, so they are asked for each room.
    let wrote = message::Entity::in_tenant(tenant_id)
        .filter(same_room((message::Entity, message::Column::RoomId)))
        .filter(message::Column::UserId.eq(user_id))
        .select_only()
        .expr(Expr::val(1))
        .into_query();
    let restricted = room_sanction::Entity::in_tenant(tenant_id)
        .filter(same_room((room_sanction::Entity, room_sanction::Column::RoomId)))
        .filter(room_sanction::Column::UserId.eq(user_id))
        .select_only()
        .expr(Expr::val(1))
        .into_query();
    let concerned = Condition::any()
        .add(room::Column::CreatorId.eq(user_id))
        .add(room::Column::Id.in_subquery(member))
        .add(room::Column::Id.in_subquery(invited))
        .add(room::Column::Id.in_subquery(named))
        .add(room::Column::Id.in_subquery(reacted))
        .add(Expr::exists(wrote))
        .add(Expr::exists(restricted));
    Ok(room::Entity::in_tenant(tenant_id)
        .filter(concerned)
        .order_by_asc(room::Column::Id)
        .select_only()
        .column(room::Column::Id)
        .into_tuple()
        .all(transaction)
        .await?)
}

fn same_room(column: impl IntoColumnRef) -> SimpleExpr {
    Expr::col(column).equals((room::Entity, room::Column::Id))
}

impl Move<'_> {
    /// Makes a direct conversation one of the other user's, where that can be.
    async fn take_over_dm(&mut self) -> Result<bool, Error> {
        let key = self.room.dm_key.as_deref().unwrap_or_default();
        let Some(peer) = direct::peer(key, self.from).filter(|peer| *peer != self.to) else {
            return Ok(false);
        };
        let key = direct::dm_key(self.to, peer);
        let has_one = room::Entity::in_tenant(self.room.tenant_id)
            .filter(room::Column::DmKey.eq(key.as_str()))
            .count(self.transaction)
            .await?;
        if has_one > 0 {
            return Ok(false);
        }
        room::Entity::update_in_tenant(self.room.tenant_id)
            .filter(room::Column::Id.eq(self.room.id))
            .col_expr(room::Column::DmKey, Expr::value(key.as_str()))
            .exec(self.transaction)
            .await?;
        self.room.dm_key = Some(key);
        Ok(true)
    }

    /// Messages, reactions and mentions; says how many messages have another author now.
    async fn messages(&mut self) -> Result<u64, Error> {
        let concerned = Condition::any()
            .add(message::Column::UserId.eq(self.from))
            .add(message::Column::Id.in_subquery(self.reactions(self.from, &[reaction::Column::MessageId])))
            .add(message::Column::Seq.in_subquery(self.mentioning(self.from)));
        let places: Vec<i64> = message::Entity::in_tenant(self.room.tenant_id)
            .filter(message::Column::RoomId.eq(self.room.id))
            .filter(concerned)
            .order_by_asc(message::Column::Seq)
            .select_only()
            .column(message::Column::Seq)
            .into_tuple()
            .all(self.transaction)
            .await?;
        self.move_mentions().await?;
        self.move_reactions().await?;
        // Of two messages with the same name for them, the other one's keeps it.
        let names = message::Entity::in_tenant(self.room.tenant_id)
            .filter(message::Column::RoomId.eq(self.room.id))
            .filter(message::Column::UserId.eq(self.to))
            .filter(message::Column::ClientId.is_not_null())
            .select_only()
            .column(message::Column::ClientId)
            .into_query();
        self.messages_by(self.from)
            .filter(message::Column::ClientId.in_subquery(names))
            .col_expr(message::Column::ClientId, Expr::value(None::<String>))
            .exec(self.transaction)
            .await?;
        let moved = self
            .messages_by(self.from)
            .col_expr(message::Column::UserId, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        self.number(&places).await?;
        Ok(moved.rows_affected)
    }

    /// Nobody names themself, and nobody is named twice.
    async fn move_mentions(&self) -> Result<(), Error> {
        let of = |user: UserId| {
            mention::Entity::delete_in_tenant(self.room.tenant_id)
                .filter(mention::Column::RoomId.eq(self.room.id))
                .filter(mention::Column::UserId.eq(user))
        };
        let by = |user: UserId| {
            message::Entity::in_tenant(self.room.tenant_id)
                .filter(message::Column::RoomId.eq(self.room.id))
                .filter(message::Column::UserId.eq(user))
                .select_only()
                .column(message::Column::Seq)
                .into_query()
        };
        of(self.to)
            .filter(mention::Column::Seq.in_subquery(by(self.from)))
            .exec(self.transaction)
            .await?;
        let superfluous = Condition::any()
            .add(mention::Column::Seq.in_subquery(by(self.to)))
            .add(mention::Column::Seq.in_subquery(self.mentioning(self.to)));
        of(self.from).filter(superfluous).exec(self.transaction).await?;
        mention::Entity::update_in_tenant(self.room.tenant_id)
            .filter(mention::Column::RoomId.eq(self.room.id))
            .filter(mention::Column::UserId.eq(self.from))
            .col_expr(mention::Column::UserId, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// Nobody puts the same emoji to a message twice.
    async fn move_reactions(&self) -> Result<(), Error> {
        let reaction = [reaction::Column::MessageId, reaction::Column::Emoji];
        reaction::Entity::delete_in_tenant(self.room.tenant_id)
            .filter(reaction::Column::RoomId.eq(self.room.id))
            .filter(reaction::Column::UserId.eq(self.from))
            .filter(Expr::tuple(reaction.map(Expr::col)).in_subquery(self.reactions(self.to, &reaction)))
            .exec(self.transaction)
            .await?;
        reaction::Entity::update_in_tenant(self.room.tenant_id)
            .filter(reaction::Column::RoomId.eq(self.room.id))
            .filter(reaction::Column::UserId.eq(self.from))
            .col_expr(reaction::Column::UserId, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// Gives each of these messages, by their places, a number of the log, and counts anew what belongs to it.
    async fn number(&mut self, places: &[i64]) -> Result<(), Error> {
        let reactions = Query::select()
            .expr(Expr::col(Asterisk).count())
            .from(reaction::Entity)
            .and_where(Expr::col((reaction::Entity, reaction::Column::TenantId)).eq(self.room.tenant_id))
            .and_where(Expr::col((reaction::Entity, reaction::Column::RoomId)).eq(self.room.id))
            .and_where(
                Expr::col((reaction::Entity, reaction::Column::MessageId))
                    .equals((message::Entity, message::Column::Id)),
            )
            .take();
        let mentions = Query::select()
            .expr(Expr::col(Asterisk).count())
            .from(mention::Entity)
            .and_where(Expr::col((mention::Entity, mention::Column::TenantId)).eq(self.room.tenant_id))
            .and_where(Expr::col((mention::Entity, mention::Column::RoomId)).eq(self.room.id))
            .and_where(
                Expr::col((mention::Entity, mention::Column::Seq)).equals((message::Entity, message::Column::Seq)),
            )
            .take();
        for batch in places.chunks(BATCH_ROWS) {
            let mut number = CaseStatement::new();
            for place in batch {
                self.room.head_seq += 1;
                number = number.case(message::Column::Seq.eq(*place), Expr::val(self.room.head_seq));
            }
            message::Entity::update_in_tenant(self.room.tenant_id)
                .filter(message::Column::RoomId.eq(self.room.id))
                .filter(message::Column::Seq.is_in(batch.iter().copied()))
                .col_expr(message::Column::ChangedSeq, number.into())
                .col_expr(message::Column::ReactionCount, reactions.clone().into())
                .col_expr(message::Column::MentionCount, mentions.clone().into())
                .exec(self.transaction)
                .await?;
        }
        room::Entity::update_in_tenant(self.room.tenant_id)
            .filter(room::Column::Id.eq(self.room.id))
            .col_expr(room::Column::HeadSeq, Expr::value(self.room.head_seq))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// Membership, restrictions and invitation; says whether the other one is a member by this.
    async fn membership(&self) -> Result<Option<MemberChange>, Error> {
        let (tenant_id, room_id) = (self.room.tenant_id, self.room.id);
        let guest = permissions::person(self.transaction, tenant_id, room_id, self.from).await?;
        let own = permissions::person(self.transaction, tenant_id, room_id, self.to).await?;
        if own.role.is_none() {
            self.move_restrictions().await?;
        }
        let change = match (guest.role, own.role) {
            (Some(role), None) if !own.banned => Some(self.move_membership(&own, role).await?),
            (Some(_), Some(_)) => {
                self.merge_read_marks().await?;
                None
            }
            _ => None,
        };
        room_member::Entity::delete_in_tenant(tenant_id)
            .filter(room_member::Column::RoomId.eq(room_id))
            .filter(room_member::Column::UserId.eq(self.from))
            .exec(self.transaction)
            .await?;

        let is_free = change.is_none() && own.role.is_none() && own.promised.is_none() && !own.banned;
        if guest.promised.is_some() && !guest.banned && is_free {
            room_invitation::Entity::update_in_tenant(tenant_id)
                .filter(room_invitation::Column::RoomId.eq(room_id))
                .filter(room_invitation::Column::UserId.eq(self.from))
                .col_expr(room_invitation::Column::UserId, Expr::value(self.to))
                .exec(self.transaction)
                .await?;
        } else {
            invitations::forget(self.transaction, &self.room, self.from).await?;
        }
        Ok(change)
    }

    async fn move_membership(&self, own: &Person, role: Role) -> Result<MemberChange, Error> {
        let role = own.promised.unwrap_or(role);
        invitations::forget(self.transaction, &self.room, self.to).await?;
        room_member::Entity::update_in_tenant(self.room.tenant_id)
            .filter(room_member::Column::RoomId.eq(self.room.id))
            .filter(room_member::Column::UserId.eq(self.from))
            .col_expr(room_member::Column::UserId, Expr::value(self.to))
            .col_expr(room_member::Column::Role, Expr::value(role))
            .exec(self.transaction)
            .await?;
        Ok(MemberChange {
            room: self.room.clone().into(),
            user: own.user.clone(),
            before: None,
            after: Some(role),
        })
    }

    async fn merge_read_marks(&self) -> Result<(), Error> {
        let read: Option<i64> = members::of_room(self.room.tenant_id, self.room.id)
            .filter(room_member::Column::UserId.eq(self.from))
            .select_only()
            .column(room_member::Column::ReadSeq)
            .into_tuple()
            .one(self.transaction)
            .await?;
        room_member::Entity::update_in_tenant(self.room.tenant_id)
            .filter(room_member::Column::RoomId.eq(self.room.id))
            .filter(room_member::Column::UserId.eq(self.to))
            .filter(room_member::Column::ReadSeq.lt(read))
            .col_expr(room_member::Column::ReadSeq, Expr::value(read))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// What holds against the other one goes on to hold; the rest comes along.
    async fn move_restrictions(&self) -> Result<(), Error> {
        let of = |user: UserId| {
            Condition::all()
                .add(room_sanction::Column::RoomId.eq(self.room.id))
                .add(room_sanction::Column::UserId.eq(user))
        };
        room_sanction::Entity::delete_in_tenant(self.room.tenant_id)
            .filter(of(self.to))
            .filter(permissions::in_force(room_sanction::Entity).not())
            .exec(self.transaction)
            .await?;
        let holding = room_sanction::Entity::in_tenant(self.room.tenant_id)
            .filter(of(self.to))
            .select_only()
            .column(room_sanction::Column::Kind)
            .into_query();
        room_sanction::Entity::update_in_tenant(self.room.tenant_id)
            .filter(of(self.from))
            .filter(room_sanction::Column::Kind.not_in_subquery(holding))
            .col_expr(room_sanction::Column::UserId, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// Who made the room, pinned, edited, invited, banned.
    async fn traces(&self) -> Result<(), Error> {
        let tenant_id = self.room.tenant_id;
        room::Entity::update_in_tenant(tenant_id)
            .filter(room::Column::Id.eq(self.room.id))
            .filter(room::Column::CreatorId.eq(self.from))
            .col_expr(room::Column::CreatorId, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        message::Entity::update_in_tenant(tenant_id)
            .filter(message::Column::RoomId.eq(self.room.id))
            // The index of pinned messages leads here.
            .filter(message::Column::PinnedAt.is_not_null())
            .filter(message::Column::PinnedBy.eq(self.from))
            .col_expr(message::Column::PinnedBy, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        message_revision::Entity::update_in_tenant(tenant_id)
            .filter(message_revision::Column::RoomId.eq(self.room.id))
            .filter(message_revision::Column::ReplacedBy.eq(self.from))
            .col_expr(message_revision::Column::ReplacedBy, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        room_invitation::Entity::update_in_tenant(tenant_id)
            .filter(room_invitation::Column::RoomId.eq(self.room.id))
            .filter(room_invitation::Column::InvitedBy.eq(self.from))
            .col_expr(room_invitation::Column::InvitedBy, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        room_sanction::Entity::update_in_tenant(tenant_id)
            .filter(room_sanction::Column::RoomId.eq(self.room.id))
            .filter(room_sanction::Column::ImposedBy.eq(self.from))
            .col_expr(room_sanction::Column::ImposedBy, Expr::value(self.to))
            .exec(self.transaction)
            .await?;
        Ok(())
    }

    /// Places of messages of the room that name a user.
    fn mentioning(&self, user: UserId) -> SelectStatement {
        mention::Entity::in_tenant(self.room.tenant_id)
            .filter(mention::Column::RoomId.eq(self.room.id))
            .filter(mention::Column::UserId.eq(user))
            .select_only()
            .column(mention::Column::Seq)
            .into_query()
    }

    /// What a user reacted to in the room.
    fn reactions(&self, user: UserId, columns: &[reaction::Column]) -> SelectStatement {
        reaction::Entity::in_tenant(self.room.tenant_id)
            .filter(reaction::Column::RoomId.eq(self.room.id))
            .filter(reaction::Column::UserId.eq(user))
            .select_only()
            .columns(columns.iter().copied())
            .into_query()
    }

    fn messages_by(&self, user: UserId) -> UpdateMany<message::Entity> {
        message::Entity::update_in_tenant(self.room.tenant_id)
            .filter(message::Column::RoomId.eq(self.room.id))
            .filter(message::Column::UserId.eq(user))
    }
}
