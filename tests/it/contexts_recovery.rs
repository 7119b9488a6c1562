//! What a returning client missed.

use std::collections::BTreeMap;

use parlour::{
    chat::{self, Error, Message, MessageQuery, NewMessage, Recovery, Room, RoomRef},
    config::Cap,
    ids::RoomId,
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};

use crate::helpers::people::{head_seq, private_room, public_room, say, scope};

const THUMB: &str = "\u{1f44d}";

async fn since(store: &Store, scope: &Scope, room: &Room, seq: i64, limit: u64) -> Recovery {
    let epoch = store.epoch().await.unwrap();
    chat::changes_since(store, scope, &RoomRef::Id(room.id), &epoch, seq, limit)
        .await
        .unwrap()
}

fn recovered(recovery: Recovery) -> (Vec<Message>, i64) {
    match recovery {
        Recovery::Recovered { messages, head_seq } => (messages, head_seq),
        Recovery::Lost { page } => panic!("lost: {page:?}"),
    }
}

fn lost(recovery: Recovery) -> Vec<i64> {
    match recovery {
        Recovery::Lost { page } => page.messages.iter().map(|message| message.seq).collect(),
        Recovery::Recovered { messages, head_seq } => panic!("recovered to {head_seq}: {messages:?}"),
    }
}

