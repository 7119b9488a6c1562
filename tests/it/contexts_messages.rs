//! Messages: numbers, repeats, pages.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Appended, Error, MessageKind, MessageQuery, NewMessage, Quote, Role, Room, RoomRef},
    config::Cap,
    ids::{MessageId, RoomId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

use crate::helpers::{
    messages::{append, new, with_client_id},
    people::{head_seq, make_member, private_room, public_room, say, scope},
};

async fn page(store: &Store, scope: &Scope, room: &Room, query: MessageQuery) -> (Vec<i64>, bool, i64) {
    let page = chat::list_messages(store, scope, &RoomRef::Id(room.id), query)
        .await
        .unwrap();
    (
        page.messages.iter().map(|message| message.seq).collect(),
        page.has_more,
        page.head_seq,
    )
}

both_engines! {
    async fn a_message_is_stored_verbatim_and_read_back(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let content = "  <b>h\u{e9}llo</b> \u{1f44b}\u{200d}\n\t'; DROP TABLE messages; --  ";
        let appended = append(&db.store, &alice, &room, with_client_id(content, "c 1")).await.unwrap();
        let message = &appended.message;
        assert_eq!((message.seq, message.changed_seq, message.room_id), (1, 1, room.id));
        assert_eq!((message.content.as_str(), message.client_id.as_deref()), (content, Some("c 1")));
        assert_eq!((message.author.id, message.author.username.as_str()), (alice.user_id, "alice"));
        assert_eq!((message.kind, &message.reply_to, message.edited_at), (MessageKind::Text, &None, None));
        assert_eq!((appended.repeated, appended.joined), (false, None));
        assert!(message.inserted_at >= room.inserted_at && message.inserted_at <= Timestamp::now());

        let listed =
            chat::list_messages(&db.store, &alice, &RoomRef::parse("lobby"), MessageQuery::default()).await.unwrap();
        assert_eq!(listed.messages, [appended.message]);
        assert_eq!((listed.has_more, listed.head_seq), (false, 1));
    }

    async fn the_first_message_in_a_public_room_makes_a_member(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let joined = append(&db.store, &bob, &room, new("hello")).await.unwrap().joined.unwrap();
        assert_eq!((joined.room.id, joined.user.id, joined.before, joined.after), (room.id, bob.user_id, None, Some(Role::Member)));
        assert_eq!(append(&db.store, &bob, &room, new("again")).await.unwrap().joined, None);
        let (_, role) = chat::get_room(&db.store, &bob, &RoomRef::Id(room.id)).await.unwrap();
        assert_eq!(role, Some(Role::Member));
    }

    async fn who_may_not_write_uses_up_no_number(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let nobody = Scope { user_id: UserId::generate(), ..alice };
        let private = private_room(&db.store, &alice, "Board").await;
        let public = public_room(&db.store, &alice, "Lobby").await;

        assert!(matches!(append(&db.store, &bob, &private, new("hello")).await, Err(Error::NotMember)));
        assert!(matches!(append(&db.store, &mallory, &private, new("hello")).await, Err(Error::RoomNotFound)));
        assert!(matches!(append(&db.store, &mallory, &public, new("hello")).await, Err(Error::RoomNotFound)));
        assert!(matches!(append(&db.store, &nobody, &public, new("hello")).await, Err(Error::UserNotFound)));
        for unknown in [RoomRef::Id(RoomId::generate()), RoomRef::parse("nowhere"), RoomRef::parse("No\0where")] {
            let refused = chat::append_message(&db.store, &alice, &unknown, new("hello"), Cap::Off).await;
            assert!(matches!(refused, Err(Error::RoomNotFound)), "{unknown:?}");
        }
        chat::join_room(&db.store, &bob, &RoomRef::Id(public.id), Cap::Off).await.unwrap();
        make_member(&db.store, &bob, &public, Role::Reader).await;
        assert!(matches!(append(&db.store, &bob, &public, new("hello")).await, Err(Error::ReadOnly)));
        let reply_to = NewMessage { reply_to: Some(MessageId::generate()), ..new("hello") };
        assert!(matches!(append(&db.store, &alice, &public, reply_to).await, Err(Error::Invalid(_))));

        for room in [&private, &public] {
            assert_eq!(head_seq(&db.store, &alice, room).await, 0);
            assert_eq!(say(&db.store, &alice, room, "first").await.seq, 1);
        }
    }

    async fn content_and_client_ids_have_rules(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        for content in ["", " \n\t\u{2003}", "a\0b", &"x".repeat(2001), &"\u{1f44b}".repeat(2001)] {
            let refused = append(&db.store, &alice, &room, new(content)).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{content:?}");
        }
        for client_id in ["", "a\nb", "\u{e9}", &"x".repeat(65)] {
            let refused = append(&db.store, &alice, &room, with_client_id("hello", client_id)).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{client_id:?}");
        }
        for content in ["x", &"\u{1f44b}".repeat(2000), &format!(" {} ", "x".repeat(2000))] {
            assert_eq!(say(&db.store, &alice, &room, content).await.content, content);
        }
        append(&db.store, &alice, &room, with_client_id("hello", &"x".repeat(64))).await.unwrap();
        assert_eq!(head_seq(&db.store, &alice, &room).await, 4);
    }

    async fn a_repeat_gives_the_first_answer_and_stores_nothing(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let other_room = public_room(&db.store, &alice, "Other").await;
        let first = append(&db.store, &alice, &room, with_client_id("hello", "1")).await.unwrap().message;
        let repeat = append(&db.store, &alice, &room, with_client_id("hello", "1")).await.unwrap();
        assert_eq!(repeat, Appended { message: first.clone(), repeated: true, joined: None });
        assert_eq!(head_seq(&db.store, &alice, &room).await, 1);

        let conflicts = [
            with_client_id("something else", "1"),
            NewMessage { reply_to: Some(first.id), ..with_client_id("hello", "1") },
        ];
        for conflict in conflicts {
            assert!(matches!(append(&db.store, &alice, &room, conflict).await, Err(Error::Conflict)));
        }
        assert_eq!(head_seq(&db.store, &alice, &room).await, 1);

        // Another author's, and another room's, are others.
        assert!(!append(&db.store, &bob, &room, with_client_id("hello", "1")).await.unwrap().repeated);
        assert!(!append(&db.store, &alice, &other_room, with_client_id("hello", "1")).await.unwrap().repeated);
        assert_eq!(say(&db.store, &alice, &room, "next").await.seq, 3);
    }

    async fn a_reply_answers_a_message_of_the_same_room(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let other_room = public_room(&db.store, &alice, "Other").await;
        let question = say(&db.store, &alice, &room, "why?").await;
        let answer = NewMessage { reply_to: Some(question.id), ..new("because") };
        let answered = append(&db.store, &alice, &room, answer.clone()).await.unwrap().message;
        let quote = Quote {
            id: question.id,
            author: question.author,
            excerpt: "why?".to_owned(),
            deleted: false,
        };
        assert_eq!(answered.reply_to, Some(quote));
        match append(&db.store, &alice, &other_room, answer).await {
            Err(Error::Invalid(violations)) => {
                assert_eq!(violations, Violations::of("reply_to", "is not a message of this room"));
            }
            other => panic!("{other:?}"),
        }
    }

    async fn messages_at_the_same_time_get_numbers_without_a_gap(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let appended = join_all((0..32).map(|number| {
            let author = if number % 2 == 0 { &alice } else { &bob };
            // A third of them is refused in the middle of the transaction.
            let reply_to = (number % 3 == 0).then(MessageId::generate);
            append(&db.store, author, &room, NewMessage { reply_to, ..new(number.to_string()) })
        }))
        .await;
        let mut seqs: Vec<i64> = appended.into_iter().flatten().map(|appended| appended.message.seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=21).collect::<Vec<i64>>());
        assert_eq!(page(&db.store, &alice, &room, MessageQuery::default()).await, (seqs, false, 21));
    }

    async fn sixteen_messages_at_once_are_numbered_in_the_order_they_commit(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let appended = join_all((0..16).map(|_| append(&db.store, &alice, &room, new("hello")))).await;
        let mut messages: Vec<_> = appended.into_iter().map(|appended| appended.unwrap().message).collect();
        messages.sort_unstable_by_key(|message| message.seq);
        assert!(messages.iter().map(|message| message.seq).eq(1..=16));
        assert!(messages.is_sorted_by_key(|message| message.id), "ids are made in the same order");
    }

    async fn two_servers_on_one_database_number_messages_together(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let other = Store::connect(&db.options()).await.unwrap();
        let appended = join_all((0..32).map(|number| {
            let store = if number % 2 == 0 { &db.store } else { &other };
            append(store, &alice, &room, new("hello"))
        }))
        .await;
        let mut seqs: Vec<i64> = appended.into_iter().map(|appended| appended.unwrap().message.seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=32).collect::<Vec<i64>>());
        other.close().await;
    }

    async fn repeats_at_the_same_time_store_one_message(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let appended = join_all((0..8).map(|_| append(&db.store, &bob, &room, with_client_id("hello", "1")))).await;
        let appended: Vec<Appended> = appended.into_iter().map(Result::unwrap).collect();
        assert_eq!(appended.iter().filter(|appended| !appended.repeated).count(), 1);
        assert_eq!(appended.iter().filter(|appended| appended.joined.is_some()).count(), 1);
        assert!(appended.iter().all(|other| other.message == appended[0].message));
        assert_eq!(page(&db.store, &alice, &room, MessageQuery::default()).await, (vec![1], false, 1));
    }

    async fn pages_go_backwards_and_forwards_and_lack_nothing(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        assert_eq!(page(&db.store, &alice, &room, MessageQuery::default()).await, (vec![], false, 0));
        let mut messages = Vec::new();
        for number in 1..=7 {
            messages.push(say(&db.store, &alice, &room, &number.to_string()).await);
        }
        let id = |seq: usize| Some(messages[seq - 1].id);
        let query = |limit| MessageQuery { limit, ..MessageQuery::default() };

        for (query, seqs, has_more) in [
            (query(3), vec![5, 6, 7], true),
            (query(7), vec![1, 2, 3, 4, 5, 6, 7], false),
            (MessageQuery { before_id: id(5), ..query(3) }, vec![2, 3, 4], true),
            (MessageQuery { before_id: id(4), ..query(3) }, vec![1, 2, 3], false),
            (MessageQuery { before_id: id(1), ..query(3) }, vec![], false),
            (MessageQuery { after_id: id(1), ..query(3) }, vec![2, 3, 4], true),
            (MessageQuery { after_id: id(4), ..query(3) }, vec![5, 6, 7], false),
            (MessageQuery { after_id: id(7), ..query(3) }, vec![], false),
            (MessageQuery { inserted_before: Some(messages[4].inserted_at), ..query(3) }, vec![2, 3, 4], true),
            (MessageQuery { inserted_before: Some(messages[0].inserted_at), ..query(3) }, vec![], false),
            (MessageQuery { inserted_before: Some(Timestamp::now()), ..query(2) }, vec![6, 7], true),
            (MessageQuery { inserted_before: Some(Timestamp(i64::MAX)), ..query(2) }, vec![6, 7], true),
            (MessageQuery { inserted_before: Some(Timestamp(i64::MIN)), ..query(2) }, vec![], false),
        ] {
            assert_eq!(page(&db.store, &alice, &room, query.clone()).await, (seqs, has_more, 7), "{query:?}");
        }
    }

    async fn pages_before_a_moment_end_there_whatever_numbers_are_missing(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let mut messages = Vec::new();
        for number in 1..=12 {
            let said = say(&db.store, &alice, &room, "hello").await;
            for change in 0..number % 4 {
                let content = format!("{number}, {change}");
                chat::edit_message(&db.store, &alice, &here, said.id, content, None).await.unwrap();
            }
            messages.push(said);
        }
        let head = head_seq(&db.store, &alice, &room).await;
        for (count, message) in messages.iter().enumerate() {
            let before = MessageQuery { inserted_before: Some(message.inserted_at), ..MessageQuery::default() };
            let seqs = messages[..count].iter().map(|message| message.seq).collect();
            assert_eq!(page(&db.store, &alice, &room, before).await, (seqs, false, head), "{count}");
        }
    }

    async fn pages_with_wrong_bounds_are_refused(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let other_room = public_room(&db.store, &alice, "Other").await;
        let own = say(&db.store, &alice, &room, "here").await.id;
        let elsewhere = say(&db.store, &alice, &other_room, "there").await.id;
        let query = MessageQuery::default();
        for (query, field) in [
            (MessageQuery { limit: 0, ..query.clone() }, "limit"),
            (MessageQuery { limit: 101, ..query.clone() }, "limit"),
            (MessageQuery { before_id: Some(MessageId::generate()), ..query.clone() }, "before_id"),
            (MessageQuery { before_id: Some(elsewhere), ..query.clone() }, "before_id"),
            (MessageQuery { after_id: Some(elsewhere), ..query.clone() }, "after_id"),
            (MessageQuery { before_id: Some(own), after_id: Some(own), ..query.clone() }, "after_id"),
            (MessageQuery { before_id: Some(own), inserted_before: Some(Timestamp(0)), ..query.clone() }, "before_id"),
        ] {
            match chat::list_messages(&db.store, &alice, &RoomRef::Id(room.id), query).await {
                Err(Error::Invalid(violations)) => {
                    assert!(serde_json::to_value(violations).unwrap().get(field).is_some(), "{field}");
                }
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    async fn a_page_read_while_others_write_is_complete_up_to_its_head(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let writes = join_all((0..40).map(|_| append(&db.store, &alice, &room, new("hello"))));
        let reads = async {
            for _ in 0..20 {
                let (seqs, has_more, head) =
                    page(&db.store, &alice, &room, MessageQuery { limit: 100, ..MessageQuery::default() }).await;
                assert_eq!(seqs, (1..=head).collect::<Vec<i64>>());
                assert!(!has_more);
            }
        };
        let (written, ()) = futures_util::future::join(writes, reads).await;
        assert!(written.iter().all(Result::is_ok));
    }

    async fn only_members_read_a_private_room_and_other_tenants_see_no_room_at_all(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let private = private_room(&db.store, &alice, "Board").await;
        let public = public_room(&db.store, &alice, "Lobby").await;
        say(&db.store, &alice, &private, "secret").await;
        let list = async |scope: &Scope, room: &Room| {
            chat::list_messages(&db.store, scope, &RoomRef::Id(room.id), MessageQuery::default()).await
        };
        assert!(matches!(list(&bob, &private).await, Err(Error::NotMember)));
        assert!(list(&bob, &public).await.is_ok());
        assert!(matches!(list(&mallory, &private).await, Err(Error::RoomNotFound)));
        assert!(matches!(list(&mallory, &public).await, Err(Error::RoomNotFound)));
        // Not by slug either, and not by a message id in a room of one's own.
        let by_slug = chat::list_messages(&db.store, &mallory, &RoomRef::parse("lobby"), MessageQuery::default()).await;
        assert!(matches!(by_slug, Err(Error::RoomNotFound)));
        let own = public_room(&db.store, &mallory, "Lobby").await;
        let foreign = say(&db.store, &alice, &public, "here").await.id;
        let reply = NewMessage { reply_to: Some(foreign), ..new("hello") };
        assert!(matches!(append(&db.store, &mallory, &own, reply).await, Err(Error::Invalid(_))));
    }
}
