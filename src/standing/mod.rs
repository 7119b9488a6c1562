//! Where somebody stands at this moment: whether their token is still good, who they are, and what they may see of a
//! room. One statement tells it, for all who ask at the same time ([`crate::gather`]).
//!
//! Invariants:
//! * **No right is kept.** Whether a token is good, a membership, a ban, the kind of a room: all of it is read for each
//!   question, by a statement that begins after the question was asked. What was revoked before, through this process
//!   or any other, is refused.
//! * **What is kept is shown to be true before it is used.** Rows of tenants and users are kept with their revision,
//!   which the database counts at each change, whoever makes it. The statement reads the revisions of now; a row that
//!   is kept with another one is read anew. So nothing has to be told to forget, and what was read late and put in last
//!   does no harm.
//! * Whatever is kept has a bound ([`crate::config::CacheSettings`]).

mod statement;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;

use self::statement::{Answer, Question, Texts};
use crate::{
    accounts::{self, Claims, User},
    bounded_cache::bounded_cache,
    chat::{self, Role, Room, RoomKind, RoomRef},
    config::{CacheSettings, DatabaseSettings},
    gather::Gather,
    ids::{RoomId, TenantId, UserId},
    scope::Scope,
    store::Store,
    tenants::{self, Tenant},
};

/// Most questions in one statement. Beyond, what a statement costs hardly matters any more.
const QUESTIONS_MAX: usize = 64;

/// How long the statement may take once it has a connection: longer than Postgres lets it
/// ([`DatabaseOptions::statement_timeout`](crate::store::DatabaseOptions)).
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(15);

/// Who somebody is whose token is good.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The tenant.
    pub tenant: Arc<Tenant>,
    /// The user.
    pub user: Arc<User>,
}

/// A room that somebody may read in, as far as pages of its messages depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The room.
    pub room_id: RoomId,
    /// Who may see and enter it.
    pub kind: RoomKind,
    /// The reader's role in it; none for who is no member of a public room.
    pub role: Option<Role>,
    /// Number of the room's last change.
    pub head_seq: i64,
    /// Counts what changes the look of messages without a number of the log; see [`crate::entity::page_mark`].
    pub page_mark: i64,
}

/// Answers where somebody stands.
pub struct Standings {
    store: Store,
    gather: Arc<Gather<Question, Option<Answer>>>,
    tenants: Cache<TenantId, Kept<Tenant>>,
    users: Cache<(TenantId, UserId), Kept<User>>,
}

/// A row, as it was at a revision.
#[derive(Debug)]
struct Kept<T> {
    rev: i64,
    row: Arc<T>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            rev: self.rev,
            row: Arc::clone(&self.row),
        }
    }
}

impl Standings {
    /// Asks this database.
    pub fn new(store: Store, database: &DatabaseSettings, cache: &CacheSettings) -> Self {
        let (asked, texts) = (store.clone(), Arc::new(Texts::new(store.backend())));
        let ask = move |questions: Vec<Question>| {
            let (store, texts) = (asked.clone(), Arc::clone(&texts));
            async move { statement::ask(&store, &texts, &questions).await }
        };
        Self {
            gather: Gather::new(
                QUESTIONS_MAX,
                database.shared_statements,
                database.acquire_timeout + STATEMENT_TIME_MAX,
                ask,
            ),
            tenants: bounded_cache(cache.tenants),
            users: bounded_cache(cache.users),
            store,
        }
    }

    /// Who stands behind a token that is genuine.
    ///
    /// # Errors
    ///
    /// [`accounts::Error::SignedOut`] when the token is not good any more: it was signed out or revoked, its website's
    /// key was, or its user or tenant is gone or suspended.
    pub async fn of_token(&self, claims: &Claims) -> Result<Standing, accounts::Error> {
        let answer = self.ask(Question::of_token(claims)).await?;
        self.standing(claims, &answer).await
    }

