//! Where a connection leaves HTTP for good: a request to upgrade is answered by the same application as any other,
//! and if that agrees, the bare connection goes to whoever the answer names. The HTTP/1 dispatcher with its buffers
//! ends there.
//!
//! Only plain TCP comes here; what is left of a TLS connection is no [`TcpStream`], so those keep the transport of
//! [`super::websocket`].

use std::{fmt, future::poll_fn, io, pin::pin, time::Duration};

use actix_codec::Framed;
use actix_http::{
    ConnectionType, HttpMessage, Request, Response, StatusCode,
    body::{BodySize, MessageBody},
    h1,
    header::HeaderMap,
};
use actix_web::{
    HttpRequest,
    dev::{Service, ServiceRequest, ServiceResponse},
    rt::net::TcpStream,
};
use bytes::BytesMut;
use futures_util::SinkExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time,
};
use tracing::{debug, error};

/// What a peer may still send after it was told that the connection ends, before the connection is cut, in bytes.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// Mark in the extensions of a request whose connection can be handed over by a [`Handover`] in the answer's.
#[derive(Clone, Copy, Debug)]
pub struct CanHandOver;

/// Takes a connection from the HTTP server. Put it into the extensions of an answer with status 101 to a request that
/// [can hand over](CanHandOver).
pub struct Handover(Box<dyn FnOnce(TcpStream, BytesMut)>);

impl Handover {
    /// `take` is called on the connection's worker thread once the head of the answer is written, with what the peer
    /// has sent since its request. It must not block, and keeps what lives on by itself: by the time it returns, the
    /// HTTP server has forgotten the connection.
    pub fn new(take: impl FnOnce(TcpStream, BytesMut) + 'static) -> Self {
        Self(Box::new(take))
    }

    fn take_over(self, stream: TcpStream, leftover: BytesMut) {
        (self.0)(stream, leftover);
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handover")
    }
}

/// Answers a request to upgrade, and hands the connection over if the answer says so. After any other answer the
/// connection is closed: what follows on it is not HTTP. `linger` bounds how long the peer may take to notice.
pub async fn upgrade<A, B>(application: A, request: Request, connection: Framed<TcpStream, h1::Codec>, linger: Duration)
where
    A: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    if let Err(error) = answer(application, request, connection, linger).await {
        debug!(%error, "a connection failed before it was upgraded");
    }
}

async fn answer<A, B>(
    application: A,
    request: Request,
    mut connection: Framed<TcpStream, h1::Codec>,
    linger: Duration,
) -> io::Result<()>
where
    A: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    request.extensions_mut().insert(CanHandOver);
    let (request, response) = match application.call(request).await {
        Ok(answered) => answered.into_parts(),
        Err(error) => return refuse(connection, error.into(), linger).await,
    };
    let mut response: Response<B> = response.into();
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return refuse(connection, response, linger).await;
    }
    let Some(handover) = response.extensions_mut().remove::<Handover>() else {
        error!("an upgrade was agreed to that nobody takes over");
        return refuse(connection, Response::internal_server_error(), linger).await;
    };
    forget_headers(request);
    let (mut head, _) = response.into_parts();
    head.head_mut().set_connection_type(ConnectionType::Upgrade);
    connection.send(h1::Message::Item((head, BodySize::None))).await?;
    let parts = connection.into_parts();
    handover.take_over(parts.io, parts.read_buf);
    Ok(())
}

/// Requests are kept to be used again, by the hundred on each thread. Their headers are parts of the buffer that they
/// were read into, so each that is kept as it is holds 15 kB of a connection that is long past. Nobody else has this
/// one: who agreed to the upgrade has answered.
fn forget_headers(request: HttpRequest) {
    *ServiceRequest::from_request(request).headers_mut() = HeaderMap::new();
}

/// Writes an answer that ends the connection, one piece of its body at a time.
async fn refuse<B: MessageBody>(
    mut connection: Framed<TcpStream, h1::Codec>,
    response: Response<B>,
    linger: Duration,
) -> io::Result<()> {
    let (mut head, body) = response.into_parts();
    head.head_mut().set_connection_type(ConnectionType::Close);
    // The codec takes what follows a request to upgrade for a stream that only its end delimits, and so must the head.
    head.head_mut().no_chunking(true);
    connection.send(h1::Message::Item((head, body.size()))).await?;
    let mut body = pin!(body);
    while let Some(piece) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
        match piece {
            Ok(piece) => connection.send(h1::Message::Chunk(Some(piece))).await?,
            Err(error) => {
                // Cut off, which is how the peer can tell.
                let error: Box<dyn std::error::Error> = error.into();
                debug!(%error, "the body of an answer broke off");
                return Ok(());
            }
        }
    }
    let mut stream = connection.into_parts().io;
    stream.shutdown().await?;
    // A connection that is dropped with input unread is reset, and a reset may overtake the answer.
    // Late or failing: it ends either way.
    let _ = time::timeout(linger, discard(&mut stream)).await;
    Ok(())
}

async fn discard(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let mut left = LINGER_BYTES_MAX;
    while left > 0 {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
