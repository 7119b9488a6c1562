//! The transaction of a batch.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, QueryFilter};

use super::{Append, Appended, NewMessage, check_new, pending::Pending, statements};
use crate::{
    chat::{
        Error, MemberChange, Role, RoomKind, RoomRef, UserRef, attachments, changes,
        details::{self, MessageRow},
        membership, mentions, messages,
        permissions::{self, Act, Attendance, Person, RoomRules},
        threads,
    },
    entity::{message, room},
    ids::{MessageId, RoomId, TenantId, UploadId, UserId},
    scope::Scope,
    store::Store,
    timestamp::Timestamp,
    validation::Violations,
};

/// The database failed in a batch.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// In one of its statements: nothing of it was stored.
    OfStatement(DbErr),
    /// Before there was a transaction, or at its end, when it may have been stored all the same.
    OfTransaction(DbErr),
}

impl Failure {
    pub fn into_error(self) -> Error {
        let (Self::OfStatement(error) | Self::OfTransaction(error)) = self;
        Error::Db(error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self::OfStatement(error)
    }
}

/// Why a message of a batch was not taken: it was refused, or the database failed, and the whole batch with it.
enum Refusal {
    Refused(Error),
    Failed(DbErr),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        match error.into() {
            Error::Db(error) => Self::Failed(error),
            refused => Self::Refused(refused),
        }
    }
}

/// Which room, of which tenant.
pub(super) type Place = (TenantId, RoomId);

/// A room whose row is locked.
struct Taken {
    rules: RoomRules,
    /// The first number that is the batch's.
    first: i64,
    /// How many are.
    taken: i64,
    /// How many of them messages have got.
    given: i64,
}

impl Taken {
    /// The number of the next message.
    const fn next_seq(&self) -> i64 {
        self.first + self.given
    }
}

/// Messages that are stored in one transaction.
pub(super) struct Batch<'a> {
    appends: &'a [Append],
    /// What is wrong with which of them, whatever the database says.
    invalid: Vec<Option<Violations>>,
    verdicts: Vec<Verdict>,
    transaction: DatabaseTransaction,
    rooms: HashMap<Place, Taken>,
    persons: Vec<Option<Person>>,
    /// The places of messages that were stored before, by the messages of the batch that repeat them.
    repeats: HashMap<usize, i64>,
    /// Messages that others of the batch answer, or are under.
    related: HashMap<(Place, MessageId), MessageRow>,
    pending: Vec<Pending>,
    /// Which of them has which `client_id` of its author's.
    by_client_id: HashMap<(Place, UserId, &'a str), usize>,
    /// What those who came with one have become by their first message.
    admitted: HashMap<(Place, UserId), Role>,
    /// When who said something in a room in slow mode.
    said: HashMap<(Place, UserId), Timestamp>,
    /// Uploads that messages of the batch are to have.
    claimed: HashSet<UploadId>,
}

/// What becomes of a message.
enum Verdict {
    Refused(Error),
    /// It is stored under this place among the [`Pending`] ones.
    Stored,
    /// It repeats the one that is stored under this place.
    Again(usize),
    /// It was stored before.
    Known(Box<Appended>),
}

impl<'a> Batch<'a> {
    /// Locks the rooms, and takes as many numbers as there are messages for each.
    pub async fn begin(store: &Store, appends: &'a [Append]) -> Result<Self, Failure> {
        let transaction = store.begin_write().await.map_err(Failure::OfTransaction)?;
        let mut batch = Self {
            appends,
            invalid: appends.iter().map(|append| check_new(&append.new).err()).collect(),
            verdicts: Vec::with_capacity(appends.len()),
            transaction,
            rooms: HashMap::new(),
            persons: Vec::new(),
            repeats: HashMap::new(),
            related: HashMap::new(),
            pending: Vec::with_capacity(appends.len()),
            by_client_id: HashMap::new(),
            admitted: HashMap::new(),
            said: HashMap::new(),
            claimed: HashSet::new(),
        };
        batch.take_rooms().await?;
        batch.find_repeats().await?;
        batch.find_related().await?;
        Ok(batch)
    }

    /// The messages that it takes the database to judge, with their places in the batch.
    fn valid(&self) -> impl Iterator<Item = (usize, &'a Append)> {
        let messages = self.appends.iter().zip(&self.invalid).enumerate();
        messages.filter_map(|(at, (append, invalid))| invalid.is_none().then_some((at, append)))
    }

    async fn take_rooms(&mut self) -> Result<(), DbErr> {
        let mut counts: HashMap<Place, i64> = HashMap::new();
        for (_, append) in self.valid() {
            *counts.entry(append.place()).or_default() += 1;
        }
        statements::take_rooms(&self.transaction, &counts).await?;
        self.find_attendances(&counts).await
    }

