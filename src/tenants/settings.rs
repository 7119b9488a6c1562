//! What a tenant's administrators can choose.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::origins::{AllowedOrigins, ORIGIN_RULE};
use crate::{
    chat::CONTENT_CHARS_MAX,
    config::Cap,
    validation::{Violations, given},
};

/// Most origins a tenant can list.
pub const ORIGINS_MAX: usize = 100;

/// Most days that a tenant can have its messages kept for; without a number they are kept for good.
pub const RETENTION_DAYS_MAX: u32 = 36_500;

/// Most bytes of an upload that a tenant can allow.
pub const UPLOAD_BYTES_MAX: u64 = 100 * 1024 * 1024;

/// What a tenant's administrators can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// Origins of pages that may use the chat (`https://example.com`, `https://*.example.com` for one label more);
    /// `null` for what the deployment allows.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether pages without an origin of their own, sandboxed ones and files, may use the chat: they send `null`.
    pub allow_null_origin: bool,
    /// Whether sockets need an `Origin`; programs that are no browsers send none.
    pub require_origin: bool,
    /// Whether rooms are told who comes and goes (`user_joined`, `user_left`), besides presence.
    pub announce_joins: bool,
    /// How long authors may edit and delete their messages, in seconds; `null` for ever.
    pub edit_window_s: Option<u64>,
    /// Whether people may register with a username and a password.
    pub registration: bool,
    /// Whether visitors may come as guests, without any account.
    pub guests: bool,
    /// Whether a user whom the website vouches for may take over what they wrote as a guest.
    pub guest_claims: bool,
    /// Who may create rooms.
    pub room_creation: RoomCreation,
    /// Whether each page of the website can have a room of its own, which the first who has something to say opens.
    pub page_rooms: bool,
    /// Whom users find in the list of users. Guests find those they share a room with, whatever this says.
    pub user_directory: UserDirectory,
    /// Most characters of a message, 1 to 2000.
    pub message_chars_max: u32,
    /// Most bytes of a file that is sent with a message, up to 104857600, and to what the deployment allows
    /// (`uploads.bytes_max`); 0 where none can be sent.
    pub upload_bytes_max: u64,
    /// Whether rooms are told who is present.
    pub presence: bool,
    /// After how many days messages are deleted, 1 to 36500; `null` for never.
    pub retention_days: Option<u32>,
    /// Parts of the chat that can be left out.
    pub features: Features,
}

/// Who may create rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomCreation {
    /// All users, guests too.
    Everyone,
    /// All users but guests.
    #[default]
    Members,
    /// The website's backend and administrators.
    Server,
}

/// Whom users find in the list of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserDirectory {
    /// All users of the tenant.
    #[default]
    Everyone,
    /// Those who are in a room with them.
    SharedRooms,
}

/// Parts of the chat that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Reactions to messages.
    pub reactions: bool,
    /// Threads.
    pub threads: bool,
    /// Direct conversations.
    pub direct_messages: bool,
    /// Typing notices.
    pub typing: bool,
    /// Marking how far one has read, and telling others.
    pub read_marks: bool,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            allowed_origins: None,
            allow_null_origin: false,
            require_origin: false,
            announce_joins: false,
            edit_window_s: None,
            registration: true,
            guests: false,
            guest_claims: false,
            room_creation: RoomCreation::default(),
            page_rooms: false,
            user_directory: UserDirectory::default(),
            message_chars_max: 2000,
            upload_bytes_max: 0,
            presence: true,
            retention_days: None,
            features: Features::default(),
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            reactions: true,
            threads: true,
            direct_messages: true,
            typing: true,
            read_marks: true,
        }
    }
}

impl TenantSettings {
    /// The largest upload to this tenant in bytes; 0 where there can be none.
    pub fn upload_bytes(&self, deployments: Cap<usize>) -> usize {
        let own = usize::try_from(self.upload_bytes_max).unwrap_or(usize::MAX);
        own.min(deployments.or_max())
    }

