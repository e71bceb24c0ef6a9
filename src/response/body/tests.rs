//! Trailers of a body whose usage is hidden.

use http::HeaderMap;
use http_body_util::{BodyExt, StreamBody};

use super::*;

/// A body with a known length. Over HTTP/2 it may still have trailers.
struct Sized<B>(B, u64);

impl<B: Body<Data = Bytes> + Unpin> Body for Sized<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.1 -= frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.1)
    }
}

#[tokio::test]
async fn hiding_keeps_trailers_after_the_last_byte() {
    let data = "data: {}\n\ndata: cut off";
    let frames = [
        Ok::<_, BoxError>(Frame::data(Bytes::from(data))),
        Ok(Frame::trailers(HeaderMap::from_iter([(http::header::ETAG, 1.into())]))),
    ];
    let body = Sized(StreamBody::new(futures_util::stream::iter(frames)), data.len() as u64);
    let hiding = Some(Hiding::new(Arc::default()));
    let exchange = Exchange::default();
    let mut body = ResponseBody::relayed(body, exchange, Trailers::Stripped, None, hiding, None);
    let mut got = Vec::new();
    // Like a server that polls for the end after each frame.
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        match frame.unwrap().into_data() {
            Ok(data) => got.extend_from_slice(&data),
            Err(frame) => {
                assert_eq!(got, data.as_bytes());
                assert_eq!(frame.into_trailers().unwrap().len(), 1);
                return;
            }
        }
    }
    panic!("no trailers came");
}
