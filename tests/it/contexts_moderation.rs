//! Bans, mutes, slow mode, freezing: what they stop, when they end, and that nothing slips past them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::{join, join_all};
use parlour::{
    chat::{self, Access, Appended, Error, MessageQuery, NewMessage, Role, Room, RoomRef},
    config::Cap,
    entity::{TenantScoped, message, room_member, room_sanction},
    page::PageRequest,
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter};

use crate::helpers::{
    membership::{by_id, code, fields, put, role_of},
    messages::{append, new},
    people::{let_sanctions_end, private_room, public_room, say, scope, set_frozen, set_slow_mode},
};

const THUMB: &str = "\u{1f44d}";

async fn write(store: &Store, who: &Scope, room: &Room) -> Result<Appended, Error> {
    append(store, who, room, new("hello")).await
}

/// In so many seconds.
fn after(seconds: i64) -> Timestamp {
    Timestamp(Timestamp::now().0 + seconds * 1_000_000)
}

/// What the names of the errors are when somebody tries everything there is in a room.
async fn everything(store: &Store, who: &Scope, room: &Room, message: &chat::Message) -> Vec<&'static str> {
    let here = by_id(room);
    let page = PageRequest::default();
    vec![
        code(&chat::authorise(store, who, &here, Access::Read).await),
        code(&chat::authorise(store, who, &here, Access::Write).await),
        code(&chat::get_room(store, who, &here).await),
        code(&chat::get_room_with_members(store, who, &here).await),
        code(&chat::list_members(store, who, &here, &page).await),
        code(&chat::list_messages(store, who, &here, MessageQuery::default()).await),
        code(&chat::get_message(store, who, &here, message.id).await),
        code(&chat::changes_since(store, who, &here, "", 0, 10).await),
        code(&chat::list_pins(store, who, &here).await),
        code(&chat::mark_read(store, who, &here, 1).await),
        code(&chat::mark_unread(store, who, &here, 1).await),
        code(&chat::unread(store, who, room.id).await),
        code(&chat::join_room(store, who, &here, Cap::Off).await),
        code(&chat::leave_room(store, who, &here).await),
        code(&write(store, who, room).await),
        code(&chat::edit_message(store, who, &here, message.id, "other".to_owned(), None).await),
        code(&chat::delete_message(store, who, &here, message.id, None).await),
        code(&chat::add_reaction(store, who, &here, message.id, THUMB).await),
        code(&chat::remove_reaction(store, who, &here, message.id, THUMB).await),
        code(&chat::pin_message(store, who, &here, message.id).await),
        code(&chat::list_bans(store, who, &here, &page).await),
        code(&chat::unban(store, who, &here, who.user_id).await),
        code(&chat::add_member(store, who, &here, who.user_id, Role::Member, Cap::Off).await),
        code(&set_frozen(store, who, &here, true).await),
        code(&chat::delete_room(store, who, &here).await),
    ]
}

