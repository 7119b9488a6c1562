//! Uploads in the database: whose they are, which message has them, and when they go.

use bytes::Bytes;
use futures_util::future::join_all;
use parlour::{
    accounts,
    audit::Actor,
    chat::{self, Attachment, Error, Message, MessageQuery, NewMessage, NewUpload, Role, Room, RoomRef, UploadName},
    config::Cap,
    entity::{upload, upload_part},
    ids::UploadId,
    media::{Inspected, MediaType},
    scope::Scope,
    store::Store,
    tenants,
    timestamp::Timestamp,
};
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::helpers::{
    membership::{by_id, code, fields},
    people::{make_member, private_room, public_room, say, scope},
};

/// Long enough for more than one part.
const BYTES: usize = 700_000;

fn file(name: &str, bytes: usize) -> NewUpload {
    NewUpload {
        name: UploadName::parse(name).unwrap(),
        inspected: Inspected {
            media_type: MediaType::Png,
            size: Some((30, 20)),
            bytes: (0..bytes).map(|at| at.to_le_bytes()[0]).collect::<Vec<u8>>().into(),
        },
    }
}

async fn upload(store: &Store, of: &Scope, room: &Room) -> Attachment {
    chat::store_upload(store, of, room.id, file("photo.png", BYTES), Cap::Off)
        .await
        .unwrap()
}

fn with(attachments: &[UploadId]) -> NewMessage {
    NewMessage {
        attachments: attachments.to_vec(),
        ..NewMessage::default()
    }
}

async fn append(store: &Store, of: &Scope, room: &Room, new: NewMessage) -> Result<Message, Error> {
    let appended = chat::append_message(store, of, &by_id(room), new, Cap::Off).await?;
    Ok(appended.message)
}

async fn read(store: &Store, attachment: &Attachment) -> Result<Vec<u8>, Error> {
    let (tenant_id, found) = chat::open_upload(store, attachment.id, &attachment.link(Timestamp::now())).await?;
    assert_eq!(&found, attachment);
    let mut bytes = Vec::new();
    while let Some(part) = chat::read_part(
        store,
        tenant_id,
        found.id,
        (bytes.len() / (256 * 1024)).try_into().unwrap(),
    )
    .await?
    {
        bytes.extend(part);
        if bytes.len() % (256 * 1024) != 0 {
            break;
        }
    }
    Ok(bytes)
}

/// Uploads and parts of all tenants.
async fn rows(store: &Store) -> (u64, u64) {
    let uploads = upload::Entity::find().count(store.reader()).await.unwrap();
    let parts = upload_part::Entity::find().count(store.reader()).await.unwrap();
    (uploads, parts)
}

