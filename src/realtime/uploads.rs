//! Uploads: files that senders make ready for their messages. Nobody is told of them before a message has them.

use super::{Realtime, SendError, Sender, rate_limiter::TenantCap};
use crate::{
    chat::{self, Attachment, NewUpload, RoomRef},
    config::Limit,
    ids::RoomId,
};

impl Realtime {
    /// Lets a sender upload something to a room, and counts it. Comes before anything is received.
    ///
    /// # Errors
    ///
    /// As [`chat::check_upload`]; [`SendError::FeatureDisabled`] where the tenant takes no uploads;
    /// [`SendError::Limited`].
    pub async fn admit_upload(&self, sender: &Sender, room: &RoomRef) -> Result<RoomId, SendError> {
        sender.needs_setting(|settings| settings.upload_bytes_max > 0)?;
        self.check(sender, Limit::UploadsPerUser)?;
        let room_id = self.open_room_id(sender, room).await?;
        Ok(chat::check_upload(&self.store, &sender.scope, &RoomRef::Id(room_id)).await?)
    }

    /// Keeps what was received.
    ///
    /// # Errors
    ///
    /// As [`chat::store_upload`].
    pub async fn store_upload(
        &self,
        sender: &Sender,
        room_id: RoomId,
        new: NewUpload,
    ) -> Result<Attachment, SendError> {
        let stored = self
            .capped(&sender.tenant, TenantCap::UploadBytes, |bytes_max| {
                chat::store_upload(&self.store, &sender.scope, room_id, new.clone(), bytes_max)
            })
            .await?;
        Ok(stored)
    }
}