    /// Whether these settings can be.
    pub(super) fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        let origins = self.allowed_origins.as_deref().unwrap_or_default();
        if origins.len() > ORIGINS_MAX {
            violations.add("allowed_origins", format!("must be at most {ORIGINS_MAX}"));
        }
        if AllowedOrigins::parse(origins).is_err() {
            violations.add("allowed_origins", ORIGIN_RULE);
        }
        if !(1..=CONTENT_CHARS_MAX).contains(&(self.message_chars_max as usize)) {
            violations.add("message_chars_max", format!("must be 1 to {CONTENT_CHARS_MAX}"));
        }
        if self.upload_bytes_max > UPLOAD_BYTES_MAX {
            violations.add("upload_bytes_max", format!("must be at most {UPLOAD_BYTES_MAX}"));
        }
        if self
            .retention_days
            .is_some_and(|days| !(1..=RETENTION_DAYS_MAX).contains(&days))
        {
            violations.add("retention_days", format!("must be 1 to {RETENTION_DAYS_MAX}"));
        }
        violations.into_result()
    }
}

/// What is to change about a tenant's settings; what is missing stays, and `null` takes a value away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsPatch {
    /// As [`TenantSettings::allowed_origins`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub allowed_origins: Option<Option<Vec<String>>>,
    /// As [`TenantSettings::allow_null_origin`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub allow_null_origin: Option<bool>,
    /// As [`TenantSettings::require_origin`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub require_origin: Option<bool>,
    /// As [`TenantSettings::announce_joins`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub announce_joins: Option<bool>,
    /// As [`TenantSettings::edit_window_s`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub edit_window_s: Option<Option<u64>>,
    /// As [`TenantSettings::registration`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub registration: Option<bool>,
    /// As [`TenantSettings::guests`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub guests: Option<bool>,
    /// As [`TenantSettings::guest_claims`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub guest_claims: Option<bool>,
    /// As [`TenantSettings::room_creation`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub room_creation: Option<RoomCreation>,
    /// As [`TenantSettings::page_rooms`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub page_rooms: Option<bool>,
    /// As [`TenantSettings::user_directory`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub user_directory: Option<UserDirectory>,
    /// As [`TenantSettings::message_chars_max`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub message_chars_max: Option<u32>,
    /// As [`TenantSettings::upload_bytes_max`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub upload_bytes_max: Option<u64>,
    /// As [`TenantSettings::presence`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub presence: Option<bool>,
    /// As [`TenantSettings::retention_days`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<Option<u32>>,
    /// Those that are to change.
    #[serde(skip_serializing_if = "FeaturesPatch::is_empty")]
    pub features: FeaturesPatch,
}

/// Which features are to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeaturesPatch {
    /// As [`Features::reactions`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub reactions: Option<bool>,
    /// As [`Features::threads`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub threads: Option<bool>,
    /// As [`Features::direct_messages`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub direct_messages: Option<bool>,
    /// As [`Features::typing`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub typing: Option<bool>,
    /// As [`Features::read_marks`].
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub read_marks: Option<bool>,
}

