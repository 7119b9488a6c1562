//! Direct conversations.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Error, RoomKind, RoomRef},
    config::Cap,
    ids::{RoomId, UserId},
    page::PageRequest,
    scope::Scope,
};

use crate::helpers::people::{say, scope};

both_engines! {
    async fn two_users_have_one_conversation_that_nobody_else_sees(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let carol = scope(&db.store, "acme", "carol").await;
        let (room, peer, created) = chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap();
        assert_eq!((room.kind, room.slug.clone(), room.creator_id), (RoomKind::Dm, None, None));
        assert_eq!((peer.id, peer.username.as_str(), created), (bob.user_id, "bob", true));
        let (again, peer, created) = chat::start_dm(&db.store, &bob, alice.user_id).await.unwrap();
        assert_eq!((again, peer.username.as_str(), created), (room.clone(), "alice", false));

        say(&db.store, &alice, &room, "psst").await;
        assert_eq!(say(&db.store, &bob, &room, "yes?").await.seq, 2);
        let reference = RoomRef::Id(room.id);
        assert!(matches!(chat::get_room(&db.store, &carol, &reference).await, Err(Error::NotMember)));
        assert!(matches!(chat::join_room(&db.store, &carol, &reference, Cap::Off).await, Err(Error::NotMember)));
    }

    async fn it_can_be_neither_left_nor_deleted(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let (room, ..) = chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap();
        let room = RoomRef::Id(room.id);
        assert!(matches!(chat::leave_room(&db.store, &alice, &room).await, Err(Error::Invalid(_))));
        assert!(matches!(chat::delete_room(&db.store, &alice, &room).await, Err(Error::NotCreator)));
        chat::join_room(&db.store, &bob, &room, Cap::Off).await.unwrap();
    }

    async fn it_needs_another_user_of_the_same_tenant(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        assert!(matches!(chat::start_dm(&db.store, &alice, alice.user_id).await, Err(Error::Invalid(_))));
        for peer in [mallory.user_id, UserId::generate()] {
            assert!(matches!(chat::start_dm(&db.store, &alice, peer).await, Err(Error::UserNotFound)));
        }
        let nobody = Scope { user_id: UserId::generate(), ..alice };
        assert!(matches!(chat::start_dm(&db.store, &nobody, alice.user_id).await, Err(Error::UserNotFound)));
        let listed = chat::list_dms(&db.store, &alice, &PageRequest::default()).await.unwrap();
        assert_eq!(listed.items, [], "the refused ones left nothing");
    }

    async fn starting_it_from_both_sides_at_once_makes_one_room(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let started = join_all((0..12).map(|number| {
            let (from, to) = if number % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
            chat::start_dm(&db.store, from, to.user_id)
        }))
        .await;
        let started: Vec<(RoomId, bool)> =
            started.into_iter().map(|dm| dm.map(|(room, _, created)| (room.id, created)).unwrap()).collect();
        assert!(started.iter().all(|(id, _)| *id == started[0].0));
        assert_eq!(started.iter().filter(|(_, created)| *created).count(), 1);
    }

    async fn ones_own_are_listed_the_youngest_first(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        for name in ["bob", "carol", "dave"] {
            let peer = scope(&db.store, "acme", name).await;
            chat::start_dm(&db.store, &alice, peer.user_id).await.unwrap();
        }
        let erin = scope(&db.store, "acme", "erin").await;
        let frank = scope(&db.store, "acme", "frank").await;
        chat::start_dm(&db.store, &erin, frank.user_id).await.unwrap();

        let names = |page: &parlour::page::Page<chat::Dm>| {
            page.items.iter().map(|dm| dm.peer.username.clone()).collect::<Vec<_>>()
        };
        let first = chat::list_dms(&db.store, &alice, &PageRequest { limit: 2, cursor: None }).await.unwrap();
        assert_eq!(names(&first), ["dave", "carol"]);
        let rest = PageRequest { limit: 2, cursor: first.next_cursor };
        let rest = chat::list_dms(&db.store, &alice, &rest).await.unwrap();
        assert_eq!((names(&rest), rest.next_cursor), (vec!["bob".to_owned()], None));

        let rooms = chat::list_rooms(&db.store, &alice, &PageRequest { limit: 1, cursor: None }).await.unwrap();
        assert_eq!(rooms.items, []);
        let wrong = PageRequest { limit: 2, cursor: Some("nonsense".to_owned()) };
        assert!(matches!(chat::list_dms(&db.store, &alice, &wrong).await, Err(Error::Invalid(_))));
        let mallory = scope(&db.store, "globex", "mallory").await;
        let crossed = Scope { tenant_id: mallory.tenant_id, user_id: alice.user_id };
        assert_eq!(chat::list_dms(&db.store, &crossed, &PageRequest::default()).await.unwrap().items, []);
    }
}
