//! Whose socket it is.

use std::{sync::Arc, time::Instant};

use crate::{
    accounts::Claims,
    chat::UserRef,
    realtime::{Sender, revocations::Credential},
    scope::Scope,
    tenants::Tenant,
    web::identity::Identity,
};

/// Of an [`Identity`] what is needed for as long as a socket is open, and no more: there are many sockets.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The user's tenant.
    pub tenant: Arc<Tenant>,
    /// The user, as others see them; shared with those who show who is present.
    pub user: Arc<UserRef>,
    /// What the token says.
    pub claims: Claims,
    /// When its verification began.
    pub verified_at: Instant,
}

impl Holder {
    /// The scope that context functions take.
    pub fn scope(&self) -> Scope {
        self.claims.scope()
    }

    /// What the socket stands on.
    pub fn credential(&self) -> Credential {
        Credential::new(&self.claims, self.verified_at)
    }

    /// The author of messages.
    pub fn sender(&self) -> Sender {
        Sender {
            scope: self.scope(),
            user: UserRef::clone(&self.user),
            tenant: Arc::clone(&self.tenant),
        }
    }
}

impl From<Identity> for Holder {
    fn from(identity: Identity) -> Self {
        Self {
            user: Arc::new((&*identity.user).into()),
            tenant: identity.tenant,
            claims: identity.claims,
            verified_at: identity.verified_at,
        }
    }
}
