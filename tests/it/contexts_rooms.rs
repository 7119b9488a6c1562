//! Rooms and their members.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Access, Error, NewRoom, Role, Room, RoomKind, RoomRef},
    config::Cap,
    entity::{TenantScoped, message, room_member},
    ids::{RoomId, UserId},
    page::PageRequest,
    scope::Scope,
    store::Store,
};
use sea_orm::PaginatorTrait;

use crate::helpers::people::{private_room, public_room, say, scope};

fn by_id(room: &Room) -> RoomRef {
    RoomRef::Id(room.id)
}

fn new(name: &str) -> NewRoom {
    NewRoom {
        name: name.to_owned(),
        ..NewRoom::default()
    }
}

async fn listed(store: &Store, scope: &Scope) -> Vec<(RoomId, Option<Role>)> {
    let page = chat::list_rooms(
        store,
        scope,
        &PageRequest {
            limit: 100,
            cursor: None,
        },
    )
    .await
    .unwrap();
    assert_eq!(page.next_cursor, None);
    page.items
        .into_iter()
        .map(|listing| (listing.room.id, listing.role))
        .collect()
}

both_engines! {
    async fn a_room_is_found_by_id_and_slug_and_its_creator_is_its_admin(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let new = NewRoom { description: Some("All of it\n".to_owned()), ..new("  Tech Talk ") };
        let room = chat::create_room(&db.store, &alice, new, Cap::Off).await.unwrap();
        assert_eq!((room.name.as_str(), room.slug.as_deref()), ("Tech Talk", Some("tech-talk")));
        assert_eq!((room.kind, room.head_seq, room.creator_id), (RoomKind::Public, 0, Some(alice.user_id)));
        assert_eq!(room.description.as_deref(), Some("All of it\n"));
        for name in [by_id(&room), RoomRef::parse("tech-talk"), RoomRef::parse(&room.id.to_string())] {
            let found = chat::get_room(&db.store, &alice, &name).await.unwrap();
            assert_eq!(found, (room.clone(), Some(Role::Admin)));
        }
    }

    async fn rooms_of_one_name_get_numbered_slugs(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        assert_eq!(public_room(&db.store, &mallory, "Lobby").await.slug.unwrap(), "lobby");
        assert_eq!(public_room(&db.store, &alice, "Lobby").await.slug.unwrap(), "lobby");
        assert_eq!(public_room(&db.store, &alice, "Lobby!").await.slug.unwrap(), "lobby-2");
        let made = join_all((0..24).map(|_| chat::create_room(&db.store, &alice, new("lobby"), Cap::Off))).await;
        let mut slugs: Vec<String> = made.into_iter().map(|room| room.unwrap().slug.unwrap()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), 24);
        assert!(slugs.contains(&"lobby-20".to_owned()));
    }

    async fn a_chosen_slug_is_given_once_per_tenant(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let chosen = || NewRoom { slug: Some("lobby".to_owned()), ..new("Foyer") };
        chat::create_room(&db.store, &alice, chosen(), Cap::Off).await.unwrap();
        assert!(matches!(chat::create_room(&db.store, &alice, chosen(), Cap::Off).await, Err(Error::Invalid(_))));
        chat::create_room(&db.store, &mallory, chosen(), Cap::Off).await.unwrap();
    }

    async fn rooms_have_rules(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let slug = |slug: &str| NewRoom { slug: Some(slug.to_owned()), ..new("Lobby") };
        let description = |text: &str| NewRoom { description: Some(text.to_owned()), ..new("Lobby") };
        for (new, field) in [
            (new(""), "name"),
            (new("  "), "name"),
            (new("a\0b"), "name"),
            (new(&"\u{e9}".repeat(81)), "name"),
            (description(&"x".repeat(501)), "description"),
            (description("a\0b"), "description"),
            (slug(""), "slug"),
            (slug("A"), "slug"),
            (slug("a b"), "slug"),
            (slug(&"a".repeat(81)), "slug"),
            (slug(&RoomId::generate().to_string()), "slug"),
            (slug(&RoomId::generate().0.simple().to_string()), "slug"),
            (NewRoom { kind: Some(RoomKind::Dm), ..new("Lobby") }, "kind"),
        ] {
            match chat::create_room(&db.store, &alice, new.clone(), Cap::Off).await {
                Err(Error::Invalid(violations)) => {
                    assert!(serde_json::to_value(violations).unwrap().get(field).is_some(), "{new:?}");
                }
                other => panic!("{new:?}: {other:?}"),
            }
        }
        chat::create_room(&db.store, &alice, new(&"\u{e9}".repeat(80)), Cap::Off).await.unwrap();
        let nobody = Scope { user_id: UserId::generate(), ..alice };
        assert!(matches!(chat::create_room(&db.store, &nobody, new("Lobby"), Cap::Off).await, Err(Error::UserNotFound)));
        assert_eq!(listed(&db.store, &alice).await.len(), 1, "the refused ones left nothing");
    }

    async fn the_list_has_public_rooms_and_ones_own_private_ones(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await.id;
        let board = private_room(&db.store, &alice, "Board").await.id;
        let cellar = public_room(&db.store, &bob, "Cellar").await.id;
        chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap();
        let admin = Some(Role::Admin);
        assert_eq!(listed(&db.store, &alice).await, [(lobby, admin), (board, admin), (cellar, None)]);
        assert_eq!(listed(&db.store, &bob).await, [(lobby, None), (cellar, admin)]);
        assert_eq!(listed(&db.store, &mallory).await, []);
    }

    async fn the_list_comes_page_by_page(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mut made = Vec::new();
        for number in 0..7 {
            let name = format!("Room {number}");
            let room = if number % 3 == 0 {
                private_room(&db.store, &alice, &name).await
            } else {
                public_room(&db.store, &alice, &name).await
            };
            made.push(room.id);
        }
        let mut request = PageRequest { limit: 3, cursor: None };
        let mut pages = Vec::new();
        loop {
            let page = chat::list_rooms(&db.store, &alice, &request).await.unwrap();
            pages.push(page.items.iter().map(|listing| listing.room.id).collect::<Vec<_>>());
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [&made[0..3], &made[3..6], &made[6..7]]);
        for request in [
            PageRequest { limit: 0, cursor: None },
            PageRequest { limit: 1, cursor: Some("AAAA".to_owned()) },
        ] {
            assert!(matches!(chat::list_rooms(&db.store, &alice, &request).await, Err(Error::Invalid(_))));
        }
    }

    async fn rooms_of_another_tenant_are_rooms_that_do_not_exist(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let board = private_room(&db.store, &alice, "Board").await;
        let (dm, ..) = {
            let bob = scope(&db.store, "acme", "bob").await;
            chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap()
        };
        let unknown = RoomRef::Id(RoomId::generate());
        for room in [by_id(&lobby), by_id(&board), by_id(&dm), unknown, RoomRef::parse("lobby"), RoomRef::parse("\0")] {
            let (store, scope) = (&db.store, &mallory);
            assert!(matches!(chat::get_room(store, scope, &room).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::get_room_with_members(store, scope, &room).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::authorise(store, scope, &room, Access::Read).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::authorise(store, scope, &room, Access::Write).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::join_room(store, scope, &room, Cap::Off).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::leave_room(store, scope, &room).await, Err(Error::RoomNotFound)));
            assert!(matches!(chat::delete_room(store, scope, &room).await, Err(Error::RoomNotFound)));
        }
        // A user of acme whose scope says globex gets nowhere either.
        let crossed = Scope { tenant_id: mallory.tenant_id, user_id: alice.user_id };
        assert!(matches!(chat::get_room(&db.store, &crossed, &by_id(&lobby)).await, Err(Error::RoomNotFound)));
        assert!(matches!(chat::create_room(&db.store, &crossed, new("Lobby"), Cap::Off).await, Err(Error::UserNotFound)));
    }

    async fn strangers_enter_public_rooms_only(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let board = private_room(&db.store, &alice, "Board").await;
        for access in [Access::Read, Access::Write] {
            let grant = chat::authorise(&db.store, &bob, &by_id(&lobby), access).await.unwrap();
            assert_eq!((grant.room.id, grant.role), (lobby.id, None));
            let grant = chat::authorise(&db.store, &alice, &by_id(&board), access).await.unwrap();
            assert_eq!(grant.role, Some(Role::Admin));
            let refused = chat::authorise(&db.store, &bob, &by_id(&board), access).await;
            assert!(matches!(refused, Err(Error::NotMember)));
        }
        let (store, board) = (&db.store, by_id(&board));
        assert!(matches!(chat::get_room(store, &bob, &board).await, Err(Error::NotMember)));
        assert!(matches!(chat::get_room_with_members(store, &bob, &board).await, Err(Error::NotMember)));
        assert!(matches!(chat::join_room(store, &bob, &board, Cap::Off).await, Err(Error::NotMember)));
        assert!(matches!(chat::leave_room(store, &bob, &board).await, Err(Error::NotMember)));
        assert!(matches!(chat::delete_room(store, &bob, &board).await, Err(Error::NotMember)));
    }

    async fn members_come_and_go(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        for _ in 0..2 {
            assert_eq!(chat::join_room(&db.store, &bob, &by_id(&lobby), Cap::Off).await.unwrap().room, lobby);
        }
        // Who is somebody already is not made a mere member.
        chat::join_room(&db.store, &alice, &by_id(&lobby), Cap::Off).await.unwrap();
        let room = chat::get_room_with_members(&db.store, &bob, &by_id(&lobby)).await.unwrap();
        assert_eq!((room.role, room.member_count), (Some(Role::Member), 2));
        let members: Vec<_> =
            room.members.iter().map(|member| (member.user.username.as_str(), member.role)).collect();
        assert_eq!(members, [("alice", Role::Admin), ("bob", Role::Member)]);

        chat::leave_room(&db.store, &bob, &by_id(&lobby)).await.unwrap();
        assert!(matches!(chat::leave_room(&db.store, &bob, &by_id(&lobby)).await, Err(Error::NotMember)));
        let (_, role) = chat::get_room(&db.store, &bob, &by_id(&lobby)).await.unwrap();
        assert_eq!(role, None);
        let nobody = Scope { user_id: UserId::generate(), ..alice };
        assert!(matches!(chat::join_room(&db.store, &nobody, &by_id(&lobby), Cap::Off).await, Err(Error::UserNotFound)));
    }

    async fn joining_many_times_at_once_makes_one_member(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = by_id(&public_room(&db.store, &alice, "Lobby").await);
        for joined in join_all((0..8).map(|_| chat::join_room(&db.store, &bob, &lobby, Cap::Off))).await {
            joined.unwrap();
        }
        let room = chat::get_room_with_members(&db.store, &bob, &lobby).await.unwrap();
        assert_eq!(room.member_count, 2);
    }

    async fn only_its_creator_deletes_a_room_and_all_of_it_goes(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        say(&db.store, &bob, &lobby, "hello").await;
        assert!(matches!(chat::delete_room(&db.store, &bob, &by_id(&lobby)).await, Err(Error::NotCreator)));
        let deleted = chat::delete_room(&db.store, &alice, &by_id(&lobby)).await.unwrap();
        assert_eq!((deleted.id, deleted.head_seq), (lobby.id, 1));
        assert!(matches!(chat::get_room(&db.store, &alice, &by_id(&lobby)).await, Err(Error::RoomNotFound)));
        let tenant = alice.tenant_id;
        assert_eq!(message::Entity::in_tenant(tenant).count(db.store.reader()).await.unwrap(), 0);
        assert_eq!(room_member::Entity::in_tenant(tenant).count(db.store.reader()).await.unwrap(), 0);
        assert_eq!(public_room(&db.store, &bob, "Lobby").await.slug.unwrap(), "lobby", "the slug is free again");
    }
}