impl FeaturesPatch {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SettingsPatch {
    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The settings with the change.
    pub(super) fn apply(self, before: TenantSettings) -> TenantSettings {
        TenantSettings {
            allowed_origins: self.allowed_origins.unwrap_or(before.allowed_origins),
            allow_null_origin: self.allow_null_origin.unwrap_or(before.allow_null_origin),
            require_origin: self.require_origin.unwrap_or(before.require_origin),
            announce_joins: self.announce_joins.unwrap_or(before.announce_joins),
            edit_window_s: self.edit_window_s.unwrap_or(before.edit_window_s),
            registration: self.registration.unwrap_or(before.registration),
            guests: self.guests.unwrap_or(before.guests),
            guest_claims: self.guest_claims.unwrap_or(before.guest_claims),
            room_creation: self.room_creation.unwrap_or(before.room_creation),
            page_rooms: self.page_rooms.unwrap_or(before.page_rooms),
            user_directory: self.user_directory.unwrap_or(before.user_directory),
            message_chars_max: self.message_chars_max.unwrap_or(before.message_chars_max),
            upload_bytes_max: self.upload_bytes_max.unwrap_or(before.upload_bytes_max),
            presence: self.presence.unwrap_or(before.presence),
            retention_days: self.retention_days.unwrap_or(before.retention_days),
            features: self.features.apply(before.features),
        }
    }
}

impl FeaturesPatch {
    fn apply(self, before: Features) -> Features {
        Features {
            reactions: self.reactions.unwrap_or(before.reactions),
            threads: self.threads.unwrap_or(before.threads),
            direct_messages: self.direct_messages.unwrap_or(before.direct_messages),
            typing: self.typing.unwrap_or(before.typing),
            read_marks: self.read_marks.unwrap_or(before.read_marks),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    fn patched(patch: Value) -> Value {
        let patch: SettingsPatch = serde_json::from_value(patch).unwrap();
        json!(patch.apply(TenantSettings::default()))
    }

    fn problems(patch: Value) -> Value {
        let patch: SettingsPatch = serde_json::from_value(patch).unwrap();
        json!(patch.apply(TenantSettings::default()).check().err())
    }

    #[test]
    fn settings_of_an_older_version_have_the_defaults_for_what_is_new() {
        let old = json!({ "allowed_origins": null, "announce_joins": true, "edit_window_s": 600 });
        let read: TenantSettings = serde_json::from_value(old).unwrap();
        let expected = TenantSettings {
            announce_joins: true,
            edit_window_s: Some(600),
            ..TenantSettings::default()
        };
        assert_eq!(read, expected);
        assert_eq!(
            serde_json::from_value::<TenantSettings>(json!({})).unwrap().check(),
            Ok(())
        );
    }

    #[test]
    fn a_patch_changes_every_setting_that_it_names_and_no_other() {
        let defaults = json!(TenantSettings::default());
        assert_eq!(patched(json!({})), defaults);
        let all = json!({
            "allowed_origins": ["https://site.com"], "allow_null_origin": true, "require_origin": true, "announce_joins": true,
            "edit_window_s": 60, "registration": false, "guests": true, "guest_claims": true, "room_creation": "server",
            "page_rooms": true, "user_directory": "shared_rooms", "message_chars_max": 500, "upload_bytes_max": 5000, "presence": false,
            "retention_days": 30,
            "features": {
                "reactions": false, "threads": false, "direct_messages": false, "typing": false, "read_marks": false,
            },
        });
        assert_eq!(patched(all.clone()), all);
        for (name, value) in all.as_object().unwrap() {
            let mut expected = defaults.clone();
            expected[name] = value.clone();
            assert_eq!(patched(json!({ name: value })), expected, "{name}");
        }
        let mut expected = defaults.clone();
        expected["features"]["typing"] = json!(false);
        assert_eq!(patched(json!({ "features": { "typing": false } })), expected);
    }

    #[test]
    fn null_takes_away_what_can_be_missing() {
        let before = TenantSettings {
            allowed_origins: Some(Vec::new()),
            edit_window_s: Some(5),
            retention_days: Some(5),
            ..TenantSettings::default()
        };
        let patch = json!({ "allowed_origins": null, "edit_window_s": null, "retention_days": null });
        let patch: SettingsPatch = serde_json::from_value(patch).unwrap();
        assert_eq!(patch.apply(before), TenantSettings::default());
        for other in ["presence", "message_chars_max", "features", "room_creation"] {
            assert!(
                serde_json::from_value::<SettingsPatch>(json!({ other: null })).is_err(),
                "{other}"
            );
        }
        assert!(serde_json::from_value::<SettingsPatch>(json!({ "slug": "other" })).is_err());
        assert!(serde_json::from_value::<SettingsPatch>(json!({ "features": { "calls": true } })).is_err());
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        let fine = json!({
            "allowed_origins": [], "message_chars_max": 2000, "retention_days": RETENTION_DAYS_MAX, "edit_window_s": 0,
        });
        assert_eq!(problems(fine), Value::Null);
        assert_eq!(
            problems(json!({ "message_chars_max": 0, "upload_bytes_max": UPLOAD_BYTES_MAX + 1, "retention_days": 0 })),
            json!({
                "message_chars_max": ["must be 1 to 2000"],
                "upload_bytes_max": ["must be at most 104857600"],
                "retention_days": ["must be 1 to 36500"],
            })
        );
        assert_eq!(
            problems(json!({ "message_chars_max": 2001 })),
            json!({ "message_chars_max": ["must be 1 to 2000"] })
        );
        assert_eq!(
            problems(json!({ "allowed_origins": ["https://site.com", "site.com"] })),
            json!({ "allowed_origins": [ORIGIN_RULE] })
        );
        let many: Vec<_> = (0..=ORIGINS_MAX)
            .map(|number| format!("https://{number}.site.com"))
            .collect();
        assert_eq!(
            problems(json!({ "allowed_origins": many })),
            json!({ "allowed_origins": ["must be at most 100"] })
        );
    }
}
