//! Changes of messages: editing, deleting, pinning, who is named.

use std::time::Duration;

use futures_util::future::join_all;
use parlour::{
    chat::{self, Changed, Error, MessageQuery, NewMessage, PINS_MAX, Role, RoomRef},
    config::Cap,
    ids::{MessageId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};

use crate::helpers::people::{head_seq, make_member, private_room, public_room, say, scope};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));
const NO_TIME: Option<Duration> = Some(Duration::ZERO);

async fn edit(store: &Store, scope: &Scope, room: &RoomRef, id: MessageId, content: &str) -> Result<Changed, Error> {
    chat::edit_message(store, scope, room, id, content.to_owned(), HOUR).await
}

async fn delete(store: &Store, scope: &Scope, room: &RoomRef, id: MessageId) -> Result<Changed, Error> {
    chat::delete_message(store, scope, room, id, HOUR).await
}

fn refused_field<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Invalid(violations)) => {
            let fields = serde_json::to_value(violations).unwrap();
            fields.as_object().unwrap().keys().next().unwrap().clone()
        }
        other => panic!("{other:?}"),
    }
}

both_engines! {
    async fn an_edit_takes_a_number_keeps_the_place_and_the_old_text(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let first = say(&db.store, &alice, &room, "helo").await;
        say(&db.store, &alice, &room, "next").await;

        let edited = edit(&db.store, &alice, &here, first.id, "hello").await.unwrap();
        assert!(edited.changed);
        assert_eq!((edited.message.seq, edited.message.changed_seq), (1, 3));
        assert_eq!(edited.message.content, "hello");
        assert!(edited.message.edited_at.unwrap() >= first.inserted_at);
        assert_eq!(edited.message.inserted_at, first.inserted_at);
        assert_eq!(chat::get_message(&db.store, &alice, &here, first.id).await.unwrap(), edited.message);

        // The text it has already changes nothing.
        let again = edit(&db.store, &alice, &here, first.id, "hello").await.unwrap();
        assert_eq!(again, Changed { message: edited.message, changed: false });
        assert_eq!(head_seq(&db.store, &alice, &room).await, 3);

        edit(&db.store, &alice, &here, first.id, "hello!").await.unwrap();
        let revisions = chat::list_revisions(&db.store, &alice, &here, first.id).await.unwrap();
        let texts: Vec<_> = revisions.iter().map(|revision| (revision.content.as_str(), revision.replaced_seq)).collect();
        assert_eq!(texts, [("helo", 3), ("hello", 4)]);
        assert_eq!(revisions[0].replaced_by, first.author);
    }

    async fn only_the_author_edits_and_only_for_a_while(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &bob, &room, "hello").await;
        assert!(matches!(edit(&db.store, &alice, &here, message.id, "mine").await, Err(Error::NotAuthor)));
        let late = chat::edit_message(&db.store, &bob, &here, message.id, "late".to_owned(), NO_TIME).await;
        assert!(matches!(late, Err(Error::TooLate)));
        for content in ["", " \n", "a\0b", &"x".repeat(2001)] {
            assert_eq!(refused_field(edit(&db.store, &bob, &here, message.id, content).await), "content");
        }
        make_member(&db.store, &bob, &room, Role::Reader).await;
        assert!(matches!(edit(&db.store, &bob, &here, message.id, "reader").await, Err(Error::ReadOnly)));
        assert_eq!(head_seq(&db.store, &alice, &room).await, 1, "what is refused uses up no number");
        let forever = chat::edit_message(&db.store, &bob, &here, message.id, "x".to_owned(), None).await;
        assert!(matches!(forever, Err(Error::ReadOnly)));
    }

    async fn a_deleted_message_keeps_its_place_and_loses_all_else(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let question = say(&db.store, &alice, &room, "why?").await;
        let new = NewMessage {
            content: "because, @alice".to_owned(),
            client_id: Some("1".to_owned()),
            reply_to: Some(question.id),
            ..NewMessage::default()
        };
        let answer = chat::append_message(&db.store, &bob, &here, new.clone(), Cap::Off).await.unwrap().message;
        assert_eq!(answer.mentions, [alice.user_id]);
        chat::pin_message(&db.store, &alice, &here, answer.id).await.unwrap();
        chat::add_reaction(&db.store, &alice, &here, answer.id, "\u{1f44d}").await.unwrap();

        let deleted = delete(&db.store, &bob, &here, answer.id).await.unwrap();
        assert!(deleted.changed);
        let tombstone = deleted.message;
        assert_eq!((tombstone.seq, tombstone.changed_seq, tombstone.content.as_str()), (2, 5, ""));
        assert!(tombstone.deleted_at.is_some());
        assert_eq!((&tombstone.reply_to, tombstone.pinned_at), (&None, None));
        assert!(tombstone.reactions.is_empty() && tombstone.mentions.is_empty());
        assert_eq!((tombstone.author.clone(), tombstone.client_id.as_deref()), (answer.author, Some("1")));

        let again = delete(&db.store, &bob, &here, answer.id).await.unwrap();
        assert_eq!(again, Changed { message: tombstone.clone(), changed: false });
        let listed = chat::list_messages(&db.store, &alice, &here, MessageQuery::default()).await.unwrap();
        assert_eq!(listed.messages[1], tombstone);
        assert_eq!(listed.head_seq, 5);
        assert!(chat::list_pins(&db.store, &alice, &here).await.unwrap().is_empty());
        let kept = chat::list_revisions(&db.store, &alice, &here, answer.id).await.unwrap();
        assert_eq!((kept.len(), kept[0].content.as_str()), (1, "because, @alice"));

        // Nothing can be done with it, and sending it again does not bring it back.
        assert!(matches!(edit(&db.store, &bob, &here, answer.id, "x").await, Err(Error::MessageNotFound)));
        let pinned = chat::pin_message(&db.store, &alice, &here, answer.id).await;
        assert!(matches!(pinned, Err(Error::MessageNotFound)));
        let repeat = chat::append_message(&db.store, &bob, &here, new.clone(), Cap::Off).await.unwrap();
        assert_eq!((repeat.message, repeat.repeated), (tombstone, true));
        let other = NewMessage { content: "something else".to_owned(), ..new };
        assert!(matches!(chat::append_message(&db.store, &bob, &here, other, Cap::Off).await, Err(Error::Conflict)));
        assert_eq!(head_seq(&db.store, &alice, &room).await, 5);

        // A quote of it says that it is gone.
        let new = NewMessage { content: "what?".to_owned(), reply_to: Some(answer.id), ..NewMessage::default() };
        let quote = chat::append_message(&db.store, &alice, &here, new, Cap::Off).await.unwrap().message.reply_to.unwrap();
        assert_eq!((quote.excerpt.as_str(), quote.deleted), ("", true));
    }

    async fn a_repeat_of_an_edited_message_gets_it_as_it_is_now(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let new = |content: &str| NewMessage {
            content: content.to_owned(),
            client_id: Some("1".to_owned()),
            ..NewMessage::default()
        };
        let id = chat::append_message(&db.store, &alice, &here, new("one"), Cap::Off).await.unwrap().message.id;
        edit(&db.store, &alice, &here, id, "two").await.unwrap();
        let three = edit(&db.store, &alice, &here, id, "three").await.unwrap().message;
        let repeat = chat::append_message(&db.store, &alice, &here, new("one"), Cap::Off).await.unwrap();
        assert_eq!((repeat.message, repeat.repeated), (three, true));
        for other in ["two", "three"] {
            assert!(matches!(chat::append_message(&db.store, &alice, &here, new(other), Cap::Off).await, Err(Error::Conflict)));
        }
    }

    async fn moderators_delete_at_any_time_and_read_what_was_there(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let carol = scope(&db.store, "acme", "carol").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &bob, &room, "rude").await;
        say(&db.store, &carol, &room, "hello").await;
        let by = async |scope: &Scope| chat::delete_message(&db.store, scope, &here, message.id, NO_TIME).await;
        assert!(matches!(by(&carol).await, Err(Error::NotAuthor)));
        assert!(matches!(by(&bob).await, Err(Error::TooLate)));
        make_member(&db.store, &carol, &room, Role::Moderator).await;
        let deleted = by(&carol).await.unwrap();
        assert!(deleted.changed);
        assert_eq!(deleted.message.author.username, "bob");
        let kept = chat::list_revisions(&db.store, &carol, &here, message.id).await.unwrap();
        assert_eq!((kept[0].content.as_str(), kept[0].replaced_by.username.as_str()), ("rude", "carol"));
        assert!(matches!(chat::list_revisions(&db.store, &bob, &here, message.id).await, Err(Error::NotModerator)));
        let unknown = chat::list_revisions(&db.store, &carol, &here, MessageId::generate()).await;
        assert!(matches!(unknown, Err(Error::MessageNotFound)));
    }

    async fn pins_are_for_moderators_and_have_a_limit(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let first = say(&db.store, &bob, &room, "first").await;
        assert!(matches!(chat::pin_message(&db.store, &bob, &here, first.id).await, Err(Error::NotModerator)));
        let pinned = chat::pin_message(&db.store, &alice, &here, first.id).await.unwrap();
        assert!(pinned.changed && pinned.message.pinned_at.is_some());
        assert_eq!(pinned.message.changed_seq, 2);
        assert!(!chat::pin_message(&db.store, &alice, &here, first.id).await.unwrap().changed);
        for number in 1..PINS_MAX {
            let message = say(&db.store, &alice, &room, &number.to_string()).await;
            chat::pin_message(&db.store, &alice, &here, message.id).await.unwrap();
        }
        let last = say(&db.store, &alice, &room, "too many").await;
        assert!(matches!(chat::pin_message(&db.store, &alice, &here, last.id).await, Err(Error::TooManyPins)));
        let pins = chat::list_pins(&db.store, &bob, &here).await.unwrap();
        assert_eq!((pins.len() as u64, pins[49].id), (PINS_MAX, first.id), "the last pinned first");
        assert!(pins.is_sorted_by_key(|pin| std::cmp::Reverse(pin.pinned_at)));

        let unpinned = chat::unpin_message(&db.store, &alice, &here, first.id).await.unwrap();
        assert!(unpinned.changed && unpinned.message.pinned_at.is_none());
        assert!(!chat::unpin_message(&db.store, &alice, &here, first.id).await.unwrap().changed);
        chat::pin_message(&db.store, &alice, &here, last.id).await.unwrap();

        let (dm, ..) = chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap();
        let message = say(&db.store, &alice, &dm, "between us").await;
        assert!(chat::pin_message(&db.store, &bob, &RoomRef::Id(dm.id), message.id).await.unwrap().changed);
    }

    async fn who_is_named_is_stored_with_the_message_and_follows_its_edits(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "Alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let who = scope(&db.store, "acme", "dr.who").await;
        scope(&db.store, "globex", "mallory").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let private = private_room(&db.store, &alice, "Board").await;
        let (here, board) = (RoomRef::Id(room.id), RoomRef::Id(private.id));
        make_member(&db.store, &bob, &private, Role::Member).await;
        let sorted = |mut ids: Vec<UserId>| { ids.sort_unstable(); ids };

        let content = "@BOB, @bob @alice @mallory @nobody bob@example.com: ask @dr.who.";
        let message = say(&db.store, &alice, &room, content).await;
        assert_eq!(message.mentions, sorted(vec![bob.user_id, who.user_id]), "neither oneself nor strangers");
        assert_eq!(chat::get_message(&db.store, &bob, &here, message.id).await.unwrap(), message);
        assert_eq!(say(&db.store, &alice, &private, content).await.mentions, [bob.user_id], "members only");

        let edited = edit(&db.store, &alice, &here, message.id, "only @dr.who").await.unwrap().message;
        assert_eq!(edited.mentions, [who.user_id]);
        assert_eq!(chat::get_message(&db.store, &bob, &here, message.id).await.unwrap().mentions, [who.user_id]);
        assert!(edit(&db.store, &alice, &here, message.id, "nobody").await.unwrap().message.mentions.is_empty());
        let again = edit(&db.store, &alice, &here, message.id, "@bob").await.unwrap().message;
        assert_eq!(again.mentions, [bob.user_id]);
        assert!(chat::list_pins(&db.store, &bob, &board).await.unwrap().is_empty());
    }

    async fn edits_at_the_same_time_are_all_kept_in_order(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &alice, &room, "0").await;
        let texts: Vec<String> = (1..=16).map(|number| number.to_string()).collect();
        let edits = join_all(texts.iter().map(|text| edit(&db.store, &alice, &here, message.id, text))).await;
        let mut edits: Vec<Changed> = edits.into_iter().map(Result::unwrap).collect();
        edits.sort_unstable_by_key(|edit| edit.message.changed_seq);
        assert!(edits.iter().map(|edit| edit.message.changed_seq).eq(2..=17));
        let revisions = chat::list_revisions(&db.store, &alice, &here, message.id).await.unwrap();
        // Each edit replaced the one before it.
        let replaced = revisions.iter().map(|revision| (revision.replaced_seq, revision.content.clone()));
        let expected = edits.iter().enumerate().map(|(at, edit)| {
            let before = if at == 0 { "0".to_owned() } else { edits[at - 1].message.content.clone() };
            (edit.message.changed_seq, before)
        });
        assert!(replaced.eq(expected));
        let now = chat::get_message(&db.store, &alice, &here, message.id).await.unwrap();
        assert_eq!(now, edits[15].message);
    }

    async fn a_message_deleted_by_many_at_once_is_deleted_once(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &bob, &room, "hello").await;
        let changes = join_all((0..16).map(|number| {
            let (store, here) = (&db.store, &here);
            let by = if number % 2 == 0 { &alice } else { &bob };
            async move {
                if number % 4 == 3 {
                    // An edit comes before the deletion or finds nothing.
                    match edit(store, by, here, message.id, &number.to_string()).await {
                        Ok(edited) => (edited.changed, edited.message),
                        Err(Error::MessageNotFound) => {
                            (false, chat::get_message(store, by, here, message.id).await.unwrap())
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                } else {
                    let deleted = delete(store, by, here, message.id).await.unwrap();
                    (deleted.changed, deleted.message)
                }
            }
        }))
        .await;
        let deletions = changes.iter().filter(|(changed, message)| *changed && message.deleted_at.is_some());
        assert_eq!(deletions.count(), 1);
        let changed = changes.iter().filter(|(changed, _)| *changed).count();
        assert_eq!(head_seq(&db.store, &alice, &room).await, 1 + i64::try_from(changed).unwrap());
        let last = chat::get_message(&db.store, &alice, &here, message.id).await.unwrap();
        assert_eq!((last.content.as_str(), last.changed_seq), ("", head_seq(&db.store, &alice, &room).await));
        let revisions = chat::list_revisions(&db.store, &alice, &here, message.id).await.unwrap();
        assert_eq!(revisions.len(), changed);
    }

    async fn messages_of_other_tenants_and_rooms_are_unknown(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let mallory = scope(&db.store, "globex", "mallory").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let private = private_room(&db.store, &alice, "Board").await;
        let own = public_room(&db.store, &mallory, "Lobby").await;
        let foreign = say(&db.store, &alice, &room, "here").await.id;
        let elsewhere = say(&db.store, &alice, &private, "there").await.id;

        for (asker, room, id, expected) in [
            (&mallory, RoomRef::Id(room.id), foreign, "room_not_found"),
            (&mallory, RoomRef::Id(own.id), foreign, "message_not_found"),
            (&mallory, RoomRef::parse("lobby"), foreign, "message_not_found"),
            (&alice, RoomRef::Id(room.id), elsewhere, "message_not_found"),
            (&alice, RoomRef::Id(room.id), MessageId::generate(), "message_not_found"),
            (&bob, RoomRef::Id(private.id), elsewhere, "not_a_member"),
        ] {
            let store = &db.store;
            let codes = [
                chat::get_message(store, asker, &room, id).await.unwrap_err().code(),
                edit(store, asker, &room, id, "x").await.unwrap_err().code(),
                delete(store, asker, &room, id).await.unwrap_err().code(),
                chat::list_revisions(store, asker, &room, id).await.unwrap_err().code(),
                chat::add_reaction(store, asker, &room, id, "\u{1f44d}").await.unwrap_err().code(),
                chat::remove_reaction(store, asker, &room, id, "\u{1f44d}").await.unwrap_err().code(),
                chat::pin_message(store, asker, &room, id).await.unwrap_err().code(),
                chat::unpin_message(store, asker, &room, id).await.unwrap_err().code(),
                chat::get_thread(store, asker, &room, id, MessageQuery::default()).await.unwrap_err().code(),
            ];
            assert_eq!(codes, [expected; 9], "{room:?}");
        }
        let strangers = [
            chat::list_pins(&db.store, &mallory, &RoomRef::Id(room.id)).await.unwrap_err().code(),
            chat::list_pins(&db.store, &bob, &RoomRef::Id(private.id)).await.unwrap_err().code(),
        ];
        assert_eq!(strangers, ["room_not_found", "not_a_member"]);
        let pruned = chat::prune_room(&db.store, mallory.tenant_id, room.id, Timestamp::now()).await;
        assert!(matches!(pruned, Err(Error::RoomNotFound)));
        assert_eq!(head_seq(&db.store, &alice, &room).await, 1);
        assert_eq!(head_seq(&db.store, &mallory, &own).await, 0);
    }
}
