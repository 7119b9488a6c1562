//! Reactions.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Changed, Error, MessageQuery, REACTION_KINDS_MAX, Role, RoomRef},
    store::Store,
};

use crate::helpers::people::{head_seq, make_member, public_room, say, scope};

const THUMB: &str = "\u{1f44d}";
const HEART: &str = "\u{2764}\u{fe0f}";

/// `(emoji, count, names, me)` of a message's reactions.
fn summary(message: &chat::Message) -> Vec<(String, u64, String, Option<bool>)> {
    message
        .reactions
        .iter()
        .map(|kind| {
            let names: Vec<_> = kind.users.iter().map(|user| user.username.as_str()).collect();
            (kind.emoji.clone(), kind.count, names.join(" "), kind.me)
        })
        .collect()
}

fn kind(emoji: &str, count: u64, names: &str, me: bool) -> (String, u64, String, Option<bool>) {
    (emoji.to_owned(), count, names.to_owned(), Some(me))
}

async fn people(store: &Store, count: usize) -> Vec<parlour::scope::Scope> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(scope(store, "acme", &format!("user{number:02}")).await);
    }
    people
}

both_engines! {
    async fn reactions_are_counted_with_the_first_users_and_oneself(db: TestDatabase) {
        let people = people(&db.store, 7).await;
        let room = public_room(&db.store, &people[0], "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &people[0], &room, "hello").await;
        say(&db.store, &people[0], &room, "nobody likes this").await;
        for (number, user) in people.iter().enumerate() {
            let changed = chat::add_reaction(&db.store, user, &here, message.id, HEART).await.unwrap();
            assert!(changed.changed);
            let (at, count) = (i64::try_from(number).unwrap(), number as u64 + 1);
            assert_eq!((changed.message.seq, changed.message.changed_seq), (1, 3 + at));
            assert_eq!((changed.message.reactions[0].count, changed.message.reactions[0].me), (count, Some(true)));
        }
        chat::add_reaction(&db.store, &people[6], &here, message.id, THUMB).await.unwrap();

        let five = "user00 user01 user02 user03 user04";
        let seen = async |user: usize| {
            let page = chat::list_messages(&db.store, &people[user], &here, MessageQuery::default()).await.unwrap();
            assert!(page.messages[1].reactions.is_empty());
            summary(&page.messages[0])
        };
        assert_eq!(seen(0).await, [kind(HEART, 7, five, true), kind(THUMB, 1, "user06", false)]);
        assert_eq!(seen(6).await, [kind(HEART, 7, five, true), kind(THUMB, 1, "user06", true)]);
        let broadcast = chat::get_message(&db.store, &people[6], &here, message.id).await.unwrap().for_everybody();
        assert!(broadcast.reactions.iter().all(|kind| kind.me.is_none()));

        let removed = chat::remove_reaction(&db.store, &people[1], &here, message.id, HEART).await.unwrap();
        assert!(removed.changed);
        let five = "user00 user02 user03 user04 user05";
        assert_eq!(summary(&removed.message)[0], kind(HEART, 6, five, false));
        assert_eq!(seen(1).await[0], kind(HEART, 6, five, false));
    }

    async fn the_same_reaction_again_changes_nothing(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &alice, &room, "hello").await;
        let add = async |emoji| chat::add_reaction(&db.store, &alice, &here, message.id, emoji).await.unwrap();
        let remove = async |emoji| chat::remove_reaction(&db.store, &alice, &here, message.id, emoji).await.unwrap();
        let first = add(HEART).await;
        assert_eq!(add(HEART).await, Changed { changed: false, ..first.clone() });
        assert_eq!(add("\u{2764}").await, Changed { changed: false, ..first }, "written without its selector");
        assert!(!remove(THUMB).await.changed);
        assert!(remove("\u{2764}").await.changed);
        assert!(!remove(HEART).await.changed);
        assert_eq!(head_seq(&db.store, &alice, &room).await, 3);
    }

    async fn reactions_have_rules(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &alice, &room, "hello").await;
        for emoji in ["", "a", "\u{1f44d}\u{1f44d}", "\u{fe0f}", "a\0"] {
            for refused in [
                chat::add_reaction(&db.store, &alice, &here, message.id, emoji).await,
                chat::remove_reaction(&db.store, &alice, &here, message.id, emoji).await,
            ] {
                match refused {
                    Err(Error::Invalid(violations)) => {
                        assert_eq!(violations, parlour::validation::Violations::of("emoji", "must be one emoji"));
                    }
                    other => panic!("{emoji:?}: {other:?}"),
                }
            }
        }
        // A guest of a public room may react without becoming a member; a reader may react.
        assert!(chat::add_reaction(&db.store, &bob, &here, message.id, THUMB).await.unwrap().changed);
        assert_eq!(chat::get_room(&db.store, &bob, &here).await.unwrap().1, None);
        make_member(&db.store, &bob, &room, Role::Reader).await;
        assert!(chat::remove_reaction(&db.store, &bob, &here, message.id, THUMB).await.unwrap().changed);
        assert!(chat::add_reaction(&db.store, &bob, &here, message.id, THUMB).await.unwrap().changed);

        for number in 1..u32::try_from(REACTION_KINDS_MAX).unwrap() {
            let face = char::from_u32(0x1f600 + number).unwrap().to_string();
            chat::add_reaction(&db.store, &alice, &here, message.id, &face).await.unwrap();
        }
        let refused = chat::add_reaction(&db.store, &alice, &here, message.id, HEART).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let another = chat::add_reaction(&db.store, &alice, &here, message.id, THUMB).await.unwrap();
        assert_eq!((another.changed, another.message.reactions.len()), (true, 20), "of a kind that is there");
    }

    async fn reactions_of_sixteen_at_once_are_neither_lost_nor_doubled(db: TestDatabase) {
        let people = people(&db.store, 8).await;
        let room = public_room(&db.store, &people[0], "Lobby").await;
        let here = RoomRef::Id(room.id);
        let message = say(&db.store, &people[0], &room, "hello").await;
        // Each adds twice at once.
        let adding = |user| chat::add_reaction(&db.store, user, &here, message.id, THUMB);
        let added = join_all(people.iter().chain(&people).map(adding)).await;
        let mut seqs: Vec<i64> = added
            .into_iter()
            .map(Result::unwrap)
            .filter(|added| added.changed)
            .map(|added| added.message.changed_seq)
            .collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (2..=9).collect::<Vec<i64>>());
        let now = chat::get_message(&db.store, &people[0], &here, message.id).await.unwrap();
        assert_eq!((now.reactions[0].count, now.changed_seq), (8, 9));

        // Half of them take it away twice, half add another.
        let changes = join_all((0..16).map(|number| {
            let (store, here, user) = (&db.store, &here, &people[number % 8]);
            async move {
                if number % 2 == 0 {
                    chat::remove_reaction(store, user, here, message.id, THUMB).await.unwrap()
                } else {
                    chat::add_reaction(store, user, here, message.id, HEART).await.unwrap()
                }
            }
        }))
        .await;
        assert_eq!(changes.iter().filter(|change| change.changed).count(), 8);
        let now = chat::get_message(&db.store, &people[0], &here, message.id).await.unwrap();
        let counts: Vec<_> = now.reactions.iter().map(|kind| (kind.emoji.as_str(), kind.count)).collect();
        assert_eq!(counts, [(THUMB, 4), (HEART, 4)]);
        assert_eq!(now.changed_seq, 17);
        // The row's own count agrees: with the last reaction gone, none is looked for.
        for (number, user) in people.iter().enumerate() {
            let emoji = if number % 2 == 0 { HEART } else { THUMB };
            let _ = chat::remove_reaction(&db.store, user, &here, message.id, emoji).await.unwrap();
            let emoji = if number % 2 == 0 { THUMB } else { HEART };
            let _ = chat::remove_reaction(&db.store, user, &here, message.id, emoji).await.unwrap();
        }
        assert!(chat::get_message(&db.store, &people[0], &here, message.id).await.unwrap().reactions.is_empty());
    }
}
