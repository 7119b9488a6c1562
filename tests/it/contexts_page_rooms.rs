//! Rooms of pages: one for each address, however many open it, and in nobody's list but their members'.

use futures_util::future::join_all;
use parlour::{
    chat::{self, Error, NewRoom, PageUrl, Role, Room, RoomKind, RoomRef},
    config::Cap,
    ids::RoomId,
    page::PageRequest,
    scope::Scope,
    store::Store,
};
use sea_orm::ConnectionTrait;

use crate::{
    explain,
    helpers::{
        membership::{fields, put},
        people::{public_room, scope},
    },
};

fn page(url: &str) -> PageUrl {
    PageUrl::parse(url).unwrap()
}

async fn open(store: &Store, scope: &Scope, url: &str) -> Room {
    let (room, role, created) = chat::open_page_room(store, scope, &page(url), Some("Post"), Cap::Off)
        .await
        .unwrap();
    assert_eq!((role, created), (Some(Role::Member), true));
    room
}

async fn listed(store: &Store, scope: &Scope) -> Vec<RoomId> {
    let page = chat::list_rooms(store, scope, &PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|listing| listing.room.id).collect()
}

both_engines! {
    async fn a_page_has_a_room_once_somebody_has_opened_it(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "acme", "bob").await);
        let url = "https://site.example/post?id=1";
        assert_eq!(chat::find_page_room(&db.store, &alice, &page(url)).await.unwrap(), None);
        let room = open(&db.store, &alice, url).await;
        assert_eq!((room.kind, room.creator_id, room.name.as_str()), (RoomKind::Public, None, "Post"));
        assert_eq!(room.page_url.as_deref(), Some(url));
        assert_eq!(room.slug, Some(page(url).slug()));
        let same = page("HTTPS://ann:secret@Site.example:443/post?id=1#top");
        let found = chat::find_page_room(&db.store, &bob, &same).await.unwrap();
        assert_eq!(found, Some((room.clone(), None)));
        let again = chat::open_page_room(&db.store, &bob, &same, Some("Another title"), Cap::Off).await.unwrap();
        assert_eq!(again, (room.clone(), None, false), "it stays as it is, and nobody joins by looking");
        for name in [RoomRef::Id(room.id), RoomRef::Slug(page(url).slug())] {
            assert_eq!(chat::get_room(&db.store, &bob, &name).await.unwrap().0, room);
        }
        for other in ["https://site.example/post?id=2", "https://site.example/", "http://site.example/post?id=1"] {
            assert_eq!(chat::find_page_room(&db.store, &alice, &page(other)).await.unwrap(), None);
        }
    }

    async fn nobody_of_it_is_its_admin(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = RoomRef::Id(open(&db.store, &alice, "https://site.example/").await.id);
        assert!(matches!(chat::delete_room(&db.store, &alice, &room).await, Err(Error::NotCreator)));
        let patch = chat::RoomPatch { name: Some("Mine".to_owned()), ..chat::RoomPatch::default() };
        assert!(matches!(chat::update_room(&db.store, &alice, &room, patch).await, Err(Error::NotAdmin)));
    }

    async fn who_opens_a_page_at_the_same_time_gets_the_same_room(db: TestDatabase) {
        let visitors = join_all((0..8).map(|number| {
            let store = db.store.clone();
            async move { scope(&store, "acme", &format!("visitor{number}")).await }
        }))
        .await;
        let address = page("https://site.example/new");
        let opened = join_all(visitors.iter().map(|visitor| {
            chat::open_page_room(&db.store, visitor, &address, None, Cap::Max(1000))
        }))
        .await;
        let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
        assert!(opened.iter().all(|(room, ..)| room.id == opened[0].0.id));
        assert_eq!(opened.iter().filter(|(.., created)| *created).count(), 1);
    }

    async fn the_same_page_is_another_room_in_another_tenant(db: TestDatabase) {
        let (alice, mallory) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "globex", "mallory").await);
        let url = "https://site.example/";
        let room = open(&db.store, &alice, url).await;
        assert_eq!(chat::find_page_room(&db.store, &mallory, &page(url)).await.unwrap(), None);
        let other = open(&db.store, &mallory, url).await;
        assert_ne!(room.id, other.id);
        let by_id = chat::get_room(&db.store, &mallory, &RoomRef::Id(room.id)).await;
        assert!(matches!(by_id, Err(Error::RoomNotFound)));
    }

    async fn it_is_in_the_lists_of_its_members_only(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "acme", "bob").await);
        let lobby = public_room(&db.store, &alice, "Lobby").await;
        let room = open(&db.store, &alice, "https://site.example/").await;
        assert_eq!(listed(&db.store, &alice).await, [lobby.id, room.id]);
        assert_eq!(listed(&db.store, &bob).await, [lobby.id]);
        chat::join_room(&db.store, &bob, &RoomRef::Id(room.id), Cap::Off).await.unwrap();
        assert_eq!(listed(&db.store, &bob).await, [lobby.id, room.id]);
        chat::leave_room(&db.store, &alice, &RoomRef::Id(room.id)).await.unwrap();
        assert_eq!(listed(&db.store, &alice).await, [lobby.id]);
        let all = chat::list_all_rooms(&db.store, alice.tenant_id, &PageRequest::default()).await.unwrap();
        assert!(all.items.iter().any(|overview| overview.room.id == room.id), "administrators see all");
    }

    async fn rooms_of_pages_count_as_rooms(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let open = async |url: &str, max: u64| {
            chat::open_page_room(&db.store, &alice, &page(url), None, Cap::Max(max)).await
        };
        open("https://site.example/1", 1).await.unwrap();
        assert!(matches!(open("https://site.example/2", 1).await, Err(Error::TooManyRooms)));
        open("https://site.example/1", 1).await.unwrap();
        open("https://site.example/2", 2).await.unwrap();
    }

    async fn no_other_room_can_be_called_as_a_pages(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let slug = page("https://site.example/").slug();
        for taken in [slug.as_str(), "page"] {
            let new = |slug: Option<&str>, name: &str| NewRoom {
                name: name.to_owned(),
                slug: slug.map(str::to_owned),
                ..NewRoom::default()
            };
            let refused = chat::create_room(&db.store, &alice, new(Some(taken), "Trap"), Cap::Off).await;
            assert_eq!(fields(refused), ["slug"]);
            let named = chat::create_room(&db.store, &alice, new(None, taken), Cap::Off).await.unwrap();
            assert_eq!(named.slug, Some(format!("room-{taken}")));
        }
        let room = open(&db.store, &alice, "https://site.example/").await;
        assert_eq!(room.slug, Some(slug));
    }

    async fn who_is_banned_finds_a_closed_door(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "acme", "bob").await);
        let address = page("https://site.example/");
        let room = open(&db.store, &alice, address.as_str()).await;
        put(&db.store, &alice, room.id, alice.user_id, Some(Role::Owner)).await;
        chat::ban(&db.store, &alice, &RoomRef::Id(room.id), bob.user_id, None, None).await.unwrap();
        assert!(matches!(chat::find_page_room(&db.store, &bob, &address).await, Err(Error::Banned)));
        let opened = chat::open_page_room(&db.store, &bob, &address, None, Cap::Off).await;
        assert!(matches!(opened, Err(Error::Banned)));
    }
}

#[actix_web::test]
async fn postgres_lists_rooms_without_reading_those_of_pages() {
    use crate::helpers::database::{Engine, TestDatabase};

    let db = TestDatabase::create(Engine::Postgres).await;
    let alice = scope(&db.store, "acme", "alice").await;
    public_room(&db.store, &alice, "Lobby").await;
    let bulk = format!(
        "INSERT INTO rooms (tenant_id, id, slug, page_url, kind, name, head_seq, inserted_at) \
         SELECT '{}', gen_random_uuid(), 'page-' || md5(n::text), 'https://site.example/' || n, 'public', 'Post', 0, n \
         FROM generate_series(1, 20000) AS n; ANALYZE",
        alice.tenant_id
    );
    db.store.reader().execute_unprepared(&bulk).await.unwrap();
    let (store, noted) = explain::noting(&db.store);
    assert_eq!(listed(&store, &alice).await.len(), 1);
    let statements: Vec<_> = noted.lock().unwrap().drain(..).collect();
    let mut plans = String::new();
    for statement in &statements {
        plans += &explain::plan(&db.store, statement).await;
    }
    assert!(plans.contains("rooms_listed"), "{plans}");
    assert!(!plans.contains("Seq Scan on rooms"), "{plans}");
}
