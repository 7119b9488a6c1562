//! Unread counts take as few statements in a thousand rooms as in one, and Postgres answers them along the indexes.

use parlour::{
    chat::{self, NewMessage, RoomRef},
    config::Cap,
    store::Store,
};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    explain::{noting, plan},
    helpers::{
        database::{Engine, TestDatabase},
        people::{private_room, public_room, say, scope, set_slow_mode},
    },
};

both_engines! {
    async fn unread_counts_take_two_statements(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let mut rooms = Vec::new();
        for _ in 0..12 {
            let room = private_room(&db.store, &alice, "Board").await;
            say(&db.store, &alice, &room, "hello").await;
            rooms.push(room.id);
        }
        let (store, noted) = noting(&db.store);
        let statements = || noted.lock().unwrap().drain(..).count();
        assert_eq!(chat::list_unread(&store, &alice).await.unwrap().0.len(), 12);
        assert_eq!(statements(), 2, "the rooms, the counts");
        chat::unread(&store, &alice, rooms[0]).await.unwrap();
        assert_eq!(statements(), 2, "the room, the counts");
        chat::unread_of_members(&store, alice.tenant_id, rooms[0], &[alice.user_id; 3]).await.unwrap();
        assert_eq!(statements(), 1);
        // A mark that is where it should be takes no turn at writing.
        chat::mark_read(&db.store, &alice, &RoomRef::Id(rooms[0]), 1).await.unwrap();
        chat::mark_read(&store, &alice, &RoomRef::Id(rooms[0]), 1).await.unwrap();
        assert_eq!(statements(), 2, "the room, the mark");
    }
}

/// Plans of all statements noted since the last time that read messages or mentions.
async fn plans(store: &Store, noted: &std::sync::Mutex<Vec<Statement>>) -> String {
    let statements: Vec<Statement> = noted.lock().unwrap().drain(..).collect();
    let mut plans = String::new();
    for statement in statements {
        if statement.sql.contains("\"messages\"") && statement.sql.starts_with("SELECT") {
            plans += &plan(store, &statement).await;
        }
    }
    assert!(!plans.is_empty());
    for table in ["messages", "mentions"] {
        assert!(!plans.contains(&format!("Seq Scan on {table}")), "{plans}");
    }
    plans
}

#[actix_web::test]
async fn postgres_counts_unread_messages_along_the_log() {
    let db = TestDatabase::create(Engine::Postgres).await;
    let alice = scope(&db.store, "acme", "alice").await;
    let bob = scope(&db.store, "acme", "bob").await;
    let tenant = alice.tenant_id;
    let mut rooms = Vec::new();
    for count in [20_000, 2_000, 2_000] {
        let room = public_room(&db.store, &alice, "Lobby").await.id;
        chat::join_room(&db.store, &bob, &RoomRef::Id(room), Cap::Off)
            .await
            .unwrap();
        // Half are alice's, half are bob's; a tenth names bob.
        let bulk = format!(
            "INSERT INTO messages (tenant_id, room_id, seq, id, changed_seq, user_id, type, content, inserted_at) \
             SELECT '{tenant}', '{room}', n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n, \
             (CASE WHEN n % 2 = 0 THEN '{alice}' ELSE '{bob}' END)::uuid, 'text', 'message ' || n, n \
             FROM generate_series(1, {count}) AS n; \
             INSERT INTO mentions (tenant_id, room_id, seq, user_id) \
             SELECT '{tenant}', '{room}', n, '{bob}' FROM generate_series(2, {count}, 10) AS n; \
             UPDATE rooms SET head_seq = {count} WHERE id = '{room}'",
            alice = alice.user_id,
            bob = bob.user_id,
        );
        db.store.reader().execute_unprepared(&bulk).await.unwrap();
        rooms.push(room);
    }
    db.store.reader().execute_unprepared("ANALYZE").await.unwrap();
    let (store, noted) = noting(&db.store);

    for (read, unread, mentions) in [(0, 999, 999), (19_000, 500, 100), (19_990, 5, 1), (20_000, 0, 0)] {
        chat::mark_read(&db.store, &bob, &RoomRef::Id(rooms[0]), read)
            .await
            .unwrap();
        let counted = chat::unread(&store, &bob, rooms[0]).await.unwrap();
        assert_eq!((counted.unread, counted.mentions), (unread, mentions), "{read}");
        let plans = plans(&db.store, &noted).await;
        // Only the numbers right after the mark are looked at.
        assert!(plans.contains("messages_pkey"), "{plans}");
        assert!(plans.contains("AND (seq <= (room_members.read_seq + "), "{plans}");
        assert!(plans.contains("mentions_user"), "{plans}");
    }
    let (counted, total) = chat::list_unread(&store, &bob).await.unwrap();
    assert_eq!((counted.len(), total), (3, 2 * 999));
    let all = plans(&db.store, &noted).await;
    assert!(all.contains("messages_pkey"), "{all}");

    // Slow mode looks at the last minutes, not at all a member ever said.
    set_slow_mode(&db.store, &alice, &RoomRef::Id(rooms[0]), 3600)
        .await
        .unwrap();
    let new = NewMessage {
        content: "hello".to_owned(),
        ..NewMessage::default()
    };
    chat::append_message(&store, &bob, &RoomRef::Id(rooms[0]), new, Cap::Off)
        .await
        .unwrap();
    let pace = plans(&db.store, &noted).await;
    assert!(
        pace.contains("Index Cond: ((tenant_id = ") && pace.contains("AND (seq > "),
        "{pace}"
    );
}
