//! The envelopes around what handlers answer, and their statuses.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{StatusCode, header},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::page::Page;

/// `{"data": …}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<T> {
    /// What was asked for.
    pub data: T,
}

/// `{"data": […], "meta": …}`: one page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The items, in the order of the list.
    pub data: Vec<T>,
    /// Where the list goes on.
    pub meta: PageMeta,
}

/// Where a list goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageMeta {
    /// What to ask the next page with, as `cursor`; `null` on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// `{}`: done, and nothing to tell.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nothing {}

/// An answer: status, envelope, and where the created thing is.
pub struct Reply<T> {
    status: StatusCode,
    location: Option<String>,
    body: T,
}

impl<T> Reply<Envelope<T>> {
    /// 200 and the data.
    pub fn ok(data: T) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            body: Envelope { data },
        }
    }

    /// 201, the data, and the path under which it is found.
    pub fn created(location: String, data: T) -> Self {
        Self {
            status: StatusCode::CREATED,
            location: Some(location),
            body: Envelope { data },
        }
    }
}

impl<T> Reply<Envelope<T>> {
    /// 201 and the data, of a thing that has no path of its own.
    pub fn created_here(data: T) -> Self {
        Self {
            status: StatusCode::CREATED,
            location: None,
            body: Envelope { data },
        }
    }
}

impl Reply<Envelope<Nothing>> {
    /// 200 and no data.
    pub fn done() -> Self {
        Self::ok(Nothing {})
    }
}

impl<T> Reply<Listed<T>> {
    /// 200 and a page of a list.
    pub fn page<U: Into<T>>(page: Page<U>) -> Self {
        let Page { items, next_cursor } = page;
        let body = Listed {
            data: items.into_iter().map(Into::into).collect(),
            meta: PageMeta { next_cursor },
        };
        Self {
            status: StatusCode::OK,
            location: None,
            body,
        }
    }
}

impl<T> Reply<T> {
    /// 200 and a body with an envelope of its own.
    pub fn whole(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            body,
        }
    }
}

impl<T: Serialize> Responder for Reply<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        response.json(self.body)
    }
}
