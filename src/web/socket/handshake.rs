//! The opening handshake of a WebSocket (RFC 6455 §4.2), whichever transport carries it.

use actix_http::{
    ResponseBuilder,
    ws::{self, HandshakeError},
};
use actix_web::{HttpRequest, HttpResponse, http::header};

use crate::phoenix::SUBPROTOCOL;

/// The version that is spoken (§4.1).
const VERSION: &str = "13";

/// The answer to a client that may have a socket, but for its body. `select_subprotocol` tells it that `phoenix` was
/// chosen. No extension ever is, whatever was offered (§9.1).
///
/// # Errors
///
/// When the request is no WebSocket handshake.
pub fn accept(request: &HttpRequest, select_subprotocol: bool) -> Result<ResponseBuilder, HandshakeError> {
    let mut response = ws::handshake(request.head())?;
    if select_subprotocol {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL));
    }
    Ok(response)
}

/// The answer to a request that is no handshake, or one of another version (§4.2.2, §4.4).
pub fn refuse(error: &HandshakeError) -> HttpResponse {
    HttpResponse::BadRequest()
        .insert_header((header::SEC_WEBSOCKET_VERSION, VERSION))
        .content_type("text/plain; charset=utf-8")
        .body(format!("this address takes WebSocket upgrades only: {error}"))
}
