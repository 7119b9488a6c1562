//! How many statements functions take, and that Postgres answers them along the intended indexes.

use std::sync::{Arc, Mutex};

use parlour::{
    chat::{self, MessageQuery, NewMessage, Recovery, RoomRef},
    config::Cap,
    store::Store,
};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use crate::helpers::people::{public_room, say, scope};

/// A store that notes its statements.
pub fn noting(store: &Store) -> (Store, Arc<Mutex<Vec<Statement>>>) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    let observer: Arc<dyn Fn(&Statement) + Send + Sync> =
        Arc::new(move |statement| notes.lock().unwrap().push(statement.clone()));
    let mut store = store.clone();
    store.on_statement(&observer);
    (store, noted)
}

/// The plan of a statement with its values.
pub async fn plan(store: &Store, statement: &Statement) -> String {
    #[derive(FromQueryResult)]
    struct Line {
        #[sea_orm(alias = "QUERY PLAN")]
        line: String,
    }
    let mut explain = statement.clone();
    explain.sql.insert_str(0, "EXPLAIN ");
    let lines = Line::find_by_statement(explain).all(store.reader()).await.unwrap();
    lines.into_iter().map(|line| line.line + "\n").collect()
}

both_engines! {
    async fn what_needs_no_more_takes_no_more_statements(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        scope(&db.store, "acme", "bob").await;
        let room = public_room(&db.store, &alice, "Lobby").await;
        let here = RoomRef::Id(room.id);
        let (store, noted) = noting(&db.store);
        let count = || {
            let mut noted = noted.lock().unwrap();
            let statements: Vec<String> = noted.drain(..).map(|statement| statement.sql).collect();
            // Beginning and ending a transaction is no work for the planner.
            let work = statements.iter().filter(|sql| !["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| sql.starts_with(word)));
            work.count()
        };
        let root = say(&store, &alice, &room, "hello").await;
        assert_eq!(count(), 3, "the room, the asker, the message");
        let page = async || chat::list_messages(&store, &alice, &here, MessageQuery::default()).await.unwrap();
        page().await;
        assert_eq!(count(), 2, "the room, the messages");

        say(&store, &alice, &room, "hello @bob").await;
        assert_eq!(count(), 5);
        let reply = NewMessage {
            content: "reply".to_owned(),
            reply_to: Some(root.id),
            thread_root: Some(root.id),
            also_in_room: true,
            ..NewMessage::default()
        };
        for _ in 0..49 {
            chat::append_message(&store, &alice, &here, reply.clone(), Cap::Off).await.unwrap();
            assert_eq!(count(), 5);
        }
        chat::add_reaction(&db.store, &alice, &here, root.id, "\u{1f44d}").await.unwrap();
        let bob = say(&db.store, &alice, &room, "@bob").await;
        chat::add_reaction(&db.store, &alice, &here, bob.id, "\u{1f44d}").await.unwrap();
        page().await;
        assert_eq!(count(), 5, "quoted messages and roots, reactions, mentions");
    }
}

#[actix_web::test]
async fn postgres_reads_a_large_room_along_the_intended_indexes() {
    use crate::helpers::database::{Engine, TestDatabase};

    let db = TestDatabase::create(Engine::Postgres).await;
    let alice = scope(&db.store, "acme", "alice").await;
    let room = public_room(&db.store, &alice, "Lobby").await;
    let other = public_room(&db.store, &alice, "Other").await;
    let here = RoomRef::Id(room.id);
    let (tenant, user) = (alice.tenant_id, alice.user_id);
    for (room, count) in [(room.id, 20_000), (other.id, 2_000)] {
        // Ids are made in the order of the numbers, as `append_message` does. One in ten is in a thread.
        let bulk = format!(
            "INSERT INTO messages (tenant_id, room_id, seq, id, changed_seq, user_id, type, content, inserted_at, \
             thread_root, in_room) \
             SELECT '{tenant}', '{room}', n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n, \
             '{user}', 'text', 'message ' || n, n, \
             CASE WHEN n % 10 = 0 THEN '01900000-0000-7000-8000-000000000001'::uuid END, n % 10 <> 0 \
             FROM generate_series(1, {count}) AS n; \
             UPDATE rooms SET head_seq = {count} WHERE id = '{room}'"
        );
        db.store.reader().execute_unprepared(&bulk).await.unwrap();
    }
    db.store.reader().execute_unprepared("ANALYZE").await.unwrap();

    let (store, noted) = noting(&db.store);
    // The plans of all statements about messages that ran since the last time.
    let along = async |what: &str, index: &str| {
        let statements: Vec<Statement> = noted.lock().unwrap().drain(..).collect();
        let mut plans = String::new();
        for statement in statements
            .iter()
            .filter(|statement| statement.sql.contains("FROM \"messages\""))
        {
            plans += &plan(&db.store, statement).await;
        }
        assert!(plans.contains(index), "{what}: {plans}");
        assert!(!plans.contains("Seq Scan on messages"), "{what}: {plans}");
        plans
    };
    let check = async |what: &str, index: &str| {
        let plans = along(what, index).await;
        // What is in order already is not sorted.
        assert!(!plans.contains("Sort"), "{what}: {plans}");
    };
    let epoch = store.epoch().await.unwrap();
    let page = chat::list_messages(&store, &alice, &here, MessageQuery::default())
        .await
        .unwrap();
    assert_eq!(page.messages.len(), 50);
    check("newest page", "messages_pkey").await;

    let id = page.messages[0].id;
    for query in [
        MessageQuery {
            before_id: Some(id),
            ..MessageQuery::default()
        },
        MessageQuery {
            after_id: Some(id),
            ..MessageQuery::default()
        },
    ] {
        chat::list_messages(&store, &alice, &here, query).await.unwrap();
        check("page beside a message", "messages_id_key").await;
    }
    for since in [19_990, 19_700, 10_000, 0] {
        let recovery = chat::changes_since(&store, &alice, &here, &epoch, since, 300)
            .await
            .unwrap();
        assert_eq!(matches!(recovery, Recovery::Recovered { .. }), since >= 19_700);
        // What is new and what was changed are read up to the limit each, and only these are sorted.
        let plans = along("changes", "messages_changed_seq_key").await;
        assert_eq!(plans.matches("->  Limit").count(), 2, "{plans}");
    }
    let root = chat::list_messages(&store, &alice, &here, MessageQuery::default())
        .await
        .unwrap()
        .messages[0]
        .id;
    check("newest page", "messages_pkey").await;
    let thread = chat::get_thread(&store, &alice, &here, root, MessageQuery::default())
        .await
        .unwrap();
    assert!(thread.messages.is_empty());
    check("empty thread", "messages_thread").await;
    let root = "01900000-0000-7000-8000-000000000001".parse().unwrap();
    let thread = chat::get_thread(&store, &alice, &here, root, MessageQuery::default())
        .await
        .unwrap();
    assert_eq!(thread.messages.len(), 50);
    check("long thread", "messages_thread").await;
    assert!(chat::list_pins(&store, &alice, &here).await.unwrap().is_empty());
    let statements: Vec<Statement> = noted.lock().unwrap().drain(..).collect();
    let plan = plan(&db.store, statements.last().unwrap()).await;
    assert!(plan.contains("messages_pinned"), "{plan}");
}
