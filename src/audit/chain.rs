//! The hash that ties each row to the row before it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::{digest::sha256_hex, entity::audit_log, ids::TenantId};

/// The hash that a row has to carry: SHA-256 over the hash of the row before and everything the row says, as JSON
/// with the fields in this order.
pub(super) fn hash_of(row: &audit_log::Model) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Hashed<'a> {
        seq: i64,
        id: uuid::Uuid,
        at: i64,
        tenant_id: Option<TenantId>,
        tenant: Option<&'a str>,
        actor_kind: &'a str,
        actor_id: &'a str,
        action: &'a str,
        target: Option<&'a str>,
        outcome: &'a str,
        detail: Canonical<'a>,
        address: Option<&'a str>,
        request_id: Option<&'a str>,
    }

    let audit_log::Model {
        seq,
        id,
        at,
        tenant_id,
        tenant,
        actor_kind,
        actor_id,
        action,
        target,
        outcome,
        detail,
        address,
        request_id,
        prev_hash,
        hash: _,
    } = row;
    let text = serde_json::to_vec(&Hashed {
        seq: *seq,
        id: *id,
        at: at.0,
        tenant_id: *tenant_id,
        tenant: tenant.as_deref(),
        actor_kind,
        actor_id,
        action,
        target: target.as_deref(),
        outcome,
        detail: Canonical::from(detail),
        address: address.as_deref(),
        request_id: request_id.as_deref(),
    })?;
    Ok(sha256_hex(&[prev_hash.as_bytes(), &text]))
}

/// JSON whose objects have their fields in one order, however a database or a library keeps them.
#[derive(Serialize)]
#[serde(untagged)]
enum Canonical<'a> {
    Object(BTreeMap<&'a str, Canonical<'a>>),
    Array(Vec<Canonical<'a>>),
    Plain(&'a Value),
}

impl<'a> From<&'a Value> for Canonical<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Object(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.into()))
                    .collect(),
            ),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            plain => Self::Plain(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::timestamp::Timestamp;

    fn row() -> audit_log::Model {
        audit_log::Model {
            seq: 1,
            id: uuid::Uuid::from_u128(7),
            at: Timestamp(8),
            tenant_id: None,
            tenant: Some("acme".to_owned()),
            actor_kind: "operator".to_owned(),
            actor_id: "operator".to_owned(),
            action: "tenant.create".to_owned(),
            target: Some("acme".to_owned()),
            outcome: "ok".to_owned(),
            detail: json!({ "name": "Acme" }),
            address: None,
            request_id: None,
            prev_hash: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn every_field_counts() {
        type Change = fn(&mut audit_log::Model);
        let changes: [Change; 14] = [
            |row| row.seq = 2,
            |row| row.id = uuid::Uuid::from_u128(8),
            |row| row.at = Timestamp(9),
            |row| row.tenant_id = Some(TenantId(uuid::Uuid::from_u128(1))),
            |row| row.tenant = None,
            |row| row.actor_kind = "cli".to_owned(),
            |row| row.actor_id = "cli".to_owned(),
            |row| row.action = "tenant.delete".to_owned(),
            |row| row.target = Some("globex".to_owned()),
            |row| row.outcome = "refused".to_owned(),
            |row| row.detail = json!({ "name": "Acme Inc." }),
            |row| row.address = Some("127.0.0.1".to_owned()),
            |row| row.request_id = Some("1".to_owned()),
            |row| row.prev_hash = "0".to_owned(),
        ];
        let genuine = hash_of(&row()).unwrap();
        assert_eq!(genuine.len(), 64);
        for (number, change) in changes.iter().enumerate() {
            let mut changed = row();
            change(&mut changed);
            assert_ne!(hash_of(&changed).unwrap(), genuine, "change {number}");
        }
    }

    #[test]
    fn the_order_of_fields_does_not() {
        let mut one = row();
        one.detail = serde_json::from_str(r#"{"b":[{"y":1,"x":2}],"a":null}"#).unwrap();
        let mut other = row();
        other.detail = serde_json::from_str(r#"{"a":null,"b":[{"x":2,"y":1}]}"#).unwrap();
        assert_eq!(hash_of(&one).unwrap(), hash_of(&other).unwrap());
    }
}
