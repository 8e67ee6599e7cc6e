//! Rust from schemas: one module per message, and the list of modules and APIs.
use std::cell::Cell;
use std::fmt::Write as _;

use crate::schema::{Default, Field, Kind, Message, Struct, Type, Versions};

const WARNING: &str = "// Written by `cargo run -p ordain-wiregen`; edit the schema instead.\n";

/// A file to write: its name within the directory of messages, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// Every file that follows from the schemas.
#[must_use]
pub fn files(messages: &[Message]) -> Vec<File> {
    let mut files: Vec<File> = messages
        .iter()
        .map(|m| File { name: format!("{}.rs", snake(&m.name)), text: Emitter::new(m).file() })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.push(File { name: "mod.rs".into(), text: index(messages) });
    files
}

fn index(messages: &[Message]) -> String {
    let mut text = String::from("//! Every message of the schema, one module each.\n");
    text.push_str(WARNING);
    let mut names: Vec<&str> = messages.iter().map(|m| m.name.as_str()).collect();
    names.sort_by_key(|n| snake(n));
    for name in &names {
        let _ = writeln!(text, "pub mod {};", snake(name));
    }
    text.push('\n');
    for name in &names {
        let _ = writeln!(text, "pub use {}::{name};", snake(name));
    }
    text.push_str(
        "\n/// Calls `$m!` with every API: its name, its request and its response.\n#[macro_export]\n",
    );
    text.push_str("macro_rules! for_each_api {\n    ($m:ident) => {\n        $m! {\n");
    let mut requests: Vec<&Message> = messages.iter().filter(|m| m.kind == Kind::Request).collect();
    requests.sort_by_key(|m| m.number);
    for request in requests {
        let api = api_name(&request.name);
        let _ = writeln!(text, "            {api}({api}Request, {api}Response),");
    }
    text.push_str("        }\n    };\n}\npub(crate) use for_each_api;\n");
    text.push_str("\n/// Calls `$m!` with every message there is.\n#[macro_export]\n");
    text.push_str("macro_rules! for_each_message {\n    ($m:ident) => {\n        $m! {\n");
    for name in &names {
        let _ = writeln!(text, "            {name},");
    }
    text.push_str("        }\n    };\n}\n");
    text
}

/// The API's name: the message's without `Request` or `Response`.
fn api_name(message: &str) -> &str {
    message.strip_suffix("Request").or_else(|| message.strip_suffix("Response")).unwrap_or(message)
}

/// `TopicData` → `topic_data`; a run of capitals is one word, and `KRaft` is one too.
#[must_use]
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.replace("KRaft", "Kraft").chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let starts_word = c.is_ascii_uppercase()
            && i > 0
            && (!chars[i - 1].is_ascii_uppercase()
                || chars.get(i + 1).is_some_and(|n| n.is_ascii_lowercase()));
        if starts_word {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn rust_field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "final" | "abstract" | "move" | "ref" => format!("r#{name}"),
        _ => name,
    }
}

/// The condition under which `wanted` holds, given that the version is one of `known`; `None` for "always".
fn condition(wanted: Versions, known: Versions) -> Option<String> {
    let lower = (wanted.first > known.first).then(|| format!("version >= {}", wanted.first));
    let upper = (wanted.last < known.last).then(|| format!("version <= {}", wanted.last));
    match (lower, upper) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one),
        (Some(_), Some(_)) if wanted.first == wanted.last => Some(format!("version == {}", wanted.first)),
        (Some(_), Some(_)) => Some(format!("({}..={}).contains(&version)", wanted.first, wanted.last)),
    }
}

struct Emitter<'a> {
    message: &'a Message,
    /// The versions in which each structure can occur, parallel to `message.structs`.
    live: Vec<Versions>,
    uses_flex: Cell<bool>,
    uses_version: Cell<bool>,
}

