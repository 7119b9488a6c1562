//! Layers: defaults, then the settings file, then the environment, then flags.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider};
use secrecy::ExposeSecret;

use super::{LimitSettings, Settings, secret, split_list, validate};

/// The defaults, which are the manual too.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");

/// Name of the settings file that is read when no other is named.
const FILE: &str = "parlour.toml";

/// Variables that belong to Parlour begin so.
const PREFIX: &str = "PARLOUR_";

/// Settings whose values no message repeats, and which may come from a file of their own.
const SECRETS: [&str; 5] = [
    "auth.master_key",
    "auth.operator_token",
    "auth.retired_master_keys",
    "auth.secret_key",
    "database.url",
];

/// Variables without the prefix, the weaker first: those of the BEAM original, whose tokens were signed with the
/// Guardian key, and what certificates are usually passed in.
const UNPREFIXED: [(&str, &str); 7] = [
    ("DATABASE_URL", "database.url"),
    ("PORT", "server.port"),
    ("POOL_SIZE", "database.pool_size"),
    ("SECRET_KEY_BASE", "auth.secret_key"),
    ("GUARDIAN_SECRET_KEY", "auth.secret_key"),
    ("TLS_CERT", "server.tls_cert"),
    ("TLS_KEY", "server.tls_key"),
];

/// Whether [`Settings::load`] looks at a variable of this name. Lets `main` hand over nothing else.
pub fn is_settings_variable(name: &str) -> bool {
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    name.starts_with(PREFIX) || UNPREFIXED.iter().any(|(known, _)| *known == name)
}

/// Where settings come from, besides the defaults. Not `Debug`: the values may be secrets.
#[derive(Default)]
pub struct Sources {
    /// Folder in which `parlour.toml` is looked for; empty for the working directory.
    pub folder: PathBuf,
    /// A settings file named by flag; it must exist.
    pub config: Option<PathBuf>,
    /// Variables of the environment. Others than Parlour's are passed over.
    pub environment: Vec<(String, String)>,
    /// Settings given as flags.
    pub flags: Vec<Flag>,
    /// Secrets that the command cannot do without: a missing one is an error outside development.
    pub secrets_required: &'static [&'static str],
}

/// A setting given on the command line.
#[derive(Clone)]
pub struct Flag {
    /// The flag, for messages: `--port`.
    pub name: &'static str,
    /// The setting: `server.port`.
    pub key: &'static str,
    /// The value as text.
    pub value: String,
}

/// Settings, and where those that are not defaults came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings in effect.
    pub settings: Settings,
    /// Key to source, for keys that something other than the defaults set: `server.port` to `--port`.
    pub origins: BTreeMap<String, String>,
}

/// Everything that is wrong with the settings, each with its key and source.
#[derive(Debug, thiserror::Error)]
pub struct SettingsError {
    /// One line each.
    pub problems: Vec<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid settings:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// A secret of development could not be read or made.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep {name} in the data folder {}", folder.display())]
pub struct KeepSecretError {
    /// File name of the secret.
    pub name: &'static str,
    /// The data folder.
    pub folder: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}

impl Settings {
    /// Puts the layers together and checks the result as a whole. Reads the settings file and `*_FILE` files, writes
    /// nothing.
    ///
    /// # Errors
    ///
    /// All violations at once: unknown keys and variables, values of the wrong type, broken rules.
    pub fn load(sources: &Sources) -> Result<Loaded, SettingsError> {
        Loader::new(sources.secrets_required)?.load(sources)
    }

    /// In development, gives missing secrets the values kept in the data folder, generating them the first time.
    ///
    /// # Errors
    ///
    /// When the data folder cannot be written.
    pub fn keep_secrets(&mut self) -> Result<(), KeepSecretError> {
        if !self.environment.is_development() {
            return Ok(());
        }
        let folder = &self.data_dir;
        for (name, secret) in [
            ("secret_key", &mut self.auth.secret_key),
            ("operator_token", &mut self.auth.operator_token),
            ("master_key", &mut self.auth.master_key),
        ] {
            if secret.is_none() {
                let kept = secret::kept(folder, name);
                *secret = Some(kept.map_err(|source| KeepSecretError {
                    name,
                    folder: folder.clone(),
                    source,
                })?);
            }
        }
        Ok(())
    }
}

/// Some values from one source.
struct Layer {
    source: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The layers so far, and what was found to be wrong with them.
struct Loader {
    figment: Figment,
    /// Every key that exists, with its default.
    known: BTreeMap<String, Value>,
    problems: Vec<String>,
    secrets_required: &'static [&'static str],
}

impl Loader {
    fn new(secrets_required: &'static [&'static str]) -> Result<Self, SettingsError> {
        let defaults = parse(DEFAULTS).map_err(|problem| SettingsError {
            problems: vec![problem],
        })?;
        let mut known = BTreeMap::new();
        flatten("", &defaults, &mut known);
        let figment = Figment::from(Layer {
            source: "default".to_owned(),
            values: defaults,
        });
        Ok(Self {
            figment,
            known,
            problems: Vec::new(),
            secrets_required,
        })
    }

