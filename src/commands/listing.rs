//! What commands that list have in common.

use serde::Serialize;

use super::CommandError;
use crate::page::{PAGE_LIMIT_MAX, Page, PageRequest};

/// Goes through a list, page by page.
pub(super) async fn for_each<T>(
    mut list: impl AsyncFnMut(&PageRequest) -> Result<Page<T>, CommandError>,
    mut print: impl FnMut(&T) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut request = PageRequest {
        limit: PAGE_LIMIT_MAX,
        cursor: None,
    };
    loop {
        let page = list(&request).await?;
        page.items.iter().try_for_each(&mut print)?;
        if page.next_cursor.is_none() {
            return Ok(());
        }
        request.cursor = page.next_cursor;
    }
}

/// The word that something is called by over the API, too.
pub(super) fn word(value: impl Serialize) -> Result<String, CommandError> {
    let value = serde_json::to_value(value)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}
