//! The statement: what many tokens are still good for, and what their users are in a room each.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, QueryResult,
    sea_query::{Alias, Expr, ExprTrait, IntoIden, JoinType, Query, SelectStatement, ValueTuple},
};

use crate::{
    accounts::{self, Claims, TokenFacts},
    chat::{self, Role, RoomKind},
    entity::{
        page_mark, room, room_member,
        room_sanction::{self, SanctionKind},
        tenant, user,
    },
    ids::RoomId,
    store::Store,
};

/// What is asked: whether a token is still good, and what its user is in a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub claims: Claims,
    pub room_id: Option<RoomId>,
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub kind: RoomKind,
    pub head_seq: i64,
    pub role: Option<Role>,
    pub banned: bool,
}

/// Answers in the order of the questions; `None` for a token that is not good any more.
pub(super) async fn ask(store: Store, questions: Vec<Question>) -> Result<Vec<Option<Answer>>, DbErr> {
    let mut answers = vec![None; questions.len()];
    for row in store.reader().query_all(&select(&questions)).await? {
        let number: i32 = row.try_get_by_index(0)?;
        if let Some(place) = usize::try_from(number).ok().and_then(|number| answers.get_mut(number)) {
            *place = read(&row)?;
        }
    }
    Ok(answers)
}

fn read(row: &QueryResult) -> Result<Option<Answer>, DbErr> {
    let good: Option<bool> = row.try_get_by_index(1)?;
    if good != Some(true) {
        return Ok(None);
    }
    let kind: Option<RoomKind> = row.try_get_by_index(5)?;
    let room = match kind {
        None => None,
        Some(kind) => Some(Room {
            kind,
            head_seq: row.try_get_by_index(6)?,
            role: row.try_get_by_index(7)?,
            banned: row.try_get_by_index(8)?,
        }),
    };
    let page_mark: Option<i64> = row.try_get_by_index(4)?;
    Ok(Some(Answer {
        user_rev: row.try_get_by_index(2)?,
        tenant_rev: row.try_get_by_index(3)?,
        page_mark: page_mark.unwrap_or(0),
        room,
    }))
}

/// The questions as a table, and its columns as both engines call them.
const ASKED: &str = "asked";
const NUMBER: &str = "column1";
const TENANT_ID: &str = "column2";
const USER_ID: &str = "column3";
const TOKEN_ID: &str = "column4";
const ISSUED_AT: &str = "column5";
const KEY_ID: &str = "column6";
const ROOM_ID: &str = "column7";

fn asked(column: &'static str) -> Expr {
    Expr::col((Alias::new(ASKED), Alias::new(column)))
}

fn select(questions: &[Question]) -> SelectStatement {
    let token = TokenFacts {
        tenant_id: asked(TENANT_ID),
        token_id: asked(TOKEN_ID),
        issued_at: asked(ISSUED_AT),
        key_id: Some(asked(KEY_ID)),
    };
    let ban = Alias::new("ban");
    let of_ban = |column: room_sanction::Column| Expr::col((ban.clone(), column));
    Query::select()
        .expr(asked(NUMBER))
        .expr(Expr::from(accounts::is_good(token)))
        .expr(Expr::col((user::Entity, user::Column::Rev)))
        .expr(Expr::col((tenant::Entity, tenant::Column::Rev)))
        .expr(Expr::col((page_mark::Entity, page_mark::Column::Mark)))
        .expr(Expr::col((room::Entity, room::Column::Kind)))
        .expr(Expr::col((room::Entity, room::Column::HeadSeq)))
        .expr(Expr::col((room_member::Entity, room_member::Column::Role)))
        .expr(of_ban(room_sanction::Column::UserId).is_not_null())
        .from_values(rows(questions), ASKED)
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
        )
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
            ban.clone(),
            Condition::all()
                .add(of_ban(room_sanction::Column::TenantId).eq(asked(TENANT_ID)))
                .add(of_ban(room_sanction::Column::RoomId).eq(asked(ROOM_ID)))
                .add(of_ban(room_sanction::Column::UserId).eq(asked(USER_ID)))
                .add(of_ban(room_sanction::Column::Kind).eq(SanctionKind::Ban))
                .add(chat::in_force(ban.clone().into_iden())),
        )
        .take()
}

/// One row a question. There are as many as the next power of two, so that few different statements have to be prepared;
/// those that stand for no question name nobody.
fn rows(questions: &[Question]) -> Vec<ValueTuple> {
    let mut rows: Vec<ValueTuple> = (0_i32..)
        .zip(questions)
        .map(|(number, Question { claims, room_id })| {
            ValueTuple::Many(vec![
                number.into(),
                claims.tenant_id.into(),
                claims.user_id.into(),
                claims.token_id.into(),
                claims.issued_at.into(),
                claims.key_id.map(|key_id| key_id.0).into(),
                room_id.map(|room_id| room_id.0).into(),
            ])
        })
        .collect();
    let nobody = || {
        ValueTuple::Many(vec![
            (-1_i32).into(),
            None::<uuid::Uuid>.into(),
            None::<uuid::Uuid>.into(),
            None::<uuid::Uuid>.into(),
            None::<i64>.into(),
            None::<uuid::Uuid>.into(),
            None::<uuid::Uuid>.into(),
        ])
    };
    rows.resize_with(questions.len().next_power_of_two(), nobody);
    rows
}
