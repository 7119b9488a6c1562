//! Usernames: the rule for them, and those that are made for users who chose none.

use deunicode::deunicode;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, SqlErr,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::Error;
use crate::{
    entity::{TenantScoped, user},
    validation::Violations,
};

/// Fewest characters of a username.
pub const USERNAME_CHARS_MIN: usize = 3;

/// Most characters of a username.
pub const USERNAME_CHARS_MAX: usize = 32;

/// What is wrong with a username that somebody has.
pub(super) const USERNAME_TAKEN: &str = "has already been taken";

/// Random digits behind a name that is taken. Eight are found free at the first try or two, however many there are.
const SUFFIX_DIGITS: usize = 8;

/// How often a name is made up before something else must be wrong.
const TRIES: usize = 8;

/// Whether text is a username: [`USERNAME_CHARS_MIN`] to [`USERNAME_CHARS_MAX`] ASCII letters, digits and `_ . -`.
pub(super) fn is_username(text: &str) -> bool {
    (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&text.len()) && text.chars().all(is_username_char)
}

/// Notes what is wrong with a username that somebody chose.
pub(super) fn check(violations: &mut Violations, username: &str) {
    if !is_username(username) {
        violations.add(
            "username",
            format!(
                "must be {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} letters, digits, underscores, dots or hyphens"
            ),
        );
    }
}

fn is_username_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_.-".contains(char)
}

/// How somebody with a name to show may be called, in ASCII as well as it goes; `None` when too little of the name is
/// left.
pub(super) fn from_name(name: &str) -> Option<String> {
    let spaced: String = deunicode(name)
        .trim()
        .chars()
        .map(|char| if char.is_whitespace() { '-' } else { char })
        .filter(|char| is_username_char(*char))
        .take(USERNAME_CHARS_MAX)
        .collect();
    let trimmed = spaced.trim_matches(|char| "_.-".contains(char));
    is_username(trimmed).then(|| trimmed.to_owned())
}

/// Inserts a user under the first name that is free: `wanted`, else `word` (or what is wanted) with random digits.
/// `None` when there is a user already with its external id or guest key.
pub(super) async fn insert_named(
    transaction: &DatabaseTransaction,
    mut row: user::Model,
    wanted: Option<&str>,
    word: &str,
) -> Result<Option<user::Model>, Error> {
    let stem: String = wanted
        .unwrap_or(word)
        .chars()
        .take(USERNAME_CHARS_MAX - SUFFIX_DIGITS - 1)
        .collect();
    for name in wanted
        .map(str::to_owned)
        .into_iter()
        .chain((0..TRIES).map(|_| with_digits(&stem)))
    {
        row.username_key = name.to_ascii_lowercase();
        row.username = name;
        let inserted = user::Entity::insert(row.clone().into_active_model())
            // Whichever of its names is taken: a violation would end the transaction.
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
        if inserted == 1 {
            return Ok(Some(row));
        }
        let namesake = user::Entity::in_tenant(row.tenant_id)
            .filter(user::Column::UsernameKey.eq(row.username_key.as_str()))
            .one(transaction)
            .await?;
        if namesake.is_none_or(|namesake| namesake.external_id.is_some() && namesake.external_id == row.external_id) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Gives a user another username.
///
/// # Errors
/// [`Error::Invalid`] when it is somebody else's.
pub(super) async fn rename(
    transaction: &DatabaseTransaction,
    user: &mut user::Model,
    username: String,
) -> Result<(), Error> {
    let key = username.to_ascii_lowercase();
    let renamed = user::Entity::update_in_tenant(user.tenant_id)
        .filter(user::Column::Id.eq(user.id))
        .col_expr(user::Column::Username, Expr::value(username.as_str()))
        .col_expr(user::Column::UsernameKey, Expr::value(key.as_str()))
        .exec(transaction)
        .await;
    match renamed {
        Ok(_) => {}
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Err(Violations::of("username", USERNAME_TAKEN).into());
        }
        Err(error) => return Err(error.into()),
    }
    (user.username, user.username_key) = (username, key);
    Ok(())
}

fn with_digits(stem: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("{stem}-{}", &random[..SUFFIX_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_made_of_what_a_name_has() {
        for (name, username) in [
            ("Zoë Müller", Some("Zoe-Muller")),
            ("  Ann  ", Some("Ann")),
            ("O'Neil <b>", Some("ONeil-b")),
            ("王小明", Some("Wang-Xiao-Ming")),
            ("\u{2062}\u{2062}\u{2062}", None),
            ("Al", None),
            ("--a--", None),
        ] {
            assert_eq!(from_name(name).as_deref(), username, "{name}");
        }
        let long = from_name(&"x".repeat(80)).unwrap_or_default();
        assert_eq!(long.len(), USERNAME_CHARS_MAX);
        assert!(is_username(&with_digits(
            &"x".repeat(USERNAME_CHARS_MAX - SUFFIX_DIGITS - 1)
        )));
    }
}
