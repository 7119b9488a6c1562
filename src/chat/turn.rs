//! A room's turn: the write transaction of one change of its log.
//!
//! Invariants:
//! * It begins with the room's row, which stays locked until it ends: changes of a room happen one after the
//!   other, whoever makes them on whichever node, and whatever a turn reads of the room stays true in it.
//! * Taking the turn takes the next number. A turn that is dropped or given up gives it back, so numbers have
//!   no gaps, and each is the `changed_seq` of a message until a later change or pruning replaces it.
//! * Rights are checked in the turn, with the role that the asker has now.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{
    Changed, Error, RoomKind, RoomRef,
    details::{self, MessageRow},
    permissions::{self, Act, Person},
};
use crate::{
    entity::{TenantScoped, message, room},
    ids::MessageId,
    scope::Scope,
    store::Store,
};

/// The turn.
pub(super) struct Turn {
    /// Who asks.
    pub scope: Scope,
    /// What the change is made in.
    pub transaction: DatabaseTransaction,
    /// The room; its `head_seq` is the number of this change.
    pub room: room::Model,
    /// The asker, with all that decides about what they may do.
    pub person: Person,
}

impl Turn {
    /// Waits for the room, and takes the next number.
    ///
    /// # Errors
    /// [`Error::RoomNotFound`]; [`Error::NotMember`] for a private room or dm of others; [`Error::Banned`];
    /// [`Error::UserNotFound`] when the asker is no user of the tenant.
    pub async fn begin(store: &Store, scope: &Scope, room: &RoomRef) -> Result<Self, Error> {
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
        let person = permissions::person(&transaction, scope.tenant_id, room.id, scope.user_id).await?;
        if person.banned {
            return Err(Error::Banned);
        }
        match room.kind {
            RoomKind::Private | RoomKind::Dm if person.role.is_none() => Err(Error::NotMember),
            RoomKind::Public | RoomKind::Private | RoomKind::Dm => Ok(Self {
                scope: *scope,
                transaction,
                room,
                person,
            }),
        }
    }

    /// Refuses somebody who may not do this here.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Frozen`], [`Error::Muted`].
    pub fn check(&self, act: Act) -> Result<(), Error> {
        self.person.check(self.room.frozen, act)
    }

    /// A message of the room, deleted or not.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`].
    pub async fn message(&self, id: MessageId) -> Result<MessageRow, Error> {
        details::find(&self.transaction, &self.scope, self.room.id, id)
            .await?
            .ok_or(Error::MessageNotFound)
    }

    /// A message of the room that is not deleted.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`].
    pub async fn live_message(&self, id: MessageId) -> Result<MessageRow, Error> {
        let row = self.message(id).await?;
        match row.message.deleted_at {
            None => Ok(row),
            Some(_) => Err(Error::MessageNotFound),
        }
    }

    /// Stores a message's new state under the number of this turn, and ends the turn.
    pub async fn save(self, mut row: MessageRow) -> Result<Changed, Error> {
        let message = &mut row.message;
        message.changed_seq = self.room.head_seq;
        message::Entity::update_in_tenant(self.scope.tenant_id)
            .filter(message::Column::RoomId.eq(self.room.id))
            .filter(message::Column::Seq.eq(message.seq))
            .col_expr(message::Column::ChangedSeq, Expr::value(message.changed_seq))
            .col_expr(message::Column::Content, Expr::value(message.content.clone()))
            .col_expr(message::Column::EditedAt, Expr::value(message.edited_at))
            .col_expr(message::Column::DeletedAt, Expr::value(message.deleted_at))
            .col_expr(message::Column::ReactionCount, Expr::value(message.reaction_count))
            .col_expr(message::Column::MentionCount, Expr::value(message.mention_count))
            .col_expr(message::Column::AttachmentCount, Expr::value(message.attachment_count))
            .col_expr(message::Column::PinnedAt, Expr::value(message.pinned_at))
            .col_expr(message::Column::PinnedBy, Expr::value(message.pinned_by))
            .exec(&self.transaction)
            .await?;
        // Before the commit: what is broadcast under this number is the message as of this number.
        let message = details::complete_one(&self.transaction, &self.scope, row).await?;
        self.transaction.commit().await?;
        Ok(Changed { message, changed: true })
    }

    /// Ends the turn without a change.
    pub async fn give_up(self, row: MessageRow) -> Result<Changed, Error> {
        let message = details::complete_one(&self.transaction, &self.scope, row).await?;
        self.transaction.rollback().await?;
        Ok(Changed {
            message,
            changed: false,
        })
    }
}
