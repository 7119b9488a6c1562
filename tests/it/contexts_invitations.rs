//! Invitations: what they open, how they end, and how they are listed.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Role},
    config::Cap,
    page::PageRequest,
    scope::Scope,
};

use crate::helpers::{
    membership::{by_id, code, fields, put, role_of},
    people::{private_room, public_room, say, scope},
};

both_engines! {
    async fn an_invitation_opens_a_private_room_once(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let board = private_room(&db.store, &alice, "Board").await;
        say(&db.store, &alice, &board, "secret").await;
        let page = PageRequest::default();
        let invited = chat::invite(&db.store, &alice, &by_id(&board), bob.user_id, Role::Admin).await.unwrap();
        assert_eq!((invited.user.username.as_str(), invited.invited_by.username.as_str()), ("bob", "alice"));
        // The second takes the place of the first.
        let invited = chat::invite(&db.store, &alice, &by_id(&board), bob.user_id, Role::Moderator).await.unwrap();
        let own = chat::list_invitations(&db.store, &bob, &page).await.unwrap();
        let of_room = chat::list_room_invitations(&db.store, &alice, &by_id(&board), &page).await.unwrap();
        assert_eq!((&own.items, &of_room.items), (&vec![invited.clone()], &vec![invited]));
        assert_eq!(chat::list_invitations(&db.store, &alice, &page).await.unwrap().items, []);
        // An invitation is no membership yet.
        assert_eq!(code(&chat::get_room(&db.store, &bob, &by_id(&board)).await), "not_a_member");
        assert_eq!(code(&chat::list_messages(&db.store, &bob, &by_id(&board), Default::default()).await), "not_a_member");

        let here = by_id(&board);
        let joined = join_all((0..8).map(|_| chat::join_room(&db.store, &bob, &here, Cap::Off))).await;
        let changed = joined.iter().filter(|joined| joined.as_ref().unwrap().changed()).count();
        assert_eq!(changed, 1);
        assert_eq!(role_of(&db.store, &bob, board.id, bob.user_id).await, Some(Role::Moderator));
        assert_eq!(chat::list_invitations(&db.store, &bob, &page).await.unwrap().items, []);
        chat::leave_room(&db.store, &bob, &by_id(&board)).await.unwrap();
        assert_eq!(code(&chat::join_room(&db.store, &bob, &by_id(&board), Cap::Off).await), "not_a_member", "it is used up");
    }

    async fn invitations_are_declined_withdrawn_and_lost(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let moderator = scope(store, "acme", "moderator").await;
        let bob = scope(store, "acme", "bob").await;
        let room = private_room(store, &alice, "Board").await;
        let board = by_id(&room);
        put(store, &alice, room.id, moderator.user_id, Some(Role::Moderator)).await;
        let invite = async |by: &Scope, role| chat::invite(store, by, &board, bob.user_id, role).await;
        let is_open = async || !chat::list_invitations(store, &bob, &PageRequest::default()).await.unwrap().items.is_empty();

        invite(&alice, Role::Member).await.unwrap();
        assert_eq!(chat::decline_invitation(store, &bob, &board).await.unwrap().user.id, bob.user_id);
        assert!(!is_open().await);
        assert_eq!(code(&chat::decline_invitation(store, &bob, &board).await), "invitation_not_found");
        assert_eq!(code(&chat::join_room(store, &bob, &board, Cap::Off).await), "not_a_member");

        // What an admin offered, no moderator takes back or makes less of.
        invite(&alice, Role::Admin).await.unwrap();
        assert_eq!(code(&chat::withdraw_invitation(store, &moderator, &board, bob.user_id).await), "outranked");
        assert_eq!(code(&invite(&moderator, Role::Member).await), "outranked");
        chat::withdraw_invitation(store, &alice, &board, bob.user_id).await.unwrap();
        assert!(!is_open().await);

        // With the rights of who invited, the invitation goes.
        invite(&moderator, Role::Member).await.unwrap();
        chat::change_role(store, &alice, &board, moderator.user_id, Role::Member).await.unwrap();
        assert!(!is_open().await);
        chat::change_role(store, &alice, &board, moderator.user_id, Role::Moderator).await.unwrap();
        invite(&moderator, Role::Member).await.unwrap();
        chat::remove_member(store, &alice, &board, moderator.user_id).await.unwrap();
        assert!(!is_open().await);
        put(store, &alice, room.id, moderator.user_id, Some(Role::Moderator)).await;
        invite(&moderator, Role::Member).await.unwrap();
        chat::ban(store, &alice, &board, moderator.user_id, None, None).await.unwrap();
        assert!(!is_open().await);

        // A ban ends an invitation, and keeps new ones away.
        invite(&alice, Role::Member).await.unwrap();
        chat::ban(store, &alice, &board, bob.user_id, None, None).await.unwrap();
        assert!(!is_open().await);
        assert_eq!(fields(invite(&alice, Role::Member).await), ["user_id"]);
        let added = chat::add_member(store, &alice, &board, bob.user_id, Role::Member, Cap::Off).await;
        assert_eq!(fields(added), ["user_id"]);
    }

    async fn invitations_come_page_by_page(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mut rooms = Vec::new();
        for number in 0..3 {
            let room = private_room(&db.store, &alice, &format!("Room {number}")).await;
            chat::invite(&db.store, &alice, &by_id(&room), bob.user_id, Role::Member).await.unwrap();
            rooms.push(room);
        }
        let first = PageRequest { limit: 2, cursor: None };
        let page = chat::list_invitations(&db.store, &bob, &first).await.unwrap();
        assert_eq!(page.items.iter().map(|item| item.room.id).collect::<Vec<_>>(), [rooms[0].id, rooms[1].id]);
        let second = PageRequest { limit: 2, cursor: page.next_cursor };
        let page = chat::list_invitations(&db.store, &bob, &second).await.unwrap();
        assert_eq!(page.items.iter().map(|item| &item.room).collect::<Vec<_>>(), [&rooms[2]]);
        assert_eq!(page.next_cursor, None);

        let carol = scope(&db.store, "acme", "carol").await;
        chat::invite(&db.store, &alice, &by_id(&rooms[0]), carol.user_id, Role::Reader).await.unwrap();
        let one = PageRequest { limit: 1, cursor: None };
        let page = chat::list_room_invitations(&db.store, &alice, &by_id(&rooms[0]), &one).await.unwrap();
        assert_eq!(page.items[0].user.id, bob.user_id);
        // A cursor of one list is none of the other.
        let foreign = PageRequest { limit: 1, cursor: page.next_cursor.clone() };
        assert_eq!(fields(chat::list_invitations(&db.store, &bob, &foreign).await), ["cursor"]);
        let next = PageRequest { limit: 1, cursor: page.next_cursor };
        let page = chat::list_room_invitations(&db.store, &alice, &by_id(&rooms[0]), &next).await.unwrap();
        assert_eq!((page.items[0].user.id, page.items[0].role), (carol.user_id, Role::Reader));
    }

    async fn writing_in_a_public_room_takes_the_invitation_there(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        chat::invite(&db.store, &alice, &by_id(&lobby), bob.user_id, Role::Moderator).await.unwrap();
        say(&db.store, &bob, &lobby, "here I am").await;
        assert_eq!(role_of(&db.store, &bob, lobby.id, bob.user_id).await, Some(Role::Moderator));
        assert_eq!(chat::list_invitations(&db.store, &bob, &PageRequest::default()).await.unwrap().items, []);
    }
}
