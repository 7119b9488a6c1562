//! Adding rows.

use sea_orm::{DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, sea_query::Expr, sea_query::ExprTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Actor, chain};
use crate::{
    entity::{audit_log, deployment},
    ids::TenantId,
    store::Store,
    timestamp::Timestamp,
};

/// Most characters of a text in a row; what is longer is cut.
const TEXT_CHARS_MAX: usize = 500;

/// What was done, or refused.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The tenant it was about, with its slug; `None` for what is about the deployment.
    pub tenant: Option<(TenantId, &'a str)>,
    /// What was done: the thing and the verb, such as `tenant.create`.
    pub action: &'static str,
    /// What it was done to: an id or a name.
    pub target: Option<String>,
    /// What else is worth knowing later, as a JSON object. No secrets, no message texts.
    pub detail: Value,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was not.
    Refused,
}

impl Outcome {
    /// The word for it in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
        }
    }
}

/// Adds the row of a change, in the change's transaction. Call it last in there: from here to the commit every
/// other change that is logged waits.
pub async fn record(transaction: &DatabaseTransaction, actor: &Actor, entry: Entry<'_>) -> Result<(), DbErr> {
    append(transaction, actor, entry, Outcome::Ok).await
}

/// Adds the row of something that was refused, and why.
pub async fn record_refused(store: &Store, actor: &Actor, mut entry: Entry<'_>, reason: &str) -> Result<(), DbErr> {
    match &mut entry.detail {
        Value::Object(detail) => {
            detail.insert("reason".to_owned(), reason.into());
        }
        detail => *detail = json!({ "reason": reason }),
    }
    let transaction = store.begin_write().await?;
    append(&transaction, actor, entry, Outcome::Refused).await?;
    transaction.commit().await
}

async fn append(
    transaction: &DatabaseTransaction,
    actor: &Actor,
    entry: Entry<'_>,
    outcome: Outcome,
) -> Result<(), DbErr> {
    // Takes the one row that knows the end of the chain; who comes next waits here until this transaction ends.
    let ends = deployment::Entity::update_many()
        .col_expr(
            deployment::Column::AuditSeq,
            Expr::col(deployment::Column::AuditSeq).add(1),
        )
        .exec_with_returning(transaction)
        .await?;
    let end = ends
        .into_iter()
        .next()
        .ok_or_else(|| DbErr::RecordNotFound("deployment has no row".to_owned()))?;

    let Entry {
        tenant,
        action,
        target,
        mut detail,
    } = entry;
    clean_values(&mut detail);
    let (tenant_id, slug) = tenant.unzip();
    let mut row = audit_log::Model {
        seq: end.audit_seq,
        id: Uuid::now_v7(),
        at: Timestamp::now(),
        tenant_id,
        tenant: slug.map(str::to_owned),
        actor_kind: actor.kind.as_str().to_owned(),
        actor_id: clean(&actor.id),
        action: action.to_owned(),
        target: target.as_deref().map(clean),
        outcome: outcome.as_str().to_owned(),
        detail,
        address: actor.address.as_deref().map(clean),
        request_id: actor.request_id.as_deref().map(clean),
        prev_hash: end.audit_hash,
        hash: String::new(),
    };
    row.hash = chain::hash_of(&row).map_err(|error| DbErr::Json(error.to_string()))?;
    let hash = row.hash.clone();
    audit_log::Entity::insert(row.into_active_model())
        .exec_without_returning(transaction)
        .await?;
    deployment::Entity::update_many()
        .col_expr(deployment::Column::AuditHash, Expr::value(hash))
        .exec(transaction)
        .await?;
    Ok(())
}

/// A text that no database refuses and no reader chokes on: not too long, and without NUL, which Postgres does not
/// store. Other control characters stay; JSON escapes them wherever the log is shown.
fn clean(text: &str) -> String {
    text.chars()
        .take(TEXT_CHARS_MAX)
        .map(|char| if char == '\0' { '\u{fffd}' } else { char })
        .collect()
}

fn clean_values(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean_values),
        Value::Object(fields) => fields.values_mut().for_each(clean_values),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
