//! Registries end, and others take their place.

use super::*;

/// Makes the registry panic, as a bug would.
#[derive(Message)]
#[rtype(result = "()")]
struct Poison;

impl Handler<Poison> for RoomRegistry {
    type Result = ();

    #[expect(clippy::panic, reason = "what the test is about")]
    fn handle(&mut self, _: Poison, _: &mut Self::Context) {
        panic!("a test poisons the registry");
    }
}

#[actix::test]
async fn a_registry_that_dies_tells_its_sockets_and_is_replaced() {
    let directory = directory();
    let tenant_id = TenantId::generate();
    let registry = directory.registry(tenant_id);
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    tap.presence_state().await;
    tap.broadcast().await;

    assert!(registry.send(Poison).await.is_err());
    assert!(matches!(tap.next().await, Outbound::RegistryLost));

    // Another tenant on the same thread does not notice, and this one gets a fresh registry.
    assert!(directory.registry(TenantId::generate()).send(Count).await.is_ok());
    let counts = directory.ask(tenant_id, Count).await.unwrap();
    assert_eq!(counts, RegistryCounts::default());
    let fresh = directory.registry(tenant_id);
    fresh
        .send(Register {
            socket: Arc::clone(&tap.handle),
            credential: Arc::new(tap.credential),
        })
        .await
        .unwrap();
    tap.subscribe(&fresh, channel, key).await.unwrap();
    assert_eq!(tap.presence_state().await.as_object().unwrap().len(), 1);
    directory.stop();
}

#[actix::test]
async fn a_registry_without_sockets_stops_and_one_with_sockets_stays() {
    let options = RegistryOptions {
        idle_timeout: Duration::from_millis(20),
        ..OPTIONS
    };
    let (asked, _) = mpsc::unbounded_channel();
    let log = Log {
        head: 0,
        changes: None,
        asked,
    };
    let directory = directory_with(options, log);
    let (idle, used) = (TenantId::generate(), TenantId::generate());
    let (idle_registry, used_registry) = (directory.registry(idle), directory.registry(used));
    let _tap = tap(&used_registry, 1000).await;
    let deadline = time::Instant::now() + PATIENCE;
    while idle_registry.connected() {
        assert!(time::Instant::now() < deadline, "the idle registry does not stop");
        time::sleep(Duration::from_millis(5)).await;
    }
    assert!(used_registry.connected());
    directory.sweep();
    assert!(directory.running(idle).is_none() && directory.running(used).is_some());
    directory.stop();
}