    /// Who is where: the authors, and the rooms with the numbers that were taken of each.
    async fn find_attendances(&mut self, counts: &HashMap<Place, i64>) -> Result<(), DbErr> {
        self.persons.resize_with(self.appends.len(), || None);
        let asked: Vec<_> = self.valid().collect();
        let scopes = asked.iter().map(|(_, append)| (append.scope, append.room_id));
        let attendances = permissions::attendances(&self.transaction, scopes).await?;
        for ((at, append), Attendance { room, person }) in asked.into_iter().zip(attendances) {
            self.persons[at] = person;
            let (place, Some(rules)) = (append.place(), room) else {
                continue;
            };
            let taken = counts.get(&place).copied().unwrap_or_default();
            self.rooms.entry(place).or_insert(Taken {
                rules,
                first: rules.head_seq - taken + 1,
                taken,
                given: 0,
            });
        }
        Ok(())
    }

    async fn find_repeats(&mut self) -> Result<(), DbErr> {
        let with_id = self
            .valid()
            .filter_map(|(at, append)| Some((at, append, append.new.client_id.as_deref()?)));
        self.repeats = statements::find_repeats(&self.transaction, with_id).await?;
        Ok(())
    }

    async fn find_related(&mut self) -> Result<(), DbErr> {
        let mut wanted: HashMap<Place, (Scope, HashSet<MessageId>)> = HashMap::new();
        for (_, append) in self.valid() {
            for id in append.new.reply_to.into_iter().chain(append.new.thread_root) {
                let (_, ids) = wanted
                    .entry(append.place())
                    .or_insert_with(|| (append.scope, HashSet::new()));
                ids.insert(id);
            }
        }
        for (place, (scope, ids)) in wanted {
            let found = details::find_all(&self.transaction, &scope, place.1, ids)
                .await
                .map_err(internal)?;
            self.related
                .extend(found.into_iter().map(|(id, row)| ((place, id), row)));
        }
        Ok(())
    }

    /// Decides about each message, in their order.
    pub async fn judge(&mut self) -> Result<(), DbErr> {
        for (at, append) in self.appends.iter().enumerate() {
            let judged = match self.invalid[at].take() {
                None => self.judge_one(at, append).await,
                Some(violations) => Err(violations.into()),
            };
            self.verdicts.push(match judged {
                Ok(verdict) => verdict,
                Err(Refusal::Refused(error)) => Verdict::Refused(error),
                Err(Refusal::Failed(error)) => return Err(error),
            });
        }
        Ok(())
    }

    async fn judge_one(&mut self, at: usize, append: &'a Append) -> Result<Verdict, Refusal> {
        let (Append { scope, new, .. }, place) = (append, append.place());
        let taken = self.rooms.get(&place).ok_or(Error::RoomNotFound)?;
        let (room, seq) = (taken.rules, taken.next_seq());
        let mut person = self.persons[at].take().ok_or(Error::UserNotFound)?;
        let who = (place, scope.user_id);
        person.role = person.role.or_else(|| self.admitted.get(&who).copied());
        if person.banned {
            return Err(Error::Banned.into());
        }
        if matches!(room.kind, RoomKind::Private | RoomKind::Dm) && person.role.is_none() {
            return Err(Error::NotMember.into());
        }
        if let Some(&seq) = self.repeats.get(&at) {
            let answer = self.answer_again(append, seq, person.user).await?;
            return Ok(Verdict::Known(Box::new(answer)));
        }
        let client_key = new
            .client_id
            .as_deref()
            .map(|client_id| (place, scope.user_id, client_id));
        if let Some(&first) = client_key.and_then(|key| self.by_client_id.get(&key)) {
            self.pending[first].check_same(new)?;
            return Ok(Verdict::Again(first));
        }

        person.check(room.frozen, Act::Write)?;
        if !permissions::moderates(person.role) {
            let said = self.said.get(&who).copied();
            permissions::check_pace(&self.transaction, scope, append.room_id, room.slow_mode_s, said).await?;
        }
        self.check_related(place, new)?;
        if !new.attachments.is_empty() {
            self.claim(append).await?;
        }
        let joined = match person.role {
            Some(_) => None,
            None => Some(self.admit(append, seq, &person).await?),
        };
        // Nothing is refused from here on.
        let mentions = mentions::resolve(&self.transaction, scope, append.room_id, room.kind, &new.content).await?;
        let row = Pending::row(append, seq, &mentions);
        let reply_to = new
            .reply_to
            .and_then(|id| self.related.get(&(place, id)))
            .map(MessageRow::quote);
        let thread = new
            .thread_root
            .and_then(|id| self.related.get_mut(&(place, id)))
            .map(|root| {
                threads::count_reply(root, &row);
                root.thread_summary()
            });
        if let Some(taken) = self.rooms.get_mut(&place) {
            taken.given += 1;
        }
        if room.slow_mode_s > 0 {
            self.said.insert(who, row.inserted_at);
        }
        if let Some(key) = client_key {
            self.by_client_id.insert(key, self.pending.len());
        }
        self.pending.push(Pending {
            scope: *scope,
            row: MessageRow {
                message: row,
                author: person.user,
            },
            reply_to,
            thread,
            mentions,
            uploads: new.attachments.clone(),
            attachments: Vec::new(),
            joined,
        });
        Ok(Verdict::Stored)
    }

