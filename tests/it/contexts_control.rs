//! What servers tell one another: written with the change it tells of, and with nothing else.

use std::time::Duration;

use parlour::{
    accounts::{self, Tokens},
    chat::{self, RoomRef},
    config::Cap,
    control::{self, ControlEvent, Recorded},
    entity::control_event,
    ids::{RoomId, SigningKeyId, TenantId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::json;
use uuid::Uuid;

use crate::helpers::{
    membership::by_id,
    people::{private_room, public_room, scope, scope_of, user},
};

/// Everything that was ever told, of all tenants.
async fn told(store: &Store) -> Vec<Recorded> {
    control::events_since(store, Timestamp(0)).await.unwrap()
}

/// What was told since the last time, which is emptied.
async fn news(store: &Store) -> Vec<ControlEvent> {
    let events = told(store)
        .await
        .into_iter()
        .filter_map(|recorded| recorded.event)
        .collect();
    let transaction = store.begin_write().await.unwrap();
    control_event::Entity::delete_many().exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    events
}

async fn write(store: &Store, at: Timestamp, event: serde_json::Value) -> Uuid {
    let id = Uuid::now_v7();
    let row = control_event::ActiveModel {
        id: Set(id),
        at: Set(at),
        tenant_id: Set(TenantId::generate()),
        event: Set(event),
    };
    let transaction = store.begin_write().await.unwrap();
    control_event::Entity::insert(row)
        .exec_without_returning(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    id
}

fn ended(room_id: RoomId, user: Option<&Scope>) -> ControlEvent {
    ControlEvent::ChannelsEnded {
        room_id,
        user_id: user.map(|user| user.user_id),
    }
}

both_engines! {
    async fn events_come_back_as_they_were_written_and_only_when_their_change_was(db: TestDatabase) {
        let tenant_id = TenantId::generate();
        let events = [
            ControlEvent::TokenRevoked { user_id: UserId::generate(), token_id: Uuid::now_v7() },
            ControlEvent::UserRevoked { user_id: UserId::generate(), before: Timestamp::now() },
            ControlEvent::KeyRevoked { key_id: SigningKeyId::generate() },
            ControlEvent::TenantRevoked,
            ControlEvent::TenantChanged,
            ControlEvent::ChannelsEnded { room_id: RoomId::generate(), user_id: None },
            ControlEvent::ChannelsEnded { room_id: RoomId::generate(), user_id: Some(UserId::generate()) },
        ];
        let transaction = db.store.begin_write().await.unwrap();
        control::record(&transaction, tenant_id, &ControlEvent::TenantRevoked).await.unwrap();
        transaction.rollback().await.unwrap();
        assert_eq!(told(&db.store).await, []);

        for event in &events {
            let transaction = db.store.begin_write().await.unwrap();
            control::record(&transaction, tenant_id, event).await.unwrap();
            transaction.commit().await.unwrap();
        }
        let told = told(&db.store).await;
        assert!(told.iter().all(|recorded| recorded.tenant_id == tenant_id));
        assert_eq!(told.iter().filter_map(|recorded| recorded.event).collect::<Vec<_>>(), events);
    }

    async fn events_are_dated_by_the_clock_that_readers_ask(db: TestDatabase) {
        let before = control::present(&db.store).await.unwrap();
        let transaction = db.store.begin_write().await.unwrap();
        control::record(&transaction, TenantId::generate(), &ControlEvent::TenantChanged).await.unwrap();
        transaction.commit().await.unwrap();
        let after = control::present(&db.store).await.unwrap();
        assert!(before <= after);
        assert_eq!(control::events_since(&db.store, before).await.unwrap().len(), 1);
        assert_eq!(control::events_since(&db.store, Timestamp(after.0 + 1)).await.unwrap(), []);
    }

    async fn an_event_of_another_version_is_told_as_one_that_is_not_known(db: TestDatabase) {
        let id = write(&db.store, Timestamp::now(), json!({ "event": "moon_eclipsed" })).await;
        let told = told(&db.store).await;
        assert_eq!((told[0].id, told[0].event), (id, None));
    }

    async fn old_events_are_forgotten(db: TestDatabase) {
        let present = control::present(&db.store).await.unwrap();
        let event = json!({ "event": "tenant_changed" });
        write(&db.store, present.before(control::KEPT + Duration::from_secs(1)), event.clone()).await;
        let kept = write(&db.store, present.before(control::KEPT - Duration::from_secs(60)), event).await;
        assert_eq!(control::purge(&db.store).await.unwrap(), 1);
        assert_eq!(told(&db.store).await.iter().map(|recorded| recorded.id).collect::<Vec<_>>(), [kept]);
        assert_eq!(control::purge(&db.store).await.unwrap(), 0);
    }

    async fn signing_out_is_told(db: TestDatabase) {
        let alice = user(&db.store, "acme", "alice").await;
        let tokens = Tokens::new(&"a-secret-of-at-least-thirty-two-bytes".to_owned().into(), Duration::from_secs(60));
        let claims = tokens.issue(&alice).claims;
        news(&db.store).await;
        accounts::revoke_token(&db.store, &claims).await.unwrap();
        let revoked = ControlEvent::TokenRevoked { user_id: alice.id, token_id: claims.token_id };
        assert_eq!(news(&db.store).await, [revoked]);
        assert_eq!(scope_of(&alice), claims.scope());
    }

    async fn who_loses_a_room_is_told_of_and_nobody_else(db: TestDatabase) {
        let store = &db.store;
        let (alice, bob) = (scope(store, "acme", "alice").await, scope(store, "acme", "bob").await);
        let (club, den) = (public_room(store, &alice, "Club").await, private_room(store, &alice, "Den").await);
        chat::join_room(store, &bob, &by_id(&club), Cap::Off).await.unwrap();
        chat::add_member(store, &alice, &by_id(&den), bob.user_id, chat::Role::Member, Cap::Off).await.unwrap();
        news(store).await;

        // What is refused tells nothing.
        assert!(chat::remove_member(store, &bob, &by_id(&den), alice.user_id).await.is_err());
        assert!(chat::ban(store, &bob, &by_id(&club), alice.user_id, None, None).await.is_err());
        assert!(chat::delete_room(store, &bob, &by_id(&club)).await.is_err());
        assert_eq!(news(store).await, []);

        // Who has left a public room may go on listening.
        chat::leave_room(store, &bob, &by_id(&club)).await.unwrap();
        assert_eq!(news(store).await, []);
        chat::leave_room(store, &bob, &by_id(&den)).await.unwrap();
        assert_eq!(news(store).await, [ended(den.id, Some(&bob))]);

        chat::join_room(store, &bob, &by_id(&club), Cap::Off).await.unwrap();
        chat::remove_member(store, &alice, &by_id(&club), bob.user_id).await.unwrap();
        assert_eq!(news(store).await, [ended(club.id, Some(&bob))]);
        // Who is no member may have a channel of a public room.
        chat::ban(store, &alice, &by_id(&club), bob.user_id, None, None).await.unwrap();
        assert_eq!(news(store).await, [ended(club.id, Some(&bob))]);
        chat::mute(store, &alice, &by_id(&den), bob.user_id, None, None).await.unwrap();
        chat::unban(store, &alice, &by_id(&club), bob.user_id).await.unwrap();
        assert_eq!(news(store).await, []);

        chat::delete_room(store, &alice, &RoomRef::Id(club.id)).await.unwrap();
        assert_eq!(news(store).await, [ended(club.id, None)]);
    }
}
