//! Reads schema files. One line is a message, a shared structure or a field; indentation by two spaces nests.
use std::path::{Path, PathBuf};

use crate::schema::{Default, Field, Kind, Message, Struct, Type, Versions};

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{file}:{line}: {problem}")]
    Line { file: String, line: usize, problem: String },
    #[error("{message}: {problem}")]
    Message { message: String, problem: String },
}

/// Reads every `*.schema` file under `dir`, in the order of their paths.
///
/// # Errors
/// An unreadable file, a line outside the grammar, or a schema that contradicts itself.
pub fn load(dir: &Path) -> Result<Vec<Message>, SchemaError> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.sort();
    let mut messages = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| SchemaError::Read { path: path.clone(), source })?;
        let file = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
        parse(&file, &text, &mut messages)?;
    }
    for message in &messages {
        check(message)?;
    }
    Ok(messages)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), SchemaError> {
    let read = |source| SchemaError::Read { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "schema") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads one file's text and adds its messages.
///
/// # Errors
/// A line outside the grammar.
pub fn parse(file: &str, text: &str, messages: &mut Vec<Message>) -> Result<(), SchemaError> {
    // Names of the structures that are open, by depth: `open[d]` takes the fields indented by d+1 steps.
    let mut open: Vec<String> = Vec::new();
    for (i, raw) in text.lines().enumerate() {
        let err = |problem: String| SchemaError::Line { file: file.to_owned(), line: i + 1, problem };
        let line = raw.split('#').next().unwrap_or_default().trim_end();
        if line.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.split_whitespace().collect();
        if indent == 0 {
            let message = header(file, &words).map_err(err)?;
            open = vec![message.name.clone()];
            messages.push(message);
            continue;
        }
        let depth = indent / 2;
        if indent % 2 != 0 || depth > open.len() {
            return Err(err(format!("an indentation of {indent} spaces fits no line above")));
        }
        let message = messages.last_mut().ok_or_else(|| err("a field before any message".into()))?;
        if words[0] == "struct" && words.len() == 2 && depth == 1 {
            open.truncate(1);
            open.push(words[1].to_owned());
            add_struct(message, words[1]);
            continue;
        }
        open.truncate(depth);
        let field = field(&words).map_err(err)?;
        let owner = open[depth - 1].clone();
        let element = match &field.ty {
            Type::Array(element) => element,
            other => other,
        };
        if let Type::Struct(name) = element {
            open.push(name.clone());
        }
        add_struct(message, &owner);
        let owner = message.structs.iter_mut().find(|s| s.name == owner).expect("it was just added");
        owner.fields.push(field);
    }
    Ok(())
}

fn add_struct(message: &mut Message, name: &str) {
    if !message.structs.iter().any(|s| s.name == name) {
        message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
    }
}

fn header(file: &str, words: &[&str]) -> Result<Message, String> {
    let kind = match words[0] {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "data" => Kind::Data,
        "key" => Kind::Key,
        "value" => Kind::Value,
        "metadata" => Kind::Metadata,
        "peer" => Kind::Peer,
        other => return Err(format!("'{other}' is no kind of message")),
    };
    let name = (*words.get(1).ok_or("the message has no name")?).to_owned();
    let root = Struct { name: name.clone(), fields: Vec::new() };
    let mut message = Message {
        kind,
        name,
        number: None,
        versions: Versions::NONE,
        flexible: Versions::NONE,
        unstable: false,
        structs: vec![root],
        file: file.to_owned(),
    };
    for word in &words[2..] {
        match word.split_once('=') {
            Some(("number", n)) => message.number = Some(n.parse().map_err(|e| format!("{word}: {e}"))?),
            Some(("versions", v)) => message.versions = versions(v)?,
            Some(("flexible", v)) => message.flexible = versions(v)?,
            Some(("listeners", _)) => {}
            None if *word == "unstable" => message.unstable = true,
            _ => return Err(format!("'{word}' says nothing about a message")),
        }
    }
    Ok(message)
}

fn field(words: &[&str]) -> Result<Field, String> {
    let [name, ty, range, attributes @ ..] = words else {
        return Err("a field is: name type versions [attributes]".into());
    };
    let ty = parse_type(ty)?;
    let zero = Default::Zero;
    let mut field = Field {
        name: (*name).to_owned(),
        ty,
        versions: versions(range)?,
        nullable: Versions::NONE,
        default: zero,
        tag: None,
        key: false,
        ignorable: false,
        inflexible: false,
    };
    for word in attributes {
        match word.split_once('=') {
            Some(("nullable", v)) => field.nullable = versions(v)?,
            Some(("default", v)) => field.default = default(v)?,
            Some(("tag", n)) => field.tag = Some(n.parse().map_err(|e| format!("{word}: {e}"))?),
            None if *word == "key" => field.key = true,
            None if *word == "ignorable" => field.ignorable = true,
            None if *word == "inflexible" => field.inflexible = true,
            _ => return Err(format!("'{word}' says nothing about a field")),
        }
    }
    // Records have no empty form of their own: absent ones are null wherever null is allowed.
    if field.ty == Type::Records && !field.nullable.is_empty() {
        field.default = Default::Null;
    }
    Ok(field)
}

fn versions(text: &str) -> Result<Versions, String> {
    if text == "none" {
        return Ok(Versions::NONE);
    }
    let number = |t: &str| t.parse::<i16>().map_err(|e| format!("versions {text}: {e}"));
    if let Some(first) = text.strip_suffix('+') {
        return Ok(Versions { first: number(first)?, last: i16::MAX });
    }
    match text.split_once('-') {
        Some((first, last)) => Ok(Versions { first: number(first)?, last: number(last)? }),
        None => Ok(Versions { first: number(text)?, last: number(text)? }),
    }
}

fn default(text: &str) -> Result<Default, String> {
    Ok(match text {
        "null" => Default::Null,
        "true" => Default::Bool(true),
        "false" | "\"\"" | "0" => Default::Zero,
        _ => {
            let number = match text.strip_prefix("0x") {
                Some(hex) => i64::from_str_radix(hex, 16),
                None => text.parse(),
            };
            Default::Number(number.map_err(|e| format!("default {text}: {e}"))?)
        }
    })
}

fn parse_type(text: &str) -> Result<Type, String> {
    Ok(match text {
        "bool" => Type::Bool,
        "int8" => Type::Int8,
        "int16" => Type::Int16,
        "uint16" => Type::Uint16,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "float64" => Type::Float64,
        "uuid" => Type::Uuid,
        "topicid" => Type::TopicId,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        _ => match text.strip_prefix("[]") {
            Some(element) => Type::Array(Box::new(parse_type(element)?)),
            None if text.starts_with(|c: char| c.is_ascii_uppercase()) => Type::Struct(text.to_owned()),
            None => return Err(format!("'{text}' is no type")),
        },
    })
}

/// What the emitter and the tests take for granted.
fn check(message: &Message) -> Result<(), SchemaError> {
    let err = |problem: String| Err(SchemaError::Message { message: message.name.clone(), problem });
    if message.versions.is_empty() || message.versions.last == i16::MAX {
        return err("the versions must be a closed range".into());
    }
    for s in &message.structs {
        if s.fields.is_empty() && s.name != message.name {
            return err(format!("structure {} has no field", s.name));
        }
        for f in &s.fields {
            let live = f.versions.intersect(message.versions);
            let element = match &f.ty {
                Type::Array(element) => element,
                other => other,
            };
            if let Type::Struct(name) = element
                && !message.structs.iter().any(|s| s.name == *name)
            {
                return err(format!("{}.{}: there is no structure {name}", s.name, f.name));
            }
            if matches!(f.ty, Type::Struct(_)) && !f.nullable.is_empty() && !f.nullable.covers(live) {
                return err(format!(
                    "{}.{}: a structure is nullable in all versions or none",
                    s.name, f.name
                ));
            }
            if f.tag.is_some() && !message.flexible.covers(live) {
                return err(format!("{}.{}: tagged in an inflexible version", s.name, f.name));
            }
            if f.default == Default::Null && f.nullable.is_empty() {
                return err(format!("{}.{}: null by default, but never nullable", s.name, f.name));
            }
        }
    }
    Ok(())
}