impl<'a> Emitter<'a> {
    fn new(message: &'a Message) -> Emitter<'a> {
        let mut live = vec![Versions::NONE; message.structs.len()];
        live[0] = message.versions;
        // Structures refer to later ones only by chance of order, so repeat until nothing widens.
        loop {
            let mut widened = false;
            for (i, s) in message.structs.iter().enumerate() {
                for f in &s.fields {
                    let Type::Struct(name) = element(&f.ty) else { continue };
                    let at = message.structs.iter().position(|s| s.name == *name).expect("parser checked");
                    let reach = f.versions.intersect(live[i]);
                    if reach.is_empty() || (!live[at].is_empty() && live[at].covers(reach)) {
                        continue;
                    }
                    live[at] = match live[at].is_empty() {
                        true => reach,
                        false => Versions {
                            first: live[at].first.min(reach.first),
                            last: live[at].last.max(reach.last),
                        },
                    };
                    widened = true;
                }
            }
            if !widened {
                break;
            }
        }
        Emitter { message, live, uses_flex: Cell::new(false), uses_version: Cell::new(false) }
    }

    fn file(&self) -> String {
        let mut body = String::new();
        for (i, s) in self.message.structs.iter().enumerate() {
            if self.live[i].is_empty() {
                continue;
            }
            self.structure(&mut body, s, i == 0, self.live[i]);
        }
        let mut text = format!("//! {}, from `schema/{}`.\n{WARNING}", self.message.name, self.message.file);
        let mut codec = vec!["DecodeError", "EncodeError", "Message", "Reader", "VersionRange", "Writer"];
        for name in ["Text", "Records", "TaggedFields", "KnownTags"] {
            if mentions(&body, name) {
                codec.push(name);
            }
        }
        match self.message.kind {
            Kind::Request => codec.extend(["ApiKey", "ApiRequest"]),
            Kind::Response => codec.extend(["ApiKey", "ApiResponse"]),
            Kind::Key | Kind::Metadata => codec.push("RecordKey"),
            Kind::Peer => codec.push("PeerMessage"),
            Kind::Header | Kind::Data | Kind::Value => {}
        }
        codec.sort_unstable();
        let types: Vec<&str> = ["TopicId", "Uuid"].into_iter().filter(|t| mentions(&body, t)).collect();
        if !types.is_empty() {
            let list = types.join(", ");
            let _ = match types.len() {
                1 => writeln!(text, "use crate::types::{list};"),
                _ => writeln!(text, "use crate::types::{{{list}}};"),
            };
        }
        let _ = writeln!(text, "use crate::wire::{{{}}};", codec.join(", "));
        if mentions(&body, "Bytes") {
            text.push_str("use bytes::Bytes;\n");
        }
        if self.message.kind == Kind::Request {
            let _ = writeln!(text, "use super::{}Response;", api_name(&self.message.name));
        }
        text.push_str(&body);
        text
    }

    fn structure(&self, out: &mut String, s: &Struct, root: bool, live: Versions) {
        let fields: Vec<&Field> =
            s.fields.iter().filter(|f| !f.versions.intersect(live).is_empty()).collect();
        let flexible = !self.message.flexible.intersect(live).is_empty();
        let derived = fields.iter().all(|f| self.default_is_derived(f, live));
        let default = if derived { ", Default" } else { "" };
        let _ = write!(out, "\n#[derive(Debug, Clone, PartialEq{default})]\npub struct {} {{\n", s.name);
        for f in &fields {
            if let Some(doc) = field_doc(f, live) {
                let _ = writeln!(out, "    /// {doc}");
            }
            let _ = writeln!(out, "    pub {}: {},", rust_field(&f.name), rust_type(f, live));
        }
        if flexible {
            out.push_str("    pub unknown_tagged_fields: TaggedFields,\n");
        }
        out.push_str("}\n");
        if !derived {
            self.default_impl(out, s, &fields, live, flexible);
        }
        if root {
            self.message_impl(out, s, &fields, live);
        } else {
            let _ = writeln!(out, "\nimpl {} {{", s.name);
            self.codec(out, &fields, live, "pub(crate) ");
            out.push_str("}\n");
        }
    }

    fn default_impl(&self, out: &mut String, s: &Struct, fields: &[&Field], live: Versions, flexible: bool) {
        let _ =
            writeln!(out, "\nimpl Default for {} {{\n    fn default() -> Self {{\n        Self {{", s.name);
        for f in fields {
            let _ = writeln!(out, "            {}: {},", rust_field(&f.name), default_value(f, live));
        }
        if flexible {
            out.push_str("            unknown_tagged_fields: TaggedFields::default(),\n");
        }
        out.push_str("        }\n    }\n}\n");
    }

    fn message_impl(&self, out: &mut String, s: &Struct, fields: &[&Field], live: Versions) {
        let m = self.message;
        let flexible = m.flexible.intersect(m.versions);
        let from = match flexible.is_empty() {
            true => "None".to_owned(),
            false => format!("Some({})", flexible.first),
        };
        let _ = writeln!(out, "\nimpl Message for {} {{", s.name);
        let _ = writeln!(out, "    const NAME: &'static str = \"{}\";", m.name);
        let _ = writeln!(
            out,
            "    const VERSIONS: VersionRange = VersionRange {{ min: {}, max: {} }};",
            m.versions.first, m.versions.last
        );
        let _ = writeln!(out, "    const FLEXIBLE_FROM: Option<i16> = {from};\n");
        self.codec(out, fields, live, "");
        out.push_str("}\n");
        let api = api_name(&m.name);
        match (m.kind, m.number) {
            (Kind::Request, _) => {
                let _ = writeln!(
                    out,
                    "\nimpl ApiRequest for {} {{\n    const API: ApiKey = ApiKey::{api};\n    type Response = {api}Response;\n}}",
                    s.name
                );
            }
            (Kind::Response, _) => {
                let _ = writeln!(
                    out,
                    "\nimpl ApiResponse for {} {{\n    const API: ApiKey = ApiKey::{api};\n}}",
                    s.name
                );
            }
            (Kind::Key | Kind::Metadata, Some(number)) => {
                let _ =
                    writeln!(out, "\nimpl RecordKey for {} {{\n    const TYPE: i16 = {number};\n}}", s.name);
            }
            (Kind::Peer, Some(number)) => {
                let _ =
                    writeln!(out, "\nimpl PeerMessage for {} {{\n    const KEY: i16 = {number};\n}}", s.name);
            }
            _ => {}
        }
    }

    /// The pair of functions that write and read a structure's fields.
    fn codec(&self, out: &mut String, fields: &[&Field], live: Versions, visibility: &str) {
        for (signature, body) in [
            (
                "write(&self, w: &mut Writer, VERSION: i16) -> Result<(), EncodeError>",
                self.writer(fields, live),
            ),
            ("read(r: &mut Reader, VERSION: i16) -> Result<Self, DecodeError>", self.reader(fields, live)),
        ] {
            let (body, version, flex) = body;
            let version = if version || flex { "version" } else { "_version" };
            let mut signature = signature.replace("VERSION", version);
            if !mentions(&body, "w") {
                signature = signature.replace("w: &mut", "_w: &mut");
            }
            if !mentions(&body, "r") {
                signature = signature.replace("r: &mut", "_r: &mut");
            }
            let _ = writeln!(out, "    {visibility}fn {signature} {{");
            if flex {
                let _ = writeln!(out, "        let flex = version >= {};", self.message.flexible.first);
            }
            out.push_str(&body);
            out.push_str("    }\n");
        }
    }

    /// `true`, `false` or `flex`: whether lengths are compact.
    fn flex(&self, f: &Field, live: Versions) -> &'static str {
        if f.inflexible {
            return "false";
        }
        self.flexible_in(live)
    }

