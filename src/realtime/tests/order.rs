//! Changes are told in the order of the log, without holes.

use super::*;

/// The sequence of changes a socket is told, until one of them is `last`.
async fn seqs_until(tap: &mut Tap, last: i64) -> Vec<i64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        if let Outbound::Broadcast { seq: Some(seq), .. } = tap.next().await {
            seqs.push(seq);
        }
    }
    seqs
}

#[actix::test]
async fn changes_that_come_out_of_order_are_told_in_order() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let socket_id = tap.handle.id();
    registry
        .send(Baseline {
            key,
            seq: 0,
            socket_id,
            channel,
        })
        .await
        .unwrap();
    for seq in [3, 2, 5, 1, 4, 4] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(seqs_until(&mut tap, 5).await, [1, 2, 3, 4, 5]);
    directory.stop();
}

#[actix::test]
async fn what_does_not_come_is_read_from_the_log() {
    let (asked, mut since) = mpsc::unbounded_channel();
    // Change 3 has been overtaken by change 4 of the same message.
    let log = Log {
        head: 4,
        changes: Some(vec![2, 4]),
        asked,
    };
    let directory = directory_with(OPTIONS, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    for seq in [1, 4, 5] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(seqs_until(&mut tap, 5).await, [1, 2, 4, 5]);
    assert_eq!(since.recv().await, Some(1));
    directory.stop();
}

#[actix::test]
async fn what_cannot_be_read_sends_the_clients_to_rejoin() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    for seq in [1, 4] {
        registry.send(publish(key, seq)).await.unwrap();
    }
    loop {
        match tap.next().await {
            Outbound::CrashChannel(crashed) => {
                assert_eq!(crashed, channel);
                break;
            }
            Outbound::Broadcast { seq, .. } => assert_ne!(seq, Some(4), "never with a hole before it"),
            _ => {}
        }
    }
    assert_eq!(registry.send(Count).await.unwrap().channels, 0);
    tap.subscribe(&registry, channel, key).await.unwrap();
    registry.send(publish(key, 5)).await.unwrap();
    assert_eq!(seqs_until(&mut tap, 5).await, [5], "a fresh start");
    directory.stop();
}

#[actix::test]
async fn a_joiner_who_missed_what_was_never_told_is_sent_back() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let socket_id = tap.handle.id();
    // Change 9 was lost; it has read up to 8.
    registry.send(publish(key, 10)).await.unwrap();
    registry
        .send(Baseline {
            key,
            seq: 8,
            socket_id,
            channel,
        })
        .await
        .unwrap();
    loop {
        if let Outbound::CrashChannel(crashed) = tap.next().await {
            assert_eq!(crashed, channel);
            break;
        }
    }
    directory.stop();
}

#[actix::test]
async fn a_lost_last_change_is_told_when_somebody_comes_who_has_read_it() {
    let (asked, _since) = mpsc::unbounded_channel();
    let log = Log {
        head: 2,
        changes: Some(vec![2]),
        asked,
    };
    let directory = directory_with(OPTIONS, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut there, coming) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    there.subscribe(&registry, channel, key).await.unwrap();
    registry.send(publish(key, 1)).await.unwrap();
    coming.subscribe(&registry, channel, key).await.unwrap();
    let baseline = Baseline {
        key,
        seq: 2,
        socket_id: coming.handle.id(),
        channel,
    };
    registry.send(baseline).await.unwrap();
    assert_eq!(seqs_until(&mut there, 2).await, [1, 2]);
    directory.stop();
}
