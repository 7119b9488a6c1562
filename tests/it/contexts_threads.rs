//! Threads and quotes.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Appended, Error, Message, MessageQuery, NewMessage, Room, RoomRef},
    ids::MessageId,
    scope::Scope,
    store::Store,
};

use crate::helpers::{
    messages::{append, new},
    people::{head_seq, public_room, say, scope},
};

fn under(root: &Message, content: &str) -> NewMessage {
    NewMessage {
        thread_root: Some(root.id),
        ..new(content)
    }
}

async fn contents(store: &Store, scope: &Scope, room: &Room) -> Vec<String> {
    let page = chat::list_messages(store, scope, &RoomRef::Id(room.id), MessageQuery::default())
        .await
        .unwrap();
    page.messages.into_iter().map(|message| message.content).collect()
}

fn reason(result: Result<Appended, Error>) -> String {
    match result {
        Err(Error::Invalid(violations)) => serde_json::to_value(violations).unwrap()["thread_root"][0]
            .as_str()
            .unwrap()
            .to_owned(),
        other => panic!("{other:?}"),
    }
}

both_engines! {
    async fn replies_are_in_the_thread_and_in_the_room_only_when_asked(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let root = say(&db.store, &alice, &room, "root").await;
        assert_eq!(root.thread, None);
        let one = append(&db.store, &bob, &room, under(&root, "one")).await.unwrap().message;
        assert_eq!((one.seq, one.thread_root, one.in_room), (2, Some(root.id), false));
        let also = NewMessage { also_in_room: true, ..under(&root, "two") };
        let two = append(&db.store, &alice, &room, also).await.unwrap().message;
        assert!(two.in_room);
        let summary = two.thread.unwrap();
        assert_eq!((summary.root_id, summary.reply_count), (root.id, 2));
        assert_eq!((summary.last_reply_seq, summary.last_reply_at), (Some(3), Some(two.inserted_at)));

        assert_eq!(contents(&db.store, &bob, &room).await, ["root", "two"]);
        let thread = chat::get_thread(&db.store, &bob, &here, root.id, MessageQuery::default()).await.unwrap();
        assert!(thread.messages.iter().map(|message| message.content.as_str()).eq(["one", "two"]));
        assert!(thread.messages.iter().all(|message| message.thread == Some(summary)));
        assert_eq!((thread.has_more, thread.head_seq), (false, 3));
        // Any message of the thread leads to it.
        let by_reply = chat::get_thread(&db.store, &bob, &here, one.id, MessageQuery::default()).await.unwrap();
        assert_eq!(by_reply, thread);
        // The root tells of it and was not changed.
        let now = chat::get_message(&db.store, &bob, &here, root.id).await.unwrap();
        assert_eq!((now.thread, now.changed_seq), (Some(summary), 1));

        let query = MessageQuery { limit: 1, before_id: Some(two.id), ..MessageQuery::default() };
        let page = chat::get_thread(&db.store, &bob, &here, root.id, query).await.unwrap();
        assert_eq!((page.messages[0].id, page.has_more), (one.id, false));
        let query = MessageQuery { limit: 0, ..MessageQuery::default() };
        assert!(matches!(chat::get_thread(&db.store, &bob, &here, root.id, query).await, Err(Error::Invalid(_))));
    }

    async fn a_thread_is_one_level_deep_and_under_a_message_of_the_room(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let other_room = public_room(&db.store, &alice, "Other").await;
        let here = RoomRef::Id(room.id);
        let root = say(&db.store, &alice, &room, "root").await;
        let elsewhere = say(&db.store, &alice, &other_room, "elsewhere").await;
        let reply = append(&db.store, &alice, &room, under(&root, "reply")).await.unwrap().message;
        let unknown = Message { id: MessageId::generate(), ..root.clone() };
        for (root, problem) in [
            (&reply, "is itself a reply in a thread"),
            (&elsewhere, "is not a message of this room"),
            (&unknown, "is not a message of this room"),
        ] {
            assert_eq!(reason(append(&db.store, &alice, &room, under(root, "x")).await), problem);
        }
        // A reply to a reply stays under the same root.
        let quoting = NewMessage { reply_to: Some(reply.id), ..under(&root, "to the reply") };
        let quoting = append(&db.store, &alice, &room, quoting).await.unwrap().message;
        assert_eq!((quoting.thread_root, quoting.reply_to.unwrap().excerpt.as_str()), (Some(root.id), "reply"));
        // The root may be quoted as well.
        let quoting = NewMessage { reply_to: Some(root.id), ..under(&root, "to the root") };
        let quoting = append(&db.store, &alice, &room, quoting).await.unwrap().message;
        assert_eq!(quoting.thread.unwrap().reply_count, 3);

        chat::delete_message(&db.store, &alice, &here, root.id, None).await.unwrap();
        assert_eq!(reason(append(&db.store, &alice, &room, under(&root, "x")).await), "was deleted");
        let thread = chat::get_thread(&db.store, &alice, &here, root.id, MessageQuery::default()).await.unwrap();
        assert_eq!(thread.messages.len(), 3, "the thread outlives its root");
        assert_eq!(head_seq(&db.store, &alice, &room).await, 5);
    }

    async fn deleted_replies_are_not_counted(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let root = say(&db.store, &alice, &room, "root").await;
        let one = append(&db.store, &alice, &room, under(&root, "one")).await.unwrap().message;
        let two = append(&db.store, &alice, &room, under(&root, "two")).await.unwrap().message;
        let deleted = chat::delete_message(&db.store, &alice, &here, two.id, None).await.unwrap().message;
        let summary = deleted.thread.unwrap();
        assert_eq!((summary.reply_count, summary.last_reply_seq), (1, Some(one.seq)));
        assert_eq!(summary.last_reply_at, Some(one.inserted_at));
        let deleted = chat::delete_message(&db.store, &alice, &here, one.id, None).await.unwrap().message;
        let summary = deleted.thread.unwrap();
        assert_eq!((summary.reply_count, summary.last_reply_seq, summary.last_reply_at), (0, None, None));
        assert_eq!(chat::get_message(&db.store, &alice, &here, root.id).await.unwrap().thread, None);
        let thread = chat::get_thread(&db.store, &alice, &here, root.id, MessageQuery::default()).await.unwrap();
        assert_eq!(thread.messages.len(), 2, "they keep their places");
        let three = append(&db.store, &alice, &room, under(&root, "three")).await.unwrap().message;
        assert_eq!(three.thread.unwrap().reply_count, 1);
    }

    async fn a_repeated_reply_is_the_first_one(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let root = say(&db.store, &alice, &room, "root").await;
        let new = NewMessage { client_id: Some("1".to_owned()), ..under(&root, "reply") };
        let first = append(&db.store, &alice, &room, new.clone()).await.unwrap();
        let second = append(&db.store, &alice, &room, under(&root, "another")).await.unwrap();
        let repeat = append(&db.store, &alice, &room, new.clone()).await.unwrap();
        assert!(repeat.repeated);
        assert_eq!(repeat.message, Message { thread: second.message.thread, ..first.message }, "as it is now");
        for other in [
            NewMessage { thread_root: None, ..new.clone() },
            NewMessage { also_in_room: true, ..new.clone() },
            NewMessage { reply_to: Some(root.id), ..new },
        ] {
            assert!(matches!(append(&db.store, &alice, &room, other).await, Err(Error::Conflict)));
        }
        assert_eq!(head_seq(&db.store, &alice, &room).await, 3);
    }

    async fn replies_of_sixteen_at_once_are_all_counted(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let root = say(&db.store, &alice, &room, "root").await;
        let replies = join_all((0..16).map(|_| append(&db.store, &alice, &room, under(&root, "reply")))).await;
        let replies: Vec<Message> = replies.into_iter().map(|reply| reply.unwrap().message).collect();
        let mut counts: Vec<u64> = replies.iter().map(|reply| reply.thread.unwrap().reply_count).collect();
        counts.sort_unstable();
        assert!(counts.into_iter().eq(1..=16), "each tells of the thread as of itself");
        let deleting = replies.iter().take(8).map(|reply| chat::delete_message(&db.store, &alice, &here, reply.id, None));
        assert!(join_all(deleting).await.iter().all(Result::is_ok));
        let summary = chat::get_message(&db.store, &alice, &here, root.id).await.unwrap().thread.unwrap();
        let last = replies[8..].iter().map(|reply| reply.seq).max();
        assert_eq!((summary.reply_count, summary.last_reply_seq), (8, last));
    }

    async fn quotes_show_the_quoted_message_as_it_is_now(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let long = "\u{e9}".repeat(200);
        let question = say(&db.store, &bob, &room, &long).await;
        let new = NewMessage { content: "yes".to_owned(), reply_to: Some(question.id), ..NewMessage::default() };
        let answer = append(&db.store, &alice, &room, new).await.unwrap().message;
        let quote = answer.reply_to.clone().unwrap();
        assert_eq!((quote.excerpt.chars().count(), quote.author.username.as_str()), (120, "bob"));
        let shown = async || {
            let page = chat::list_messages(&db.store, &bob, &here, MessageQuery { limit: 1, ..MessageQuery::default() });
            page.await.unwrap().messages.remove(0)
        };
        assert_eq!(shown().await, answer);
        chat::edit_message(&db.store, &bob, &here, question.id, "short".to_owned(), None).await.unwrap();
        assert_eq!(shown().await.reply_to.unwrap().excerpt, "short");
        chat::delete_message(&db.store, &bob, &here, question.id, None).await.unwrap();
        let quote = shown().await.reply_to.unwrap();
        assert_eq!((quote.id, quote.excerpt.as_str(), quote.deleted), (question.id, "", true));
    }
}
