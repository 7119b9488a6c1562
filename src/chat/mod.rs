//! Chat: rooms, members, messages, direct conversations. This page is the context's public face.

pub use crate::entity::{message::MessageKind, room::RoomKind, room_member::Role};
pub use direct::{Dm, list_dms, start_dm};
pub use error::Error;
pub use members::{
    Access, Grant, MEMBERS_LISTED_MAX, Member, RoomWithMembers, UserRef, authorise, get_room_with_members, join_room,
    leave_room,
};
pub use messages::{
    Appended, CLIENT_ID_CHARS_MAX, CONTENT_CHARS_MAX, Message, MessagePage, MessageQuery, NewMessage, append_message,
    list_messages,
};
pub use rooms::{
    NewRoom, ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS_MAX, ROOM_SLUG_CHARS_MAX, Room, RoomListing, RoomRef,
    create_room, delete_room, get_room, list_rooms,
};

mod direct;
mod error;
mod members;
mod messages;
mod rooms;
pub mod seed;
