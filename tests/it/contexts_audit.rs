//! The audit log.

use futures_util::future::join_all;
use parlour::{
    audit::{self, Actor, ActorKind, AuditRow, Broken, Entry, Error, VerifyError},
    ids::TenantId,
    page::PageRequest,
    store::Store,
};
use sea_orm::DbBackend;
use serde_json::{Value, json};

use crate::helpers::audit::{sql, tamper};

fn entry<'a>(tenant: Option<(TenantId, &'a str)>, target: &str) -> Entry<'a> {
    Entry {
        tenant,
        action: "room.delete",
        target: Some(target.to_owned()),
        detail: json!({ "name": target }),
    }
}

async fn write(store: &Store, tenant: Option<(TenantId, &str)>, target: &str) {
    let transaction = store.begin_write().await.unwrap();
    audit::record(&transaction, &Actor::cli(), entry(tenant, target))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

async fn all(store: &Store) -> Vec<AuditRow> {
    audit::list(store, None, &PageRequest::default()).await.unwrap().items
}

async fn broken_at(store: &Store) -> (i64, Broken) {
    match audit::verify(store).await {
        Err(VerifyError::Broken { seq, broken }) => (seq, broken),
        other => panic!("{other:?}"),
    }
}

both_engines! {
    async fn a_row_tells_who_did_what_to_what(db: TestDatabase) {
        let tenant = TenantId::generate();
        let actor = Actor {
            kind: ActorKind::TenantAdmin,
            id: "key".to_owned(),
            address: Some("192.0.2.7".to_owned()),
            request_id: Some("r1".to_owned()),
        };
        let transaction = db.store.begin_write().await.unwrap();
        audit::record(&transaction, &actor, entry(Some((tenant, "acme")), "lobby")).await.unwrap();
        assert!(all(&db.store).await.is_empty(), "nothing is seen before the change is");
        transaction.commit().await.unwrap();
        audit::record_refused(&db.store, &Actor::cli(), entry(None, "lobby"), "room not found").await.unwrap();

        let rows = all(&db.store).await;
        let (refused, done) = (&rows[0], &rows[1]);
        assert_eq!((done.seq, done.tenant.as_deref(), done.outcome.as_str()), (1, Some("acme"), "ok"));
        assert_eq!((done.actor_kind.as_str(), done.actor_id.as_str()), ("tenant_admin", "key"));
        assert_eq!((done.action.as_str(), done.target.as_deref()), ("room.delete", Some("lobby")));
        assert_eq!((done.address.as_deref(), done.request_id.as_deref()), (Some("192.0.2.7"), Some("r1")));
        assert_eq!(done.detail, json!({ "name": "lobby" }));
        assert_eq!((refused.seq, refused.tenant.as_deref(), refused.outcome.as_str()), (2, None, "refused"));
        assert_eq!(refused.detail, json!({ "name": "lobby", "reason": "room not found" }));
        assert_eq!(audit::verify(&db.store).await.unwrap(), 2);
    }

    async fn a_change_that_is_rolled_back_leaves_no_row_and_no_gap(db: TestDatabase) {
        let transaction = db.store.begin_write().await.unwrap();
        audit::record(&transaction, &Actor::cli(), entry(None, "never")).await.unwrap();
        transaction.rollback().await.unwrap();
        write(&db.store, None, "lobby").await;
        assert_eq!(all(&db.store).await.iter().map(|row| row.seq).collect::<Vec<_>>(), [1]);
        assert_eq!(audit::verify(&db.store).await.unwrap(), 1);
    }

    async fn rows_written_at_once_are_one_chain(db: TestDatabase) {
        assert_eq!(audit::verify(&db.store).await.unwrap(), 0);
        let targets: Vec<String> = (0..24).map(|number| number.to_string()).collect();
        join_all(targets.iter().map(|target| write(&db.store, None, target))).await;
        assert_eq!(audit::verify(&db.store).await.unwrap(), 24);
    }

    async fn the_log_has_pages_and_a_tenant_sees_its_own(db: TestDatabase) {
        let (acme, globex) = (TenantId::generate(), TenantId::generate());
        for number in 1..=5 {
            write(&db.store, Some((acme, "acme")), &format!("a{number}")).await;
            write(&db.store, Some((globex, "globex")), &format!("g{number}")).await;
            write(&db.store, None, "deployment").await;
        }
        let mut request = PageRequest { limit: 2, cursor: None };
        let mut seen = Vec::new();
        loop {
            let page = audit::list(&db.store, Some(acme), &request).await.unwrap();
            seen.extend(page.items.into_iter().filter_map(|row| row.target));
            request.cursor = page.next_cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a5", "a4", "a3", "a2", "a1"]);
        assert_eq!(all(&db.store).await.len(), 15);
        let wrong = PageRequest { cursor: Some("nope".to_owned()), ..PageRequest::default() };
        assert!(matches!(audit::list(&db.store, None, &wrong).await, Err(Error::Invalid(_))));
    }

    async fn the_database_refuses_to_change_or_delete_a_row(db: TestDatabase) {
        write(&db.store, None, "lobby").await;
        for statement in [
            "UPDATE audit_log SET target = 'attic'",
            "UPDATE audit_log SET hash = hash WHERE seq = 1",
            "DELETE FROM audit_log WHERE seq = 1",
            "DELETE FROM audit_log",
        ] {
            let refused = sql(&db.store, statement).await.unwrap_err().to_string();
            assert!(refused.contains("audit_log is append-only"), "{statement}: {refused}");
        }
        if db.store.backend() == DbBackend::Postgres {
            assert!(sql(&db.store, "TRUNCATE audit_log").await.is_err());
        }
        assert_eq!(audit::verify(&db.store).await.unwrap(), 1);
    }

    async fn what_was_changed_behind_the_databases_back_is_found(db: TestDatabase) {
        for target in ["one", "two", "three", "four"] {
            write(&db.store, None, target).await;
        }
        tamper(&db.store, "UPDATE audit_log SET target = 'attic' WHERE seq = 2").await;
        assert_eq!(broken_at(&db.store).await, (2, Broken::Changed));
        tamper(&db.store, "UPDATE audit_log SET target = 'two' WHERE seq = 2").await;
        assert_eq!(audit::verify(&db.store).await.unwrap(), 4);
        tamper(&db.store, "UPDATE audit_log SET outcome = 'refused' WHERE seq = 3").await;
        assert_eq!(broken_at(&db.store).await, (3, Broken::Changed));
        tamper(&db.store, "DELETE FROM audit_log WHERE seq = 3").await;
        assert_eq!(broken_at(&db.store).await, (3, Broken::Missing));
    }

    async fn rows_missing_at_the_end_and_rows_of_others_are_found(db: TestDatabase) {
        for target in ["one", "two"] {
            write(&db.store, None, target).await;
        }
        tamper(&db.store, "DELETE FROM audit_log WHERE seq = 2").await;
        assert_eq!(broken_at(&db.store).await, (2, Broken::Missing));
        let forge = |seq: i64| {
            format!(
                "INSERT INTO audit_log (seq, id, at, actor_kind, actor_id, action, outcome, detail, prev_hash, hash) \
                 SELECT {seq}, id, at, actor_kind, actor_id, action, outcome, detail, hash, 'f' FROM audit_log WHERE seq = 1"
            )
        };
        tamper(&db.store, &forge(2)).await;
        assert_eq!(broken_at(&db.store).await, (2, Broken::Changed));
        tamper(&db.store, &forge(3)).await;
        assert_eq!(broken_at(&db.store).await, (3, Broken::Unchained));
    }

    async fn no_text_breaks_the_log(db: TestDatabase) {
        let nasty = format!("a\nb\r\n{{\"c\":1}}\u{1b}[31m\0{}", "x".repeat(5000));
        let detail = json!({ "name": nasty.clone(), "list": [nasty.clone()] });
        let wild = Entry { tenant: None, action: "room.delete", target: Some(nasty), detail };
        audit::record_refused(&db.store, &Actor::cli(), wild, "reason").await.unwrap();
        let none = Entry { tenant: None, action: "room.delete", target: None, detail: Value::Null };
        audit::record_refused(&db.store, &Actor::cli(), none, "reason").await.unwrap();
        let rows = all(&db.store).await;
        let target = rows[1].target.as_deref().unwrap();
        assert!(target.starts_with("a\nb\r\n") && !target.contains('\0') && target.chars().count() == 500);
        assert_eq!(rows[0].detail, json!({ "reason": "reason" }));
        assert_eq!(audit::verify(&db.store).await.unwrap(), 2);
    }
}