both_engines! {
    async fn every_kind_of_change_is_told_once_in_the_order_of_the_last(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let mut ids = Vec::new();
        for number in 1..=6 {
            ids.push(say(&db.store, &alice, &room, &number.to_string()).await.id);
        }
        assert_eq!(recovered(since(&db.store, &alice, &room, 6, 300).await), (vec![], 6));

        chat::edit_message(&db.store, &alice, &here, ids[4], "five".to_owned(), None).await.unwrap();
        chat::add_reaction(&db.store, &alice, &here, ids[3], THUMB).await.unwrap();
        chat::delete_message(&db.store, &alice, &here, ids[2], None).await.unwrap();
        chat::pin_message(&db.store, &alice, &here, ids[1]).await.unwrap();
        let reply = NewMessage { content: "reply".to_owned(), thread_root: Some(ids[0]), ..NewMessage::default() };
        chat::append_message(&db.store, &alice, &here, reply, Cap::Off).await.unwrap();
        chat::edit_message(&db.store, &alice, &here, ids[4], "5!".to_owned(), None).await.unwrap();

        let (messages, head) = recovered(since(&db.store, &alice, &room, 6, 300).await);
        assert_eq!(head, 12);
        let seqs: Vec<_> = messages.iter().map(|message| (message.changed_seq, message.seq)).collect();
        assert_eq!(seqs, [(8, 4), (9, 3), (10, 2), (11, 11), (12, 5)]);
        assert_eq!(messages[0].reactions[0].count, 1);
        assert!(messages[1].deleted_at.is_some() && messages[1].content.is_empty());
        assert!(messages[2].pinned_at.is_some());
        assert_eq!((messages[3].in_room, messages[3].thread.unwrap().reply_count), (false, 1));
        assert_eq!(messages[4].content, "5!");
        for message in messages {
            assert_eq!(chat::get_message(&db.store, &alice, &here, message.id).await.unwrap(), message);
        }
    }

    async fn what_is_new_and_changed_counts_once(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        for number in 1..=3 {
            let said = say(&db.store, &alice, &room, &number.to_string()).await;
            chat::pin_message(&db.store, &alice, &here, said.id).await.unwrap();
        }
        let (messages, head) = recovered(since(&db.store, &alice, &room, 0, 3).await);
        assert_eq!(head, 6);
        let seqs: Vec<_> = messages.iter().map(|message| (message.changed_seq, message.seq)).collect();
        assert_eq!(seqs, [(2, 1), (4, 3), (6, 5)]);
        lost(since(&db.store, &alice, &room, 0, 2).await);

        // One that is new, one that is older and changed: neither alone is too many.
        chat::unpin_message(&db.store, &alice, &here, messages[0].id).await.unwrap();
        say(&db.store, &alice, &room, "4").await;
        assert_eq!(recovered(since(&db.store, &alice, &room, 6, 2).await).0.len(), 2);
        lost(since(&db.store, &alice, &room, 6, 1).await);
    }

    async fn what_cannot_be_told_whole_is_lost(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let private = private_room(&db.store, &alice, "Board").await;
        for number in 1..=5 {
            say(&db.store, &alice, &room, &number.to_string()).await;
        }
        assert_eq!(lost(since(&db.store, &alice, &room, 6, 300).await), [1, 2, 3, 4, 5], "the future");
        assert_eq!(lost(since(&db.store, &alice, &room, 1, 3).await), [1, 2, 3, 4, 5], "more than the limit");
        assert_eq!(recovered(since(&db.store, &alice, &room, 1, 4).await).0.len(), 4);
        assert_eq!(recovered(since(&db.store, &alice, &room, 0, 5).await).0.len(), 5);
        for epoch in ["", "another"] {
            let here = RoomRef::Id(room.id);
            for seq in [0, 5] {
                let other = chat::changes_since(&db.store, &alice, &here, epoch, seq, 300).await.unwrap();
                assert_eq!(lost(other), [1, 2, 3, 4, 5]);
            }
        }
        let ask = async |scope: &Scope, room: RoomId, seq, limit| {
            let epoch = db.store.epoch().await.unwrap();
            chat::changes_since(&db.store, scope, &RoomRef::Id(room), &epoch, seq, limit).await.unwrap_err().code()
        };
        assert_eq!(ask(&alice, room.id, -1, 300).await, "invalid");
        assert_eq!(ask(&alice, room.id, 0, 0).await, "invalid");
        assert_eq!(ask(&alice, room.id, 0, 1001).await, "invalid");
        assert_eq!(ask(&bob, private.id, 0, 300).await, "not_a_member");
        assert_eq!(ask(&mallory, room.id, 0, 300).await, "room_not_found");
        assert_eq!(ask(&alice, RoomId::generate(), 0, 300).await, "room_not_found");
        assert_eq!(recovered(since(&db.store, &alice, &private, 0, 300).await), (vec![], 0));
    }

    async fn pruned_changes_are_lost_and_later_ones_are_not(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let mut messages = Vec::new();
        for number in 1..=6 {
            messages.push(say(&db.store, &alice, &room, &number.to_string()).await);
        }
        // An old message that was touched of late takes its late number with it.
        chat::edit_message(&db.store, &alice, &here, messages[0].id, "@nobody".to_owned(), None).await.unwrap();
        chat::add_reaction(&db.store, &alice, &here, messages[1].id, THUMB).await.unwrap();
        let prune = async |before| chat::prune_room(&db.store, alice.tenant_id, room.id, before).await.unwrap();
        assert_eq!(prune(Timestamp(0)).await, 0);
        assert_eq!(prune(messages[0].inserted_at).await, 0);
        assert_eq!(prune(messages[3].inserted_at).await, 3);
        assert_eq!(prune(messages[3].inserted_at).await, 0);

        for seq in [0, 3, 7] {
            assert_eq!(lost(since(&db.store, &alice, &room, seq, 300).await), [4, 5, 6], "{seq}");
        }
        assert_eq!(recovered(since(&db.store, &alice, &room, 8, 300).await), (vec![], 8));
        say(&db.store, &alice, &room, "next").await;
        let (changes, head) = recovered(since(&db.store, &alice, &room, 8, 300).await);
        assert_eq!((changes.len(), changes[0].seq, head), (1, 9, 9), "numbers go on");
        let gone = chat::get_message(&db.store, &alice, &here, messages[0].id).await;
        assert!(matches!(gone, Err(Error::MessageNotFound)));

        // Of an emptied room everything but the present is lost.
        assert_eq!(prune(Timestamp(i64::MAX)).await, 4);
        assert_eq!(lost(since(&db.store, &alice, &room, 8, 300).await), Vec::<i64>::new());
        assert_eq!(recovered(since(&db.store, &alice, &room, 9, 300).await), (vec![], 9));
    }

    async fn pruning_goes_through_rooms_of_any_size(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let appends = (0..1001).map(|_| say(&db.store, &alice, &room, "hello"));
        futures_util::future::join_all(appends).await;
        let last = say(&db.store, &alice, &room, "last").await;
        let removed = chat::prune_room(&db.store, alice.tenant_id, room.id, last.inserted_at).await.unwrap();
        assert_eq!(removed, 1001);
        assert_eq!(lost(since(&db.store, &alice, &room, 0, 300).await), [1002]);
        assert_eq!(recovered(since(&db.store, &alice, &room, 1001, 300).await).0.len(), 1);
    }

    async fn a_reader_that_asks_while_others_change_things_misses_nothing(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(say(&db.store, &alice, &room, &number.to_string()).await.id);
        }
        // Four writers that touch the same few messages again and again, so that rows move up all the time.
        let done = std::cell::Cell::new(0);
        let writer = async |writer: usize| {
            for round in 0..25 {
                let id = ids[(writer + round) % ids.len()];
                let content = format!("{writer}.{round}");
                match round % 3 {
                    0 => drop(chat::edit_message(&db.store, &alice, &here, id, content, None).await.unwrap()),
                    1 => drop(chat::add_reaction(&db.store, &alice, &here, id, THUMB).await.unwrap()),
                    _ => drop(say(&db.store, &alice, &room, &content).await),
                }
            }
            done.set(done.get() + 1);
        };
        // A client that keeps up by asking only. What it holds is complete up to its number at all times: each
        // number it has passed is on a message it holds, or was replaced by a later one.
        let reader = async {
            let (mut held, mut seq, mut rounds) = (BTreeMap::new(), 0, 0);
            loop {
                let finished = done.get() == 4;
                let (messages, head) = recovered(since(&db.store, &alice, &room, seq, 1000).await);
                assert!(head >= seq);
                assert!(messages.is_sorted_by_key(|message| message.changed_seq));
                assert!(messages.iter().all(|message| (seq + 1..=head).contains(&message.changed_seq)));
                assert_eq!(messages.last().map_or(seq, |message| message.changed_seq), head);
                for message in messages {
                    held.insert(message.id, message);
                }
                let newest = held.values().map(|message| message.seq).max().unwrap_or(0);
                assert!(newest <= head);
                (seq, rounds) = (head, rounds + 1);
                if finished {
                    return (held, seq, rounds);
                }
                tokio::task::yield_now().await;
            }
        };
        let writers = futures_util::future::join_all((0..4).map(writer));
        let (_, (held, seq, rounds)) = futures_util::future::join(writers, reader).await;
        assert!(rounds > 2, "{rounds}");
        assert_eq!(seq, head_seq(&db.store, &alice, &room).await);
        let query = MessageQuery { limit: 100, ..MessageQuery::default() };
        let truth = chat::list_messages(&db.store, &alice, &here, query).await.unwrap().messages;
        let truth: BTreeMap<_, _> = truth.into_iter().map(|message| (message.id, message)).collect();
        assert_eq!(held, truth);
    }
}
