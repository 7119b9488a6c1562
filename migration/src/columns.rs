//! Kinds of columns that all tables are made of.

use sea_orm_migration::prelude::*;

/// An id.
pub(crate) fn uuid(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).uuid().not_null().take()
}

/// A text.
pub(crate) fn text(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().not_null().take()
}

/// A text that may be missing.
pub(crate) fn optional_text(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).text().null().take()
}

/// A number, or microseconds since 1970.
pub(crate) fn bigint(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().not_null().take()
}

/// The same, where it may be missing.
pub(crate) fn optional_bigint(column: impl IntoIden) -> ColumnDef {
    ColumnDef::new(column).big_integer().null().take()
}
