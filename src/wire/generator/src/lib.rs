//! The schema table of the wire protocol as data, and the Rust that follows from it.
//!
//! The table stands in `src/wire/schema`; `docs/wire-schema.md` specifies its grammar. Tests read it too, as
//! the facts against which the written code is held.
pub mod emit;
pub mod interpret;
pub mod parse;
pub mod schema;

pub use parse::{SchemaError, load};
pub use schema::{Default, Field, Kind, Message, Struct, Type, Versions};