    fn flexible_in(&self, live: Versions) -> &'static str {
        let flexible = self.message.flexible.intersect(live);
        if flexible.is_empty() {
            "false"
        } else if flexible == live {
            "true"
        } else {
            self.uses_flex.set(true);
            "flex"
        }
    }

    fn condition(&self, wanted: Versions, known: Versions) -> Option<String> {
        let condition = condition(wanted, known);
        self.uses_version.set(self.uses_version.get() || condition.is_some());
        condition
    }

    fn writer(&self, fields: &[&Field], live: Versions) -> (String, bool, bool) {
        self.uses_flex.set(false);
        self.uses_version.set(false);
        let mut out = String::new();
        for f in fields.iter().filter(|f| f.tag.is_none()) {
            let statement = self.write_field(f, live.intersect(f.versions), live);
            match self.condition(f.versions, live) {
                None => {
                    let _ = writeln!(out, "        {statement}");
                }
                Some(condition) => {
                    let _ = writeln!(out, "        if {condition} {{\n            {statement}");
                    self.refuse_elsewhere(&mut out, f, live);
                    out.push_str("        }\n");
                }
            }
        }
        let known: Vec<&&Field> = fields.iter().filter(|f| f.tag.is_some()).collect();
        let flex = self.message.flexible.intersect(live);
        if !flex.is_empty() {
            let guard = match self.flexible_in(live) {
                "true" => ("        {\n", "        }\n"),
                _ => ("        if flex {\n", "        }\n"),
            };
            if known.is_empty() {
                let call = "w.tagged_fields(&self.unknown_tagged_fields)?;";
                let _ = match self.flexible_in(live) {
                    "true" => writeln!(out, "        {call}"),
                    _ => writeln!(out, "{}            {call}\n{}", guard.0, guard.1.trim_end()),
                };
            } else {
                out.push_str(guard.0);
                out.push_str("            let mut tags = KnownTags::default();\n");
                for f in &known {
                    self.write_tag(&mut out, f, live);
                }
                out.push_str("            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;\n");
                out.push_str(guard.1);
            }
        }
        out.push_str("        Ok(())\n");
        (out, self.uses_version.get(), self.uses_flex.get())
    }

    /// A value that this version cannot carry is an error, unless the schema lets it be dropped. Responses
    /// drop it always: the asker's version decides what it can be told.
    fn refuse_elsewhere(&self, out: &mut String, f: &Field, live: Versions) {
        if f.ignorable || self.message.kind == Kind::Response {
            return;
        }
        let _ = writeln!(
            out,
            "        }} else if {} {{\n            return Err(w.not_in_version(\"{}\"));",
            differs_from_default(f, live),
            f.name
        );
    }

    fn write_tag(&self, out: &mut String, f: &Field, live: Versions) {
        let within = live.intersect(f.versions).intersect(self.message.flexible);
        let mut test = differs_from_default(f, live);
        let flexible = live.intersect(self.message.flexible);
        if let Some(condition) = self.condition(within, flexible) {
            test = format!("{condition} && {test}");
        }
        let tag = f.tag.expect("only tagged fields come here");
        let write = match (&f.ty, is_optional(f, live)) {
            (Type::Struct(_), true) => {
                self.uses_version.set(true);
                format!("w.tagged_struct(self.{}.as_ref(), |w, v| v.write(w, version))", rust_field(&f.name))
            }
            _ => {
                let statement = self.write_field(f, within, live);
                match statement.strip_suffix("?;") {
                    Some(fallible) => fallible.to_owned(),
                    None => format!("{{ {statement} Ok(()) }}"),
                }
            }
        };
        let _ = writeln!(out, "            if {test} {{\n                tags.add(w, {tag}, |w| {write})?;");
        if f.ignorable || self.message.kind == Kind::Response || self.condition(within, flexible).is_none() {
            out.push_str("            }\n");
        } else {
            let _ = writeln!(
                out,
                "            }} else if {} {{\n                return Err(w.not_in_version(\"{}\"));\n            }}",
                differs_from_default(f, live),
                f.name
            );
        }
    }

    fn write_field(&self, f: &Field, live: Versions, all: Versions) -> String {
        let field = format!("self.{}", rust_field(&f.name));
        let name = &f.name;
        let optional = is_optional(f, all);
        let flex = || self.flex(f, live);
        let nullable = || match (f.nullable.intersect(live).is_empty(), self.condition(f.nullable, live)) {
            (true, _) => "false".to_owned(),
            (false, None) => "true".to_owned(),
            (false, Some(condition)) => condition,
        };
        match (&f.ty, optional) {
            (Type::Struct(_), false) => {
                self.uses_version.set(true);
                format!("{field}.write(w, version)?;")
            }
            (Type::Struct(_), true) => {
                self.uses_version.set(true);
                format!("w.nullable_struct({field}.as_ref(), |w, v| v.write(w, version))?;")
            }
            (Type::Array(element), false) => {
                let item = self.write_item(element, f, live);
                format!("w.array({}, \"{name}\", &{field}, {item})?;", flex())
            }
            (Type::Array(element), true) => {
                let item = self.write_item(element, f, live);
                format!(
                    "w.nullable_array({}, {}, \"{name}\", {field}.as_deref(), {item})?;",
                    flex(),
                    nullable()
                )
            }
            (Type::String | Type::Bytes | Type::Records, false) => {
                format!("w.{}({}, \"{name}\", &{field})?;", method(&f.ty), flex())
            }
            (Type::String | Type::Bytes | Type::Records, true) => format!(
                "w.nullable_{}({}, {}, \"{name}\", {field}.as_ref())?;",
                method(&f.ty),
                flex(),
                nullable()
            ),
            (fixed, _) => format!("w.{}({field});", method(fixed)),
        }
    }

    fn write_item(&self, element: &Type, f: &Field, live: Versions) -> String {
        match element {
            Type::Struct(_) => {
                self.uses_version.set(true);
                "|w, v| v.write(w, version)".to_owned()
            }
            Type::String | Type::Bytes => {
                format!("|w, v| w.{}({}, \"{}\", v)", method(element), self.flex(f, live), f.name)
            }
            fixed => format!("|w, v| {{ w.{}(*v); Ok(()) }}", method(fixed)),
        }
    }

    fn reader(&self, fields: &[&Field], live: Versions) -> (String, bool, bool) {
        self.uses_flex.set(false);
        self.uses_version.set(false);
        let mut literal = String::new();
        for f in fields.iter().filter(|f| f.tag.is_none()) {
            let read = self.read_field(f, live.intersect(f.versions), live);
            let value = match self.condition(f.versions, live) {
                None => read,
                Some(condition) => {
                    format!("if {condition} {{ {read} }} else {{ {} }}", default_value(f, live))
                }
            };
            let _ = writeln!(literal, "            {}: {value},", rust_field(&f.name));
        }
        let known: Vec<&&Field> = fields.iter().filter(|f| f.tag.is_some()).collect();
        for f in &known {
            let _ = writeln!(literal, "            {}: {},", rust_field(&f.name), default_value(f, live));
        }
        let flexible = !self.message.flexible.intersect(live).is_empty();
        if known.is_empty() {
            if flexible {
                let value = match self.flexible_in(live) {
                    "true" => "r.tagged_fields()?",
                    _ => "if flex { r.tagged_fields()? } else { TaggedFields::default() }",
                };
                let _ = writeln!(literal, "            unknown_tagged_fields: {value},");
            }
            let body = format!("        Ok(Self {{\n{literal}        }})\n");
            return (body, self.uses_version.get(), self.uses_flex.get());
        }
        literal.push_str("            unknown_tagged_fields: TaggedFields::default(),\n");
        let mut body = format!("        let mut m = Self {{\n{literal}        }};\n");
        let mut arms = String::new();
        for f in &known {
            self.read_tag(&mut arms, f, live);
        }
        let reads = format!(
            "m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {{\n            match tag {{\n{arms}                _ => return Ok(false),\n            }}\n            Ok(true)\n        }})?;\n"
        );
        let _ = match self.flexible_in(live) {
            "true" => write!(body, "        {reads}"),
            _ => writeln!(body, "        if flex {{ {reads}        }}"),
        };
        body.push_str("        Ok(m)\n");
        (body, self.uses_version.get(), self.uses_flex.get())
    }

    fn read_tag(&self, arms: &mut String, f: &Field, live: Versions) {
        let flexible = live.intersect(self.message.flexible);
        let within = flexible.intersect(f.versions);
        let guard = match self.condition(within, flexible) {
            None => String::new(),
            Some(condition) => format!(" if {condition}"),
        };
        let read = match (&f.ty, is_optional(f, live)) {
            (Type::Struct(name), true) => {
                self.uses_version.set(true);
                format!("r.tagged_struct(\"{}\", |r| {name}::read(r, version))?", f.name)
            }
            _ => self.read_field(f, within, live),
        };
        let _ = writeln!(
            arms,
            "                {}{guard} => m.{} = {read},",
            f.tag.expect("only tagged fields come here"),
            rust_field(&f.name)
        );
    }

    /// Reads `f` in the versions `live`; its Rust type is decided by `all`, the versions of its structure.
    fn read_field(&self, f: &Field, live: Versions, all: Versions) -> String {
        let name = &f.name;
        let flex = || self.flex(f, live);
        let optional = is_optional(f, all);
        let nullable = || match (f.nullable.intersect(live).is_empty(), self.condition(f.nullable, live)) {
            (true, _) => "false".to_owned(),
            (false, None) => "true".to_owned(),
            (false, Some(condition)) => condition,
        };
        match (&f.ty, optional) {
            (Type::Struct(s), false) => {
                self.uses_version.set(true);
                format!("{s}::read(r, version)?")
            }
            (Type::Struct(s), true) => {
                self.uses_version.set(true);
                format!("r.nullable_struct(\"{name}\", |r| {s}::read(r, version))?")
            }
            (Type::Array(element), _) => {
                let least = self.least(element, live).max(1);
                let item = self.read_item(element, f, live);
                if optional {
                    format!("r.nullable_array({}, {}, \"{name}\", {least}, {item})?", flex(), nullable())
                } else {
                    format!("r.array({}, \"{name}\", {least}, {item})?", flex())
                }
            }
            (Type::String | Type::Bytes | Type::Records, false) => {
                format!("r.{}({}, \"{name}\")?", method(&f.ty), flex())
            }
            (Type::String | Type::Bytes | Type::Records, true) => {
                format!("r.nullable_{}({}, {}, \"{name}\")?", method(&f.ty), flex(), nullable())
            }
            (fixed, _) => format!("r.{}(\"{name}\")?", method(fixed)),
        }
    }

    fn read_item(&self, element: &Type, f: &Field, live: Versions) -> String {
        match element {
            Type::Struct(name) => {
                self.uses_version.set(true);
                format!("|r| {name}::read(r, version)")
            }
            Type::String | Type::Bytes => {
                format!("|r| r.{}({}, \"{}\")", method(element), self.flex(f, live), f.name)
            }
            fixed => format!("|r| r.{}(\"{}\")", method(fixed), f.name),
        }
    }

    /// The fewest bytes that a value of `ty` takes in any of the versions `live`.
    fn least(&self, ty: &Type, live: Versions) -> usize {
        let least_in = |version: i16| self.least_at(ty, version);
        live.each().map(least_in).min().unwrap_or(0)
    }

    fn least_at(&self, ty: &Type, version: i16) -> usize {
        let flexible = self.message.flexible.contains(version);
        match ty {
            Type::Bool | Type::Int8 => 1,
            Type::Int16 | Type::Uint16 => 2,
            Type::Int32 => 4,
            Type::Int64 | Type::Float64 => 8,
            Type::Uuid | Type::TopicId => 16,
            Type::String if flexible => 1,
            Type::String => 2,
            Type::Bytes | Type::Records | Type::Array(_) if flexible => 1,
            Type::Bytes | Type::Records | Type::Array(_) => 4,
            Type::Struct(name) => {
                let fields: usize = self
                    .message
                    .structure(name)
                    .fields
                    .iter()
                    .filter(|f| f.tag.is_none() && f.versions.contains(version))
                    .map(|f| match &f.ty {
                        Type::Struct(_) if f.nullable.contains(version) => 1,
                        Type::String | Type::Bytes if f.inflexible => 2,
                        ty => self.least_at(ty, version),
                    })
                    .sum();
                fields + usize::from(flexible)
            }
        }
    }

    fn default_is_derived(&self, f: &Field, live: Versions) -> bool {
        match (&f.default, is_optional(f, live)) {
            (Default::Zero, false) | (Default::Null, true) => true,
            (Default::Zero, true) | (Default::Null, false) => false,
            (Default::Bool(_) | Default::Number(_), _) => false,
        }
    }
}