    /// The same, and whether they may read in a room.
    ///
    /// # Errors
    ///
    /// As [`Self::of_token`]; inside, as [`chat::get_room`].
    pub async fn in_room(
        &self,
        claims: &Claims,
        room: &RoomRef,
    ) -> Result<(Standing, Result<Sight, chat::Error>), accounts::Error> {
        let &RoomRef::Id(room_id) = room else {
            return Box::pin(self.in_room_by_name(claims, room)).await;
        };
        let answer = self.ask(Question::in_room(claims, room_id)).await?;
        let standing = self.standing(claims, &answer).await?;
        Ok((standing, sight(room_id, &answer)))
    }

    /// A room that is named by its slug takes a query for its id.
    async fn in_room_by_name(
        &self,
        claims: &Claims,
        room: &RoomRef,
    ) -> Result<(Standing, Result<Sight, chat::Error>), accounts::Error> {
        let standing = self.of_token(claims).await?;
        let scope = Scope {
            tenant_id: claims.tenant_id,
            user_id: claims.user_id,
        };
        let room_id = match chat::room_id(&self.store, &scope, room).await {
            Ok(room_id) => room_id,
            Err(error) => return Ok((standing, Err(error))),
        };
        let answer = self.ask(Question::in_room(claims, room_id)).await?;
        Ok((standing, sight(room_id, &answer)))
    }

    /// What they may see of a room, and the room.
    ///
    /// # Errors
    ///
    /// As [`Self::in_room`].
    pub async fn of_room(
        &self,
        claims: &Claims,
        room_id: RoomId,
    ) -> Result<Result<(Sight, Room), chat::Error>, accounts::Error> {
        let question = Question {
            shown: true,
            ..Question::in_room(claims, room_id)
        };
        let mut answer = self.ask(question).await?;
        let shown = answer.room.as_mut().and_then(|room| room.shown.take());
        Ok(sight(room_id, &answer).and_then(|sight| Ok((sight, *shown.ok_or(chat::Error::RoomNotFound)?))))
    }

    async fn ask(&self, question: Question) -> Result<Answer, accounts::Error> {
        self.gather.ask(question).await?.ok_or(accounts::Error::SignedOut)
    }

    async fn standing(&self, claims: &Claims, answer: &Answer) -> Result<Standing, accounts::Error> {
        Ok(Standing {
            tenant: self.tenant(claims.tenant_id, answer.tenant_rev).await?,
            user: self.user(claims, answer.user_rev).await?,
        })
    }

    // What is kept needs no query: those of these two are boxed, so that the others do not carry the room for them about.
    async fn tenant(&self, id: TenantId, rev: i64) -> Result<Arc<Tenant>, accounts::Error> {
        if let Some(kept) = self.tenants.get(&id).filter(|kept| kept.rev == rev) {
            return Ok(kept.row);
        }
        let (rev, row) = match Box::pin(tenants::get_tenant_at_rev(&self.store, id)).await {
            Err(tenants::Error::NotFound) => return Err(accounts::Error::SignedOut),
            found => found?,
        };
        let row = Arc::new(row);
        let kept = Kept {
            rev,
            row: Arc::clone(&row),
        };
        self.tenants.insert(id, kept);
        Ok(row)
    }

    async fn user(&self, claims: &Claims, rev: i64) -> Result<Arc<User>, accounts::Error> {
        let key = (claims.tenant_id, claims.user_id);
        if let Some(kept) = self.users.get(&key).filter(|kept| kept.rev == rev) {
            return Ok(kept.row);
        }
        let (rev, row) = Box::pin(accounts::get_user_at_rev(&self.store, claims.tenant_id, claims.user_id))
            .await?
            .ok_or(accounts::Error::SignedOut)?;
        let row = Arc::new(row);
        let kept = Kept {
            rev,
            row: Arc::clone(&row),
        };
        self.users.insert(key, kept);
        Ok(row)
    }
}

fn sight(room_id: RoomId, answer: &Answer) -> Result<Sight, chat::Error> {
    let room = answer.room.as_ref().ok_or(chat::Error::RoomNotFound)?;
    chat::check_reader(room.kind, room.role, room.banned)?;
    Ok(Sight {
        room_id,
        kind: room.kind,
        role: room.role,
        head_seq: room.head_seq,
        page_mark: answer.page_mark,
    })
}
