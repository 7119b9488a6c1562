//! Violations of input rules, by field: what becomes `{"errors":{"field":["…"]}}` on every transport. And how fields
//! that may be left out are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Fields and what is wrong with each. Empty means the input is fine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Violations(BTreeMap<String, Vec<String>>);

impl Violations {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// One violation of one field.
    pub fn of(field: &str, message: impl Into<String>) -> Self {
        let mut violations = Self::new();
        violations.add(field, message);
        violations
    }

    /// Notes that `field` breaks a rule; `message` says which, without repeating the field's name.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.entry(field.to_owned()).or_default().push(message.into());
    }

    /// Notes what others found as well.
    pub fn merge(&mut self, others: Self) {
        for (field, mut messages) in others.0 {
            self.0.entry(field).or_default().append(&mut messages);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` when nothing is wrong, else the violations as the error.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// For `deserialize_with`: tells a field that is `null` from one that is missing (`default`).
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
