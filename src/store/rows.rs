//! Many rows in one statement, whose text does not grow with them.
//!
//! A statement that is new is parsed and planned; one that was seen before is only run. So on Postgres rows are given as
//! one array for each column, and the text is always the same. SQLite has no arrays: there the text has room for 1, 2,
//! 4, 8, … rows, and what is left over stays empty.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Statement, Value,
    sea_query::{ArrayType, Expr, ValueType as _},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// What a column of [`Rows`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Uuid,
    /// A whole number.
    BigInt,
    /// Yes or no.
    Bool,
    /// A text.
    Text,
}

impl Kind {
    /// The type of a Postgres array of these.
    const fn array(self) -> &'static str {
        match self {
            Self::Uuid => "uuid[]",
            Self::BigInt => "bigint[]",
            Self::Bool => "boolean[]",
            Self::Text => "text[]",
        }
    }

    fn array_type(self) -> ArrayType {
        match self {
            Self::Uuid => Uuid::array_type(),
            Self::BigInt => i64::array_type(),
            Self::Bool => bool::array_type(),
            Self::Text => String::array_type(),
        }
    }

    /// What stands for nothing: the value, and how a Postgres statement writes it.
    fn nothing(self) -> (Value, &'static str) {
        match self {
            Self::Uuid => (Uuid::nil().into(), nil(DbBackend::Postgres)),
            Self::BigInt => (0_i64.into(), "0::bigint"),
            Self::Bool => (false.into(), "false"),
            Self::Text => ("".into(), "''::text"),
        }
    }

    const fn null(self) -> Value {
        match self {
            Self::Uuid => Value::Uuid(None),
            Self::BigInt => Value::BigInt(None),
            Self::Bool => Value::Bool(None),
            Self::Text => Value::String(None),
        }
    }
}

