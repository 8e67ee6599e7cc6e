//! Values and bytes of a message straight from its schema, for tests. The emitted code shares nothing with
//! it but the table, so that a mistake in one of them shows.
use crate::schema::{Default, Field, Message, Struct, Type};

/// A source of choices: bytes, and zeros after their end.
pub struct Choices<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Choices<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes, at: 0 }
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    fn below(&mut self, n: u8) -> u8 {
        self.byte() % n
    }

    /// A number of `width` bytes, often an extreme one.
    fn number(&mut self, width: usize) -> i64 {
        let bits = 8 * width as u32;
        match self.below(6) {
            0 => 0,
            1 => -1,
            2 => i64::MAX >> (64 - bits),
            3 => i64::MIN >> (64 - bits),
            _ => {
                let value = (0..width).fold(0i64, |value, _| (value << 8) | i64::from(self.byte()));
                value << (64 - bits) >> (64 - bits)
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Number(i64),
    Fixed(Vec<u8>),
    Text(String),
    Blob(Vec<u8>),
    Struct(Vec<Value>, Vec<(u32, Vec<u8>)>),
    Array(Vec<Value>),
}

/// One message in one version.
pub struct Interpreter<'a> {
    pub schema: &'a Message,
    pub version: i16,
}

impl Interpreter<'_> {
    fn flexible(&self) -> bool {
        self.schema.flexible.contains(self.version)
    }

    fn present<'s>(&self, s: &'s Struct) -> impl Iterator<Item = &'s Field> {
        let version = self.version;
        s.fields.iter().filter(move |f| f.versions.contains(version))
    }

    /// A message with values that follow from `choices`.
    #[must_use]
    pub fn bytes(&self, choices: &mut Choices<'_>) -> Vec<u8> {
        let value = self.structure(self.schema.root(), choices, 0);
        let mut out = Vec::new();
        self.write_struct(&mut out, self.schema.root(), &value);
        out
    }

    /// The message whose fields all have their defaults.
    #[must_use]
    pub fn default_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_struct(&mut out, self.schema.root(), &self.default_struct(self.schema.root()));
        out
    }

    fn structure(&self, s: &Struct, choices: &mut Choices<'_>, depth: usize) -> Value {
        let fields = self.present(s).map(|f| self.value(f, &f.ty, choices, depth)).collect();
        let mut unknown = Vec::new();
        if self.flexible() && choices.below(8) == 7 {
            let mut tag = 100;
            for _ in 0..=choices.below(3) {
                tag += 1 + u32::from(choices.byte()) * 77;
                unknown.push((tag, (0..choices.below(5)).map(|i| i * 3).collect()));
            }
        }
        Value::Struct(fields, unknown)
    }

    fn value(&self, f: &Field, ty: &Type, choices: &mut Choices<'_>, depth: usize) -> Value {
        let element = ty != &f.ty;
        if !element && f.nullable.contains(self.version) && choices.below(3) == 0 {
            return Value::Null;
        }
        match ty {
            Type::Bool => Value::Number(i64::from(choices.below(2))),
            Type::Int8 => Value::Number(choices.number(1)),
            Type::Int16 | Type::Uint16 => Value::Number(choices.number(2)),
            Type::Int32 => Value::Number(choices.number(4)),
            Type::Int64 => Value::Number(choices.number(8)),
            Type::Float64 => Value::Fixed((choices.number(4) as f64 / 7.0).to_be_bytes().to_vec()),
            Type::Uuid | Type::TopicId => {
                let fill = choices.below(3);
                Value::Fixed((0..16).map(|_| if fill == 0 { 0 } else { choices.byte() }).collect())
            }
            Type::String => {
                let length = [0, 1, 3, 9, 200][usize::from(choices.below(5))];
                let letters = ['a', 'é', '東', '_', '\u{1f980}', '\0'];
                Value::Text((0..length).map(|_| letters[usize::from(choices.below(6))]).collect())
            }
            Type::Bytes | Type::Records => {
                let length = [0, 1, 60, 5000][usize::from(choices.below(4))];
                let start = choices.byte();
                Value::Blob((0..length).map(|i| start.wrapping_add(i as u8)).collect())
            }
            Type::Struct(name) => self.structure(self.schema.structure(name), choices, depth + 1),
            Type::Array(element) => {
                let most = if depth > 1 { 3 } else { 4 };
                let count = choices.below(most);
                Value::Array((0..count).map(|_| self.value(f, element, choices, depth + 1)).collect())
            }
        }
    }

    fn default_struct(&self, s: &Struct) -> Value {
        Value::Struct(self.present(s).map(|f| self.default(f)).collect(), Vec::new())
    }

    fn default(&self, f: &Field) -> Value {
        match (&f.default, &f.ty) {
            (Default::Null, _) if f.nullable.contains(self.version) => Value::Null,
            (Default::Bool(b), _) => Value::Number(i64::from(*b)),
            (Default::Number(n), _) => Value::Number(*n),
            (_, Type::Bool | Type::Int8 | Type::Int16 | Type::Uint16 | Type::Int32 | Type::Int64) => {
                Value::Number(0)
            }
            (_, Type::Float64) => Value::Fixed(vec![0; 8]),
            (_, Type::Uuid | Type::TopicId) => Value::Fixed(vec![0; 16]),
            (_, Type::String) => Value::Text(String::new()),
            (_, Type::Bytes | Type::Records) => Value::Blob(Vec::new()),
            (_, Type::Struct(name)) => self.default_struct(self.schema.structure(name)),
            (_, Type::Array(_)) => Value::Array(Vec::new()),
        }
    }

    fn write_struct(&self, out: &mut Vec<u8>, s: &Struct, value: &Value) {
        let Value::Struct(values, unknown) = value else { panic!("{value:?} is no structure") };
        let mut tagged: Vec<(u32, Vec<u8>)> = unknown.clone();
        for (f, value) in self.present(s).zip(values) {
            let Some(tag) = f.tag else {
                self.write(out, f, &f.ty, value);
                continue;
            };
            if *value == self.default(f) {
                continue;
            }
            let mut contents = Vec::new();
            match (&f.ty, value) {
                (Type::Struct(_), Value::Null) => contents.push(0),
                // The presence byte of a structure is 1 in a tagged field as well.
                _ => self.write(&mut contents, f, &f.ty, value),
            }
            tagged.push((tag, contents));
        }
        if self.flexible() {
            tagged.sort();
            uvarint(out, tagged.len());
            for (tag, contents) in tagged {
                uvarint(out, tag as usize);
                uvarint(out, contents.len());
                out.extend(contents);
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>, f: &Field, ty: &Type, value: &Value) {
        let flexible = self.flexible() && !f.inflexible;
        let length = |out: &mut Vec<u8>, length: Option<usize>, width: usize| match (flexible, length) {
            (true, length) => uvarint(out, length.map_or(0, |l| l + 1)),
            (false, length) => {
                let length = length.map_or(-1, |l| l as i64);
                out.extend(&length.to_be_bytes()[8 - width..]);
            }
        };
        match (ty, value) {
            (Type::Struct(_), Value::Null) => out.push(0xff),
            (Type::Struct(name), value) => {
                if f.nullable.contains(self.version) && *ty == f.ty {
                    out.push(1);
                }
                self.write_struct(out, self.schema.structure(name), value);
            }
            (Type::Bool | Type::Int8, Value::Number(n)) => out.extend(&n.to_be_bytes()[7..]),
            (Type::Int16 | Type::Uint16, Value::Number(n)) => out.extend(&n.to_be_bytes()[6..]),
            (Type::Int32, Value::Number(n)) => out.extend(&n.to_be_bytes()[4..]),
            (Type::Int64, Value::Number(n)) => out.extend(&n.to_be_bytes()),
            (Type::Float64 | Type::Uuid | Type::TopicId, Value::Fixed(bytes)) => out.extend(bytes),
            (Type::String, Value::Null) => length(out, None, 2),
            (Type::String, Value::Text(text)) => {
                length(out, Some(text.len()), 2);
                out.extend(text.as_bytes());
            }
            (_, Value::Null) => length(out, None, 4),
            (Type::Bytes | Type::Records, Value::Blob(bytes)) => {
                length(out, Some(bytes.len()), 4);
                out.extend(bytes);
            }
            (Type::Array(element), Value::Array(values)) => {
                length(out, Some(values.len()), 4);
                values.iter().for_each(|v| self.write(out, f, element, v));
            }
            (ty, value) => panic!("{}: {value:?} is no {ty:?}", f.name),
        }
    }
}

fn uvarint(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}
