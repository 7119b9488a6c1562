//! Chat: rooms, members, messages, direct conversations. This page is the context's public face.

pub use crate::entity::{message::MessageKind, room::RoomKind, room_member::Role};
pub use admin::{
    RoomOverview, admit_bot, create_site_room, delete_any_room, get_any_room, list_all_rooms, remove_site_member,
    set_site_member,
};
pub use append::{Append, Appended, CLIENT_ID_CHARS_MAX, NewMessage, append_batch, append_message, check_new};
pub use attachments::{ATTACHMENTS_MAX, Attachment};
pub use changes::{Changed, REVISIONS_LISTED_MAX, Revision, delete_message, edit_message, list_revisions};
pub use departure::forget_user;
pub use details::{EXCERPT_CHARS_MAX, Quote};
pub use direct::{Dm, find_dm, list_dms, start_dm};
pub use error::Error;
pub use grants::RoomGrant;
pub(crate) use grants::grant_rooms;
pub use invitations::{
    Invitation, decline_invitation, invite, list_invitations, list_room_invitations, withdraw_invitation,
};
pub use members::{
    Access, Grant, MEMBERS_LISTED_MAX, Member, RoomWithMembers, authorise, get_room_with_members, list_members,
    members_to_notify,
};
pub use membership::{Left, MemberChange, add_member, change_role, join_room, leave_room, remove_member};
pub use mentions::MENTIONS_MAX;
pub use messages::{
    CONTENT_CHARS_MAX, Message, MessagePage, MessageQuery, check_length, get_message, list_messages,
    list_messages_up_to,
};
pub use moderation::{Moderation, REASON_CHARS_MAX, Sanction, ban, list_bans, list_mutes, mute, unban, unmute};
pub use new_rooms::{NewRoom, create_room};
pub use page_rooms::{PAGE_URL_CHARS_MAX, PageUrl, find_page_room, open_page_room};
pub use pins::{PINS_MAX, list_pins, pin_message, unpin_message};
pub use pruning::{prune_room, prune_rooms};
pub use reactions::{REACTION_KINDS_MAX, REACTION_USERS_SHOWN, ReactionCount, add_reaction, remove_reaction};
pub use read_state::{
    ReadMark, UNREAD_MAX, UNREAD_ROOMS_MAX, Unread, list_unread, mark_read, mark_unread, unread, unread_of_members,
};
pub use recovery::{CHANGES_LIMIT_DEFAULT, CHANGES_LIMIT_MAX, Recovery, changes_since, read_changes};
pub use rooms::{
    ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS_MAX, ROOM_SLUG_CHARS_MAX, Room, RoomChange, RoomListing, RoomPatch,
    RoomRef, SLOW_MODE_S_MAX, delete_room, get_room, list_rooms, update_room,
};
pub(crate) use rooms::{check_reader, room_id};
pub use threads::{ThreadSummary, get_thread};
pub(crate) use transfer::transfer;
pub use transfer::{Transfer, TransferredRoom};
pub use upload_link::{UPLOAD_LINK_LIFETIME, UploadLink};
pub use uploads::{
    NewUpload, UNSENT_LIFETIME, UPLOAD_NAME_CHARS_MAX, UploadName, check_upload, open_upload, purge_unsent_uploads,
    read_part, store_upload,
};
pub use user_ref::UserRef;
pub use volume::{Volume, volume};

mod admin;
mod append;
mod attachments;
mod changes;
mod departure;
mod details;
mod direct;
mod error;
mod grants;
mod invitations;
mod members;
mod membership;
mod mentions;
mod messages;
mod moderation;
mod new_rooms;
mod page_rooms;
mod permissions;
mod pins;
mod pruning;
mod reactions;
mod read_state;
mod recovery;
mod rooms;
pub mod seed;
mod threads;
mod transfer;
mod turn;
mod upload_link;
mod uploads;
mod user_ref;
mod volume;
