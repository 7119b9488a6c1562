//! `limits.*`: how often and how much, for all tenants and for a single one.
//!
//! One table makes the deployment's settings, what a tenant may have of its own, and the names that code, answers,
//! logs and metrics use.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use super::validate::NO_CAP_OF_ZERO;
use super::{Cap, RateLimit, Settings};
use crate::validation::Violations;

/// What a cap looks like in the description of the API.
fn cap_schema() -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let off = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["off"]));
    OneOfBuilder::new().item(number).item(off).into()
}

macro_rules! limits {
    (
        tenant { $($(#[doc = $doc:literal])+ $rate:ident: $limit:ident,)+ }
        server { $($(#[doc = $server_doc:literal])+ $server_rate:ident: $server_limit:ident,)+ }
    ) => {
        /// `limits.*`: events of one key in a period, over which the answer is "rate limited" with the time to wait;
        /// and how much there may be of something.
        #[derive(Clone, Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct LimitSettings {
            $($(#[doc = $doc])+ pub $rate: RateLimit,)+
            $($(#[doc = $server_doc])+ pub $server_rate: RateLimit,)+
            /// Rooms of one tenant, direct conversations not counted.
            pub rooms_max: Cap<u64>,
            /// Members of one room.
            pub members_per_room_max: Cap<u64>,
            /// Bytes of all uploads of one tenant.
            pub upload_bytes_per_tenant_max: Cap<u64>,
        }

        /// The limits of one tenant, by the names of the deployment's: what is missing is as in the settings.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct TenantLimits {
            /// Whether the tenant's limits are only tried: what would be refused passes, is counted and logged. The
            /// limits on signing in hold all the same, and so do the caps on sizes.
            pub dry_run: bool,
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<String>, example = "10/5s")]
                pub $rate: Option<RateLimit>,
            )+
            /// Rooms of the tenant, direct conversations not counted.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub rooms_max: Option<Cap<u64>>,
            /// Members of one room.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub members_per_room_max: Option<Cap<u64>>,
            /// Bytes of all uploads of the tenant.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub upload_bytes_per_tenant_max: Option<Cap<u64>>,
            /// Sockets of the tenant.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub connections_per_tenant_max: Option<Cap<usize>>,
            /// Sockets of the tenant from one address.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub connections_per_address_max: Option<Cap<usize>>,
            /// Sockets of one user.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub connections_per_user_max: Option<Cap<usize>>,
            /// Largest body of a REST request in bytes; at most the server's.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub body_bytes_max: Option<Cap<usize>>,
            /// Largest frame, and largest message of several frames, from a client in bytes; at most the server's.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(schema_with = cap_schema, required = false)]
            pub frame_bytes_max: Option<Cap<usize>>,
        }

        /// A rate limit, by its name under `limits`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Limit {
            $($(#[doc = $doc])+ $limit,)+
            $($(#[doc = $server_doc])+ $server_limit,)+
        }

        impl Limit {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$limit,)+ $(Self::$server_limit,)+];

            /// The setting's name under `limits`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$limit => stringify!($rate),)+
                    $(Self::$server_limit => stringify!($server_rate),)+
                }
            }
        }

        impl LimitSettings {
            /// No limit at all.
            pub const fn off() -> Self {
                Self {
                    $($rate: RateLimit::Off,)+
                    $($server_rate: RateLimit::Off,)+
                    rooms_max: Cap::Off,
                    members_per_room_max: Cap::Off,
                    upload_bytes_per_tenant_max: Cap::Off,
                }
            }

            /// A rate limit by its name.
            pub const fn rate(&self, limit: Limit) -> RateLimit {
                match limit {
                    $(Limit::$limit => self.$rate,)+
                    $(Limit::$server_limit => self.$server_rate,)+
                }
            }
        }

        impl TenantLimits {
            /// The tenant's own rate limit of this name, if it has one. The server's are nobody's own.
            pub const fn rate(&self, limit: Limit) -> Option<RateLimit> {
                match limit {
                    $(Limit::$limit => self.$rate,)+
                    $(Limit::$server_limit => None,)+
                }
            }
        }
    };
}

limits! {
    tenant {
        /// `messages_per_user`: messages of one user, over REST and sockets together.
        messages_per_user: MessagesPerUser,
        /// `messages_per_room`: messages in one room, by everybody together.
        messages_per_room: MessagesPerRoom,
        /// `messages_per_tenant`: messages of one tenant.
        messages_per_tenant: MessagesPerTenant,
        /// `typing_per_user`: typing notices of one user.
        typing_per_user: TypingPerUser,
        /// `changes_per_user`: edits, deletions and pins of one user.
        changes_per_user: ChangesPerUser,
        /// `reactions_per_user`: reactions of one user, given or taken back.
        reactions_per_user: ReactionsPerUser,
        /// `reads_per_user`: read marks of one user.
        reads_per_user: ReadsPerUser,
        /// `joins_per_socket`: joins of one socket.
        joins_per_socket: JoinsPerSocket,
        /// `joins_per_user`: joins of all sockets of one user.
        joins_per_user: JoinsPerUser,
        /// `uploads_per_user`: uploads of one user.
        uploads_per_user: UploadsPerUser,
        /// `rooms_created_per_user`: rooms and direct conversations made by one user.
        rooms_created_per_user: RoomsCreatedPerUser,
        /// `registrations_per_address`: new accounts from one address.
        registrations_per_address: RegistrationsPerAddress,
        /// `registrations_per_tenant`: new accounts of one tenant.
        registrations_per_tenant: RegistrationsPerTenant,
        /// `guests_per_address`: new guests from one address.
        guests_per_address: GuestsPerAddress,
        /// `logins_per_account`: attempts to sign in to one account from one address.
        logins_per_account: LoginsPerAccount,
        /// `logins_per_account_anywhere`: attempts to sign in to one account, from all addresses together.
        logins_per_account_anywhere: LoginsPerAccountAnywhere,
        /// `logins_per_address`: attempts to sign in from one address.
        logins_per_address: LoginsPerAddress,
        /// `logins_per_tenant`: attempts to sign in to one tenant.
        logins_per_tenant: LoginsPerTenant,
        /// `requests_per_user`: REST requests of one user, or of one key of a site's backend.
        requests_per_user: RequestsPerUser,
        /// `requests_per_tenant`: REST requests of one tenant's users and keys.
        requests_per_tenant: RequestsPerTenant,
        /// `refusals_per_socket`: refusals by rate limits on one socket, which is closed when there are more.
        refusals_per_socket: RefusalsPerSocket,
    }
    server {
        /// `requests_per_address`: REST requests from one address, to whatever tenant.
        requests_per_address: RequestsPerAddress,
        /// `connects_per_address`: attempts to open a socket from one address.
        connects_per_address: ConnectsPerAddress,
        /// `admin_failures_per_address`: requests to the operator's routes without a good token from one address.
        admin_failures_per_address: AdminFailuresPerAddress,
    }
}

impl Limit {
    /// Whether it guards passwords: a tenant that tries its limits out must not open the door to guessing.
    pub const fn guards_passwords(self) -> bool {
        matches!(
            self,
            Self::LoginsPerAccount | Self::LoginsPerAccountAnywhere | Self::LoginsPerAddress | Self::LoginsPerTenant
        )
    }
}

impl TenantLimits {
    /// The largest body of a REST request to this tenant.
    pub fn body_bytes(&self, servers: Cap<usize>) -> Cap<usize> {
        self.body_bytes_max.unwrap_or(Cap::Off).and(servers)
    }

    /// The largest frame, or message of several, to this tenant.
    pub fn frame_bytes(&self, servers: Cap<usize>) -> Cap<usize> {
        self.frame_bytes_max.unwrap_or(Cap::Off).and(servers)
    }

    /// Checks what no type says: a cap is at least 1, and sizes are at most the server's.
    ///
    /// # Errors
    ///
    /// The violations, by the limits' names.
    pub fn check(&self, server: &Settings) -> Result<(), Violations> {
        let mut violations = Violations::new();
        for (name, is_zero) in [
            ("rooms_max", self.rooms_max == Some(Cap::Max(0))),
            ("members_per_room_max", self.members_per_room_max == Some(Cap::Max(0))),
            (
                "upload_bytes_per_tenant_max",
                self.upload_bytes_per_tenant_max == Some(Cap::Max(0)),
            ),
            (
                "connections_per_tenant_max",
                self.connections_per_tenant_max == Some(Cap::Max(0)),
            ),
            (
                "connections_per_address_max",
                self.connections_per_address_max == Some(Cap::Max(0)),
            ),
            (
                "connections_per_user_max",
                self.connections_per_user_max == Some(Cap::Max(0)),
            ),
            ("body_bytes_max", self.body_bytes_max == Some(Cap::Max(0))),
            ("frame_bytes_max", self.frame_bytes_max == Some(Cap::Max(0))),
        ] {
            if is_zero {
                violations.add(name, NO_CAP_OF_ZERO);
            }
        }
        for (name, own, servers) in [
            ("body_bytes_max", self.body_bytes_max, server.server.body_bytes_max),
            ("frame_bytes_max", self.frame_bytes_max, server.socket.frame_bytes_max),
        ] {
            if let (Some(own), Some(max)) = (own, servers.get())
                && own.or_max() > max
            {
                violations.add(name, format!("must be at most the server's {max}"));
            }
        }
        violations.into_result()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;
    use crate::config::Sources;

    fn settings() -> Settings {
        Settings::load(&Sources::default()).unwrap().settings
    }

    fn read(limits: serde_json::Value) -> Result<TenantLimits, serde_json::Error> {
        serde_json::from_value(limits)
    }

    #[test]
    fn every_limit_has_a_name_of_its_own_and_a_default() {
        let settings = settings().limits;
        let written = serde_json::to_value(&settings).unwrap();
        for limit in Limit::ALL {
            assert_eq!(written[limit.name()], json!(settings.rate(*limit)), "{limit:?}");
            assert_ne!(settings.rate(*limit), RateLimit::Off, "{limit:?}");
            assert_eq!(LimitSettings::off().rate(*limit), RateLimit::Off, "{limit:?}");
        }
        let caps = ["rooms_max", "members_per_room_max", "upload_bytes_per_tenant_max"];
        assert_eq!(written.as_object().unwrap().len(), Limit::ALL.len() + caps.len());
    }

    #[test]
    fn a_tenant_has_what_it_was_given_and_nothing_else() {
        assert_eq!(read(json!({})).unwrap(), TenantLimits::default());
        let given = json!({
            "dry_run": true, "messages_per_user": "3/1s", "joins_per_user": "off", "rooms_max": 5, "frame_bytes_max": "off",
        });
        let limits = read(given.clone()).unwrap();
        assert_eq!(limits.rate(Limit::MessagesPerUser), Some("3/1s".parse().unwrap()));
        assert_eq!(limits.rate(Limit::JoinsPerUser), Some(RateLimit::Off));
        assert_eq!(limits.rate(Limit::TypingPerUser), None);
        assert_eq!(serde_json::to_value(&limits).unwrap(), given);
    }

    #[test]
    fn the_servers_limits_and_unknown_names_are_no_tenants() {
        for limits in [
            json!({ "connects_per_address": "off" }),
            json!({ "requests_per_address": "off" }),
            json!({ "admin_failures_per_address": "off" }),
            json!({ "connections_max": 5 }),
            json!({ "messages_per_usr": "1/1s" }),
            json!({ "messages_per_user": 5 }),
            json!({ "rooms_max": -1 }),
            json!({ "dry_run": "yes" }),
        ] {
            assert!(read(limits.clone()).is_err(), "{limits}");
        }
    }

    #[test]
    fn caps_are_at_least_one_and_sizes_at_most_the_servers() {
        let settings = settings();
        let problems = |limits| read(limits).unwrap().check(&settings).err().map(|found| json!(found));
        let max = settings.server.body_bytes_max.or_max();
        assert_eq!(
            problems(json!({ "body_bytes_max": max, "frame_bytes_max": 1024, "rooms_max": "off" })),
            None
        );
        let zero = json!([NO_CAP_OF_ZERO]);
        assert_eq!(
            problems(json!({ "rooms_max": 0, "connections_per_user_max": 0, "frame_bytes_max": 0 })),
            Some(json!({ "rooms_max": zero, "connections_per_user_max": zero, "frame_bytes_max": zero }))
        );
        let over = json!([format!("must be at most the server's {max}")]);
        assert_eq!(
            problems(json!({ "body_bytes_max": max + 1, "frame_bytes_max": "off" })),
            Some(json!({ "body_bytes_max": over, "frame_bytes_max": over }))
        );
    }
}
