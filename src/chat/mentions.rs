//! Mentions: who is named in a message, as `@username`.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Expr, ExprTrait, IntoCondition},
};

use super::{Error, RoomKind};
use crate::{
    accounts::{USERNAME_CHARS_MAX, USERNAME_CHARS_MIN},
    entity::{TenantScoped, mention, room_member, user},
    ids::{RoomId, UserId},
    scope::Scope,
};

/// Most names in a message that are looked up.
pub const MENTIONS_MAX: usize = 20;

/// A name in a text, in lower case.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Name {
    /// As far as characters of a name go.
    whole: String,
    /// Without the dots, hyphens and underscores at the end, which may be the sentence's.
    trimmed: String,
}

/// The users whose names a text has, in the order of their ids: of the whole tenant in a public room, members
/// otherwise; never the asker. A text without `@` asks the database nothing.
pub(super) async fn resolve(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    kind: RoomKind,
    content: &str,
) -> Result<Vec<UserId>, Error> {
    let names = parse(content);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let keys: HashSet<&str> = names
        .iter()
        .flat_map(|name| [name.whole.as_str(), name.trimmed.as_str()])
        .filter(|key| is_name_length(key))
        .collect();
    let mut users = user::Entity::in_tenant(scope.tenant_id).filter(user::Column::UsernameKey.is_in(keys));
    if kind != RoomKind::Public {
        let membership = user::Relation::Memberships.def().on_condition(move |_, member| {
            Expr::col((member, room_member::Column::RoomId))
                .eq(room_id)
                .into_condition()
        });
        users = users.join(JoinType::InnerJoin, membership);
    }
    let found: HashMap<String, UserId> = users
        .select_only()
        .column(user::Column::UsernameKey)
        .column(user::Column::Id)
        .into_tuple::<(String, UserId)>()
        .all(connection)
        .await?
        .into_iter()
        .collect();
    let mut ids: Vec<UserId> = names
        .iter()
        .filter_map(|name| found.get(&name.whole).or_else(|| found.get(&name.trimmed)))
        .copied()
        .filter(|id| *id != scope.user_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Stores who is named in a message, which is stored already.
pub(super) async fn insert(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    seq: i64,
    users: &[UserId],
) -> Result<(), Error> {
    if users.is_empty() {
        return Ok(());
    }
    let rows = users.iter().map(|user_id| mention::ActiveModel {
        tenant_id: Set(scope.tenant_id),
        room_id: Set(room_id),
        seq: Set(seq),
        user_id: Set(*user_id),
    });
    mention::Entity::insert_many(rows)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// How many there are, as a message's row has it.
pub(super) fn count(users: &[UserId]) -> i64 {
    i64::try_from(users.len()).unwrap_or(i64::MAX)
}

/// Forgets who is named in a message.
pub(super) async fn delete(
    connection: &impl ConnectionTrait,
    scope: &Scope,
    room_id: RoomId,
    seq: i64,
) -> Result<(), Error> {
    mention::Entity::delete_in_tenant(scope.tenant_id)
        .filter(mention::Column::RoomId.eq(room_id))
        .filter(mention::Column::Seq.eq(seq))
        .exec(connection)
        .await?;
    Ok(())
}

/// The first [`MENTIONS_MAX`] distinct names that follow an `@` at the beginning of a word.
fn parse(content: &str) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let mut before = None;
    for (at, char) in content.char_indices() {
        let starts =
            char == '@' && !before.is_some_and(|before: char| before.is_alphanumeric() || "@_.-".contains(before));
        before = Some(char);
        if !starts {
            continue;
        }
        let rest = &content[at + 1..];
        let end = rest.find(|char| !is_name_char(char)).unwrap_or(rest.len());
        let whole = rest[..end].to_ascii_lowercase();
        let trimmed = whole.trim_end_matches(['.', '-', '_']).to_owned();
        let name = Name { whole, trimmed };
        if (is_name_length(&name.whole) || is_name_length(&name.trimmed)) && !names.contains(&name) {
            names.push(name);
            if names.len() == MENTIONS_MAX {
                break;
            }
        }
    }
    names
}

const fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-')
}

fn is_name_length(name: &str) -> bool {
    (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(content: &str) -> Vec<String> {
        parse(content).into_iter().map(|name| name.trimmed).collect()
    }

    #[test]
    fn names_follow_an_at_sign_at_the_beginning_of_a_word() {
        for (content, found) in [
            ("@alice", vec!["alice"]),
            ("hello @Alice, @BOB!", vec!["alice", "bob"]),
            ("(@alice) \u{201e}@bob\u{201c} @caf\u{e9}", vec!["alice", "bob", "caf"]),
            ("ask @alice. Or @bob...", vec!["alice", "bob"]),
            ("@a.b-c_d", vec!["a.b-c_d"]),
            ("@alice @ALICE @alice", vec!["alice"]),
            ("alice@example.com, \u{e9}@alice, @@alice, a.@alice", vec![]),
            ("@", vec![]),
            ("@al @.. @", vec![]),
            ("no name at all", vec![]),
        ] {
            assert_eq!(names(content), found, "{content}");
        }
        assert_eq!(names(&format!("@{}", "a".repeat(32))).len(), 1);
        assert_eq!(names(&format!("@{}", "a".repeat(33))).len(), 0);
        let crowd: String = (0..100).map(|number| format!("@user{number} ")).collect();
        assert_eq!(names(&crowd).len(), MENTIONS_MAX);
    }

    #[test]
    fn a_dot_at_the_end_may_be_the_names_or_the_sentences() {
        let parsed = parse("@dr.who.");
        assert_eq!(
            (parsed[0].whole.as_str(), parsed[0].trimmed.as_str()),
            ("dr.who.", "dr.who")
        );
    }
}
