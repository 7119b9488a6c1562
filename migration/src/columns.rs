//! Kinds of columns that all tables are made of, and how tables get and lose them.

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

/// One column a statement: SQLite adds no two at once.
pub(crate) async fn add_columns(
    manager: &SchemaManager<'_>,
    table: impl IntoTableRef,
    columns: Vec<ColumnDef>,
) -> Result<(), DbErr> {
    let table = table.into_table_ref();
    for column in columns {
        manager
            .alter_table(Table::alter().table(table.clone()).add_column(column).to_owned())
            .await?;
    }
    Ok(())
}

/// As above, backwards.
pub(crate) async fn drop_columns(
    manager: &SchemaManager<'_>,
    table: impl IntoTableRef,
    columns: Vec<ColumnDef>,
) -> Result<(), DbErr> {
    let table = table.into_table_ref();
    for column in columns.into_iter().rev() {
        manager
            .alter_table(
                Table::alter()
                    .table(table.clone())
                    .drop_column(Alias::new(column.get_column_name()))
                    .to_owned(),
            )
            .await?;
    }
    Ok(())
}
