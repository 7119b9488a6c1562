//! What administrators and websites' backends do to rooms and users, and everybody concerned hears of it.

use super::{Realtime, SendError, Sender, rate_limiter::TenantCap};
use crate::{
    accounts,
    audit::Actor,
    chat::{self, Appended, Left, MemberChange, NewMessage, NewRoom, Role, Room, RoomRef},
    ids::UserId,
    tenants::Tenant,
};

impl Realtime {
    /// Deletes a room.
    ///
    /// # Errors
    ///
    /// As [`chat::delete_any_room`].
    pub async fn delete_any_room(&self, actor: &Actor, tenant: &Tenant, room: &RoomRef) -> Result<(), chat::Error> {
        chat::delete_any_room(&self.store, actor, tenant, room).await?;
        self.catch_up().await;
        Ok(())
    }

    /// Deletes a user. Those are told who run a room now that only this user ran.
    ///
    /// # Errors
    ///
    /// As [`accounts::admin::delete_user`].
    pub async fn delete_user(&self, actor: &Actor, tenant: &Tenant, user: UserId) -> Result<(), accounts::Error> {
        let left = accounts::admin::delete_user(&self.store, actor, tenant, user).await?;
        self.catch_up().await;
        for promoted in left.iter().filter_map(|Left { promoted, .. }| promoted.as_ref()) {
            self.tell_membership(tenant.id, promoted).await;
        }
        Ok(())
    }

    /// Creates a room that has no member yet.
    ///
    /// # Errors
    ///
    /// As [`chat::create_site_room`].
    pub async fn create_site_room(&self, actor: &Actor, tenant: &Tenant, new: NewRoom) -> Result<Room, chat::Error> {
        self.capped(tenant, TenantCap::Rooms, |rooms_max| {
            chat::create_site_room(&self.store, actor, tenant, new.clone(), rooms_max)
        })
        .await
    }

    /// Makes a user a member of a room, or gives a member another role.
    ///
    /// # Errors
    ///
    /// As [`chat::set_site_member`].
    pub async fn set_site_member(
        &self,
        actor: &Actor,
        tenant: &Tenant,
        room: &RoomRef,
        user: UserId,
        role: Role,
    ) -> Result<MemberChange, chat::Error> {
        let change = self
            .capped(tenant, TenantCap::Members, |members_max| {
                chat::set_site_member(&self.store, actor, tenant, room, user, role, members_max)
            })
            .await?;
        self.tell_membership(tenant.id, &change).await;
        Ok(change)
    }

    /// Ends a membership, and that user's channels on the room on all devices.
    ///
    /// # Errors
    ///
    /// As [`chat::remove_site_member`].
    pub async fn remove_site_member(
        &self,
        actor: &Actor,
        tenant: &Tenant,
        room: &RoomRef,
        user: UserId,
    ) -> Result<MemberChange, chat::Error> {
        let change = chat::remove_site_member(&self.store, actor, tenant, room, user).await?;
        self.catch_up().await;
        self.tell_membership(tenant.id, &change).await;
        Ok(change)
    }

    /// Sends a message as a bot, which becomes a moderator of the room first.
    ///
    /// # Errors
    ///
    /// As [`chat::admit_bot`] and [`Realtime::send_message`].
    pub async fn send_as_bot(&self, bot: &Sender, room: &RoomRef, message: NewMessage) -> Result<Appended, SendError> {
        let joined = self
            .capped(&bot.tenant, TenantCap::Members, |members_max| {
                chat::admit_bot(&self.store, &bot.scope, room, members_max)
            })
            .await?;
        self.tell_membership(bot.scope.tenant_id, &joined).await;
        self.send_message(bot, &RoomRef::Id(joined.room.id), message).await
    }
}
