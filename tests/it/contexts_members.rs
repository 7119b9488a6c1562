//! Members: who may do what to whom; joining, leaving, and what becomes of a room then.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Error, NewMessage, Role, RoomKind, RoomPatch, RoomRef},
    config::Cap,
    entity::{TenantScoped, room, room_member},
    ids::{RoomId, UserId},
    page::PageRequest,
    scope::Scope,
    store::Store,
};
use sea_orm::PaginatorTrait;

use crate::helpers::{
    membership::{by_id, code, fields, members, put, role_of},
    people::{private_room, public_room, scope, set_frozen, set_slow_mode},
};

const ROLES: [Role; 5] = [Role::Reader, Role::Member, Role::Moderator, Role::Admin, Role::Owner];

/// The place of a role in the order the product has: reader, member, moderator, admin, owner.
fn rank(role: Role) -> usize {
    ROLES.iter().position(|other| *other == role).unwrap()
}

/// What one user does to another, or to the room.
#[derive(Clone, Copy, Debug)]
enum Action {
    Add(Role),
    Change(Role),
    Invite(Role),
    Kick,
    Ban,
    Unban,
    Mute,
    Unmute,
    SlowMode,
    Freeze,
    Rename,
    ListBans,
    ListMutes,
    ListInvitations,
}

impl Action {
    fn all() -> Vec<Self> {
        let of_roles = ROLES
            .into_iter()
            .flat_map(|role| [Self::Add(role), Self::Change(role), Self::Invite(role)]);
        let others = [
            Self::Kick,
            Self::Ban,
            Self::Unban,
            Self::Mute,
            Self::Unmute,
            Self::SlowMode,
            Self::Freeze,
            Self::Rename,
            Self::ListBans,
            Self::ListMutes,
            Self::ListInvitations,
        ];
        of_roles.chain(others).collect()
    }

    /// Whether no other user is meant.
    fn is_about_the_room(self) -> bool {
        matches!(
            self,
            Self::SlowMode | Self::Freeze | Self::Rename | Self::ListBans | Self::ListMutes | Self::ListInvitations
        )
    }

    async fn run(self, store: &Store, actor: &Scope, room: &RoomRef, target: UserId) -> Result<(), Error> {
        let page = PageRequest::default();
        match self {
            Self::Add(role) => chat::add_member(store, actor, room, target, role, Cap::Off)
                .await
                .map(drop),
            Self::Change(role) => chat::change_role(store, actor, room, target, role).await.map(drop),
            Self::Invite(role) => chat::invite(store, actor, room, target, role).await.map(drop),
            Self::Kick => chat::remove_member(store, actor, room, target).await.map(drop),
            Self::Ban => chat::ban(store, actor, room, target, None, None).await.map(drop),
            Self::Unban => chat::unban(store, actor, room, target).await.map(drop),
            Self::Mute => chat::mute(store, actor, room, target, None, None).await.map(drop),
            Self::Unmute => chat::unmute(store, actor, room, target).await.map(drop),
            Self::SlowMode => set_slow_mode(store, actor, room, 5).await.map(drop),
            Self::Freeze => set_frozen(store, actor, room, true).await.map(drop),
            Self::Rename => {
                let patch = RoomPatch {
                    name: Some("Foyer".to_owned()),
                    ..RoomPatch::default()
                };
                chat::update_room(store, actor, room, patch).await.map(drop)
            }
            Self::ListBans => chat::list_bans(store, actor, room, &page).await.map(drop),
            Self::ListMutes => chat::list_mutes(store, actor, room, &page).await.map(drop),
            Self::ListInvitations => chat::list_room_invitations(store, actor, room, &page).await.map(drop),
        }
    }

