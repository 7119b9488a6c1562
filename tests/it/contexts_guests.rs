//! Guests: they come, come back, and turn out to be somebody.

use futures_util::future::join_all;
use parlour::{
    accounts::{self, Claimed, Error, User, UserKind},
    audit::Actor,
    chat::{self, Message, MessageQuery, NewMessage, Role, Room, RoomRef},
    config::Cap,
    control::{self, ControlEvent},
    entity::{TenantScoped, mention, message_revision, room, user},
    ids::TenantId,
    scope::Scope,
    store::Store,
    tenants::Tenant,
    timestamp::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::helpers::{
    audit::audited,
    messages::{append, with_client_id},
    people::{self, head_seq, make_member, private_room, public_room, say, scope, scope_of},
    pictures::plain_file,
    website,
};

/// A tenant with guests who can be claimed, and somebody who can claim them.
struct Stage {
    tenant: Tenant,
    /// Runs the rooms.
    owner: Scope,
    /// The website's user.
    user: User,
    guest: User,
    key: SecretString,
}

impl Stage {
    async fn set(store: &Store) -> Self {
        let owner = scope(store, "acme", "owner").await;
        let tenant = website::set(store, owner.tenant_id, json!({ "guests": true, "guest_claims": true })).await;
        let user = host_user(store, &tenant, "ann").await;
        let (guest, key) = accounts::create_guest(store, &tenant, Some("Visitor".to_owned()))
            .await
            .unwrap();
        Self {
            tenant,
            owner,
            user,
            guest,
            key,
        }
    }

    fn guest(&self) -> Scope {
        scope_of(&self.guest)
    }

    fn user(&self) -> Scope {
        scope_of(&self.user)
    }

    async fn claim(&self, store: &Store) -> Result<Claimed, Error> {
        accounts::claim_guest(store, &Actor::cli(), &self.tenant, &self.user, &self.key).await
    }
}

async fn host_user(store: &Store, tenant: &Tenant, username: &str) -> User {
    let transaction = store.begin_write().await.unwrap();
    let new = accounts::HostUser {
        external_id: username.to_owned(),
        username: Some(username.to_owned()),
        ..accounts::HostUser::default()
    };
    let (user, _) = accounts::upsert_user(&transaction, tenant.id, new).await.unwrap();
    transaction.commit().await.unwrap();
    user
}

async fn messages(store: &Store, of: &Scope, room: &Room) -> Vec<Message> {
    let page = chat::list_messages(store, of, &RoomRef::Id(room.id), MessageQuery::default()).await;
    page.unwrap().messages
}

/// Role and read mark of a member.
async fn membership(store: &Store, of: &Scope, room: &Room) -> Option<(Role, i64)> {
    parlour::entity::room_member::Entity::find_by_id((of.tenant_id, room.id, of.user_id))
        .one(store.reader())
        .await
        .unwrap()
        .map(|row| (row.role, row.read_seq))
}

async fn send(store: &Store, of: &Scope, room: &Room, content: &str, client_id: &str) -> Message {
    let new = with_client_id(content, client_id);
    append(store, of, room, new).await.unwrap().message
}

/// The log's invariant: each number up to the head is the last change of at most one message, and the changes since
/// some moment are found by their numbers.
async fn numbers(store: &Store, room: &Room, since: i64) -> Vec<i64> {
    let (head, changed) = chat::read_changes(store, tenant_of(store, room).await, room.id, since, 1000)
        .await
        .unwrap()
        .unwrap();
    let numbers: Vec<i64> = changed.iter().map(|message| message.changed_seq).collect();
    assert!(numbers.iter().all(|number| *number <= head), "{numbers:?} {head}");
    numbers
}

async fn tenant_of(store: &Store, of: &Room) -> TenantId {
    room::Entity::find()
        .filter(room::Column::Id.eq(of.id))
        .one(store.reader())
        .await
        .unwrap()
        .unwrap()
        .tenant_id
}

both_engines! {
    async fn a_guest_comes_and_comes_back_with_the_key(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let Stage { tenant, guest, key, .. } = &stage;
        assert!(guest.kind == UserKind::Guest && guest.username.starts_with("guest-"), "{guest:?}");
        let text = key.expose_secret();
        assert!(text.len() == 46 && text.starts_with(accounts::GUEST_KEY_PREFIX), "{text}");
        let row = user::Entity::find_by_id((tenant.id, guest.id)).one(store.reader()).await.unwrap().unwrap();
        assert!(!format!("{row:?}").contains(text), "only a digest is kept");

        assert_eq!(accounts::return_as_guest(store, tenant, key, None).await.unwrap(), *guest);
        let renamed = accounts::return_as_guest(store, tenant, key, Some("Bo".to_owned())).await.unwrap();
        assert_eq!((renamed.id, renamed.name.as_deref()), (guest.id, Some("Bo")));
        let (other, other_key) = accounts::create_guest(store, tenant, None).await.unwrap();
        assert!(other.id != guest.id && other_key.expose_secret() != text && other.name.is_none());

        let globex = scope(store, "globex", "eve").await.tenant_id;
        let globex = website::set(store, globex, json!({ "guests": true })).await;
        for (tenant, key) in [(tenant, "gk_nobody"), (tenant, ""), (&globex, text)] {
            let unknown = accounts::return_as_guest(store, tenant, &key.into(), None).await;
            assert!(matches!(unknown, Err(Error::SignedOut)), "{unknown:?}");
        }
        for name in ["", " ", "a\u{202e}b", &"x".repeat(81)] {
            let refused = accounts::create_guest(store, tenant, Some(name.to_owned())).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{name:?}");
        }
    }

    async fn guests_come_where_the_tenant_lets_them(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let closed = website::set(store, stage.tenant.id, json!({ "guests": false })).await;
        let refused = accounts::create_guest(store, &closed, None).await;
        assert!(matches!(refused, Err(Error::GuestsNotAllowed)), "{refused:?}");
        let refused = accounts::return_as_guest(store, &closed, &stage.key, None).await;
        assert!(matches!(refused, Err(Error::GuestsNotAllowed)), "{refused:?}");

        accounts::admin::suspend_user(store, &Actor::cli(), &stage.tenant, stage.guest.id).await.unwrap();
        let refused = accounts::return_as_guest(store, &stage.tenant, &stage.key, None).await;
        assert!(matches!(refused, Err(Error::SignedOut)), "{refused:?}");
        let claimed = stage.claim(store).await;
        assert!(matches!(claimed, Err(Error::GuestNotFound)), "nobody leaves a suspension behind: {claimed:?}");
    }

    async fn only_users_of_the_website_claim_and_only_where_the_tenant_lets_them(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let account = people::user(store, "acme", "account").await;
        let (guest, _) = accounts::create_guest(store, &stage.tenant, None).await.unwrap();
        for claimer in [&account, &guest, &stage.guest] {
            let refused = accounts::claim_guest(store, &Actor::cli(), &stage.tenant, claimer, &stage.key).await;
            assert!(matches!(refused, Err(Error::ClaimsNotAllowed)), "{refused:?}");
        }
        let closed = website::set(store, stage.tenant.id, json!({ "guest_claims": false })).await;
        let refused = accounts::claim_guest(store, &Actor::cli(), &closed, &stage.user, &stage.key).await;
        assert!(matches!(refused, Err(Error::ClaimsNotAllowed)), "{refused:?}");
        assert_eq!(accounts::return_as_guest(store, &stage.tenant, &stage.key, None).await.unwrap(), stage.guest);
    }

    async fn a_guest_is_claimed_once_and_is_nobody_after_that(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let other = host_user(store, &stage.tenant, "bob").await;
        let claims = join_all((0..8).map(|n| {
            let (claimer, stage) = (if n % 2 == 0 { &stage.user } else { &other }, &stage);
            async move { accounts::claim_guest(store, &Actor::cli(), &stage.tenant, claimer, &stage.key).await }
        }))
        .await;
        let (done, refused): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 7));
        assert!(refused.into_iter().all(|refused| matches!(refused, Err(Error::GuestNotFound))));

        let back = accounts::return_as_guest(store, &stage.tenant, &stage.key, None).await;
        assert!(matches!(back, Err(Error::SignedOut)), "{back:?}");
        let tokens = accounts::Tokens::new(&"a secret of the tests, of 32 bytes".into(), std::time::Duration::from_secs(60));
        // However young a token is.
        let session = people::session_user(store, &tokens.issue(&stage.guest).claims).await;
        assert!(matches!(session, Err(Error::SignedOut)), "{session:?}");
        assert_eq!(audited(store).await.iter().filter(|row| *row == "cli guest.claim acme").count(), 1);
        let events = control::events_since(store, Timestamp(0)).await.unwrap();
        let revoked = events.into_iter().filter_map(|recorded| recorded.event);
        let revoked: Vec<_> = revoked
            .filter(|event| matches!(event, ControlEvent::UserRevoked { user_id, .. } if *user_id == stage.guest.id))
            .collect();
        assert_eq!(revoked.len(), 1);
    }

    async fn what_a_guest_said_is_the_users_and_takes_its_numbers_of_the_log(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, owner) = (stage.guest(), stage.owner);
        let (club, quiet) = (public_room(store, &owner, "Club").await, public_room(store, &owner, "Quiet").await);
        let first = say(store, &owner, &club, "who is there?").await;
        let mine = say(store, &guest, &club, "me").await;
        let edited = say(store, &guest, &club, "mee").await;
        chat::edit_message(store, &guest, &RoomRef::Id(club.id), edited.id, "me!".to_owned(), None).await.unwrap();
        let deleted = say(store, &guest, &club, "oops").await;
        chat::delete_message(store, &guest, &RoomRef::Id(club.id), deleted.id, None).await.unwrap();
        let named = say(store, &owner, &club, &format!("hello @{}", stage.guest.username)).await;
        chat::add_reaction(store, &guest, &RoomRef::Id(club.id), first.id, "👍").await.unwrap();
        say(store, &owner, &quiet, "nothing of the guest's").await;
        let before = head_seq(store, &owner, &club).await;

        let claimed = stage.claim(store).await.unwrap();
        assert_eq!((claimed.guest_id, claimed.transfer.messages), (stage.guest.id, 3));
        assert_eq!(claimed.transfer.rooms.iter().map(|room| (room.id, room.since)).collect::<Vec<_>>(), [(club.id, before)]);

        let shown = messages(store, &stage.user(), &club).await;
        for id in [mine.id, edited.id, deleted.id] {
            let message = shown.iter().find(|message| message.id == id).unwrap();
            assert_eq!(message.author.id, stage.user.id);
            assert!(message.changed_seq > before);
        }
        let first = shown.iter().find(|message| message.id == first.id).unwrap();
        assert_eq!(first.author.id, owner.user_id);
        assert_eq!((first.reactions[0].users[0].id, first.reactions[0].me), (stage.user.id, Some(true)));
        let named = shown.iter().find(|message| message.id == named.id).unwrap();
        assert_eq!(named.mentions, [stage.user.id]);
        // Five messages look otherwise; a client that was away is told of each, and of no other.
        assert_eq!(numbers(store, &club, before).await, (before + 1..=before + 5).collect::<Vec<_>>());
        assert_eq!(head_seq(store, &owner, &club).await, before + 5);
        assert_eq!(head_seq(store, &owner, &quiet).await, 1);
        let next = say(store, &owner, &club, "welcome").await;
        assert_eq!(next.seq, before + 6);

        let revisions = chat::list_revisions(store, &owner, &RoomRef::Id(club.id), edited.id).await.unwrap();
        assert_eq!(revisions[0].replaced_by.id, stage.user.id);
        let kept = message_revision::Entity::find().filter(message_revision::Column::ReplacedBy.eq(stage.guest.id));
        assert_eq!(kept.count(store.reader()).await.unwrap(), 0);
        // The user may do with them as with their own.
        chat::delete_message(store, &stage.user(), &RoomRef::Id(club.id), mine.id, None).await.unwrap();
    }

    async fn memberships_and_read_marks_come_along(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let staff = private_room(store, &owner, "Staff").await;
        let (both, ahead) = (public_room(store, &owner, "Both").await, public_room(store, &owner, "Ahead").await);
        make_member(store, &guest, &staff, Role::Moderator).await;
        for (scope, room, role) in [(&guest, &both, Role::Member), (&user, &both, Role::Reader), (&guest, &ahead, Role::Member), (&user, &ahead, Role::Admin)] {
            make_member(store, scope, room, role).await;
        }
        for room in [&staff, &both, &ahead] {
            for text in ["1", "2", "3"] {
                say(store, &owner, room, text).await;
            }
        }
        for (scope, room, seq) in [(&guest, &staff, 2), (&guest, &both, 3), (&user, &both, 1), (&guest, &ahead, 1), (&user, &ahead, 2)] {
            chat::mark_read(store, scope, &RoomRef::Id(room.id), seq).await.unwrap();
        }
        let transfer = stage.claim(store).await.unwrap().transfer;
        assert_eq!(membership(store, &user, &staff).await, Some((Role::Moderator, 2)));
        assert_eq!(membership(store, &user, &both).await, Some((Role::Reader, 3)), "what the user is counts");
        assert_eq!(membership(store, &user, &ahead).await, Some((Role::Admin, 2)));
        for room in [&staff, &both, &ahead] {
            assert_eq!(membership(store, &guest, room).await, None);
        }
        let told: Vec<_> = transfer.memberships.iter().map(|change| (change.room.id, change.user.id, change.after)).collect();
        assert_eq!(told, [(staff.id, user.user_id, Some(Role::Moderator))]);
    }

    async fn files_come_along_sent_or_not(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let room = public_room(store, &stage.owner, "Club").await;
        let upload = async || chat::store_upload(store, &stage.guest(), room.id, plain_file(), Cap::Off).await.unwrap();
        let with = |id| NewMessage { attachments: vec![id], ..NewMessage::default() };
        let append = async |of: Scope, new| chat::append_message(store, &of, &RoomRef::Id(room.id), new, Cap::Off).await;
        let (sent, unsent) = (upload().await, upload().await);
        append(stage.guest(), with(sent.id)).await.unwrap();
        stage.claim(store).await.unwrap();
        append(stage.user(), with(unsent.id)).await.unwrap();
        let messages = messages(store, &stage.owner, &room).await;
        let files: Vec<_> = messages.iter().map(|message| (message.author.id, message.attachments[0].id)).collect();
        assert_eq!(files, [(stage.user.id, sent.id), (stage.user.id, unsent.id)]);
    }

    async fn a_ban_of_either_outlives_the_claim(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let (one, other) = (public_room(store, &owner, "One").await, public_room(store, &owner, "Other").await);
        let muted = public_room(store, &owner, "Muted").await;
        say(store, &guest, &one, "in both").await;
        say(store, &guest, &other, "in both").await;
        say(store, &guest, &muted, "and here").await;
        chat::ban(store, &owner, &RoomRef::Id(one.id), guest.user_id, None, Some("spam".to_owned())).await.unwrap();
        chat::ban(store, &owner, &RoomRef::Id(other.id), user.user_id, None, None).await.unwrap();
        chat::mute(store, &owner, &RoomRef::Id(muted.id), guest.user_id, None, None).await.unwrap();

        let claimed = stage.claim(store).await.unwrap();
        assert_eq!(claimed.transfer.messages, 3);
        for room in [&one, &other] {
            let banned = chat::get_room(store, &user, &RoomRef::Id(room.id)).await;
            assert!(matches!(banned, Err(chat::Error::Banned)), "{banned:?}");
            assert_eq!((membership(store, &user, room).await, membership(store, &guest, room).await), (None, None));
        }
        let new = NewMessage { content: "psst".to_owned(), ..NewMessage::default() };
        let said = chat::append_message(store, &user, &RoomRef::Id(muted.id), new, Cap::Off).await;
        assert!(matches!(said, Err(chat::Error::Muted { until: None })), "{said:?}");
    }

    async fn what_both_did_is_not_there_twice(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let club = public_room(store, &owner, "Club").await;
        let room = RoomRef::Id(club.id);
        let liked = say(store, &owner, &club, "like this").await;
        for scope in [&guest, &user] {
            chat::add_reaction(store, scope, &room, liked.id, "👍").await.unwrap();
        }
        chat::add_reaction(store, &guest, &room, liked.id, "🎉").await.unwrap();
        let same = send(store, &guest, &club, "the guest's", "1").await;
        let own = send(store, &user, &club, "the user's", "1").await;
        send(store, &guest, &club, "once", "2").await;
        let names = format!("@{} @{}", stage.guest.username, stage.user.username);
        let both = say(store, &owner, &club, &names).await;
        let of_user = say(store, &guest, &club, &format!("hi @{}", stage.user.username)).await;
        let of_guest = say(store, &user, &club, &format!("hi @{}", stage.guest.username)).await;

        stage.claim(store).await.unwrap();
        let shown = messages(store, &user, &club).await;
        let find = |id| shown.iter().find(|message| message.id == id).unwrap();
        let kinds: Vec<_> = find(liked.id).reactions.iter().map(|kind| (kind.emoji.as_str(), kind.count)).collect();
        assert_eq!(kinds, [("👍", 1), ("🎉", 1)]);
        assert_eq!(find(both.id).mentions, [user.user_id]);
        assert!(find(of_user.id).mentions.is_empty() && find(of_guest.id).mentions.is_empty(), "nobody names themself");
        assert_eq!(mention::Entity::in_tenant(stage.tenant.id).count(store.reader()).await.unwrap(), 1);
        // A message that is sent again finds the user's own.
        assert_eq!((find(same.id).client_id.as_deref(), find(own.id).client_id.as_deref()), (None, Some("1")));
        for (client_id, content, id) in [("1", "the user's", Some(own.id)), ("2", "once", None)] {
            let again = send(store, &user, &club, content, client_id).await;
            assert!(id.is_none_or(|id| id == again.id));
        }
        assert_eq!(messages(store, &user, &club).await.len(), shown.len(), "both were known");
        // The counts of a message's row are those of its reactions: taking one back works on.
        chat::remove_reaction(store, &user, &room, liked.id, "🎉").await.unwrap();
        chat::remove_reaction(store, &user, &room, liked.id, "👍").await.unwrap();
        assert!(messages(store, &owner, &club).await[0].reactions.is_empty());
    }

    async fn conversations_come_along_unless_the_user_has_one_with_the_same_peer(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let peer = scope(store, "acme", "peer").await;
        let (moves, ..) = chat::start_dm(store, &guest, peer.user_id).await.unwrap();
        let (stays, ..) = chat::start_dm(store, &guest, owner.user_id).await.unwrap();
        let (own, ..) = chat::start_dm(store, &user, owner.user_id).await.unwrap();
        let (between, ..) = chat::start_dm(store, &guest, user.user_id).await.unwrap();
        for room in [&moves, &stays, &between] {
            say(store, &guest, room, "hello").await;
        }
        let claimed = stage.claim(store).await.unwrap();
        assert_eq!(claimed.transfer.messages, 1);
        assert_eq!(messages(store, &user, &moves).await[0].author.id, user.user_id);
        assert_eq!(messages(store, &peer, &moves).await[0].author.id, user.user_id);
        for (one, other, room) in [(&user, &peer, &moves), (&peer, &user, &moves), (&user, &owner, &own)] {
            let (found, _, created) = chat::start_dm(store, one, other.user_id).await.unwrap();
            assert!(found.id == room.id && !created);
        }
        let kept = chat::get_room(store, &user, &RoomRef::Id(stays.id)).await;
        assert!(matches!(kept, Err(chat::Error::NotMember)), "{kept:?}");
        for (of, room) in [(&owner, &stays), (&user, &between)] {
            assert_eq!(messages(store, of, room).await[0].author.id, guest.user_id);
        }
        let listed = chat::list_dms(store, &peer, &parlour::page::PageRequest::default()).await.unwrap();
        assert_eq!(listed.items.iter().map(|dm| dm.peer.id).collect::<Vec<_>>(), [user.user_id]);
    }

    async fn rooms_and_invitations_come_along(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let made = public_room(store, &guest, "Made by the guest").await;
        let invited = private_room(store, &owner, "Invited").await;
        chat::invite(store, &owner, &RoomRef::Id(invited.id), guest.user_id, Role::Member).await.unwrap();
        let bob = scope(store, "acme", "bob").await;
        chat::invite(store, &guest, &RoomRef::Id(made.id), bob.user_id, Role::Member).await.unwrap();
        chat::ban(store, &guest, &RoomRef::Id(made.id), owner.user_id, None, None).await.unwrap();

        stage.claim(store).await.unwrap();
        let (room, role) = chat::get_room(store, &user, &RoomRef::Id(made.id)).await.unwrap();
        assert_eq!((room.creator_id, role), (Some(user.user_id), Some(Role::Admin)));
        let page = parlour::page::PageRequest::default();
        let bans = chat::list_bans(store, &user, &RoomRef::Id(made.id), &page).await.unwrap();
        assert_eq!(bans.items[0].imposed_by.as_ref().map(|by| by.id), Some(user.user_id));
        let invitations = chat::list_room_invitations(store, &user, &RoomRef::Id(made.id), &page).await.unwrap();
        assert_eq!(invitations.items[0].invited_by.id, user.user_id);
        let joined = chat::join_room(store, &user, &RoomRef::Id(invited.id), Cap::Off).await.unwrap();
        assert_eq!(joined.after, Some(Role::Member));
        chat::delete_room(store, &user, &RoomRef::Id(made.id)).await.unwrap();
    }

    async fn a_claim_meets_messages_that_are_being_written(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let (guest, user, owner) = (stage.guest(), stage.user(), stage.owner);
        let rooms = [public_room(store, &owner, "One").await, public_room(store, &owner, "Two").await];
        for room in &rooms {
            say(store, &guest, room, "first").await;
        }
        let writing = join_all((0..20).map(|n| {
            let (room, author) = (&rooms[n % 2], if n % 3 == 0 { owner } else { guest });
            async move { say(store, &author, room, &format!("{n}")).await }
        }));
        let (_, claimed) = tokio::join!(writing, stage.claim(store));
        claimed.unwrap();
        for room in &rooms {
            let all = numbers(store, room, 0).await;
            let head = head_seq(store, &owner, room).await;
            let mut distinct = all.clone();
            distinct.dedup();
            assert_eq!((distinct.len(), all.last()), (all.len(), Some(&head)), "{all:?}");
            assert_eq!(messages(store, &user, room).await[0].author.id, user.user_id);
        }
    }

    async fn a_guest_with_many_messages_is_claimed_in_batches(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let club = public_room(store, &stage.owner, "Club").await;
        for n in 0..520 {
            say(store, &stage.guest(), &club, &format!("{n}")).await;
        }
        assert_eq!(stage.claim(store).await.unwrap().transfer.messages, 520);
        assert_eq!(head_seq(store, &stage.owner, &club).await, 1040);
        let all = numbers(store, &club, 0).await;
        assert_eq!(all, (521..=1040).collect::<Vec<_>>());
    }

    async fn nothing_of_another_tenant_is_touched(db: TestDatabase) {
        let (store, stage) = (&db.store, Stage::set(&db.store).await);
        let globex = scope(store, "globex", "eve").await.tenant_id;
        let globex = website::set(store, globex, json!({ "guests": true, "guest_claims": true })).await;
        let thief = host_user(store, &globex, "thief").await;
        let refused = accounts::claim_guest(store, &Actor::cli(), &globex, &thief, &stage.key).await;
        assert!(matches!(refused, Err(Error::GuestNotFound)), "{refused:?}");
        assert_eq!(accounts::return_as_guest(store, &stage.tenant, &stage.key, None).await.unwrap(), stage.guest);
        let claimed = user::Entity::find().filter(user::Column::ClaimedBy.is_not_null());
        assert_eq!(claimed.count(store.reader()).await.unwrap(), 0);
    }
}
