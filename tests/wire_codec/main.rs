//! The message codecs held against the schema, by an interpreter of it that shares nothing with them but the
//! table itself, and against hostile bytes.
mod allocation;
mod copies;
mod hostile;
mod roundtrip;

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use ordain::wire::messages::*;
use ordain::wire::{DecodeError, Message, Reader, Records, Writer};
use ordain_wiregen::Message as Schema;

/// The table.
static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/schema");
    ordain_wiregen::load(&dir).expect("the schema table is readable")
});

/// Every message in every version it has.
fn every_version() -> impl Iterator<Item = (&'static Schema, i16)> {
    SCHEMAS.iter().flat_map(|schema| schema.versions.each().map(move |version| (schema, version)))
}

/// Decodes `bytes` wholly and encodes what came out.
fn reencode<M: Message>(bytes: Bytes, version: i16) -> Result<Bytes, DecodeError> {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version)?;
    r.finish()?;
    let mut w = Writer::new();
    message.encode(&mut w, version).expect("what was decoded can be encoded");
    Ok(Records::from(w.finish()).into_bytes())
}

macro_rules! by_name {
    ($($message:ident,)*) => {
        /// [`reencode`] for the message that is called `name`.
        fn reencode_named(name: &str, bytes: Bytes, version: i16) -> Result<Bytes, DecodeError> {
            match name {
                $(stringify!($message) => reencode::<$message>(bytes, version),)*
                other => panic!("the schema's {other} was not generated"),
            }
        }
    };
}
ordain::for_each_message!(by_name);
