//! Batches of messages: each is judged as if it came alone, and none takes its neighbours down.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Append, Appended, Error, Message, MessageQuery, NewMessage, NewUpload, Role, Room, UploadName},
    config::Cap,
    ids::{MessageId, RoomId, UserId},
    media::{Inspected, MediaType},
    scope::Scope,
    store::Store,
};
use sea_orm::ConnectionTrait;

use crate::{
    explain::noting,
    helpers::{
        database::{Engine, TestDatabase},
        membership::{by_id, code, fields, put},
        messages::{new, with_client_id},
        people::{private_room, public_room, say, scope, set_frozen, set_slow_mode},
    },
};

fn by(scope: &Scope, room: &Room, new: NewMessage) -> Append {
    Append {
        scope: *scope,
        room_id: room.id,
        new,
        members_max: Cap::Off,
    }
}

fn message(answer: &Result<Appended, Error>) -> &Message {
    &answer.as_ref().unwrap().message
}

/// What is in a room, as `(seq, content)`.
async fn log(store: &Store, scope: &Scope, room: &Room) -> Vec<(i64, String)> {
    let query = MessageQuery {
        limit: 100,
        ..MessageQuery::default()
    };
    let page = chat::list_messages(store, scope, &by_id(room), query).await.unwrap();
    assert_eq!(page.head_seq, page.messages.last().map_or(0, |message| message.seq));
    page.messages
        .into_iter()
        .map(|message| (message.seq, message.content))
        .collect()
}

fn numbered(contents: &[&str]) -> Vec<(i64, String)> {
    (1..)
        .zip(contents.iter().map(|content| (*content).to_owned()))
        .collect()
}

