//! The statement: what many tokens are still good for, and what their users are in a room each.

use sea_orm::{
    ColumnTrait, Condition, DbBackend, DbErr,
    sea_query::{
        Alias, CaseStatement, Expr, ExprTrait, JoinType, PostgresQueryBuilder, Query, SelectStatement,
        SqliteQueryBuilder,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    accounts::{self, Claims, TokenFacts},
    chat::{self, Role, RoomKind},
    entity::{
        page_mark, room, room_member,
        room_sanction::{self, SanctionKind},
        tenant, user,
    },
    ids::{RoomId, UserId},
    store::{
        Store,
        rows::{self, Kind, Rows},
    },
    timestamp::Timestamp,
};

/// What is asked: whether a token is still good, and what its user is in a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub claims: Claims,
    pub room_id: Option<RoomId>,
    /// Whether all that is shown of the room is asked for, too.
    pub shown: bool,
}

impl Question {
    pub(super) const fn of_token(claims: &Claims) -> Self {
        Self {
            claims: *claims,
            room_id: None,
            shown: false,
        }
    }

    pub(super) const fn in_room(claims: &Claims, room_id: RoomId) -> Self {
        Self {
            claims: *claims,
            room_id: Some(room_id),
            shown: false,
        }
    }

    const fn extent(&self) -> Extent {
        match (self.shown, self.room_id) {
            (true, _) => Extent::Shown,
            (false, Some(_)) => Extent::Room,
            (false, None) => Extent::Token,
        }
    }
}

/// The answer, all as of one moment.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub user_rev: i64,
    pub tenant_rev: i64,
    pub page_mark: i64,
    /// `None` when the room was not asked for, or there is none.
    pub room: Option<Room>,
}

/// A room, as far as somebody's right to read it depends on it.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub kind: RoomKind,
    pub head_seq: i64,
    pub role: Option<Role>,
    pub banned: bool,
    /// There if somebody asked for it.
    pub shown: Option<Box<chat::Room>>,
}

/// How much is asked for: each has all of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    /// Whether tokens are good.
    Token,
    /// What their users are in rooms.
    Room,
    /// What is shown of the rooms.
    Shown,
}

/// The texts of the statement, which are long, and the same each time. What nobody asks for is not looked up.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    token: Text,
    room: Text,
    shown: Text,
}

#[derive(Clone, Debug)]
struct Text {
    columns: String,
    from: String,
}

impl Texts {
    pub(super) fn new(backend: DbBackend) -> Self {
        let text = |extent| Text::new(backend, extent);
        Self {
            token: text(Extent::Token),
            room: text(Extent::Room),
            shown: text(Extent::Shown),
        }
    }

    /// The one that answers all of these.
    fn of(&self, questions: &[Question]) -> &Text {
        match questions.iter().map(Question::extent).max() {
            Some(Extent::Shown) => &self.shown,
            Some(Extent::Room) => &self.room,
            Some(Extent::Token) | None => &self.token,
        }
    }
}

impl Text {
    fn new(backend: DbBackend, extent: Extent) -> Self {
        let columns = columns(backend, extent);
        let names: Vec<&str> = columns.iter().map(|&(name, _)| name).collect();
        let select = select(columns, extent);
        let found = match backend {
            DbBackend::Sqlite => select.to_string(SqliteQueryBuilder),
            _ => select.to_string(PostgresQueryBuilder),
        };
        Self {
            columns: names.join(", "),
            from: format!("FROM ({found}) AS found"),
        }
    }
}

/// Answers in the order of the questions; `None` for a token that is not good any more.
pub(super) async fn ask(store: &Store, texts: &Texts, questions: &[Question]) -> Result<Vec<Option<Answer>>, DbErr> {
    let Text { columns, from } = texts.of(questions);
    let mut answers = vec![None; questions.len()];
    let now = Timestamp::now();
    for row in given(questions).query::<Row>(store.reader(), columns, from).await? {
        if let (Some(place), Some(question)) = (answers.get_mut(row.n), questions.get(row.n)) {
            *place = row.into_answer(question, now);
        }
    }
    Ok(answers)
}

