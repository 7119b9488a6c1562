//! Who is asking, and inside which tenant.

use crate::ids::{TenantId, UserId};

/// First argument of every context function: no query runs without the tenant it is for, and an id of
/// another tenant finds nothing, exactly like an id that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The website whose data may be seen.
    pub tenant_id: TenantId,
    /// The user on whose behalf the call is made.
    pub user_id: UserId,
}
