//! What is told to a topic, and to whom.

use super::*;

#[actix::test]
async fn every_socket_gets_the_same_order_and_the_excepted_channel_nothing() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let mut taps = Vec::new();
    for &channel in &channels {
        let tap = tap(&registry, 1 << 20).await;
        tap.subscribe(&registry, channel, key).await.unwrap();
        taps.push(tap);
    }
    for seq in 1..=100 {
        let except = (seq == 50).then(|| (taps[0].handle.id(), channels[0]));
        registry
            .send(Publish {
                except,
                ..publish(key, seq)
            })
            .await
            .unwrap();
    }
    for (index, tap) in taps.iter_mut().enumerate() {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&100) {
            if let Outbound::Broadcast { seq: Some(seq), .. } = tap.next().await {
                seqs.push(seq);
            }
        }
        let expected: Vec<i64> = (1..=100).filter(|&seq| index != 0 || seq != 50).collect();
        assert_eq!(seqs, expected);
    }
    directory.stop();
}

#[actix::test]
async fn a_socket_that_takes_nothing_is_ended_and_leaves_the_room() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (slow, mut witness) = (tap(&registry, 300).await, tap(&registry, 1 << 20).await);
    witness.subscribe(&registry, channel, key).await.unwrap();
    slow.subscribe(&registry, channel, key).await.unwrap();
    // Its own diff is in its queue and stays there: nobody gives the bytes back.
    for seq in 1..=10 {
        registry.send(publish(key, seq)).await.unwrap();
    }
    assert_eq!(slow.handle.disconnect(), Some(Disconnect::TooSlow));
    assert!(!slow.handle.is_alive());
    assert_eq!(registry.send(Count).await.unwrap().channels, 1);
    let mut seen = Vec::new();
    while seen.len() < 10 {
        match witness.next().await {
            Outbound::Broadcast { seq: Some(seq), .. } => seen.push(seq),
            Outbound::Broadcast { .. } | Outbound::PresenceState { .. } => {}
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "the room goes on");
    directory.stop();
}

#[actix::test]
async fn ephemeral_frames_are_skipped_from_half_of_the_queue_on() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut lagging = tap(&registry, 1000).await;
    lagging.subscribe(&registry, channel, key).await.unwrap();
    lagging.presence_state().await;
    lagging.broadcast().await;
    let mut sent = 0;
    while sent * 100 < 600 {
        sent += 1;
        registry.send(publish(key, sent)).await.unwrap();
    }
    let typing = Publish {
        event: "typing",
        ephemeral: true,
        seq: None,
        ..publish(key, 0)
    };
    registry.send(typing).await.unwrap();
    assert!(lagging.handle.is_alive());
    // Stands behind all that the registry has put into the mailbox.
    lagging.handle.tell(Outbound::RegistryLost).unwrap();
    let mut events = Vec::new();
    while let Outbound::Broadcast { broadcast, .. } = lagging.next().await {
        events.push(broadcast.event().to_owned());
    }
    assert_eq!(events.len(), usize::try_from(sent).unwrap());
    assert!(events.iter().all(|event| event == "new_message"), "{events:?}");
    directory.stop();
}

#[actix::test]
async fn ended_channels_are_told_and_forgotten() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let (key, other) = (TopicKey::Room(RoomId::generate()), TopicKey::Room(RoomId::generate()));
    let channels = channel_ids(2);
    let (mut kicked, bystander) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    kicked.subscribe(&registry, channels[0], key).await.unwrap();
    kicked.subscribe(&registry, channels[1], other).await.unwrap();
    bystander.subscribe(&registry, channels[0], key).await.unwrap();
    registry
        .send(EndChannels {
            key,
            user_id: Some(kicked.credential.user_id),
        })
        .await
        .unwrap();
    loop {
        if let Outbound::EndChannel(channel) = kicked.next().await {
            assert_eq!(channel, channels[0]);
            break;
        }
    }
    registry.send(publish(key, 1)).await.unwrap();
    assert!(kicked.told.try_recv().is_err(), "nothing of the topic follows");
    assert_eq!(
        registry.send(Count).await.unwrap(),
        RegistryCounts {
            sockets: 2,
            channels: 2,
            topics: 2,
            present: 2
        }
    );
    directory.stop();
}

#[actix::test]
async fn leaving_twice_and_leaving_what_was_never_joined_is_fine() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channels[0], key).await.unwrap();
    let socket_id = tap.handle.id();
    for channel in [channels[0], channels[0], channels[1]] {
        registry.send(Unsubscribe { socket_id, channel }).await.unwrap();
    }
    registry.send(Gone(socket_id)).await.unwrap();
    registry.send(Gone(socket_id)).await.unwrap();
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}

#[actix::test]
async fn read_marks_are_told_together_and_the_last_counts() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    tap.presence_state().await;
    tap.broadcast().await;
    let reader = UserId::generate();
    for seq in 1..=3 {
        let mark = ReadMark {
            key,
            user_id: reader,
            seq,
        };
        registry.send(mark).await.unwrap();
    }
    let mut told = Vec::new();
    while told.last() != Some(&json!({ "user_id": reader, "seq": 3 })) {
        let (event, payload, _) = tap.broadcast().await;
        assert_eq!(event, "read");
        told.push(payload);
    }
    assert!(told.len() <= 3);
    directory.stop();
}

#[actix::test]
async fn who_listens_on_the_own_topic_is_known() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let channel = channel_ids(1)[0];
    let tap = tap(&registry, 1 << 20).await;
    let subscribe = Subscribe {
        socket: Arc::clone(&tap.handle),
        channel,
        key: TopicKey::User(tap.credential.user_id),
        topic: Arc::from("user:x"),
        user: tap.user(),
        is_shown: false,
    };
    registry.send(subscribe).await.unwrap().unwrap();
    let asked = vec![UserId::generate(), tap.credential.user_id];
    assert_eq!(registry.send(Listening(asked)).await.unwrap(), [tap.credential.user_id]);
    directory.stop();
}
