//! Read state: marks that never slip, and counts that are exact.

use futures_util::future::{join, join_all};
use parlour::{
    chat::{self, NewMessage, ReadMark, Role, Room, RoomRef, Unread},
    config::Cap,
    entity::{TenantScoped, message, room, room_member},
    ids::{MessageId, RoomId},
    scope::Scope,
    store::Store,
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};

use crate::helpers::{
    membership::{by_id, code, fields},
    people::{private_room, public_room, say, scope},
};

/// How many messages, and how many mentions.
async fn unread(store: &Store, who: &Scope, room: &Room) -> (u64, u64) {
    let unread = chat::unread(store, who, room.id).await.unwrap();
    assert_eq!(unread.room_id, room.id);
    (unread.unread, unread.mentions)
}

async fn mark(store: &Store, who: &Scope, room: &Room, seq: i64) -> (i64, bool) {
    let ReadMark {
        room_id,
        user_id,
        seq,
        moved,
    } = chat::mark_read(store, who, &by_id(room), seq).await.unwrap();
    assert_eq!((room_id, user_id), (room.id, who.user_id));
    (seq, moved)
}

/// Stores so many messages at once, as if they had been said.
async fn say_many(store: &Store, who: &Scope, room: &Room, count: i64) {
    let first = say(store, who, room, "first").await;
    let model = message::Entity::in_tenant(who.tenant_id)
        .filter(message::Column::Id.eq(first.id))
        .one(store.reader())
        .await
        .unwrap()
        .unwrap();
    let rows = (1..count).map(|number| {
        let seq = first.seq + number;
        message::Model {
            id: MessageId::generate(),
            seq,
            changed_seq: seq,
            ..model.clone()
        }
        .into_active_model()
    });
    let transaction = store.begin_write().await.unwrap();
    let rows: Vec<_> = rows.collect();
    for batch in rows.chunks(1000) {
        message::Entity::insert_many(batch.to_vec())
            .exec_without_returning(&transaction)
            .await
            .unwrap();
    }
    room::Entity::update_in_tenant(who.tenant_id)
        .filter(room::Column::Id.eq(room.id))
        .col_expr(room::Column::HeadSeq, Expr::value(first.seq + count - 1))
        .exec(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

both_engines! {
    async fn the_mark_moves_forwards_and_no_further_than_the_head(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        for _ in 0..5 {
            say(store, &alice, &lobby, "hello").await;
        }
        assert_eq!(mark(store, &alice, &lobby, 0).await, (0, false));
        assert_eq!(mark(store, &alice, &lobby, 3).await, (3, true));
        assert_eq!(mark(store, &alice, &lobby, 3).await, (3, false));
        assert_eq!(mark(store, &alice, &lobby, 2).await, (3, false));
        assert_eq!(mark(store, &alice, &lobby, i64::MAX).await, (5, true));
        assert_eq!(chat::unread(store, &alice, lobby.id).await.unwrap(), Unread {
            room_id: lobby.id,
            unread: 0,
            mentions: 0,
            head_seq: 5,
            read_seq: 5,
        });
        assert_eq!(fields(chat::mark_read(store, &alice, &by_id(&lobby), -1).await), ["seq"]);
        assert_eq!(fields(chat::mark_unread(store, &alice, &by_id(&lobby), 0).await), ["seq"]);
    }

    async fn marks_set_at_once_end_at_the_furthest(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        for _ in 0..16 {
            say(store, &alice, &lobby, "hello").await;
        }
        // In an order that is neither rising nor falling.
        let marks = join_all((1..=16).map(|number| mark(store, &alice, &lobby, number * 7 % 17))).await;
        assert_eq!(marks.iter().map(|(seq, _)| *seq).max(), Some(16));
        assert!(marks.iter().any(|(_, moved)| *moved));
        assert_eq!(chat::unread(store, &alice, lobby.id).await.unwrap().read_seq, 16);
    }

    async fn a_mark_set_while_others_write_is_never_lost(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        let writes = async {
            for _ in 0..20 {
                say(store, &alice, &lobby, "hello").await;
            }
        };
        let reads = async {
            let mut read = 0;
            while read < 20 {
                let unread = chat::unread(store, &bob, lobby.id).await.unwrap();
                // The head is read with the counts, from one moment.
                assert_eq!(i64::try_from(unread.unread).unwrap(), unread.head_seq - unread.read_seq);
                assert!(unread.read_seq >= read);
                (read, _) = mark(store, &bob, &lobby, unread.head_seq).await;
            }
        };
        join(writes, reads).await;
        assert_eq!(unread(store, &bob, &lobby).await, (0, 0));
    }

    async fn marked_unread_a_message_and_those_after_it_are_new_again(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        for _ in 0..5 {
            say(store, &alice, &lobby, "hello").await;
        }
        mark(store, &bob, &lobby, 5).await;
        let mark_unread = async |seq| {
            let mark = chat::mark_unread(store, &bob, &by_id(&lobby), seq).await.unwrap();
            (mark.seq, mark.moved)
        };
        assert_eq!(mark_unread(4).await, (3, true));
        assert_eq!(unread(store, &bob, &lobby).await, (2, 0));
        assert_eq!(mark_unread(5).await, (3, false), "this marks nothing read");
        assert_eq!(mark_unread(i64::MAX).await, (3, false));
        assert_eq!(mark_unread(1).await, (0, true));
        assert_eq!(unread(store, &bob, &lobby).await, (5, 0));
        assert_eq!(mark(store, &bob, &lobby, 5).await, (5, true));
    }

    async fn own_deleted_and_hidden_messages_do_not_count(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        chat::join_room(store, &bob, &here, Cap::Off).await.unwrap();
        let root = say(store, &alice, &lobby, "root").await;
        say(store, &bob, &lobby, "own").await;
        let deleted = say(store, &alice, &lobby, "deleted @bob").await;
        let edited = say(store, &alice, &lobby, "edited").await;
        assert_eq!(unread(store, &bob, &lobby).await, (3, 1));
        chat::delete_message(store, &alice, &here, deleted.id, None).await.unwrap();
        assert_eq!(unread(store, &bob, &lobby).await, (2, 0));
        for (also_in_room, content) in [(false, "aside @bob"), (true, "aloud")] {
            let reply = NewMessage {
                content: content.to_owned(),
                thread_root: Some(root.id),
                also_in_room,
                ..NewMessage::default()
            };
            chat::append_message(store, &alice, &here, reply, Cap::Off).await.unwrap();
        }
        assert_eq!(unread(store, &bob, &lobby).await, (3, 1), "who is named in a thread is told");
        // Edits, reactions and pins are no new messages.
        chat::edit_message(store, &alice, &here, edited.id, "edited for @bob".to_owned(), None).await.unwrap();
        assert_eq!(unread(store, &bob, &lobby).await, (3, 2));
        chat::add_reaction(store, &alice, &here, edited.id, "\u{1f44d}").await.unwrap();
        chat::pin_message(store, &alice, &here, edited.id).await.unwrap();
        assert_eq!(unread(store, &bob, &lobby).await, (3, 2));
        assert_eq!(unread(store, &alice, &lobby).await, (1, 0));
        let head = chat::unread(store, &bob, lobby.id).await.unwrap().head_seq;
        mark(store, &bob, &lobby, head).await;
        assert_eq!(unread(store, &bob, &lobby).await, (0, 0));
        chat::edit_message(store, &alice, &here, edited.id, "@bob again".to_owned(), None).await.unwrap();
        assert_eq!(unread(store, &bob, &lobby).await, (0, 0), "what was read stays read");
    }

    async fn who_comes_new_has_read_everything(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let board = private_room(store, &alice, "Board").await;
        for room in [&lobby, &board] {
            say(store, &alice, room, "before @bob @carol @dave").await;
        }
        let [bob, carol, dave, erin] = [
            scope(store, "acme", "bob").await,
            scope(store, "acme", "carol").await,
            scope(store, "acme", "dave").await,
            scope(store, "acme", "erin").await,
        ];
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        chat::add_member(store, &alice, &by_id(&board), carol.user_id, Role::Reader, Cap::Off).await.unwrap();
        chat::invite(store, &alice, &by_id(&board), dave.user_id, Role::Member).await.unwrap();
        chat::join_room(store, &dave, &by_id(&board), Cap::Off).await.unwrap();
        say(store, &erin, &lobby, "joins by saying this").await;
        let counts = [
            unread(store, &bob, &lobby).await,
            unread(store, &carol, &board).await,
            unread(store, &dave, &board).await,
            unread(store, &erin, &lobby).await,
        ];
        assert_eq!(counts, [(1, 0), (0, 0), (0, 0), (0, 0)]);
        // And so has who comes back.
        chat::mark_unread(store, &bob, &by_id(&lobby), 1).await.unwrap();
        chat::leave_room(store, &bob, &by_id(&lobby)).await.unwrap();
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        assert_eq!(unread(store, &bob, &lobby).await, (0, 0));
    }

    async fn counts_stop_at_999(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        say_many(store, &alice, &lobby, 1200).await;
        assert_eq!(unread(store, &bob, &lobby).await, (999, 0));
        mark(store, &bob, &lobby, 201).await;
        assert_eq!(unread(store, &bob, &lobby).await, (999, 0));
        mark(store, &bob, &lobby, 202).await;
        assert_eq!(unread(store, &bob, &lobby).await, (998, 0));
    }

    async fn who_is_far_behind_is_counted_exactly_too(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let other = public_room(store, &alice, "Other").await;
        for room in [&lobby, &other] {
            chat::join_room(store, &bob, &by_id(room), Cap::Off).await.unwrap();
        }
        say(store, &alice, &other, "hello").await;
        // Ten of others, thousands of one's own, ten of others.
        for (who, count) in [(&alice, 10), (&bob, 5000), (&alice, 10)] {
            say_many(store, who, &lobby, count).await;
        }
        assert_eq!(unread(store, &bob, &lobby).await, (20, 0));
        assert_eq!(unread(store, &alice, &lobby).await, (999, 0));
        let (rooms, total) = chat::list_unread(store, &bob).await.unwrap();
        assert_eq!((rooms.len(), rooms[0].room_id, rooms[0].unread, rooms[1].unread, total), (2, lobby.id, 20, 1, 21));
        let users = [alice.user_id, bob.user_id];
        let counted = chat::unread_of_members(store, alice.tenant_id, lobby.id, &users).await.unwrap();
        assert!(counted.len() == 2 && counted.iter().any(|(user, unread)| (*user, unread.unread) == (bob.user_id, 20)));
    }

    async fn all_rooms_are_counted_at_once_the_liveliest_first(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let mut expected = Vec::new();
        for number in 0..6_u64 {
            let room = if number % 2 == 0 {
                public_room(store, &alice, "Room").await
            } else {
                private_room(store, &alice, "Room").await
            };
            chat::add_member(store, &alice, &by_id(&room), bob.user_id, Role::Member, Cap::Off).await.unwrap();
            for _ in 0..number {
                say(store, &alice, &room, "hey @bob").await;
            }
            expected.insert(0, (room.id, number, number));
        }
        // The first room, without messages, is as young as the membership; say nothing there.
        let (dm, ..) = chat::start_dm(store, &alice, bob.user_id).await.unwrap();
        say(store, &alice, &dm, "psst").await;
        say(store, &bob, &dm, "yes?").await;
        expected.insert(0, (dm.id, 1, 0));
        let counted = async |who: &Scope| {
            let (rooms, total) = chat::list_unread(store, who).await.unwrap();
            (rooms.iter().map(|room| (room.room_id, room.unread, room.mentions)).collect::<Vec<_>>(), total)
        };
        assert_eq!(counted(&bob).await, (expected.clone(), 16));
        for room in &chat::list_unread(store, &bob).await.unwrap().0 {
            assert_eq!(*room, chat::unread(store, &bob, room.room_id).await.unwrap());
        }
        // A new message brings a room to the front; what is read is still listed.
        let oldest = expected.pop().unwrap().0;
        say(store, &alice, &chat::get_room(store, &alice, &RoomRef::Id(oldest)).await.unwrap().0, "at last").await;
        let head = chat::unread(store, &bob, dm.id).await.unwrap().head_seq;
        mark(store, &bob, &dm, head).await;
        expected[0].1 = 0;
        expected.insert(0, (oldest, 1, 0));
        assert_eq!(counted(&bob).await, (expected, 16));
        let stranger = scope(store, "acme", "stranger").await;
        assert_eq!(counted(&stranger).await, (vec![], 0));
    }

    async fn of_very_many_rooms_the_liveliest_500_are_counted(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let oldest = public_room(store, &alice, "Oldest").await;
        let model = room::Entity::in_tenant(alice.tenant_id).one(store.reader()).await.unwrap().unwrap();
        chat::join_room(store, &bob, &by_id(&oldest), Cap::Off).await.unwrap();
        let membership = room_member::Entity::in_tenant(alice.tenant_id)
            .filter(room_member::Column::UserId.eq(bob.user_id))
            .one(store.reader())
            .await
            .unwrap()
            .unwrap();
        let transaction = store.begin_write().await.unwrap();
        let rooms: Vec<room::Model> = (0..510)
            .map(|_| room::Model { id: RoomId::generate(), slug: None, ..model.clone() })
            .collect();
        let members = rooms.iter().map(|room| room_member::Model { room_id: room.id, ..membership.clone() });
        let members: Vec<_> = members.map(IntoActiveModel::into_active_model).collect();
        room::Entity::insert_many(rooms.into_iter().map(IntoActiveModel::into_active_model))
            .exec_without_returning(&transaction)
            .await
            .unwrap();
        room_member::Entity::insert_many(members).exec_without_returning(&transaction).await.unwrap();
        transaction.commit().await.unwrap();
        say(store, &alice, &oldest, "still here").await;
        let (rooms, total) = chat::list_unread(store, &bob).await.unwrap();
        assert_eq!((rooms.len(), rooms[0].room_id, total), (500, oldest.id, 1));
    }

    async fn members_are_counted_in_one_go(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let stranger = scope(store, "acme", "stranger").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        chat::join_room(store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        say(store, &alice, &lobby, "hey @bob").await;
        let users = [alice.user_id, bob.user_id, stranger.user_id];
        let mut counted = chat::unread_of_members(store, alice.tenant_id, lobby.id, &users).await.unwrap();
        counted.sort_by_key(|(user, _)| users.iter().position(|other| other == user));
        let counted: Vec<_> = counted.iter().map(|(user, unread)| (*user, unread.unread, unread.mentions)).collect();
        assert_eq!(counted, [(alice.user_id, 0, 0), (bob.user_id, 1, 1)]);
        assert_eq!(chat::unread_of_members(store, alice.tenant_id, lobby.id, &[]).await.unwrap(), []);
    }

    async fn only_members_have_a_read_state(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let mallory = scope(store, "globex", "mallory").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let board = private_room(store, &alice, "Board").await;
        say(store, &alice, &lobby, "hello").await;
        for (who, room, expected) in [
            (&bob, lobby.id, "not_a_member"),
            (&bob, board.id, "not_a_member"),
            (&bob, RoomId::generate(), "room_not_found"),
            (&mallory, lobby.id, "room_not_found"),
            (&mallory, board.id, "room_not_found"),
            (&Scope { tenant_id: mallory.tenant_id, ..alice }, lobby.id, "room_not_found"),
        ] {
            let codes = [
                code(&chat::mark_read(store, who, &RoomRef::Id(room), 1).await),
                code(&chat::mark_unread(store, who, &RoomRef::Id(room), 1).await),
                code(&chat::unread(store, who, room).await),
            ];
            assert_eq!(codes, [expected; 3]);
            assert_eq!(chat::list_unread(store, who).await.unwrap(), (vec![], 0));
        }
        let foreign = chat::unread_of_members(store, mallory.tenant_id, lobby.id, &[alice.user_id]).await.unwrap();
        assert_eq!(foreign, []);
        assert_eq!(chat::unread(store, &alice, lobby.id).await.unwrap().read_seq, 0);
    }
}