    /// The rules, said once more in another way: the name of the error, and the target's role after.
    fn expected(self, actor: Option<Role>, target: Option<Role>) -> (&'static str, Option<Role>) {
        let Some(actor) = actor else {
            return ("not_a_member", target);
        };
        let admin = rank(actor) >= rank(Role::Admin);
        let higher = target.is_some_and(|target| rank(target) >= rank(actor));
        match self {
            Self::Add(_) | Self::Change(_) | Self::Rename if !admin => ("not_an_admin", target),
            _ if rank(actor) < rank(Role::Moderator) => ("not_a_moderator", target),
            Self::Add(role) if rank(role) > rank(actor) => ("outranked", target),
            Self::Add(role) => ("ok", target.or(Some(role))),
            Self::Invite(role) if rank(role) > rank(actor) || (!admin && role == actor) => ("outranked", target),
            Self::Invite(_) if target.is_some() => ("invalid", target),
            Self::Change(_) | Self::Kick if target.is_none() => ("member_not_found", target),
            Self::Change(_) | Self::Kick | Self::Ban | Self::Unban | Self::Mute | Self::Unmute if higher => {
                ("outranked", target)
            }
            Self::Change(role) if rank(role) > rank(actor) => ("outranked", target),
            Self::Change(role) => ("ok", Some(role)),
            Self::Kick | Self::Ban => ("ok", None),
            Self::Invite(_)
            | Self::Unban
            | Self::Mute
            | Self::Unmute
            | Self::SlowMode
            | Self::Freeze
            | Self::Rename
            | Self::ListBans
            | Self::ListMutes
            | Self::ListInvitations => ("ok", target),
        }
    }
}

