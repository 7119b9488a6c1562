//! Parameters of queries.

use std::{
    future::{Ready, ready},
    marker::PhantomData,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;

use super::{FIELD_CHARS_MAX, body::explain};
use crate::{
    page::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PageRequest},
    validation::Violations,
    web::error::ApiError,
};

/// Parameters of a query.
pub trait Parameters: Sized {
    /// Takes the parameters it knows out of `pairs`. What is left then is refused.
    fn take(pairs: &mut Pairs) -> Self;
}

/// A query string that is still to be read.
pub struct Query<T> {
    request: HttpRequest,
    parameters: PhantomData<T>,
}

impl<T> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self {
            request: request.clone(),
            parameters: PhantomData,
        }))
    }
}

impl<T: Parameters> Query<T> {
    /// The parameters.
    ///
    /// # Errors
    /// A violation for each that is unknown, given twice or of another form.
    pub fn read(&self) -> Result<T, ApiError> {
        let mut pairs = Pairs::new(self.request.query_string());
        let parameters = T::take(&mut pairs);
        pairs.finish()?;
        Ok(parameters)
    }
}

/// The parameters of a query that nobody has taken yet, and what was wrong with those taken.
pub struct Pairs {
    values: Vec<(String, String)>,
    violations: Violations,
}

impl Pairs {
    fn new(query: &str) -> Self {
        let values = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self {
            values,
            violations: Violations::new(),
        }
    }

    /// A parameter as it is.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let mut found = None;
        self.values.retain_mut(|(key, value)| {
            if key != name {
                return true;
            }
            if found.is_some() {
                self.violations.add(name, "is given twice");
            } else {
                found = Some(std::mem::take(value));
            }
            false
        });
        found
    }

    /// A parameter that has to be an id of some thing.
    pub fn id<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        let id = text.parse().ok();
        if id.is_none() {
            self.violations.add(name, "is not an id");
        }
        id
    }

    /// A parameter that has to be one of some words.
    pub fn word<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        match serde_json::from_value(text.into()) {
            Ok(word) => Some(word),
            Err(error) => {
                self.violations.merge(explain(name, &error.to_string()));
                None
            }
        }
    }

    /// A parameter that has to be there.
    pub fn required_text(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.violations.add(name, "is required");
            String::new()
        })
    }

    /// A whole number that has to be there, and not below 0.
    pub fn required_number(&mut self, name: &str) -> i64 {
        let Some(text) = self.text(name) else {
            self.violations.add(name, "is required");
            return 0;
        };
        whole_number(&text)
            .and_then(|number| i64::try_from(number).ok())
            .unwrap_or_else(|| {
                self.violations.add(name, "must be a whole number, not below 0");
                0
            })
    }

    /// `limit`: how many items a page may have.
    pub fn limit(&mut self) -> u64 {
        self.limit_within(PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX)
    }

    /// `limit`, for lists with another default and maximum.
    pub fn limit_within(&mut self, default: u64, max: u64) -> u64 {
        let Some(text) = self.text("limit") else {
            return default;
        };
        whole_number(&text)
            .filter(|limit| (1..=max).contains(limit))
            .unwrap_or_else(|| {
                self.violations
                    .add("limit", format!("must be a whole number between 1 and {max}"));
                default
            })
    }

    /// Notes that a parameter breaks a rule.
    pub fn refuse(&mut self, name: &str, problem: &str) {
        self.violations.add(name, problem);
    }

    fn finish(mut self) -> Result<(), Violations> {
        // `tenant` was looked at when the tenant was settled.
        for (name, _) in self.values.iter().filter(|(name, _)| name != "tenant") {
            let name: String = name.chars().take(FIELD_CHARS_MAX).collect();
            self.violations.add(&name, "is not a parameter of this request");
        }
        self.violations.into_result()
    }
}

/// A number written in digits; `parse` alone would take `+5`.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Which page of a list: the parameters of every list with cursors.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Most items to return.
    #[param(minimum = 1, maximum = 100, default = 50, required = false)]
    pub limit: u64,
    /// `meta.next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Parameters for PageParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            limit: pairs.limit(),
            cursor: pairs.text("cursor"),
        }
    }
}

impl From<PageParams> for PageRequest {
    fn from(PageParams { limit, cursor }: PageParams) -> Self {
        Self { limit, cursor }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_read_to_the_last_parameter() {
        let read = |query: &str| {
            let mut pairs = Pairs::new(query);
            let page = PageParams::take(&mut pairs);
            pairs
                .finish()
                .map(|()| (page.limit, page.cursor))
                .map_err(|error| serde_json::to_value(error).unwrap())
        };
        assert_eq!(read(""), Ok((50, None)));
        assert_eq!(
            read("limit=100&cursor=a%20b&tenant=acme"),
            Ok((100, Some("a b".to_owned())))
        );
        let number = "must be a whole number between 1 and 100";
        for limit in ["0", "101", "-1", "abc", "", "1.5", "+5", "99999999999999999999"] {
            assert_eq!(
                read(&format!("limit={}", limit.replace('+', "%2B"))),
                Err(json!({"limit":[number]})),
                "{limit}"
            );
        }
        assert_eq!(read("limit=1&limit=2"), Err(json!({"limit":["is given twice"]})));
        assert_eq!(
            read("page=2"),
            Err(json!({"page":["is not a parameter of this request"]}))
        );
    }
}
