//! What is undone in the rooms of a user who is deleted: everything but what they said.

use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use super::{
    Error, Left, MemberChange, Role, RoomKind, RoomRef, attachments,
    membership::promote_successor,
    permissions::{self, Person},
};
use crate::{
    entity::{TenantScoped, mention, room_invitation, room_member, room_sanction},
    ids::{RoomId, TenantId, UserId},
};

/// Ends all memberships of a user, and forgets invitations, sanctions, read marks, mentions of them, and what they
/// uploaded and did not send. Rooms that are left without anybody to run them get somebody, as when the user had left
/// them; see [`super::leave_room`]. Direct conversations always have their two members, so in these the user stays, as
/// one who has read nothing.
pub async fn forget_user(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    user_id: UserId,
) -> Result<Vec<Left>, Error> {
    let rooms: Vec<RoomId> = room_member::Entity::in_tenant(tenant_id)
        .filter(room_member::Column::UserId.eq(user_id))
        // The same order for everybody who locks more rooms than one.
        .order_by_asc(room_member::Column::RoomId)
        .select_only()
        .column(room_member::Column::RoomId)
        .into_tuple()
        .all(transaction)
        .await?;
    let mut left = Vec::new();
    for room_id in rooms {
        match leave(transaction, tenant_id, room_id, user_id).await {
            Ok(room) => left.extend(room),
            // Deleted meanwhile.
            Err(Error::RoomNotFound) => {}
            Err(error) => return Err(error),
        }
    }
    room_member::Entity::update_in_tenant(tenant_id)
        .filter(room_member::Column::UserId.eq(user_id))
        .col_expr(room_member::Column::ReadSeq, Expr::value(0))
        .exec(transaction)
        .await?;
    room_invitation::Entity::delete_in_tenant(tenant_id)
        .filter(
            Condition::any()
                .add(room_invitation::Column::UserId.eq(user_id))
                .add(room_invitation::Column::InvitedBy.eq(user_id)),
        )
        .exec(transaction)
        .await?;
    room_sanction::Entity::delete_in_tenant(tenant_id)
        .filter(room_sanction::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    mention::Entity::delete_in_tenant(tenant_id)
        .filter(mention::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    attachments::forget_unsent(transaction, tenant_id, user_id).await?;
    Ok(left)
}

/// Ends one membership, but not in a direct conversation.
async fn leave(
    transaction: &DatabaseTransaction,
    tenant_id: TenantId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Option<Left>, Error> {
    let room = permissions::lock_row(transaction, tenant_id, &RoomRef::Id(room_id)).await?;
    if room.kind == RoomKind::Dm {
        return Ok(None);
    }
    let Person { user, role, .. } = permissions::person(transaction, tenant_id, room_id, user_id).await?;
    room_member::Entity::delete_in_tenant(tenant_id)
        .filter(room_member::Column::RoomId.eq(room_id))
        .filter(room_member::Column::UserId.eq(user_id))
        .exec(transaction)
        .await?;
    let promoted = match role {
        Some(role) if role.at_least(Role::Admin) => promote_successor(transaction, &room).await?,
        _ => None,
    };
    Ok(Some(Left {
        change: MemberChange {
            room: room.into(),
            user,
            before: role,
            after: None,
        },
        promoted,
    }))
}
