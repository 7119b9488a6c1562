//! Who must not hear anything any more does not.

use super::*;

#[actix::test]
async fn a_revoked_token_ends_its_sockets_before_anything_else_reaches_them() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let tap = tap(&registry, 1 << 20).await;
    tap.subscribe(&registry, channel, key).await.unwrap();
    let Credential { user_id, token_id, .. } = tap.credential;
    let another = Revocation::Token {
        user_id,
        token_id: Uuid::now_v7(),
    };
    registry.send(Revoke(another)).await.unwrap();
    assert!(tap.handle.is_alive());
    let revocation = Revocation::Token { user_id, token_id };
    registry.send(Revoke(revocation)).await.unwrap();
    assert_eq!(tap.handle.disconnect(), Some(Disconnect::SignedOut));
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    assert_eq!(
        tap.subscribe(&registry, channel, key).await,
        Err(SocketEnded),
        "it cannot come back"
    );
    directory.stop();
}

#[actix::test]
async fn a_socket_that_registers_after_its_revocation_was_carried_out_ends_as_well() {
    let Site {
        tenant_id,
        directory,
        registry,
        revocations,
        ..
    } = site(TenantSettings::default());
    let mut late = tap(&registry, 1 << 20).await;
    let (sender, told) = mpsc::unbounded_channel();
    let recorder = Recorder {
        told: sender,
        capacity: 1000,
    };
    let verified = late.credential;
    let revocation = Revocation::Key(SigningKeyId::generate());
    revocations.note(tenant_id, revocation);
    registry.send(Revoke(revocation)).await.unwrap();
    assert!(late.handle.is_alive(), "it stands on another key, or none");

    // It was verified before, and comes after.
    let Revocation::Key(key_id) = revocation else { return };
    let socket = Arc::new(SocketHandle::new(Version::V2, recorder.start().recipient(), 1000));
    let credential = Arc::new(Credential {
        key_id: Some(key_id),
        ..verified
    });
    registry
        .send(Register {
            socket: Arc::clone(&socket),
            credential: Arc::clone(&credential),
        })
        .await
        .unwrap();
    assert_eq!(socket.disconnect(), Some(Disconnect::Revoked));

    // So does one that brings such a token.
    let renew = Renew {
        socket_id: late.handle.id(),
        credential,
    };
    registry.send(renew).await.unwrap();
    assert_eq!(late.handle.disconnect(), Some(Disconnect::Revoked));
    assert!(matches!(late.next().await, Outbound::Disconnected));
    drop(told);
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}

#[actix::test]
async fn a_renewed_socket_ends_with_its_new_token_and_not_with_the_old_one() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let tap = tap(&registry, 1 << 20).await;
    let old = tap.credential;
    let credential = Credential {
        token_id: Uuid::now_v7(),
        ..old
    };
    let renew = Renew {
        socket_id: tap.handle.id(),
        credential: Arc::new(credential),
    };
    registry.send(renew).await.unwrap();
    let of_token = |token_id| {
        Revoke(Revocation::Token {
            user_id: old.user_id,
            token_id,
        })
    };
    registry.send(of_token(old.token_id)).await.unwrap();
    assert!(tap.handle.is_alive());
    registry.send(of_token(credential.token_id)).await.unwrap();
    assert_eq!(tap.handle.disconnect(), Some(Disconnect::SignedOut));
    directory.stop();
}

#[actix::test]
async fn a_revocation_ends_all_it_covers_and_tells_the_others_who_left() {
    let directory = directory();
    let registry = directory.registry(TenantId::generate());
    let key = TopicKey::Room(RoomId::generate());
    let channel = channel_ids(1)[0];
    let (mut stays, leaves) = (tap(&registry, 1 << 20).await, tap(&registry, 1 << 20).await);
    stays.subscribe(&registry, channel, key).await.unwrap();
    leaves.subscribe(&registry, channel, key).await.unwrap();
    stays.presence_state().await;
    stays.broadcast().await;
    stays.broadcast().await;
    let user_id = leaves.credential.user_id;
    for (before, ends) in [
        (leaves.credential.issued_at, false),
        (Timestamp(leaves.credential.issued_at.0 + 1), true),
    ] {
        registry
            .send(Revoke(Revocation::UserBefore { user_id, before }))
            .await
            .unwrap();
        assert_eq!(leaves.handle.disconnect().is_some(), ends);
    }
    assert!(stays.broadcast().await.1["leaves"][user_id.to_string()].is_object());
    registry.send(Revoke(Revocation::Everything)).await.unwrap();
    assert_eq!(stays.handle.disconnect(), Some(Disconnect::Revoked));
    assert_eq!(registry.send(Count).await.unwrap(), RegistryCounts::default());
    directory.stop();
}