    fn load(mut self, sources: &Sources) -> Result<Loaded, SettingsError> {
        self.file(sources);
        self.environment(&sources.environment);
        for flag in &sources.flags {
            self.set(flag.name, flag.key, &flag.value);
        }
        let Some(mut settings) = self.extract() else {
            return Err(SettingsError {
                problems: self.problems,
            });
        };

        let data_dir = settings.data_dir.to_string_lossy();
        settings.database.url = settings
            .database
            .url
            .expose_secret()
            .replace("{data_dir}", &data_dir)
            .into();
        for (key, violation) in validate::violations(&settings, self.secrets_required) {
            self.problem(key, &violation);
        }
        if !self.problems.is_empty() {
            return Err(SettingsError {
                problems: self.problems,
            });
        }
        if settings.no_limits {
            settings.limits = LimitSettings {
                rooms_max: settings.limits.rooms_max,
                members_per_room_max: settings.limits.members_per_room_max,
                upload_bytes_per_tenant_max: settings.limits.upload_bytes_per_tenant_max,
                ..LimitSettings::off()
            };
        }
        let origins = self
            .known
            .keys()
            .filter_map(|key| Some((key.clone(), self.origin(key)?)))
            .collect();
        Ok(Loaded { settings, origins })
    }

    fn file(&mut self, sources: &Sources) {
        let variable = sources
            .environment
            .iter()
            .find(|(name, value)| name == "PARLOUR_CONFIG" && !value.is_empty());
        let named = sources
            .config
            .clone()
            .or_else(|| variable.map(|(_, value)| PathBuf::from(value)));
        let path = named.clone().unwrap_or_else(|| sources.folder.join(FILE));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => return,
            Err(error) => return self.problems.push(format!("{}: {error}", path.display())),
        };
        match parse(&text) {
            Ok(mut values) => {
                self.drop_unknown("", &mut values, &path);
                self.merge(Layer {
                    source: path.display().to_string(),
                    values,
                });
            }
            Err(problem) => self.problems.push(format!("{}: {problem}", path.display())),
        }
    }

    /// Takes keys that do not exist out of a file's values, and notes them.
    fn drop_unknown(&mut self, prefix: &str, values: &mut Dict, path: &Path) {
        values.retain(|name, value| {
            let key = join(prefix, name);
            match value {
                Value::Dict(_, inner) if self.is_table(&key) => self.drop_unknown(&key, inner, path),
                _ if self.known.contains_key(&key) || self.is_table(&key) => {}
                _ => {
                    let hint = self.hint(&key, str::to_owned);
                    self.problems
                        .push(format!("{key}: there is no such setting{hint} ({})", path.display()));
                    return false;
                }
            }
            true
        });
    }

    fn environment(&mut self, environment: &[(String, String)]) {
        for (unprefixed, key) in UNPREFIXED {
            for (name, value) in environment {
                // An empty one is what compose files make of a variable that is not set.
                if name == unprefixed && !value.is_empty() {
                    self.set(name, key, value);
                } else if SECRETS.contains(&key) && name.strip_suffix("_FILE") == Some(unprefixed) {
                    self.set_from_file(name, key, value);
                }
            }
        }
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            let secret = key.strip_suffix("_file").filter(|key| SECRETS.contains(key));
            if self.known.contains_key(&key) {
                if !(value.is_empty() && SECRETS.contains(&key.as_str())) {
                    self.set(name, &key, value);
                }
            } else if let Some(key) = secret {
                let plain = &name[..name.len() - "_FILE".len()];
                if environment
                    .iter()
                    .any(|(other, value)| other == plain && !value.is_empty())
                {
                    self.problems.push(format!("{key}: set by both {plain} and {name}"));
                }
                self.set_from_file(name, key, value);
            } else if name != "PARLOUR_CONFIG" && !is_service_link(rest, value) {
                let hint = self.hint(&key, variable);
                self.problems
                    .push(format!("{name}: there is no such setting{hint} (environment)"));
            }
        }
    }

    fn set_from_file(&mut self, name: &str, key: &str, path: &str) {
        if path.is_empty() {
            return;
        }
        match secret::read(Path::new(path)) {
            Ok(value) => self.set(name, key, value.expose_secret()),
            Err(error) => self.problems.push(format!("{key}: {path}: {error} ({name})")),
        }
    }

    /// One setting given as text, which takes the type of its default.
    fn set(&mut self, source: &str, key: &str, text: &str) {
        let Some(default) = self.known.get(key) else {
            return self
                .problems
                .push(format!("{key}: there is no such setting ({source})"));
        };
        let values = match figment::util::nest(key, typed(default, text)) {
            Value::Dict(_, values) => values,
            _ => Dict::new(),
        };
        self.merge(Layer {
            source: source.to_owned(),
            values,
        });
    }

    fn merge(&mut self, layer: Layer) {
        self.figment = std::mem::take(&mut self.figment).merge(layer);
    }

    /// The settings, with defaults where a value is of the wrong type, which is noted. `None` when there is no
    /// telling which value is at fault.
    fn extract(&mut self) -> Option<Settings> {
        loop {
            let error = match self.figment.extract::<Settings>() {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            // The path may lead into a list.
            let mut path = error.path.join(".");
            while !self.known.contains_key(&path) && !self.is_table(&path) {
                path.truncate(path.rfind('.').unwrap_or(0));
            }
            let problem = if SECRETS.contains(&path.as_str()) {
                "must be text".to_owned()
            } else {
                error.kind.to_string()
            };
            self.problem(&path, &problem);
            if path.is_empty() || self.origin(&path).is_none() {
                return None;
            }
            let defaults: Vec<_> = self
                .known
                .iter()
                .filter(|(key, _)| **key == path || key.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.')))
                .map(|(key, value)| figment::util::nest(key, value.clone()))
                .collect();
            for value in defaults {
                let Value::Dict(_, values) = value else { continue };
                self.merge(Layer {
                    source: "default".to_owned(),
                    values,
                });
            }
        }
    }

    fn problem(&mut self, key: &str, problem: &str) {
        let origin = self
            .origin(key)
            .map(|origin| format!(" ({origin})"))
            .unwrap_or_default();
        self.problems.push(format!("{key}: {problem}{origin}"));
    }

    /// What set a key, unless it has its default.
    fn origin(&self, key: &str) -> Option<String> {
        let name = match &self.figment.find_metadata(key)?.name {
            Cow::Borrowed(name) => (*name).to_owned(),
            Cow::Owned(name) => name.clone(),
        };
        (name != "default").then_some(name)
    }

    fn is_table(&self, key: &str) -> bool {
        let mut keys = self.known.keys();
        key.is_empty() || keys.any(|known| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
    }

    /// ", did you mean …?" when a key that exists is close.
    fn hint(&self, key: &str, write: impl Fn(&str) -> String) -> String {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
        let likeness = |known: &str| {
            let whole = strsim::normalized_damerau_levenshtein(known, key);
            // The right name in the wrong table.
            if last(known) == last(key) {
                whole.max(0.9)
            } else {
                whole
            }
        };
        let best = self
            .known
            .keys()
            .map(|known| (likeness(known), known))
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        match best {
            Some((likeness, known)) if likeness >= 0.7 => format!(", did you mean {}?", write(known)),
            _ => String::new(),
        }
    }
}

/// The variable of a setting: `server.port` is `PARLOUR_SERVER__PORT`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// Kubernetes sets such variables in every pod beside a service called `parlour`.
fn is_service_link(rest: &str, value: &str) -> bool {
    rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || (rest.starts_with("PORT") && (value.starts_with("tcp://") || rest.contains("_TCP")))
}

fn parse(text: &str) -> Result<Dict, String> {
    let mut profiles = Toml::string(text).data().map_err(|error| error.to_string())?;
    Ok(profiles.remove(&Profile::Default).unwrap_or_default())
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

fn flatten(prefix: &str, values: &Dict, into: &mut BTreeMap<String, Value>) {
    for (name, value) in values {
        let key = join(prefix, name);
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, into),
            leaf => {
                into.insert(key, leaf.clone());
            }
        }
    }
}

/// Text as a value of the default's type; text that is none stays text, for the setting to refuse or to understand.
fn typed(default: &Value, text: &str) -> Value {
    match default {
        Value::Bool(..) => match text.trim() {
            "true" | "1" => Value::from(true),
            "false" | "0" => Value::from(false),
            _ => Value::from(text),
        },
        Value::Num(_, Num::F32(_) | Num::F64(_)) => text
            .trim()
            .parse::<f64>()
            .map_or_else(|_| Value::from(text), Value::from),
        Value::Num(..) => text
            .trim()
            .parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from),
        Value::Array(..) => Value::from(split_list(text)),
        _ => Value::from(text),
    }
}