/// What is found for a question, in the order of [`columns`].
#[derive(Deserialize)]
struct Row {
    n: usize,
    good: i32,
    user_rev: i64,
    tenant_rev: i64,
    #[serde(default)]
    page_mark: Option<i64>,
    #[serde(default)]
    kind: Option<RoomKind>,
    #[serde(default)]
    head_seq: Option<i64>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    banned: i32,
    #[serde(default)]
    banned_until: Option<i64>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    page_url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    creator_id: Option<UserId>,
    #[serde(default)]
    slow_mode_s: Option<u32>,
    #[serde(default)]
    frozen: i32,
    #[serde(default)]
    inserted_at: Option<i64>,
}

impl Row {
    fn into_answer(self, question: &Question, now: Timestamp) -> Option<Answer> {
        (self.good != 0).then(|| Answer {
            user_rev: self.user_rev,
            tenant_rev: self.tenant_rev,
            page_mark: self.page_mark.unwrap_or(0),
            room: self.into_room(question, now),
        })
    }

    fn into_room(self, question: &Question, now: Timestamp) -> Option<Room> {
        let (id, kind, head_seq) = (question.room_id?, self.kind?, self.head_seq?);
        Some(Room {
            kind,
            head_seq,
            role: self.role,
            banned: self.banned != 0 && self.banned_until.is_none_or(|until| Timestamp(until) > now),
            shown: self.name.zip(self.inserted_at).map(|(name, inserted_at)| {
                Box::new(chat::Room {
                    id,
                    slug: self.slug,
                    page_url: self.page_url,
                    kind,
                    name,
                    description: self.description,
                    creator_id: self.creator_id,
                    head_seq,
                    slow_mode_s: self.slow_mode_s.unwrap_or(0),
                    frozen: self.frozen != 0,
                    inserted_at: Timestamp(inserted_at),
                })
            }),
        })
    }
}

/// The questions as a table.
const NUMBER: &str = "asked";
const TENANT_ID: &str = "of_tenant";
const USER_ID: &str = "of_user";
const TOKEN_ID: &str = "of_token";
const ISSUED_AT: &str = "of_issue";
const KEY_ID: &str = "of_key";
const ROOM_ID: &str = "of_room";

fn given(questions: &[Question]) -> Rows<7> {
    let mut rows = Rows::new([
        (NUMBER, Kind::BigInt),
        (TENANT_ID, Kind::Uuid),
        (USER_ID, Kind::Uuid),
        (TOKEN_ID, Kind::Uuid),
        (ISSUED_AT, Kind::BigInt),
        (KEY_ID, Kind::Uuid),
        (ROOM_ID, Kind::Uuid),
    ])
    .with_rare(2);
    for (number, Question { claims, room_id, .. }) in (0_i64..).zip(questions) {
        rows.push([
            number.into(),
            claims.tenant_id.0.into(),
            claims.user_id.0.into(),
            claims.token_id.into(),
            claims.issued_at.0.into(),
            claims.key_id.map_or_else(Uuid::nil, |key_id| key_id.0).into(),
            room_id.map_or_else(Uuid::nil, |room_id| room_id.0).into(),
        ]);
    }
    rows
}

fn asked(column: &'static str) -> Expr {
    Expr::col(Alias::new(column))
}

/// What somebody is banned by.
fn of_ban(column: room_sanction::Column) -> Expr {
    Expr::col((Alias::new("ban"), column))
}

/// As a number: the engines have different truths.
fn truth(condition: impl Into<Condition>) -> Expr {
    CaseStatement::new().case(condition.into(), 1).finally(0).into()
}