both_engines! {
    async fn who_is_banned_may_nothing_until_the_ban_ends(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        for (name, private) in [("Lobby", false), ("Board", true)] {
            let room = if private { private_room(store, &alice, name).await } else { public_room(store, &alice, name).await };
            let here = by_id(&room);
            chat::add_member(store, &alice, &here, bob.user_id, Role::Moderator, Cap::Off).await.unwrap();
            let message = say(store, &bob, &room, "mine").await;
            let until = after(3600);
            let reason = Some("spam".to_owned());
            let banned = chat::ban(store, &alice, &here, bob.user_id, Some(until), reason).await.unwrap();
            assert_eq!((banned.change.before, banned.change.after, banned.changed), (Some(Role::Moderator), None, true));
            let ban = banned.sanction.unwrap();
            assert_eq!((ban.user.id, ban.until, ban.reason.as_deref()), (bob.user_id, Some(until), Some("spam")));
            assert_eq!(ban.imposed_by.as_ref().unwrap().username, "alice");
            let all = everything(store, &bob, &room, &message).await;
            assert_eq!(all, vec!["banned"; all.len()]);
            let (unread, _) = chat::list_unread(store, &bob).await.unwrap();
            assert!(unread.iter().all(|unread| unread.room_id != room.id));
            let listed = chat::list_bans(store, &alice, &here, &PageRequest::default()).await.unwrap();
            assert_eq!(listed.items, [ban]);

            let_sanctions_end(store, &alice).await;
            let listed = chat::list_bans(store, &alice, &here, &PageRequest::default()).await.unwrap();
            assert_eq!(listed.items, []);
            let expected = if private { "not_a_member" } else { "ok" };
            assert_eq!(code(&chat::authorise(store, &bob, &here, Access::Read).await), expected);
            assert_eq!(code(&chat::join_room(store, &bob, &here, Cap::Off).await), expected);
            let lifted = chat::unban(store, &alice, &here, bob.user_id).await.unwrap();
            assert!(!lifted.changed, "it is over already");
        }
    }

    async fn a_ban_without_an_end_ends_when_it_is_lifted(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        // Bob never was here.
        let banned = chat::ban(store, &alice, &here, bob.user_id, None, None).await.unwrap();
        assert_eq!((banned.change.before, banned.change.after), (None, None));
        assert_eq!(banned.sanction.as_ref().unwrap().until, None);
        let_sanctions_end(store, &scope(store, "globex", "mallory").await).await;
        assert_eq!(code(&write(store, &bob, &lobby).await), "banned");
        // A second ban takes the place of the first.
        let until = Some(after(60));
        chat::ban(store, &alice, &here, bob.user_id, until, Some(" \n".to_owned())).await.unwrap();
        let listed = chat::list_bans(store, &alice, &here, &PageRequest::default()).await.unwrap();
        assert_eq!((listed.items.len(), listed.items[0].until, &listed.items[0].reason), (1, until, &None));
        let lifted = chat::unban(store, &alice, &here, bob.user_id).await.unwrap();
        assert_eq!((lifted.changed, lifted.sanction, lifted.change.after), (true, None, None));
        assert!(write(store, &bob, &lobby).await.unwrap().joined.is_some());
        assert!(!chat::unban(store, &alice, &here, bob.user_id).await.unwrap().changed);
    }

    async fn a_ban_is_of_one_room_and_one_user(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let carol = scope(store, "acme", "carol").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let other = public_room(store, &alice, "Other").await;
        chat::ban(store, &alice, &by_id(&lobby), bob.user_id, None, None).await.unwrap();
        chat::mute(store, &alice, &by_id(&lobby), carol.user_id, None, None).await.unwrap();
        write(store, &bob, &other).await.unwrap();
        write(store, &carol, &other).await.unwrap();
        write(store, &alice, &lobby).await.unwrap();
        assert_eq!((code(&write(store, &bob, &lobby).await), code(&write(store, &carol, &lobby).await)), ("banned", "muted"));
        let (dm, ..) = chat::start_dm(store, &alice, bob.user_id).await.unwrap();
        write(store, &bob, &dm).await.unwrap();
    }

    async fn after_a_ban_has_returned_no_message_of_the_banned_is_stored(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        for round in 0..3 {
            let lobby = public_room(store, &alice, &format!("Lobby {round}")).await;
            let here = by_id(&lobby);
            let returned = AtomicBool::new(false);
            let count = async || {
                message::Entity::in_tenant(bob.tenant_id)
                    .filter(message::Column::RoomId.eq(lobby.id))
                    .filter(message::Column::UserId.eq(bob.user_id))
                    .count(store.reader())
                    .await
                    .unwrap()
            };
            let writers = join_all((0..8).map(|_| async {
                let mut stored = 0;
                loop {
                    let begun_after = returned.load(Ordering::SeqCst);
                    match write(store, &bob, &lobby).await {
                        Ok(_) => {
                            assert!(!begun_after, "written after the ban had returned");
                            stored += 1;
                        }
                        Err(Error::Banned) => return stored,
                        Err(error) => panic!("{error}"),
                    }
                }
            }));
            let ban = async {
                while count().await < 5 {
                    tokio::task::yield_now().await;
                }
                chat::ban(store, &alice, &here, bob.user_id, None, None).await.unwrap();
                let stored = count().await;
                returned.store(true, Ordering::SeqCst);
                stored
            };
            let (stored, at_the_ban) = join(writers, ban).await;
            assert_eq!(stored.iter().sum::<u64>(), at_the_ban);
            assert_eq!(count().await, at_the_ban);
            assert_eq!(role_of(store, &bob, lobby.id, bob.user_id).await, None);
        }
    }

    async fn nobody_slips_in_while_being_banned(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        for _ in 0..5 {
            let joins = join_all((0..6).map(|_| chat::join_room(store, &bob, &here, Cap::Off)));
            let adds = join_all((0..2).map(|_| chat::add_member(store, &alice, &here, bob.user_id, Role::Member, Cap::Off)));
            let ban = chat::ban(store, &alice, &here, bob.user_id, None, None);
            let ((joins, _), ban) = join(join(joins, adds), ban).await;
            ban.unwrap();
            assert!(joins.iter().all(|joined| ["ok", "banned"].contains(&code(joined))));
            assert_eq!(role_of(store, &bob, lobby.id, bob.user_id).await, None);
            chat::unban(store, &alice, &here, bob.user_id).await.unwrap();
        }
    }

    async fn who_is_muted_reads_and_takes_back_but_says_nothing(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let message = say(store, &bob, &lobby, "mine").await;
        chat::add_reaction(store, &bob, &here, message.id, THUMB).await.unwrap();
        let until = Some(after(3600));
        let muted = chat::mute(store, &alice, &here, bob.user_id, until, None).await.unwrap();
        assert_eq!((muted.change.before, muted.change.after), (Some(Role::Member), Some(Role::Member)));
        let refused = [
            write(store, &bob, &lobby).await.map(drop),
            chat::authorise(store, &bob, &here, Access::Write).await.map(drop),
            chat::edit_message(store, &bob, &here, message.id, "other".to_owned(), None).await.map(drop),
            chat::add_reaction(store, &bob, &here, message.id, "\u{2764}").await.map(drop),
        ];
        for refused in refused {
            match refused {
                Err(Error::Muted { until: told }) => assert_eq!(told, until),
                other => panic!("{other:?}"),
            }
        }
        chat::authorise(store, &bob, &here, Access::Read).await.unwrap();
        chat::list_messages(store, &bob, &here, MessageQuery::default()).await.unwrap();
        chat::mark_read(store, &bob, &here, 1).await.unwrap();
        assert!(chat::remove_reaction(store, &bob, &here, message.id, THUMB).await.unwrap().changed);
        // Neither leaving nor another role ends it.
        chat::leave_room(store, &bob, &here).await.unwrap();
        assert_eq!(code(&write(store, &bob, &lobby).await), "muted");
        chat::join_room(store, &bob, &here, Cap::Off).await.unwrap();
        chat::change_role(store, &alice, &here, bob.user_id, Role::Moderator).await.unwrap();
        assert_eq!(code(&write(store, &bob, &lobby).await), "muted");
        assert!(chat::delete_message(store, &bob, &here, message.id, None).await.unwrap().changed);
        let listed = chat::list_mutes(store, &alice, &here, &PageRequest::default()).await.unwrap();
        assert_eq!((listed.items.len(), listed.items[0].until), (1, until));
        assert_eq!(chat::list_bans(store, &alice, &here, &PageRequest::default()).await.unwrap().items, []);
        assert!(chat::unmute(store, &alice, &here, bob.user_id).await.unwrap().changed);
        write(store, &bob, &lobby).await.unwrap();

        let for_good = chat::mute(store, &alice, &here, bob.user_id, None, None).await.unwrap();
        assert_eq!(for_good.sanction.unwrap().until, None);
        assert!(matches!(write(store, &bob, &lobby).await, Err(Error::Muted { until: None })));
        let_sanctions_end(store, &alice).await;
        write(store, &bob, &lobby).await.unwrap();
        assert_eq!(chat::list_mutes(store, &alice, &here, &PageRequest::default()).await.unwrap().items, []);
    }

    async fn a_repeat_gets_its_first_answer_from_whatever_stops_new_messages(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let new = || NewMessage { content: "once".to_owned(), client_id: Some("1".to_owned()), ..NewMessage::default() };
        let first = chat::append_message(store, &bob, &here, new(), Cap::Off).await.unwrap();
        set_frozen(store, &alice, &here, true).await.unwrap();
        set_slow_mode(store, &alice, &here, 60).await.unwrap();
        chat::mute(store, &alice, &here, bob.user_id, None, None).await.unwrap();
        let again = chat::append_message(store, &bob, &here, new(), Cap::Off).await.unwrap();
        assert_eq!((again.repeated, &again.message), (true, &first.message));
        chat::ban(store, &alice, &here, bob.user_id, None, None).await.unwrap();
        assert_eq!(code(&chat::append_message(store, &bob, &here, new(), Cap::Off).await), "banned");
    }

    async fn slow_mode_tells_exactly_how_long_to_wait(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let carol = scope(store, "acme", "carol").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let said = say(store, &bob, &lobby, "first").await;
        let changed = set_slow_mode(store, &alice, &here, 3600).await.unwrap();
        assert_eq!((changed.changed, changed.room.slow_mode_s), (true, 3600));
        assert!(!set_slow_mode(store, &alice, &here, 3600).await.unwrap().changed);
        let wait = async |seconds: i64| {
            let before = Timestamp::now();
            let Err(Error::SlowMode { retry_after }) = write(store, &bob, &lobby).await else { panic!("not refused") };
            let end = said.inserted_at.0 + seconds * 1_000_000;
            let left = i64::try_from(retry_after.as_micros()).unwrap();
            assert!((end - Timestamp::now().0..=end - before.0).contains(&left), "{left}");
            retry_after
        };
        wait(3600).await;
        set_slow_mode(store, &alice, &here, 10).await.unwrap();
        wait(10).await;
        // Others have a time of their own, moderators and up none; to leave or to delete is no way around.
        write(store, &carol, &lobby).await.unwrap();
        assert_eq!(code(&write(store, &carol, &lobby).await), "slow_mode");
        for _ in 0..2 {
            write(store, &alice, &lobby).await.unwrap();
        }
        chat::leave_room(store, &bob, &here).await.unwrap();
        wait(10).await;
        chat::delete_message(store, &bob, &here, said.id, None).await.unwrap();
        wait(10).await;
        put(store, &alice, lobby.id, carol.user_id, Some(Role::Moderator)).await;
        write(store, &carol, &lobby).await.unwrap();
        // To edit, and to react, is free.
        let answer = say(store, &alice, &lobby, "slowly").await;
        chat::add_reaction(store, &bob, &here, answer.id, THUMB).await.unwrap();

        set_slow_mode(store, &alice, &here, 2).await.unwrap();
        let dave = scope(store, "acme", "dave").await;
        write(store, &dave, &lobby).await.unwrap();
        let Err(Error::SlowMode { retry_after }) = write(store, &dave, &lobby).await else { panic!("not refused") };
        assert!(retry_after <= Duration::from_secs(2));
        tokio::time::sleep(retry_after).await;
        write(store, &dave, &lobby).await.unwrap();
        set_slow_mode(store, &alice, &here, 0).await.unwrap();
        write(store, &dave, &lobby).await.unwrap();
    }

    async fn of_messages_sent_at_once_slow_mode_lets_one_pass(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        set_slow_mode(&db.store, &alice, &by_id(&lobby), 60).await.unwrap();
        let sent = join_all((0..8).map(|_| write(&db.store, &bob, &lobby))).await;
        assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 1);
        assert!(sent.iter().all(|sent| ["ok", "slow_mode"].contains(&code(sent))));
        let (room, _) = chat::get_room(&db.store, &alice, &by_id(&lobby)).await.unwrap();
        assert_eq!(room.head_seq, 1, "what is refused takes no number");
    }

    async fn in_a_frozen_room_only_moderators_and_up_write(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let message = say(store, &bob, &lobby, "mine").await;
        chat::add_reaction(store, &bob, &here, message.id, THUMB).await.unwrap();
        let frozen = set_frozen(store, &alice, &here, true).await.unwrap();
        assert!(frozen.changed && frozen.room.frozen);
        for (role, expected) in [
            (None, "frozen"),
            (Some(Role::Reader), "read_only"),
            (Some(Role::Member), "frozen"),
            (Some(Role::Moderator), "ok"),
            (Some(Role::Admin), "ok"),
            (Some(Role::Owner), "ok"),
        ] {
            put(store, &alice, lobby.id, bob.user_id, role).await;
            let content = format!("{role:?}");
            let results = [
                code(&write(store, &bob, &lobby).await),
                code(&chat::authorise(store, &bob, &here, Access::Write).await),
                code(&chat::edit_message(store, &bob, &here, message.id, content, None).await),
            ];
            assert_eq!(results, [expected; 3], "{role:?}");
            let reacted = chat::add_reaction(store, &bob, &here, message.id, "\u{2764}").await;
            assert_eq!(code(&reacted), if expected == "ok" { "ok" } else { "frozen" }, "{role:?}");
            let read = chat::list_messages(store, &bob, &here, MessageQuery::default()).await;
            assert_eq!(code(&read), "ok", "{role:?}");
        }
        put(store, &alice, lobby.id, bob.user_id, Some(Role::Member)).await;
        assert!(chat::remove_reaction(store, &bob, &here, message.id, THUMB).await.unwrap().changed);
        assert!(chat::delete_message(store, &bob, &here, message.id, None).await.unwrap().changed);
        assert_eq!(code(&chat::join_room(store, &scope(store, "acme", "carol").await, &here, Cap::Off).await), "ok");
        assert!(set_frozen(store, &alice, &here, false).await.unwrap().changed);
        write(store, &bob, &lobby).await.unwrap();
    }

    async fn readers_read_mark_and_react(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let board = private_room(store, &alice, "Board").await;
        let here = by_id(&board);
        chat::add_member(store, &alice, &here, bob.user_id, Role::Reader, Cap::Off).await.unwrap();
        let message = say(store, &alice, &board, "news").await;
        assert_eq!(code(&write(store, &bob, &board).await), "read_only");
        assert_eq!(code(&chat::authorise(store, &bob, &here, Access::Write).await), "read_only");
        assert!(chat::add_reaction(store, &bob, &here, message.id, THUMB).await.unwrap().changed);
        assert!(chat::mark_read(store, &bob, &here, message.seq).await.unwrap().moved);
        assert_eq!(chat::list_messages(store, &bob, &here, MessageQuery::default()).await.unwrap().messages.len(), 1);
    }

    async fn a_muted_moderator_pins_nothing(db: TestDatabase) {
        let store = &db.store;
        let (ann, bob) = (scope(store, "acme", "ann").await, scope(store, "acme", "bob").await);
        let room = public_room(store, &ann, "Lobby").await;
        let message = say(store, &ann, &room, "hello").await;
        put(store, &ann, room.id, bob.user_id, Some(Role::Moderator)).await;
        chat::mute(store, &ann, &by_id(&room), bob.user_id, None, None).await.unwrap();
        let pinned = chat::pin_message(store, &bob, &by_id(&room), message.id).await;
        assert!(matches!(pinned, Err(Error::Muted { until: None })));
        chat::unmute(store, &ann, &by_id(&room), bob.user_id).await.unwrap();
        assert!(chat::pin_message(store, &bob, &by_id(&room), message.id).await.unwrap().changed);
    }

    async fn bans_and_mutes_have_rules(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await.user_id;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let text = |text: &str| Some(text.to_owned());
        for (until, reason, expected) in [
            (Some(Timestamp::now()), None, vec!["until"]),
            (Some(Timestamp(0)), text("a\0b"), vec!["reason", "until"]),
            (Some(Timestamp(i64::MAX)), None, vec!["until"]),
            (None, Some("\u{e9}".repeat(501)), vec!["reason"]),
        ] {
            let banned = chat::ban(store, &alice, &here, bob, until, reason.clone()).await;
            assert_eq!(fields(banned), expected);
            assert_eq!(fields(chat::mute(store, &alice, &here, bob, until, reason).await), expected);
        }
        chat::ban(store, &alice, &here, bob, None, Some("\u{e9}".repeat(500))).await.unwrap();
        for request in [PageRequest { limit: 0, cursor: None }, PageRequest { limit: 1, cursor: text("AAAA") }] {
            let field = if request.limit == 0 { "limit" } else { "cursor" };
            assert_eq!(fields(chat::list_bans(store, &alice, &here, &request).await), [field]);
            assert_eq!(fields(chat::list_mutes(store, &alice, &here, &request).await), [field]);
        }
    }

    async fn bans_come_page_by_page_and_outlive_who_imposed_them(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let here = by_id(&lobby);
        let mut banned = Vec::new();
        for number in 0..5 {
            let user = scope(store, "acme", &format!("user-{number}")).await.user_id;
            chat::ban(store, &alice, &here, user, None, None).await.unwrap();
            chat::mute(store, &alice, &here, user, Some(after(60)), None).await.unwrap();
            banned.push(user);
        }
        let mut request = PageRequest { limit: 2, cursor: None };
        let mut pages = Vec::new();
        loop {
            let page = chat::list_bans(store, &alice, &here, &request).await.unwrap();
            pages.push(page.items.iter().map(|ban| ban.user.id).collect::<Vec<_>>());
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [&banned[0..2], &banned[2..4], &banned[4..5]]);
        // What has ended is cleared away by what comes next.
        let rows = async || room_sanction::Entity::in_tenant(alice.tenant_id).count(store.reader()).await.unwrap();
        assert_eq!(rows().await, 10);
        let_sanctions_end(store, &alice).await;
        chat::ban(store, &alice, &here, banned[0], None, None).await.unwrap();
        assert_eq!(rows().await, 1);
    }

    async fn sanctions_of_other_tenants_do_not_exist(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let mallory = scope(store, "globex", "mallory").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        chat::ban(store, &alice, &by_id(&lobby), bob.user_id, None, None).await.unwrap();
        for room in [by_id(&lobby), RoomRef::parse("lobby"), RoomRef::parse("unknown")] {
            let page = PageRequest::default();
            assert_eq!(code(&chat::list_bans(store, &mallory, &room, &page).await), "room_not_found");
            assert_eq!(code(&chat::unban(store, &mallory, &room, bob.user_id).await), "room_not_found");
            assert_eq!(code(&set_slow_mode(store, &mallory, &room, 1).await), "room_not_found");
        }
        assert_eq!(code(&write(store, &bob, &lobby).await), "banned");
        let members = room_member::Entity::in_tenant(alice.tenant_id).count(store.reader()).await.unwrap();
        assert_eq!(members, 1);
    }
}