fn element(ty: &Type) -> &Type {
    match ty {
        Type::Array(element) => element,
        other => other,
    }
}

fn is_optional(f: &Field, live: Versions) -> bool {
    !f.nullable.intersect(live).is_empty()
}

/// The name of the reader's and the writer's method for a type other than structures and arrays.
fn method(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::Int8 => "i8",
        Type::Int16 => "i16",
        Type::Uint16 => "u16",
        Type::Int32 => "i32",
        Type::Int64 => "i64",
        Type::Float64 => "f64",
        Type::Uuid => "uuid",
        Type::TopicId => "topic_id",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Records => "records",
        Type::Struct(_) | Type::Array(_) => unreachable!("structures and arrays have their own calls"),
    }
}

fn base_type(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::Int8 => "i8".into(),
        Type::Int16 => "i16".into(),
        Type::Uint16 => "u16".into(),
        Type::Int32 => "i32".into(),
        Type::Int64 => "i64".into(),
        Type::Float64 => "f64".into(),
        Type::Uuid => "Uuid".into(),
        Type::TopicId => "TopicId".into(),
        Type::String => "Text".into(),
        Type::Bytes => "Bytes".into(),
        Type::Records => "Records".into(),
        Type::Struct(name) => name.clone(),
        Type::Array(element) => format!("Vec<{}>", base_type(element)),
    }
}