fn columns(backend: DbBackend, extent: Extent) -> Vec<(&'static str, Expr)> {
    let token = TokenFacts {
        tenant_id: asked(TENANT_ID),
        token_id: asked(TOKEN_ID),
        issued_at: asked(ISSUED_AT),
        key_id: Some(Expr::cust(format!("nullif({KEY_ID}, {})", rows::nil(backend)))),
    };
    let mut columns = vec![
        ("n", asked(NUMBER)),
        ("good", truth(accounts::is_good(token))),
        ("user_rev", user::Column::Rev.into_expr()),
        ("tenant_rev", tenant::Column::Rev.into_expr()),
    ];
    if extent >= Extent::Room {
        columns.extend([
            ("page_mark", page_mark::Column::Mark.into_expr()),
            ("kind", room::Column::Kind.into_expr()),
            ("head_seq", room::Column::HeadSeq.into_expr()),
            ("role", room_member::Column::Role.into_expr()),
            ("banned", truth(of_ban(room_sanction::Column::UserId).is_not_null())),
            ("banned_until", of_ban(room_sanction::Column::Until)),
        ]);
    }
    if extent == Extent::Shown {
        columns.extend([
            ("slug", room::Column::Slug.into_expr()),
            ("page_url", room::Column::PageUrl.into_expr()),
            ("name", room::Column::Name.into_expr()),
            ("description", room::Column::Description.into_expr()),
            ("creator_id", rows::id_text(backend, "rooms.creator_id")),
            ("slow_mode_s", room::Column::SlowModeS.into_expr()),
            ("frozen", truth(room::Column::Frozen.eq(true))),
            ("inserted_at", room::Column::InsertedAt.into_expr()),
        ]);
    }
    columns
}

fn select(columns: Vec<(&'static str, Expr)>, extent: Extent) -> SelectStatement {
    let mut select = Query::select();
    for (name, column) in columns {
        select.expr_as(column, Alias::new(name));
    }
    select
        .from(Alias::new("given"))
        .join(
            JoinType::InnerJoin,
            user::Entity,
            Condition::all()
                .add(user::Column::TenantId.into_expr().eq(asked(TENANT_ID)))
                .add(user::Column::Id.into_expr().eq(asked(USER_ID))),
        )
        .join(
            JoinType::InnerJoin,
            tenant::Entity,
            tenant::Column::Id.into_expr().eq(asked(TENANT_ID)),
        );
    if extent >= Extent::Room {
        join_rooms(&mut select);
    }
    select
}

fn join_rooms(select: &mut SelectStatement) {
    select
        .join(
            JoinType::LeftJoin,
            page_mark::Entity,
            page_mark::Column::TenantId.into_expr().eq(asked(TENANT_ID)),
        )
        .join(
            JoinType::LeftJoin,
            room::Entity,
            Condition::all()
                .add(room::Column::TenantId.into_expr().eq(asked(TENANT_ID)))
                .add(room::Column::Id.into_expr().eq(asked(ROOM_ID))),
        )
        .join(
            JoinType::LeftJoin,
            room_member::Entity,
            Condition::all()
                .add(room_member::Column::TenantId.into_expr().eq(asked(TENANT_ID)))
                .add(room_member::Column::RoomId.into_expr().eq(asked(ROOM_ID)))
                .add(room_member::Column::UserId.into_expr().eq(asked(USER_ID))),
        )
        .join_as(
            JoinType::LeftJoin,
            room_sanction::Entity,
            Alias::new("ban"),
            Condition::all()
                .add(of_ban(room_sanction::Column::TenantId).eq(asked(TENANT_ID)))
                .add(of_ban(room_sanction::Column::RoomId).eq(asked(ROOM_ID)))
                .add(of_ban(room_sanction::Column::UserId).eq(asked(USER_ID)))
                .add(of_ban(room_sanction::Column::Kind).eq(SanctionKind::Ban)),
        );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;

    #[test]
    fn what_nobody_asks_for_is_not_looked_up() {
        let claims = Claims {
            tenant_id: TenantId::generate(),
            user_id: UserId::generate(),
            token_id: Uuid::nil(),
            issued_at: Timestamp(0),
            expires_at: 0,
            key_id: None,
        };
        let token = Question::of_token(&claims);
        let room = Question::in_room(&claims, RoomId::generate());
        let shown = Question { shown: true, ..room };
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let texts = Texts::new(backend);
            let looks_up = |questions: &[Question]| {
                let Text { columns, from } = texts.of(questions);
                (from.contains("room_members"), columns.contains("description"))
            };
            assert_eq!(looks_up(&[token, token]), (false, false), "{backend:?}");
            assert_eq!(looks_up(&[token, room, token]), (true, false), "{backend:?}");
            assert_eq!(looks_up(&[shown, room, token]), (true, true), "{backend:?}");
        }
    }
}