both_engines! {
    async fn what_each_role_may_do_to_each_other_role(db: TestDatabase) {
        let store = &db.store;
        let carol = scope(store, "acme", "carol").await;
        let actor = scope(store, "acme", "actor").await;
        let target = scope(store, "acme", "target").await.user_id;
        let room = public_room(store, &carol, "Lobby").await;
        let roles = || [None].into_iter().chain(ROLES.map(Some));
        for own in roles() {
            put(store, &carol, room.id, actor.user_id, own).await;
            for theirs in roles() {
                put(store, &carol, room.id, target, theirs).await;
                for action in Action::all() {
                    let result = action.run(store, &actor, &by_id(&room), target).await;
                    let after = role_of(store, &carol, room.id, target).await;
                    let what = format!("{own:?} does {action:?} to {theirs:?}");
                    assert_eq!((code(&result), after), action.expected(own, theirs), "{what}");
                    assert_eq!(role_of(store, &carol, room.id, actor.user_id).await, own, "{what}");
                    if result.is_ok() {
                        put(store, &carol, room.id, target, theirs).await;
                    }
                }
            }
        }
    }

    async fn nobody_acts_on_themselves(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = private_room(&db.store, &alice, "Board").await;
        for role in [Role::Admin, Role::Owner] {
            put(&db.store, &alice, room.id, alice.user_id, Some(role)).await;
            for action in Action::all() {
                let result = action.run(&db.store, &alice, &by_id(&room), alice.user_id).await;
                if action.is_about_the_room() {
                    assert_eq!(code(&result), "ok");
                } else {
                    assert_eq!(fields(result), ["user_id"], "{action:?}");
                }
                assert_eq!(role_of(&db.store, &alice, room.id, alice.user_id).await, Some(role));
            }
        }
    }

    async fn a_direct_conversation_has_two_equals_and_no_rules(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let carol = scope(&db.store, "acme", "carol").await;
        let (dm, ..) = chat::start_dm(&db.store, &alice, bob.user_id).await.unwrap();
        for target in [alice.user_id, bob.user_id, carol.user_id, UserId::generate()] {
            for action in Action::all() {
                let refused = action.run(&db.store, &alice, &by_id(&dm), target).await;
                assert_eq!(fields(refused), ["room"], "{action:?}");
                let refused = action.run(&db.store, &carol, &by_id(&dm), target).await;
                assert_eq!(code(&refused), "not_a_member", "{action:?}");
            }
        }
        assert_eq!(fields(chat::leave_room(&db.store, &alice, &by_id(&dm)).await), ["room"]);
        assert_eq!(code(&chat::join_room(&db.store, &carol, &by_id(&dm), Cap::Off).await), "not_a_member");
        assert_eq!(members(&db.store, &alice, &dm).await.len(), 2);
    }

    async fn other_tenants_rooms_and_users_are_such_as_do_not_exist(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await.user_id;
        let mallory = scope(store, "globex", "mallory").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let board = private_room(store, &alice, "Board").await;
        let own = private_room(store, &mallory, "Own").await;
        let unknown = RoomRef::Id(RoomId::generate());
        let page = PageRequest::default();
        chat::invite(store, &alice, &by_id(&board), bob, Role::Member).await.unwrap();
        for room in [by_id(&lobby), by_id(&board), unknown, RoomRef::parse("lobby"), RoomRef::parse("\0")] {
            for action in Action::all() {
                for target in [bob, alice.user_id, mallory.user_id, UserId::generate()] {
                    let refused = action.run(store, &mallory, &room, target).await;
                    assert_eq!(code(&refused), "room_not_found", "{action:?} {room:?}");
                }
            }
            let not_found = [
                code(&chat::list_members(store, &mallory, &room, &page).await),
                code(&chat::join_room(store, &mallory, &room, Cap::Off).await),
                code(&chat::leave_room(store, &mallory, &room).await),
                code(&chat::decline_invitation(store, &mallory, &room).await),
                code(&chat::withdraw_invitation(store, &mallory, &room, bob).await),
            ];
            assert_eq!(not_found, ["room_not_found"; 5], "{room:?}");
        }
        for action in Action::all() {
            let foreign = action.run(store, &mallory, &by_id(&own), bob).await;
            let nobody = action.run(store, &mallory, &by_id(&own), UserId::generate()).await;
            assert_eq!(code(&foreign), code(&nobody), "{action:?}");
            let expected = match action {
                Action::Change(_) | Action::Kick => "member_not_found",
                _ if action.is_about_the_room() => "ok",
                _ => "user_not_found",
            };
            assert_eq!(code(&foreign), expected, "{action:?}");
        }
        let withdrawn = chat::withdraw_invitation(store, &mallory, &by_id(&own), bob).await;
        assert_eq!(code(&withdrawn), "invitation_not_found");
        // A scope that names a user of another tenant leads nowhere.
        let crossed = Scope { tenant_id: mallory.tenant_id, user_id: bob };
        assert_eq!(code(&chat::join_room(store, &crossed, &by_id(&own), Cap::Off).await), "user_not_found");
        assert_eq!(chat::list_invitations(store, &crossed, &page).await.unwrap().items, []);
        assert_eq!(chat::members_to_notify(store, mallory.tenant_id, board.id, 10).await.unwrap(), []);
    }

    async fn members_are_listed_page_by_page_in_the_order_they_came(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let mut came = vec![alice.user_id];
        for number in 0..6 {
            let user = scope(&db.store, "acme", &format!("user-{number}")).await;
            let joined = chat::join_room(&db.store, &user, &by_id(&lobby), Cap::Off).await.unwrap();
            assert_eq!((joined.before, joined.after, joined.changed()), (None, Some(Role::Member), true));
            assert_eq!(joined.user.username, format!("user-{number}"));
            came.push(user.user_id);
        }
        let stranger = scope(&db.store, "acme", "stranger").await;
        let mut request = PageRequest { limit: 3, cursor: None };
        let mut pages = Vec::new();
        loop {
            let page = chat::list_members(&db.store, &stranger, &by_id(&lobby), &request).await.unwrap();
            pages.push(page.items.iter().map(|member| member.user.id).collect::<Vec<_>>());
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(pages, [&came[0..3], &came[3..6], &came[6..7]]);
        for (request, field) in [
            (PageRequest { limit: 101, cursor: None }, "limit"),
            (PageRequest { limit: 1, cursor: Some("bQ".to_owned()) }, "cursor"),
        ] {
            assert_eq!(fields(chat::list_members(&db.store, &alice, &by_id(&lobby), &request).await), [field]);
        }
        let board = private_room(&db.store, &alice, "Board").await;
        let refused = chat::list_members(&db.store, &stranger, &by_id(&board), &PageRequest::default()).await;
        assert_eq!(code(&refused), "not_a_member");
        let told = chat::members_to_notify(&db.store, alice.tenant_id, lobby.id, 4).await.unwrap();
        assert_eq!(told, came[0..4]);
    }

    async fn who_was_kicked_comes_back_to_public_rooms_only(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let board = private_room(&db.store, &alice, "Board").await;
        for room in [&lobby, &board] {
            let added = chat::add_member(&db.store, &alice, &by_id(room), bob.user_id, Role::Moderator, Cap::Off).await.unwrap();
            assert_eq!((added.before, added.after, added.room.id), (None, Some(Role::Moderator), room.id));
            let again = chat::add_member(&db.store, &alice, &by_id(room), bob.user_id, Role::Reader, Cap::Off).await.unwrap();
            assert!(!again.changed() && again.after == Some(Role::Moderator), "who is somebody already stays it");
            let kicked = chat::remove_member(&db.store, &alice, &by_id(room), bob.user_id).await.unwrap();
            assert_eq!((kicked.before, kicked.after), (Some(Role::Moderator), None));
            assert_eq!((kicked.user.id, kicked.user.username.as_str()), (bob.user_id, "bob"));
            let again = chat::remove_member(&db.store, &alice, &by_id(room), bob.user_id).await;
            assert_eq!(code(&again), "member_not_found");
        }
        let back = chat::join_room(&db.store, &bob, &by_id(&lobby), Cap::Off).await.unwrap();
        assert_eq!(back.after, Some(Role::Member), "not what he was");
        assert_eq!(code(&chat::join_room(&db.store, &bob, &by_id(&board), Cap::Off).await), "not_a_member");
        assert_eq!(code(&chat::get_room(&db.store, &bob, &by_id(&board)).await), "not_a_member");
        chat::invite(&db.store, &alice, &by_id(&board), bob.user_id, Role::Member).await.unwrap();
        chat::join_room(&db.store, &bob, &by_id(&board), Cap::Off).await.unwrap();
    }

    async fn a_reader_who_leaves_a_public_room_comes_back_as_a_reader(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let moderator = scope(store, "acme", "moderator").await;
        let bob = scope(store, "acme", "bob").await;
        let lobby = public_room(store, &alice, "Lobby").await;
        let room = by_id(&lobby);
        put(store, &alice, lobby.id, moderator.user_id, Some(Role::Moderator)).await;
        chat::add_member(store, &alice, &room, bob.user_id, Role::Reader, Cap::Off).await.unwrap();
        let write = async || {
            let new = NewMessage { content: "hello".to_owned(), ..NewMessage::default() };
            chat::append_message(store, &bob, &room, new, Cap::Off).await
        };
        for leaves in 0..3 {
            match leaves {
                0 => drop(chat::leave_room(store, &bob, &room).await.unwrap()),
                1 => drop(chat::remove_member(store, &moderator, &room, bob.user_id).await.unwrap()),
                _ => {
                    chat::ban(store, &moderator, &room, bob.user_id, None, None).await.unwrap();
                    chat::unban(store, &moderator, &room, bob.user_id).await.unwrap();
                }
            }
            assert_eq!(role_of(store, &alice, lobby.id, bob.user_id).await, None);
            // It is no invitation, and nobody else's to take away.
            assert_eq!(chat::list_invitations(store, &bob, &PageRequest::default()).await.unwrap().items, []);
            assert_eq!(code(&chat::decline_invitation(store, &bob, &room).await), "invitation_not_found");
            assert_eq!(code(&chat::invite(store, &moderator, &room, bob.user_id, Role::Member).await), "not_an_admin");
            let authorised = chat::authorise(store, &bob, &room, chat::Access::Write).await;
            assert_eq!((code(&authorised), code(&write().await)), ("read_only", "read_only"));
            let back = chat::join_room(store, &bob, &room, Cap::Off).await.unwrap();
            assert_eq!(back.after, Some(Role::Reader));
        }
        chat::leave_room(store, &bob, &room).await.unwrap();
        chat::invite(store, &alice, &room, bob.user_id, Role::Member).await.unwrap();
        assert!(write().await.unwrap().joined.is_some());
        assert_eq!(role_of(store, &alice, lobby.id, bob.user_id).await, Some(Role::Member));
    }

    async fn a_private_room_whose_last_admin_leaves_gets_another(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let mut others = Vec::new();
        for name in ["reader", "member", "moderator-1", "moderator-2"] {
            others.push(scope(store, "acme", name).await);
        }
        let [reader, member, first, second] = others[..] else { unreachable!() };
        let board = private_room(store, &alice, "Board").await;
        let room = by_id(&board);
        put(store, &alice, board.id, reader.user_id, Some(Role::Reader)).await;
        put(store, &alice, board.id, member.user_id, Some(Role::Member)).await;
        put(store, &alice, board.id, first.user_id, Some(Role::Moderator)).await;
        put(store, &alice, board.id, second.user_id, Some(Role::Moderator)).await;

        let left = chat::leave_room(store, &alice, &room).await.unwrap();
        assert_eq!((left.change.before, left.change.after, left.change.user.id), (Some(Role::Admin), None, alice.user_id));
        let promoted = left.promoted.unwrap();
        assert_eq!((promoted.user.username.as_str(), promoted.user.id), ("moderator-1", first.user_id));
        assert_eq!((promoted.before, promoted.after, promoted.room.id), (Some(Role::Moderator), Some(Role::Admin), board.id));
        assert_eq!(role_of(store, &alice, board.id, first.user_id).await, Some(Role::Admin));

        // Who is no admin leaves without a successor, and so does one of several.
        assert_eq!(chat::leave_room(store, &second, &room).await.unwrap().promoted, None);
        put(store, &alice, board.id, alice.user_id, Some(Role::Owner)).await;
        assert_eq!(chat::leave_room(store, &first, &room).await.unwrap().promoted, None);
        // An owner is succeeded by an admin like any other.
        assert_eq!(chat::leave_room(store, &alice, &room).await.unwrap().promoted.unwrap().user.id, member.user_id);
        assert_eq!(chat::leave_room(store, &member, &room).await.unwrap().promoted.unwrap().user.id, reader.user_id);
        assert_eq!(role_of(store, &alice, board.id, reader.user_id).await, Some(Role::Admin));
        assert_eq!(chat::leave_room(store, &reader, &room).await.unwrap().promoted, None, "nobody is left");
        let rooms = room::Entity::in_tenant(alice.tenant_id).count(store.reader()).await.unwrap();
        assert_eq!(rooms, 1, "the room stays, for its creator to delete");
    }

    async fn of_admins_who_leave_at_the_same_time_the_last_one_is_succeeded(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let board = private_room(&db.store, &alice, "Board").await;
        let mut admins = vec![alice];
        for number in 0..3 {
            let admin = scope(&db.store, "acme", &format!("admin-{number}")).await;
            put(&db.store, &alice, board.id, admin.user_id, Some(Role::Admin)).await;
            admins.push(admin);
        }
        let member = scope(&db.store, "acme", "member").await;
        put(&db.store, &alice, board.id, member.user_id, Some(Role::Member)).await;
        let room = by_id(&board);
        let left = join_all(admins.iter().map(|admin| chat::leave_room(&db.store, admin, &room))).await;
        let promoted = left.into_iter().filter(|left| left.as_ref().unwrap().promoted.is_some()).count();
        assert_eq!(promoted, 1);
        assert_eq!(members(&db.store, &member, &board).await, [("member".to_owned(), Role::Admin)]);
    }

    async fn in_a_public_room_only_a_moderator_succeeds(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let bob = scope(&db.store, "acme", "bob").await;
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let room = by_id(&lobby);
        chat::join_room(&db.store, &bob, &room, Cap::Off).await.unwrap();
        assert_eq!(chat::leave_room(&db.store, &alice, &room).await.unwrap().promoted, None);
        assert_eq!(role_of(&db.store, &alice, lobby.id, bob.user_id).await, Some(Role::Member));
        put(&db.store, &alice, lobby.id, alice.user_id, Some(Role::Admin)).await;
        put(&db.store, &alice, lobby.id, bob.user_id, Some(Role::Moderator)).await;
        let promoted = chat::leave_room(&db.store, &alice, &room).await.unwrap().promoted.unwrap();
        assert_eq!((promoted.user.id, promoted.after), (bob.user_id, Some(Role::Admin)));
    }

    async fn the_creator_acts_as_an_owner_for_as_long_as_they_are_an_admin(db: TestDatabase) {
        let store = &db.store;
        let (ann, bob) = (scope(store, "acme", "ann").await, scope(store, "acme", "bob").await);
        let (carl, dora) = (scope(store, "acme", "carl").await, scope(store, "acme", "dora").await);
        let den = private_room(store, &ann, "Den").await;
        let room = RoomRef::Id(den.id);
        chat::add_member(store, &ann, &room, bob.user_id, Role::Admin, Cap::Off).await.unwrap();
        chat::add_member(store, &ann, &room, carl.user_id, Role::Admin, Cap::Off).await.unwrap();
        let outranked = chat::change_role(store, &bob, &room, carl.user_id, Role::Member).await;
        assert!(matches!(outranked, Err(Error::Outranked)), "admins do not act on one another");
        let outranked = chat::change_role(store, &bob, &room, ann.user_id, Role::Member).await;
        assert!(matches!(outranked, Err(Error::Outranked)), "nor on the creator");
        chat::change_role(store, &ann, &room, carl.user_id, Role::Member).await.unwrap();
        chat::change_role(store, &ann, &room, bob.user_id, Role::Owner).await.unwrap();
        // An owner outranks an admin, who created the room or not; and is no admin any more who was demoted.
        chat::change_role(store, &bob, &room, ann.user_id, Role::Moderator).await.unwrap();
        let refused = chat::add_member(store, &ann, &room, dora.user_id, Role::Member, Cap::Off).await;
        assert!(matches!(refused, Err(Error::NotAdmin)));
    }

    async fn a_room_is_deleted_by_its_creator_and_its_owners(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        for (own, expected) in [
            (Some(Role::Admin), "not_the_creator"),
            (Some(Role::Moderator), "not_the_creator"),
            (None, "not_the_creator"),
            (Some(Role::Owner), "ok"),
        ] {
            let room = public_room(store, &alice, "Lobby").await;
            put(store, &alice, room.id, bob.user_id, own).await;
            assert_eq!(code(&chat::delete_room(store, &bob, &by_id(&room)).await), expected, "{own:?}");
        }
        let board = private_room(store, &alice, "Board").await;
        put(store, &alice, board.id, alice.user_id, Some(Role::Member)).await;
        chat::invite(store, &alice, &by_id(&board), bob.user_id, Role::Member).await.unwrap_err();
        chat::delete_room(store, &alice, &by_id(&board)).await.unwrap();
        let left = room_member::Entity::in_tenant(alice.tenant_id).count(store.reader()).await.unwrap();
        assert_eq!(left, 5, "alice in three lobbies, bob in two of them");
    }

    async fn a_room_is_changed_in_one_go_or_not_at_all(db: TestDatabase) {
        let store = &db.store;
        let alice = scope(store, "acme", "alice").await;
        let bob = scope(store, "acme", "bob").await;
        let room = public_room(store, &alice, "Lobby").await;
        assert_eq!((room.slow_mode_s, room.frozen, room.kind), (0, false, RoomKind::Public));
        put(store, &alice, room.id, bob.user_id, Some(Role::Moderator)).await;
        let all = || RoomPatch {
            name: Some("  Foyer ".to_owned()),
            description: Some("Come in".to_owned()),
            slow_mode_s: Some(3600),
            frozen: Some(true),
        };
        assert_eq!(code(&chat::update_room(store, &bob, &by_id(&room), all()).await), "not_an_admin");
        assert_eq!(chat::get_room(store, &bob, &by_id(&room)).await.unwrap().0, room);
        let changed = chat::update_room(store, &alice, &by_id(&room), all()).await.unwrap();
        assert_eq!((changed.changed, changed.room.name.as_str()), (true, "Foyer"));
        assert_eq!(changed.room.description.as_deref(), Some("Come in"));
        assert_eq!((changed.room.slow_mode_s, changed.room.frozen), (3600, true));
        assert_eq!((&changed.room.slug, changed.room.head_seq), (&room.slug, room.head_seq));
        assert_eq!(chat::get_room(store, &bob, &by_id(&room)).await.unwrap().0, changed.room);
        let again = chat::update_room(store, &alice, &by_id(&room), all()).await.unwrap();
        assert_eq!((again.changed, &again.room), (false, &changed.room));
        let nothing = chat::update_room(store, &bob, &by_id(&room), RoomPatch::default()).await.unwrap();
        assert!(!nothing.changed);
        let empty = RoomPatch { description: Some(" ".to_owned()), ..RoomPatch::default() };
        assert_eq!(chat::update_room(store, &alice, &by_id(&room), empty).await.unwrap().room.description, None);

        let wrong = RoomPatch {
            name: Some(String::new()),
            description: Some("a\0b".to_owned()),
            slow_mode_s: Some(3601),
            frozen: Some(false),
        };
        let refused = chat::update_room(store, &alice, &by_id(&room), wrong).await;
        assert_eq!(fields(refused), ["description", "name", "slow_mode_s"]);
        assert_eq!(fields(set_slow_mode(store, &alice, &by_id(&room), u32::MAX).await), ["slow_mode_s"]);
        assert!(chat::get_room(store, &bob, &by_id(&room)).await.unwrap().0.frozen);
    }
}