fn rust_type(f: &Field, live: Versions) -> String {
    match is_optional(f, live) {
        true => format!("Option<{}>", base_type(&f.ty)),
        false => base_type(&f.ty),
    }
}

fn default_value(f: &Field, live: Versions) -> String {
    let zero = || match &f.ty {
        Type::Bool => "false".into(),
        Type::Int8 | Type::Int16 | Type::Uint16 | Type::Int32 | Type::Int64 => "0".into(),
        Type::Float64 => "0.0".into(),
        Type::Uuid => "Uuid::ZERO".into(),
        Type::TopicId => "TopicId::ZERO".into(),
        Type::String => "Text::new()".into(),
        Type::Bytes => "Bytes::new()".into(),
        Type::Records => "Records::default()".into(),
        Type::Struct(name) => format!("{name}::default()"),
        Type::Array(_) => "Vec::new()".to_owned(),
    };
    match (&f.default, is_optional(f, live)) {
        (Default::Null, true) => "None".into(),
        (Default::Bool(b), _) => b.to_string(),
        (Default::Number(n), _) => n.to_string(),
        (Default::Zero, true) => format!("Some({})", zero()),
        (Default::Zero | Default::Null, false) => zero(),
    }
}

/// A test, true where the field holds something else than its default.
fn differs_from_default(f: &Field, live: Versions) -> String {
    let field = format!("self.{}", rust_field(&f.name));
    let default = default_value(f, live);
    match (&f.ty, default.as_str()) {
        (_, "None") => format!("{field}.is_some()"),
        (Type::Bool, "false") => field,
        (Type::Bool, _) => format!("!{field}"),
        (Type::String | Type::Bytes | Type::Records | Type::Array(_), _) if is_optional(f, live) => {
            format!("{field}.as_ref().is_none_or(|v| !v.is_empty())")
        }
        (Type::String | Type::Bytes | Type::Records | Type::Array(_), _) => format!("!{field}.is_empty()"),
        _ => format!("{field} != {default}"),
    }
}

