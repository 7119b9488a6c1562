//! Commands about rooms.

use std::io::Write;

use super::CommandError;
use super::data::tenant_by_slug;
use super::listing::{for_each, word};
use crate::audit::Actor;
use crate::chat::{self, RoomOverview, RoomRef};
use crate::cli::RoomCommand;
use crate::page::PageRequest;
use crate::store::Store;

pub(super) async fn room(store: &Store, command: RoomCommand, out: &mut impl Write) -> Result<(), CommandError> {
    match command {
        RoomCommand::List { tenant } => {
            let tenant = tenant_by_slug(store, &tenant).await?;
            let list = async |request: &PageRequest| Ok(chat::list_all_rooms(store, tenant.id, request).await?);
            for_each(list, |room| print(room, out)).await
        }
        RoomCommand::Delete { tenant, room } => {
            let tenant = tenant_by_slug(store, &tenant).await?;
            let room = chat::delete_any_room(store, &Actor::cli(), &tenant, &RoomRef::parse(&room)).await?;
            Ok(writeln!(out, "{}", room.id)?)
        }
    }
}

fn print(RoomOverview { room, member_count }: &RoomOverview, out: &mut impl Write) -> Result<(), CommandError> {
    let slug = room.slug.as_deref().unwrap_or_default();
    let kind = word(room.kind)?;
    // Names have no control characters.
    Ok(writeln!(
        out,
        "{}\t{slug}\t{kind}\t{member_count}\t{}",
        room.id, room.name
    )?)
}