/// Rows that a statement is about, under the name `given`. No value is null: what is not there has to be told by a value
/// that nothing has, an empty text or [`Uuid::nil`].
#[derive(Debug)]
pub struct Rows<const N: usize> {
    columns: [(&'static str, Kind); N],
    /// How many of them, the first ones, are not seldom filled.
    common: usize,
    rows: Vec<[Value; N]>,
}

impl<const N: usize> Rows<N> {
    /// No rows yet, of these columns.
    pub const fn new(columns: [(&'static str, Kind); N]) -> Self {
        Self {
            columns,
            common: N,
            rows: Vec::new(),
        }
    }

    /// The same, where the last `count` columns are seldom filled, the last one least: mostly all rows have an empty text
    /// there, [`Uuid::nil`], 0 or `false`. Postgres is not given those from which on all rows have nothing; for each number
    /// of columns that are left, the statement has a text of its own.
    pub const fn with_rare(mut self, count: usize) -> Self {
        self.common = N.saturating_sub(count);
        self
    }

    /// One row more, of values of the columns' kinds.
    pub fn push(&mut self, row: [Value; N]) {
        self.rows.push(row);
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A statement about them. `body` is what follows the table expression that names them: `SELECT … FROM given`.
    pub fn statement(self, backend: DbBackend, body: &str) -> Statement {
        let names = self.columns.map(|(name, _)| name).join(", ");
        let (rows, values) = match backend {
            DbBackend::Sqlite => self.into_values(),
            _ => self.into_arrays(),
        };
        Statement::from_sql_and_values(backend, format!("WITH given({names}) AS ({rows}) {body}"), values)
    }

    /// The rows of a query about them, `SELECT columns from`, where `from` is what follows the columns.
    ///
    /// They come as one row, in JSON: on SQLite each row of a result goes from one thread to another by itself, which
    /// takes longer than finding it. Columns have to be what JSON knows: ids as [`id_text`], and 0 and 1 instead of truth.
    ///
    /// # Errors
    /// The database's; [`DbErr::Json`] when a row is no `T`.
    pub async fn query<T: DeserializeOwned>(
        self,
        connection: &impl ConnectionTrait,
        columns: &str,
        from: &str,
    ) -> Result<Vec<T>, DbErr> {
        let backend = connection.get_database_backend();
        let (list, row) = match backend {
            DbBackend::Sqlite => ("json_group_array", "json_array"),
            _ => ("json_agg", "json_build_array"),
        };
        let body = format!("SELECT CAST({list}({row}({columns})) AS text) {from}");
        let found = connection.query_one_raw(self.statement(backend, &body)).await?;
        // A list of nothing is null on Postgres.
        let list: Option<String> = found.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        list.map_or_else(
            || Ok(Vec::new()),
            |list| serde_json::from_str(&list).map_err(|error| DbErr::Json(error.to_string())),
        )
    }

    fn into_arrays(self) -> (String, Vec<Value>) {
        let kinds = self.columns.map(|(_, kind)| kind);
        let nothing = kinds.map(Kind::nothing);
        let filled = |row: &[Value; N]| {
            let last = row.iter().zip(&nothing).rposition(|(value, (none, _))| value != none);
            last.map_or(0, |last| last + 1)
        };
        let given = self.rows.iter().map(filled).fold(self.common, usize::max);
        let mut arrays: Vec<Vec<Value>> = (0..given).map(|_| Vec::with_capacity(self.rows.len())).collect();
        for row in self.rows {
            for (array, value) in arrays.iter_mut().zip(row) {
                array.push(value);
            }
        }
        let placeholders: Vec<String> = (1..)
            .zip(&kinds[..given])
            .map(|(number, kind)| format!("${number}::{}", kind.array()))
            .collect();
        let columns: String = nothing[given..].iter().flat_map(|(_, text)| [", ", text]).collect();
        let values = kinds
            .into_iter()
            .zip(arrays)
            .map(|(kind, array)| Value::Array(kind.array_type(), Some(Box::new(array))))
            .collect();
        (
            format!("SELECT *{columns} FROM unnest({})", placeholders.join(", ")),
            values,
        )
    }

    fn into_values(self) -> (String, Vec<Value>) {
        let places = self.rows.len().next_power_of_two();
        let row = format!("({})", vec!["?"; N].join(", "));
        let mut values = Vec::with_capacity(places * N);
        let empty = places - self.rows.len();
        values.extend(self.rows.into_iter().flatten());
        for _ in 0..empty {
            values.extend(self.columns.map(|(_, kind)| kind.null()));
        }
        let rows = vec![row; places].join(", ");
        (
            format!("SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL"),
            values,
        )
    }
}

/// The id that stands for none, as a statement writes it.
pub const fn nil(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "zeroblob(16)",
        _ => "'00000000-0000-0000-0000-000000000000'::uuid",
    }
}

/// An id, or none, as text: for JSON, which knows no ids.
pub fn id_text(backend: DbBackend, column: &str) -> Expr {
    Expr::cust(match backend {
        // Of none there would be an empty text.
        DbBackend::Sqlite => format!("nullif(hex({column}), '')"),
        _ => format!("{column}::text"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: i64) -> Rows<2> {
        let mut rows = Rows::new([("number", Kind::BigInt), ("name", Kind::Text)]);
        for number in 0..count {
            rows.push([number.into(), number.to_string().into()]);
        }
        rows
    }

    #[test]
    fn the_text_for_postgres_is_the_same_for_any_number_of_rows() {
        let body = "SELECT name FROM given";
        let few = rows(1).statement(DbBackend::Postgres, body);
        assert_eq!(
            few.sql,
            "WITH given(number, name) AS (SELECT * FROM unnest($1::bigint[], $2::text[])) SELECT name FROM given"
        );
        assert_eq!(few.sql, rows(300).statement(DbBackend::Postgres, body).sql);
    }

    #[test]
    fn postgres_is_not_given_what_is_nothing_in_all_rows_to_the_end() {
        let columns = [
            ("name", Kind::Text),
            ("of", Kind::Uuid),
            ("count", Kind::BigInt),
            ("is", Kind::Bool),
        ];
        let statement = |counts: [i64; 2]| {
            let mut rows = Rows::new(columns).with_rare(3);
            for count in counts {
                rows.push(["a".into(), Uuid::nil().into(), count.into(), false.into()]);
            }
            rows.statement(DbBackend::Postgres, "SELECT 1")
        };
        let plain = statement([0, 0]);
        assert_eq!(
            plain.sql,
            "WITH given(name, of, count, is) AS (SELECT *, '00000000-0000-0000-0000-000000000000'::uuid, 0::bigint, false \
             FROM unnest($1::text[])) SELECT 1"
        );
        assert_eq!(plain.values.map(|values| values.0.len()), Some(1));
        let counted = statement([0, 7]);
        assert_eq!(
            counted.values.map(|values| values.0.len()),
            Some(3),
            "what is before it is given as well"
        );
    }

    #[test]
    fn the_texts_for_sqlite_are_few() {
        let texts: std::collections::HashSet<String> = (1..=256)
            .map(|count| rows(count).statement(DbBackend::Sqlite, "SELECT 1").sql)
            .collect();
        assert_eq!(texts.len(), 9);
        let three = rows(3).statement(DbBackend::Sqlite, "SELECT 1");
        assert_eq!(three.sql.matches("(?, ?)").count(), 4);
        assert_eq!(three.values.map(|values| values.0.len()), Some(8));
    }
}
