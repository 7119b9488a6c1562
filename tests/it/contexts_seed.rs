//! Default rooms and bulk data.

use std::collections::HashSet;

use futures_util::future::join_all;
use parlour::{
    accounts::{self, PasswordHasher},
    chat::{
        self, RoomRef,
        seed::{SeedPlan, ensure_default_rooms, seed},
    },
    page::PageRequest,
    scope::Scope,
    tenants,
};

use crate::helpers::people::{PASSWORD, scope};

both_engines! {
    async fn default_rooms_are_made_once(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let made = join_all((0..8).map(|_| ensure_default_rooms(&db.store, alice.tenant_id))).await;
        let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
        assert!(made.iter().all(|rooms| *rooms == made[0]));
        let slugs: Vec<_> = made[0].iter().map(|room| room.slug.as_deref().unwrap()).collect();
        assert_eq!(slugs, ["general", "tech-talk", "random"]);
        let listed = chat::list_rooms(&db.store, &alice, &PageRequest::default()).await.unwrap();
        assert_eq!(listed.items.len(), 3);
        let general = RoomRef::parse("general");
        assert!(matches!(chat::delete_room(&db.store, &alice, &general).await, Err(chat::Error::NotCreator)));
    }

    async fn a_seeded_tenant_has_everybody_in_their_room(db: TestDatabase) {
        let tenant_id = tenants::ensure_tenant(&db.store, "acme").await.unwrap().id;
        let hasher = PasswordHasher::weak_for_tests();
        let password_hash = hasher.hash(PASSWORD).await.unwrap();
        let plan = SeedPlan { tenant_id, users: 2_500, rooms: 120, per_room: 20, password_hash };
        let seeded = seed(&db.store, &plan).await.unwrap();
        assert_eq!((seeded.users.len(), seeded.rooms.len()), (2_500, 120));

        // The last hundred users are in the first five rooms again.
        for (index, room, members) in [(0, 0, 40), (19, 0, 40), (100, 5, 20), (2_399, 119, 20), (2_400, 0, 40)] {
            let scope = Scope { tenant_id, user_id: seeded.users[index].0 };
            let found = chat::get_room_with_members(&db.store, &scope, &RoomRef::Id(seeded.rooms[room])).await.unwrap();
            assert!(found.role.is_some(), "{index}");
            assert_eq!(found.member_count, members, "{room}");
        }
        let (id, name) = &seeded.users[7];
        let user = accounts::authenticate(&db.store, &hasher, tenant_id, name, &PASSWORD.into()).await.unwrap();
        assert_eq!(user.id, *id);

        let again = seed(&db.store, &SeedPlan { users: 3, rooms: 0, ..plan }).await.unwrap();
        let names: HashSet<&String> = seeded.users.iter().chain(&again.users).map(|(_, name)| name).collect();
        assert_eq!(names.len(), 2_503);
        assert_eq!(again.rooms, []);
    }
}