both_engines! {
    async fn a_message_has_the_uploads_of_its_author(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lounge").await;
        let (one, two) = (upload(&db.store, &alice, &room).await, upload(&db.store, &alice, &room).await);
        assert_eq!((one.bytes, one.size, one.media_type), (BYTES as u64, Some((30, 20)), MediaType::Png));
        assert_eq!(read(&db.store, &one).await.unwrap(), file("", BYTES).inspected.bytes);
        let sent = append(&db.store, &alice, &room, with(&[two.id, one.id])).await.unwrap();
        assert_eq!((sent.content.as_str(), &sent.attachments), ("", &vec![two, one]));
        let plain = say(&db.store, &alice, &room, "hello").await;
        assert_eq!(plain.attachments, []);

        // The same wherever it is read.
        let page = chat::list_messages(&db.store, &alice, &by_id(&room), MessageQuery::default()).await.unwrap();
        assert_eq!(page.messages, [sent.clone(), plain]);
        assert_eq!(chat::get_message(&db.store, &alice, &by_id(&room), sent.id).await.unwrap(), sent);
        let (_, changed) = chat::read_changes(&db.store, alice.tenant_id, room.id, 0, 10).await.unwrap().unwrap();
        assert_eq!(changed[0].attachments, sent.attachments);
        let pinned = chat::pin_message(&db.store, &alice, &by_id(&room), sent.id).await.unwrap();
        assert_eq!(pinned.message.attachments, sent.attachments);
    }

    async fn only_ones_own_unsent_uploads_to_the_room_can_be_sent(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let (bob, mallory) = (scope(&db.store, "acme", "bob").await, scope(&db.store, "globex", "mallory").await);
        let (room, other) = (public_room(&db.store, &alice, "Lounge").await, public_room(&db.store, &alice, "Bar").await);
        let foreign = public_room(&db.store, &mallory, "Lounge").await;
        let own = upload(&db.store, &alice, &room).await.id;
        let sent = upload(&db.store, &alice, &room).await.id;
        append(&db.store, &alice, &room, with(&[sent])).await.unwrap();
        let wrong = [
            sent,
            UploadId::generate(),
            upload(&db.store, &bob, &room).await.id,
            upload(&db.store, &alice, &other).await.id,
            upload(&db.store, &mallory, &foreign).await.id,
        ];
        let head = |room: Room| { let store = &db.store; async move { chat::get_room(store, &alice, &by_id(&room)).await.unwrap().0.head_seq } };
        let before = head(room.clone()).await;
        let mut answers = Vec::new();
        for id in wrong {
            let refused = append(&db.store, &alice, &room, with(&[own, id])).await;
            answers.push(format!("{refused:?}"));
            assert_eq!(fields(refused), ["attachments"]);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "what is not one's own is like what is not there");
        assert_eq!(head(room.clone()).await, before, "no number was used up");
        assert_eq!(fields(append(&db.store, &alice, &room, with(&[own, own])).await), ["attachments"]);
        assert_eq!(fields(append(&db.store, &alice, &room, with(&[UploadId::generate(); 5])).await), ["attachments"]);
        assert_eq!(fields(append(&db.store, &alice, &room, with(&[])).await), ["content"]);
        // What was refused is still there to be sent, by one of two messages.
        let twice = join_all([(); 2].map(|()| append(&db.store, &alice, &room, with(&[own])))).await;
        assert_eq!(twice.iter().filter(|sent| sent.is_ok()).count(), 1);
    }

    async fn a_repeat_has_the_same_attachments(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lounge").await;
        let (one, two) = (upload(&db.store, &alice, &room).await.id, upload(&db.store, &alice, &room).await.id);
        let new = NewMessage { client_id: Some("1".to_owned()), ..with(&[one, two]) };
        let first = append(&db.store, &alice, &room, new.clone()).await.unwrap();
        let again = chat::append_message(&db.store, &alice, &by_id(&room), new.clone(), Cap::Off).await.unwrap();
        assert_eq!((again.repeated, &again.message), (true, &first));
        for attachments in [vec![], vec![one], vec![two, one]] {
            let other = NewMessage { content: "x".to_owned(), attachments, ..new.clone() };
            assert_eq!(code(&append(&db.store, &alice, &room, other).await), "conflict");
        }
        chat::delete_message(&db.store, &alice, &by_id(&room), first.id, None).await.unwrap();
        let late = chat::append_message(&db.store, &alice, &by_id(&room), new, Cap::Off).await.unwrap();
        assert!(late.repeated && late.message.attachments.is_empty());
    }

    async fn with_a_message_go_its_attachments(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lounge").await;
        let attachment = upload(&db.store, &alice, &room).await;
        let sent = append(&db.store, &alice, &room, with(&[attachment.id])).await.unwrap();
        // Its text may go; then it is still something.
        let edited = chat::edit_message(&db.store, &alice, &by_id(&room), sent.id, "look".to_owned(), None).await.unwrap();
        assert_eq!(edited.message.attachments, sent.attachments);
        let emptied = chat::edit_message(&db.store, &alice, &by_id(&room), sent.id, String::new(), None).await.unwrap();
        assert_eq!((emptied.changed, emptied.message.attachments.len()), (true, 1));
        let plain = say(&db.store, &alice, &room, "hello").await;
        let refused = chat::edit_message(&db.store, &alice, &by_id(&room), plain.id, String::new(), None).await;
        assert_eq!(fields(refused), ["content"]);

        let deleted = chat::delete_message(&db.store, &alice, &by_id(&room), sent.id, None).await.unwrap();
        assert_eq!(deleted.message.attachments, []);
        assert_eq!(rows(&db.store).await, (0, 0));
        assert_eq!(code(&read(&db.store, &attachment).await), "upload_not_found");
    }

    async fn with_what_is_too_old_go_its_attachments(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lounge").await;
        let (sent, unsent) = (upload(&db.store, &alice, &room).await, upload(&db.store, &alice, &room).await);
        append(&db.store, &alice, &room, with(&[sent.id])).await.unwrap();
        let later = Timestamp(Timestamp::now().0 + 1_000_000);
        chat::prune_rooms(&db.store, alice.tenant_id, later).await.unwrap();
        assert_eq!(code(&read(&db.store, &sent).await), "upload_not_found");
        assert!(read(&db.store, &unsent).await.is_ok());
        assert_eq!(rows(&db.store).await, (1, 3));
    }

    async fn with_a_room_or_a_tenant_go_its_uploads(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "globex", "bob").await);
        let room = public_room(&db.store, &alice, "Lounge").await;
        let elsewhere = public_room(&db.store, &bob, "Lounge").await;
        for (of, room) in [(&alice, &room), (&bob, &elsewhere)] {
            let sent = upload(&db.store, of, room).await;
            append(&db.store, of, room, with(&[sent.id])).await.unwrap();
            upload(&db.store, of, room).await;
        }
        assert_eq!(rows(&db.store).await, (4, 12));
        chat::delete_room(&db.store, &alice, &by_id(&room)).await.unwrap();
        assert_eq!(rows(&db.store).await, (2, 6));
        tenants::delete_tenant(&db.store, &Actor::cli(), bob.tenant_id).await.unwrap();
        assert_eq!(rows(&db.store).await, (0, 0));
    }

    async fn what_was_never_sent_is_forgotten(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "globex", "bob").await);
        let room = public_room(&db.store, &alice, "Lounge").await;
        let elsewhere = public_room(&db.store, &bob, "Lounge").await;
        let sent = upload(&db.store, &alice, &room).await;
        append(&db.store, &alice, &room, with(&[sent.id])).await.unwrap();
        upload(&db.store, &alice, &room).await;
        upload(&db.store, &bob, &elsewhere).await;
        let now = Timestamp::now();
        assert_eq!(chat::purge_unsent_uploads(&db.store, now.before(chat::UNSENT_LIFETIME)).await.unwrap(), 0);
        assert_eq!(chat::purge_unsent_uploads(&db.store, Timestamp(now.0 + 1_000_000)).await.unwrap(), 2);
        assert!(read(&db.store, &sent).await.is_ok());
        assert_eq!(rows(&db.store).await, (1, 3));
    }

    async fn a_tenant_has_no_more_bytes_than_it_may(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "globex", "bob").await);
        let room = public_room(&db.store, &alice, "Lounge").await;
        let elsewhere = public_room(&db.store, &bob, "Lounge").await;
        let store = async |of: &Scope, room: &Room, bytes: usize| {
            chat::store_upload(&db.store, of, room.id, file("a", bytes), Cap::Max(1000)).await
        };
        let first = store(&alice, &room, 600).await.unwrap();
        assert_eq!(code(&store(&alice, &room, 401).await), "uploads_full");
        store(&bob, &elsewhere, 1000).await.unwrap();
        // Of several that come together, none is overlooked.
        let together = join_all((0..4).map(|_| store(&alice, &room, 150))).await;
        assert_eq!(together.iter().filter(|stored| stored.is_ok()).count(), 2);
        assert_eq!(chat::volume(&db.store, alice.tenant_id).await.unwrap().upload_bytes, 900);
        // What goes makes room.
        let sent = append(&db.store, &alice, &room, with(&[first.id])).await.unwrap();
        chat::delete_message(&db.store, &alice, &by_id(&room), sent.id, None).await.unwrap();
        store(&alice, &room, 600).await.unwrap();
    }

    async fn who_may_not_write_may_not_upload(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let (bob, mallory) = (scope(&db.store, "acme", "bob").await, scope(&db.store, "globex", "mallory").await);
        let (open, closed) = (public_room(&db.store, &alice, "Lounge").await, private_room(&db.store, &alice, "Den").await);
        let check = async |of: &Scope, room: &Room| code(&chat::check_upload(&db.store, of, &by_id(room)).await);
        assert_eq!(check(&bob, &open).await, "ok");
        assert_eq!(check(&bob, &closed).await, "not_a_member");
        assert_eq!(check(&mallory, &open).await, "room_not_found");
        make_member(&db.store, &bob, &open, Role::Reader).await;
        assert_eq!(check(&bob, &open).await, "read_only");
        make_member(&db.store, &bob, &open, Role::Member).await;
        chat::mute(&db.store, &alice, &by_id(&open), bob.user_id, None, None).await.unwrap();
        assert_eq!(check(&bob, &open).await, "muted");
        chat::ban(&db.store, &alice, &by_id(&open), bob.user_id, None, None).await.unwrap();
        assert_eq!(check(&bob, &open).await, "banned");
        assert_eq!(code(&chat::check_upload(&db.store, &alice, &RoomRef::parse("nowhere")).await), "room_not_found");
        let gone = chat::store_upload(&db.store, &alice, parlour::ids::RoomId::generate(), file("a", 5), Cap::Off).await;
        assert_eq!(code(&gone), "room_not_found");
    }

    async fn who_is_deleted_leaves_what_they_sent(db: TestDatabase) {
        let (alice, bob) = (scope(&db.store, "acme", "alice").await, scope(&db.store, "acme", "bob").await);
        let room = public_room(&db.store, &alice, "Lounge").await;
        let (sent, unsent) = (upload(&db.store, &bob, &room).await, upload(&db.store, &bob, &room).await);
        append(&db.store, &bob, &room, with(&[sent.id])).await.unwrap();
        accounts::admin::delete_user(&db.store, &Actor::cli(), &tenants::get_tenant(&db.store, bob.tenant_id).await.unwrap(), bob.user_id)
            .await
            .unwrap();
        assert_eq!(code(&read(&db.store, &unsent).await), "upload_not_found");
        assert!(read(&db.store, &sent).await.is_ok());
    }

    async fn an_empty_file_can_be_kept(db: TestDatabase) {
        let alice = scope(&db.store, "acme", "alice").await;
        let room = public_room(&db.store, &alice, "Lounge").await;
        let mut new = file("a", 0);
        new.inspected.bytes = Bytes::new();
        let stored = chat::store_upload(&db.store, &alice, room.id, new, Cap::Max(1)).await.unwrap();
        assert_eq!(read(&db.store, &stored).await.unwrap(), b"");
    }
}