/// Has the database refuse a message for a reason that no rule of chat knows.
async fn poison(db: &TestDatabase) {
    let sql = match db.engine {
        Engine::Sqlite => {
            "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.content = 'poison' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        Engine::Postgres => "ALTER TABLE messages ADD CONSTRAINT poison CHECK (content <> 'poison')",
    };
    db.store.reader().execute_unprepared(sql).await.unwrap();
}

both_engines! {
    async fn each_message_gets_its_own_answer_and_what_is_refused_takes_no_number(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let (bob, reader) = (scope(store, "acme", "bob").await, scope(store, "acme", "reader").await);
        let (banned, muted) = (scope(store, "acme", "banned").await, scope(store, "acme", "muted").await);
        let stranger = scope(store, "globex", "stranger").await;
        let (lobby, board) = (public_room(store, &alice, "Lobby").await, private_room(store, &alice, "Board").await);
        let (frozen, gone) = (public_room(store, &alice, "Frozen").await, public_room(store, &alice, "Gone").await);
        put(store, &alice, lobby.id, reader.user_id, Some(Role::Reader)).await;
        chat::ban(store, &alice, &by_id(&lobby), banned.user_id, None, None).await.unwrap();
        chat::mute(store, &alice, &by_id(&lobby), muted.user_id, None, None).await.unwrap();
        set_frozen(store, &alice, &by_id(&frozen), true).await.unwrap();
        chat::delete_room(store, &alice, &by_id(&gone)).await.unwrap();
        let used = chat::append_message(store, &alice, &by_id(&lobby), with_client_id("first", "used"), Cap::Off).await.unwrap();
        let nobody = Scope { user_id: UserId::generate(), ..alice };
        let full = |append| Append { members_max: Cap::Max(1), ..append };

        let batch = [
            (by(&alice, &lobby, new("one")), "ok"),
            (by(&alice, &lobby, new(" ")), "invalid"),
            (by(&alice, &lobby, with_client_id("x", "\u{e9}")), "invalid"),
            (by(&alice, &lobby, NewMessage { reply_to: Some(MessageId::generate()), ..new("x") }), "invalid"),
            (by(&alice, &lobby, NewMessage { thread_root: Some(MessageId::generate()), ..new("x") }), "invalid"),
            (by(&alice, &lobby, NewMessage { attachments: vec!["01900000-0000-7000-8000-000000000001".parse().unwrap()], ..new("x") }), "invalid"),
            (by(&alice, &lobby, with_client_id("other", "used")), "conflict"),
            (by(&alice, &lobby, with_client_id("first", "used")), "ok"),
            (by(&banned, &lobby, new("x")), "banned"),
            (by(&muted, &lobby, new("x")), "muted"),
            (by(&reader, &lobby, new("x")), "read_only"),
            (full(by(&bob, &lobby, new("x"))), "room_full"),
            (by(&nobody, &lobby, new("x")), "user_not_found"),
            (by(&stranger, &lobby, new("x")), "room_not_found"),
            (by(&alice, &gone, new("x")), "room_not_found"),
            (by(&bob, &board, new("x")), "not_a_member"),
            (by(&bob, &frozen, new("x")), "frozen"),
            (by(&alice, &frozen, new("one")), "ok"),
            (by(&alice, &board, new("one")), "ok"),
            (by(&bob, &lobby, new("two")), "ok"),
        ];
        let (appends, expected): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let answers = chat::append_batch(store, &appends).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), expected);
        assert_eq!(answers[7].as_ref().unwrap(), &Appended { repeated: true, ..used });
        assert!(answers[19].as_ref().unwrap().joined.is_some());
        assert_eq!(log(store, &alice, &lobby).await, numbered(&["first", "one", "two"]));
        assert_eq!(log(store, &alice, &board).await, numbered(&["one"]));
        assert_eq!(log(store, &alice, &frozen).await, numbered(&["one"]));

        // Each of them alone gets the same answer.
        for (append, expected) in appends.iter().zip(expected).filter(|(_, expected)| *expected != "ok") {
            let alone = chat::append_batch(store, std::slice::from_ref(append)).await;
            let alone = code(&alone[0]);
            // By now bob is a member.
            assert_eq!(alone, if expected == "room_full" { "ok" } else { expected });
        }
        assert_eq!(log(store, &alice, &lobby).await, numbered(&["first", "one", "two", "x"]));
    }

    async fn a_repeat_in_the_same_batch_is_answered_like_the_first(db: TestDatabase) {
        let store = &db.store;
        let (alice, bob) = (scope(store, "acme", "alice").await, scope(store, "acme", "bob").await);
        let (room, other) = (public_room(store, &alice, "Lobby").await, public_room(store, &alice, "Other").await);
        let answers = chat::append_batch(store, &[
            by(&bob, &room, with_client_id("hello", "1")),
            by(&bob, &room, with_client_id("hello", "1")),
            by(&bob, &room, with_client_id("something else", "1")),
            by(&alice, &room, with_client_id("hello", "1")),
            by(&bob, &other, with_client_id("hello", "1")),
            by(&bob, &room, with_client_id("hello", "1")),
            by(&bob, &room, new("next")),
        ]).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "ok", "conflict", "ok", "ok", "ok", "ok"]);
        let answer = |at: usize| answers[at].as_ref().unwrap();
        assert!(answer(0).joined.is_some() && !answer(0).repeated);
        for again in [1, 5] {
            assert_eq!(answer(again), &Appended { message: answer(0).message.clone(), repeated: true, joined: None });
        }
        assert!(!answer(3).repeated && !answer(4).repeated);
        assert_eq!(log(store, &alice, &room).await, numbered(&["hello", "hello", "next"]));
        assert_eq!(log(store, &alice, &other).await, numbered(&["hello"]));
    }

    async fn newcomers_of_one_batch_are_admitted_once_and_counted(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let (bob, carol) = (scope(store, "acme", "bob").await, scope(store, "acme", "carol").await);
        let room = public_room(store, &alice, "Lobby").await;
        let capped = |who, content| Append { members_max: Cap::Max(2), ..by(who, &room, new(content)) };
        let answers = chat::append_batch(store, &[capped(&bob, "one"), capped(&carol, "no"), capped(&bob, "two"), capped(&carol, "no")]).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "room_full", "ok", "room_full"]);
        let joined: Vec<bool> = answers.iter().flatten().map(|appended| appended.joined.is_some()).collect();
        assert_eq!(joined, [true, false]);
        assert_eq!(log(store, &alice, &room).await, numbered(&["one", "two"]));
        // What was there before one came counts as read.
        assert_eq!(chat::unread(store, &bob, room.id).await.unwrap().unread, 0);
    }

    async fn slow_mode_holds_within_a_batch(db: TestDatabase) {
        let store = &db.store;
        let (alice, bob) = (scope(store, "acme", "alice").await, scope(store, "acme", "bob").await);
        let (slow, quick) = (public_room(store, &alice, "Slow").await, public_room(store, &alice, "Quick").await);
        set_slow_mode(store, &alice, &by_id(&slow), 60).await.unwrap();
        let batch: Vec<Append> = [(&bob, &slow), (&bob, &slow), (&bob, &quick), (&bob, &quick), (&alice, &slow), (&alice, &slow)]
            .map(|(who, room)| by(who, room, new("x")))
            .into();
        let answers = chat::append_batch(store, &batch).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "slow_mode", "ok", "ok", "ok", "ok"]);
        assert!(matches!(&answers[1], Err(Error::SlowMode { retry_after }) if (59..=60).contains(&retry_after.as_secs())));
    }

    async fn replies_of_one_batch_are_counted_one_after_the_other(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let (room, other) = (public_room(store, &alice, "Lobby").await, public_room(store, &alice, "Other").await);
        let root = say(store, &alice, &room, "root").await;
        let reply = |room, content| by(&alice, room, NewMessage { thread_root: Some(root.id), reply_to: Some(root.id), ..new(content) });
        let answers = chat::append_batch(store, &[
            reply(&room, "one"),
            reply(&other, "elsewhere"),
            reply(&room, "two"),
            by(&alice, &room, NewMessage { reply_to: Some(root.id), ..new("quote") }),
        ]).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "invalid", "ok", "ok"]);
        let counts = |at: usize| message(&answers[at]).thread.as_ref().map(|thread| (thread.reply_count, thread.last_reply_seq));
        assert_eq!((counts(0), counts(2), counts(3)), (Some((1, Some(2))), Some((2, Some(3))), None));
        for at in [0, 2, 3] {
            assert_eq!(message(&answers[at]).reply_to.as_ref().unwrap().excerpt, "root");
        }
        let root = chat::get_message(store, &alice, &by_id(&room), root.id).await.unwrap();
        assert_eq!(root.thread.unwrap().reply_count, 2);
        let thread = chat::get_thread(store, &alice, &by_id(&room), root.id, MessageQuery::default()).await.unwrap();
        let stored: Vec<_> = thread.messages.iter().collect();
        assert_eq!((stored[0].id, stored[1].id), (message(&answers[0]).id, message(&answers[2]).id));
    }

    async fn an_upload_is_in_one_message_of_a_batch_only(db: TestDatabase) {
        let store = &db.store;
        let (alice, bob) = (scope(store, "acme", "alice").await, scope(store, "acme", "bob").await);
        let room = public_room(store, &alice, "Lobby").await;
        let file = || NewUpload {
            name: UploadName::parse("photo.png").unwrap(),
            inspected: Inspected { media_type: MediaType::Png, size: Some((3, 2)), bytes: vec![1, 2, 3].into() },
        };
        let mut uploads = Vec::new();
        for _ in 0..2 {
            uploads.push(chat::store_upload(store, &alice, room.id, file(), Cap::Off).await.unwrap());
        }
        let with = |who, numbers: &[usize]| {
            let attachments = numbers.iter().map(|number| uploads[*number].id).collect();
            by(who, &room, NewMessage { attachments, ..NewMessage::default() })
        };
        let mut answers = chat::append_batch(store, &[with(&alice, &[0]), with(&alice, &[0]), with(&bob, &[1]), with(&alice, &[1]), with(&alice, &[1, 0])]).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "invalid", "invalid", "ok", "invalid"]);
        assert_eq!(message(&answers[0]).attachments, uploads[..1]);
        assert_eq!(message(&answers[3]).attachments, uploads[1..]);
        assert_eq!(fields(answers.swap_remove(1)), ["attachments"]);
        // Who was refused is no member by it.
        assert_eq!(chat::get_room(store, &bob, &by_id(&room)).await.unwrap().1, None);
        let page = chat::list_messages(store, &alice, &by_id(&room), MessageQuery::default()).await.unwrap();
        assert_eq!(page.messages.iter().map(|message| message.attachments.len()).collect::<Vec<_>>(), [1, 1]);
    }

    async fn mentions_of_all_messages_are_kept(db: TestDatabase) {
        let store = &db.store;
        let (alice, bob) = (scope(store, "acme", "alice").await, scope(store, "acme", "bob").await);
        let room = public_room(store, &alice, "Lobby").await;
        let answers = chat::append_batch(store, &[by(&alice, &room, new("@bob")), by(&alice, &room, new("hi")), by(&bob, &room, new("@alice @bob"))]).await;
        assert_eq!((&message(&answers[0]).mentions, &message(&answers[2]).mentions), (&vec![bob.user_id], &vec![alice.user_id]));
        let page = chat::list_messages(store, &alice, &by_id(&room), MessageQuery::default()).await.unwrap();
        assert_eq!(page.messages, answers.iter().map(|answer| message(answer).clone()).collect::<Vec<_>>());
    }

    async fn a_message_that_the_database_does_not_take_leaves_the_others_alone(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let (room, other) = (public_room(store, &alice, "Lobby").await, public_room(store, &alice, "Other").await);
        poison(&db).await;
        let answers = chat::append_batch(store, &[
            by(&alice, &room, with_client_id("one", "1")),
            by(&alice, &room, new("poison")),
            by(&alice, &other, new("one")),
            by(&alice, &room, with_client_id("one", "1")),
            by(&alice, &room, new("two")),
        ]).await;
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), ["ok", "internal_error", "ok", "ok", "ok"]);
        assert!(answers[3].as_ref().unwrap().repeated);
        assert_eq!(log(store, &alice, &room).await, numbered(&["one", "two"]));
        assert_eq!(log(store, &alice, &other).await, numbered(&["one"]));
    }

    async fn batches_of_two_servers_over_the_same_rooms_neither_block_nor_mix(db: TestDatabase) {
        const ROOMS: usize = 5;
        let alice = scope(&db.store, "acme", "alice").await;
        let beside = Store::connect(&db.options()).await.unwrap();
        let mut rooms = Vec::new();
        for number in 0..ROOMS {
            rooms.push(public_room(&db.store, &alice, &format!("Room {number}")).await);
        }
        let batches: Vec<Vec<Append>> = (0..16)
            .map(|batch| (0..ROOMS).map(|number| by(&alice, &rooms[(batch * 3 + number) % ROOMS], new("hello"))).collect())
            .collect();
        let stores = [&db.store, &beside];
        let answers = join_all(batches.iter().enumerate().map(|(number, batch)| chat::append_batch(stores[number % 2], batch))).await;
        assert!(answers.iter().flatten().all(Result::is_ok));
        for room in &rooms {
            assert_eq!(log(&db.store, &alice, room).await, numbered(&["hello"; 16]));
        }
        beside.close().await;
    }

    async fn a_batch_takes_as_many_statements_as_a_message(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mut rooms = Vec::new();
        for number in 0..7 {
            rooms.push(public_room(&db.store, &alice, &format!("Room {number}")).await);
        }
        let (store, noted) = noting(&db.store);
        let mut texts = std::collections::HashSet::new();
        for size in [1, 50, 64] {
            let batch: Vec<Append> = (0..size)
                .map(|number| by(&alice, &rooms[number % 7], with_client_id("hello", &format!("{size}-{number}"))))
                .collect();
            assert!(chat::append_batch(&store, &batch).await.iter().all(Result::is_ok));
            let statements: Vec<String> = noted.lock().unwrap().drain(..).map(|statement| statement.sql).collect();
            assert_eq!(statements.len(), 4, "the rooms, the authors, the repeats, the messages: {statements:?}");
            texts.extend(statements);
        }
        // SQLite has another text for each power of two.
        assert!(texts.len() <= if db.engine == Engine::Postgres { 4 } else { 8 }, "{texts:?}");
    }

    async fn nothing_is_a_batch_too(db: TestDatabase) {
        assert!(chat::append_batch(&db.store, &[]).await.is_empty());
        let nowhere = Append {
            scope: scope(&db.store, "acme", "alice").await,
            room_id: RoomId::generate(),
            new: new("hello"),
            members_max: Cap::Off,
        };
        assert_eq!(code(&chat::append_batch(&db.store, &[nowhere]).await[0]), "room_not_found");
    }
}