fn field_doc(f: &Field, live: Versions) -> Option<String> {
    let range = |v: Versions| {
        let v = v.intersect(live);
        match (v.first == v.last, v.last == live.last) {
            (true, _) => format!("version {}", v.first),
            (false, true) => format!("versions {}+", v.first),
            (false, false) => format!("versions {}–{}", v.first, v.last),
        }
    };
    let mut parts = Vec::new();
    if !f.versions.covers(live) {
        parts.push(range(f.versions));
    }
    if let Some(tag) = f.tag {
        parts.push(format!("tag {tag}"));
    }
    let nullable = f.nullable.intersect(live);
    if !nullable.is_empty() && !nullable.covers(f.versions.intersect(live)) {
        parts.push(format!("null in {}", range(nullable)));
    }
    let text = parts.join("; ");
    let mut chars = text.chars();
    let first = chars.next()?;
    Some(format!("{}{}.", first.to_ascii_uppercase(), chars.as_str()))
}

/// Whether `word` stands in `text` as a word of its own.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        assert_eq!(snake("TopicData"), "topic_data");
        assert_eq!(snake("ISRNodes"), "isr_nodes");
        assert_eq!(snake("KRaftVersionFeature"), "kraft_version_feature");
        assert_eq!(snake("commitTimestamp"), "commit_timestamp");
    }

    #[test]
    fn conditions_say_no_more_than_needed() {
        let known = Versions { first: 2, last: 9 };
        assert_eq!(condition(Versions { first: 0, last: i16::MAX }, known), None);
        assert_eq!(condition(Versions { first: 3, last: i16::MAX }, known).as_deref(), Some("version >= 3"));
        assert_eq!(condition(Versions { first: 0, last: 7 }, known).as_deref(), Some("version <= 7"));
        assert_eq!(condition(Versions { first: 4, last: 4 }, known).as_deref(), Some("version == 4"));
    }
}