    /// The answer to a message with a `client_id` that its author has used before.
    async fn answer_again(&self, append: &Append, seq: i64, author: UserRef) -> Result<Appended, Error> {
        let Append {
            scope, room_id, new, ..
        } = append;
        let first = details::in_room(scope, *room_id)
            .filter(message::Column::Seq.eq(seq))
            .one(&self.transaction)
            .await?
            .ok_or(Error::Conflict)?;
        let same = first.reply_to == new.reply_to
            && first.thread_root == new.thread_root
            && first.in_room == new.is_in_room()
            && changes::first_content(&self.transaction, scope, &first).await? == new.content;
        if !same {
            return Err(Error::Conflict);
        }
        let row = MessageRow { message: first, author };
        let message = details::complete_one(&self.transaction, scope, row).await?;
        // Of a deleted message nobody knows any more what was in it.
        let attached = message.attachments.iter().map(|attachment| attachment.id);
        if message.deleted_at.is_none() && !attached.eq(new.attachments.iter().copied()) {
            return Err(Error::Conflict);
        }
        Ok(Appended {
            message,
            repeated: true,
            joined: None,
        })
    }

    fn check_related(&self, place: Place, new: &NewMessage) -> Result<(), Violations> {
        let find = |id: MessageId| self.related.get(&(place, id));
        if new.reply_to.is_some_and(|id| find(id).is_none()) {
            return Err(messages::not_in_room("reply_to"));
        }
        match new.thread_root {
            Some(root) => threads::check_root(find(root)),
            None => Ok(()),
        }
    }

    /// Sees to it that the uploads can be put into the message when it is stored.
    async fn claim(&mut self, append: &Append) -> Result<(), Error> {
        let ids = &append.new.attachments;
        let free = ids.iter().all(|id| !self.claimed.contains(id));
        if !free {
            return Err(attachments::not_free().into());
        }
        attachments::lock_free(&self.transaction, &append.scope, append.room_id, ids).await?;
        self.claimed.extend(ids);
        Ok(())
    }

    /// Makes the author of the message with this number a member.
    async fn admit(&mut self, append: &Append, seq: i64, person: &Person) -> Result<MemberChange, Error> {
        let room = RoomRef::Id(append.room_id);
        let room = room::Model {
            head_seq: seq,
            ..permissions::lock_row(&self.transaction, append.scope.tenant_id, &room).await?
        };
        let role = membership::admit(&self.transaction, &room, person, append.members_max).await?;
        self.admitted.insert((append.place(), person.user.id), role);
        Ok(MemberChange {
            room: room.into(),
            user: person.user.clone(),
            before: None,
            after: Some(role),
        })
    }

    /// Stores what has passed.
    pub async fn store(&mut self) -> Result<(), DbErr> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let heads = self.rooms.iter().filter(|(_, taken)| taken.given < taken.taken);
        let heads = heads.map(|(place, taken)| (*place, taken.first - 1 + taken.given));
        statements::set_heads(&self.transaction, heads).await?;
        let rows = self.pending.iter().map(|pending| &pending.row.message);
        statements::insert(&self.transaction, rows).await?;
        for pending in &mut self.pending {
            pending.store_details(&self.transaction).await.map_err(internal)?;
        }
        Ok(())
    }

    /// Ends the transaction, and answers all messages.
    pub async fn commit(self) -> Result<Vec<Result<Appended, Error>>, Failure> {
        // Without anything to store, the numbers go back by this, too.
        let ended = if self.pending.is_empty() {
            self.transaction.rollback().await
        } else {
            self.transaction.commit().await
        };
        ended.map_err(Failure::OfTransaction)?;
        let stored: Vec<Appended> = self.pending.into_iter().map(Pending::into_appended).collect();
        let again: Vec<Option<Appended>> = self.verdicts.iter().map(|verdict| verdict.repeated(&stored)).collect();
        let mut stored = stored.into_iter();
        Ok(self
            .verdicts
            .into_iter()
            .zip(again)
            .filter_map(|(verdict, again)| match verdict {
                Verdict::Refused(error) => Some(Err(error)),
                Verdict::Known(answer) => Some(Ok(*answer)),
                Verdict::Stored => stored.next().map(Ok),
                Verdict::Again(_) => again.map(Ok),
            })
            .collect())
    }
}

impl Verdict {
    /// The answer to a message that repeats one of `stored`.
    fn repeated(&self, stored: &[Appended]) -> Option<Appended> {
        match self {
            Self::Again(first) => Some(Appended {
                message: stored.get(*first)?.message.clone(),
                repeated: true,
                joined: None,
            }),
            Self::Refused(_) | Self::Stored | Self::Known(_) => None,
        }
    }
}

impl Append {
    pub(super) fn place(&self) -> Place {
        (self.scope.tenant_id, self.room_id)
    }
}

/// What cannot be refused any more was: the database is not as it was said to be.
fn internal(error: Error) -> DbErr {
    match error {
        Error::Db(error) => error,
        refused => DbErr::Custom(refused.to_string()),
    }
}
