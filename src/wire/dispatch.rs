//! All requests and all responses as one type each, for code that does not care which.
#![allow(clippy::large_enum_variant, reason = "a request is moved a few times and then taken apart")]
use bytes::Bytes;

use super::api::ApiKey;
use super::codec::{DecodeError, EncodeError, Message, Reader, Writer};
use super::frame::response_writer;
use super::messages::*;
use crate::types::CorrelationId;

macro_rules! dispatch {
    ($($api:ident($request:ident, $response:ident),)*) => {
        /// Any request.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $($api($request),)*
        }

        /// Any response.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Response {
            $($api($response),)*
        }

        impl Request {
            /// Reads the body of a request.
            ///
            /// # Errors
            /// As [`Message::decode`].
            pub fn decode(api: ApiKey, version: i16, r: &mut Reader) -> Result<Request, DecodeError> {
                match api {
                    $(ApiKey::$api => <$request>::decode(r, version).map(Request::$api),)*
                }
            }

            /// Appends the body.
            ///
            /// # Errors
            /// As [`Message::encode`].
            pub fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
                match self {
                    $(Request::$api(request) => request.encode(w, version),)*
                }
            }

            #[must_use]
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Request::$api(_) => ApiKey::$api,)*
                }
            }
        }

        impl Response {
            /// Reads the body of a response.
            ///
            /// # Errors
            /// As [`Message::decode`].
            pub fn decode(api: ApiKey, version: i16, r: &mut Reader) -> Result<Response, DecodeError> {
                match api {
                    $(ApiKey::$api => <$response>::decode(r, version).map(Response::$api),)*
                }
            }

            /// Appends the body.
            ///
            /// # Errors
            /// As [`Message::encode`].
            pub fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
                match self {
                    $(Response::$api(response) => response.encode(w, version),)*
                }
            }

            #[must_use]
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Response::$api(_) => ApiKey::$api,)*
                }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(request: $request) -> Request {
                    Request::$api(request)
                }
            }

            impl From<$response> for Response {
                fn from(response: $response) -> Response {
                    Response::$api(response)
                }
            }
        )*
    };
}
for_each_api!(dispatch);

impl Response {
    /// A whole response frame, its length included, as segments to be written one after the other.
    ///
    /// # Errors
    /// As [`Message::encode`].
    pub fn encode_frame(
        &self,
        version: i16,
        correlation_id: CorrelationId,
    ) -> Result<Vec<Bytes>, EncodeError> {
        let mut w = response_writer(self.api(), version, correlation_id)?;
        self.encode(&mut w, version)?;
        w.finish_frame()
    }
}
