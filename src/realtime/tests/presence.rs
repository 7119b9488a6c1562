//! Who is there, and how the others hear of it.

use super::*;

#[actix::test]
async fn a_joiner_gets_the_state_then_its_own_diff_and_the_others_the_diff_only() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut first, mut second) = (tap(&registry, 10_000).await, tap(&registry, 10_000).await);
    first.subscribe(&registry, channel, key).await.unwrap();
    assert_eq!(first.presence_state().await.as_object().unwrap().len(), 1);
    assert_eq!(first.broadcast().await.0, "presence_diff");
    second.subscribe(&registry, channel, key).await.unwrap();
    assert_eq!(second.presence_state().await.as_object().unwrap().len(), 2);
    let diff = second.broadcast().await;
    assert_eq!(first.broadcast().await, diff);
    assert!(diff.1["joins"][second.credential.user_id.to_string()].is_object());
    directory.stop();
}

#[actix::test]
async fn presence_is_shown_and_hidden_while_channels_are_open() {
    let settings = |presence| TenantSettings {
        presence,
        announce_joins: true,
        ..TenantSettings::default()
    };
    let site = site(settings(false));
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut first, mut second) = (tap(&site.registry, 1 << 20).await, tap(&site.registry, 1 << 20).await);
    for tap in [&first, &second] {
        assert_eq!(tap.subscribe(&site.registry, channel, key).await, Ok(None));
    }
    site.registry.send(publish(key, 1)).await.unwrap();
    for tap in [&mut first, &mut second] {
        let (event, ..) = tap.broadcast().await;
        assert_eq!(event, "new_message", "nobody came, as far as it is told");
    }

    site.change(settings(true)).await;
    let ids = [first.credential.user_id, second.credential.user_id].map(|id| id.to_string());
    for tap in [&mut first, &mut second] {
        let state = tap.presence_state().await;
        assert!(ids.iter().all(|id| state[id].is_object()), "{state}");
    }
    let (event, diff, _) = first.broadcast().await;
    assert_eq!((event.as_str(), &diff["count"]), ("presence_diff", &json!(2)));

    site.change(settings(false)).await;
    let (event, diff, _) = first.broadcast().await;
    assert_eq!((event.as_str(), &diff["count"]), ("presence_diff", &json!(0)));
    assert!(ids.iter().all(|id| diff["leaves"][id].is_object()), "{diff}");
    // Who leaves now is not told of, and who comes neither.
    site.registry.send(Gone(second.handle.id())).await.unwrap();
    let third = tap(&site.registry, 1 << 20).await;
    assert_eq!(third.subscribe(&site.registry, channel, key).await, Ok(None));
    site.registry.send(publish(key, 2)).await.unwrap();
    assert_eq!(first.broadcast().await.0, "new_message");
    site.directory.stop();
}

#[actix::test]
async fn comings_are_told_in_words_from_the_moment_the_tenant_wants_it() {
    let site = site(TenantSettings::default());
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(1);
    let mut first = tap(&site.registry, 1 << 20).await;
    first.subscribe(&site.registry, channels[0], key).await.unwrap();
    first.presence_state().await;
    assert_eq!(first.broadcast().await.0, "presence_diff");
    site.change(TenantSettings {
        announce_joins: true,
        ..TenantSettings::default()
    })
    .await;
    let second = tap(&site.registry, 1 << 20).await;
    second.subscribe(&site.registry, channels[0], key).await.unwrap();
    assert_eq!(first.broadcast().await.0, "presence_diff");
    assert_eq!(first.broadcast().await.0, "user_joined");
    site.directory.stop();
}

#[actix::test]
async fn comings_and_goings_are_told_once_per_user() {
    let Site {
        directory, registry, ..
    } = site(TenantSettings {
        announce_joins: true,
        ..TenantSettings::default()
    });
    let key = TopicKey::Room(RoomId::generate());
    let channels = channel_ids(2);
    let (mut watcher, device) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    watcher.subscribe(&registry, channels[0], key).await.unwrap();
    device.subscribe(&registry, channels[0], key).await.unwrap();
    device.subscribe(&registry, channels[1], key).await.unwrap();
    registry
        .send(Unsubscribe {
            socket_id: device.handle.id(),
            channel: channels[0],
        })
        .await
        .unwrap();
    registry.send(Gone(device.handle.id())).await.unwrap();
    watcher.presence_state().await;
    let mut words = Vec::new();
    while words.last().map(String::as_str) != Some("user_left") {
        let (event, ..) = watcher.broadcast().await;
        if event != "presence_diff" {
            words.push(event);
        }
    }
    assert_eq!(
        words,
        ["user_joined", "user_joined", "user_left"],
        "the watcher's own, then the other's"
    );
    directory.stop();
}

#[actix::test]
async fn larger_rooms_are_told_together_with_level_and_count() {
    let presence = PresenceLimits {
        exact_max: 1,
        batched_max: 2,
        sample_max: 2,
    };
    let (asked, _) = mpsc::unbounded_channel();
    let log = Log {
        head: 0,
        changes: None,
        asked,
    };
    let directory = directory_with(RegistryOptions { presence, ..OPTIONS }, log);
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let mut first = tap(&registry, 1 << 20).await;
    first.subscribe(&registry, channel, key).await.unwrap();
    first.presence_state().await;
    let (_, diff, _) = first.broadcast().await;
    assert_eq!((&diff["level"], &diff["count"]), (&json!("exact"), &json!(1)));
    let mut others = Vec::new();
    for _ in 0..5 {
        let tap = tap(&registry, 1 << 20).await;
        others.push(tap.subscribe(&registry, channel, key).await.unwrap());
    }
    let last = PresenceSummary {
        level: PresenceLevel::Sampled,
        count: 6,
    };
    assert_eq!(others.last(), Some(&Some(last)));
    loop {
        let (event, diff, _) = first.broadcast().await;
        assert!(matches!(event.as_str(), "presence_diff" | "presence_state"));
        if diff["count"] == 6 {
            assert_eq!(diff["level"], "sampled");
            break;
        }
    }
    directory.stop();
}
