//! How the built files are handed out: compressed for who takes that, kept by browsers for as long as they stay true,
//! and open to the pages of every site, which is where the scripts run.

use std::io;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, Header, HeaderMap, HeaderValue, IfNoneMatch},
    routes,
    web::Data,
};

use super::{
    bundle::{Bundle, File},
    error::ApiError,
};

/// Compressed forms, the preferred one first: their names in HTTP, and what follows the file's name.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Files with a digest of themselves in their name never change.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// Others have names that embedding pages know; they change with the next version of the server.
const FIVE_MINUTES: &str = "public, max-age=300";

/// Pages are asked for each time.
const EACH_TIME: &str = "no-cache";

/// Characters of the digest at the end of a file's name.
const DIGEST_CHARS: usize = 8;

/// Bytes of a file's digest that its entity tag shows.
const TAG_BYTES: usize = 16;

/// The scripts, and all that they load.
#[routes]
#[get("/chat.js")]
#[get("/parlour-client.js")]
#[get("/static/{name:.*}")]
pub async fn built_file(bundle: Data<Bundle>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let name = request.path().trim_start_matches('/');
    let mut answer = answer(&bundle, &request, name).await?.ok_or(ApiError::NotFound)?;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("cross-origin"),
    );
    Ok(answer)
}

/// A file of the bundle, in the form that suits the client; 304 when the client has that already. `None` when there is
/// no such file, or none for clients.
///
/// # Errors
/// When it cannot be read.
pub async fn answer(bundle: &Bundle, request: &HttpRequest, name: &str) -> Result<Option<HttpResponse>, ApiError> {
    let Some(content_type) = content_type(name) else {
        return Ok(None);
    };
    let form = best_form(bundle, request.headers(), name).await;
    let Some((file, encoding)) = form.map_err(|error| ApiError::Internal(error.into()))? else {
        return Ok(None);
    };
    let tag = tag(&file);
    let known = has(request, &tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header(header::ETag(tag))
        .insert_header((header::CACHE_CONTROL, caching(name)))
        .insert_header((header::VARY, "Accept-Encoding"));
    if known {
        return Ok(Some(response.finish()));
    }
    response.insert_header((header::CONTENT_TYPE, content_type));
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    Ok(Some(response.body(file.bytes)))
}

/// The smallest form of a file that the client takes, and its encoding; `None` for the file as it is.
async fn best_form(
    bundle: &Bundle,
    headers: &HeaderMap,
    name: &str,
) -> io::Result<Option<(File, Option<&'static str>)>> {
    for (encoding, suffix) in ENCODINGS {
        if accepts(headers, encoding)
            && let Some(file) = bundle.get(&format!("{name}{suffix}")).await?
        {
            return Ok(Some((file, Some(encoding))));
        }
    }
    Ok(bundle.get(name).await?.map(|file| (file, None)))
}

/// Whether `Accept-Encoding` names an encoding, and not to turn it down.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            named && weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0))
        })
}

/// Names a form of a file: each encoding has other bytes, so another tag.
fn tag(file: &File) -> EntityTag {
    let digest = file.digest.iter().take(TAG_BYTES);
    EntityTag::new_strong(digest.map(|byte| format!("{byte:02x}")).collect())
}

/// Whether the client says that it has what this tag names. Weakly compared: proxies that compress weaken tags.
fn has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match extension(name) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        None => "text/plain; charset=utf-8",
        Some(_) => return None,
    })
}

fn caching(name: &str) -> &'static str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).as_bytes();
    let digest_at = stem.len().checked_sub(DIGEST_CHARS + 1);
    match extension(name) {
        Some("html") => EACH_TIME,
        Some(_) if digest_at.is_some_and(|at| stem[at] == b'-') => FOREVER,
        _ => FIVE_MINUTES,
    }
}

/// What follows the last dot of a file's name.
fn extension(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_accepted_by_name() {
        let taken = |value: &'static str, encoding| {
            let mut headers = HeaderMap::new();
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts(&headers, encoding)
        };
        for value in ["br", "gzip, deflate, br", "gzip;q=0.5, BR;q=0.1", " br ; q=1.0"] {
            assert!(taken(value, "br"), "{value}");
        }
        for value in ["", "gzip", "br;q=0", "br; q=0.000", "brotli", "*", "identity", "br;q=x"] {
            assert!(!taken(value, "br"), "{value}");
        }
    }

    #[test]
    fn what_is_named_by_its_digest_is_kept() {
        for name in ["static/app-4f9c2d7a.js", "static/widget-B-x_9aQ1.css"] {
            assert_eq!(caching(name), FOREVER, "{name}");
        }
        for name in [
            "chat.js",
            "parlour-client.js",
            "static/LICENSES",
            "static/integrity.json",
            "static/app-4f9c2d7.js",
        ] {
            assert_eq!(caching(name), FIVE_MINUTES, "{name}");
        }
        for name in ["index.html", "embed/doctor.html"] {
            assert_eq!(caching(name), EACH_TIME, "{name}");
        }
    }
}
