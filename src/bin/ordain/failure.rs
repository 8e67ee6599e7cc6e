use std::io;
use std::process::ExitCode;

use ordain::client::ClientError;
use ordain::client::admin::ConfigChange;
use ordain::config::number_hint;
use ordain::types::ErrorCode;
use serde_json::json;

use crate::output::Format;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It says what went wrong, with the value, and what to do.
    #[error("{0}")]
    Message(String),
    /// The arguments contradict each other or a value cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The output has said what is wrong; only the exit code is left.
    #[error("what was asked for is not so; the output says why")]
    Told,
    #[error("interrupted")]
    Interrupted,
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("{}", advice(.0))]
    Client(#[from] ClientError),
    /// The broker refused, and what to write instead is known here.
    #[error("{error}\n  {hint}")]
    Hinted { error: Box<ClientError>, hint: String },
}

impl Failure {
    /// The error of a change of configuration, with the way out where a number was written as one does not write it.
    pub fn of_change<'a>(
        error: ClientError,
        values: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Failure {
        // Of brokers, Kafka says the one, of topics the other.
        if !matches!(error.code(), Some(ErrorCode::InvalidConfig | ErrorCode::InvalidRequest)) {
            return error.into();
        }
        let hints: Vec<String> = values.filter_map(|(name, value)| number_hint(name, value)).collect();
        match hints.is_empty() {
            true => error.into(),
            false => Failure::Hinted { error: Box::new(error), hint: hints.join("\n  ") },
        }
    }

    /// The names and values that changes set.
    pub fn set_by(changes: &[ConfigChange]) -> impl Iterator<Item = (&String, &String)> {
        changes.iter().filter_map(|change| match change {
            ConfigChange::Set { name, value } => Some((name, value)),
            ConfigChange::Append { .. } | ConfigChange::Subtract { .. } | ConfigChange::Delete { .. } => None,
        })
    }

    /// Tells the user, on standard error, and gives the exit code.
    pub fn report(&self, format: Format) -> ExitCode {
        let code = match self {
            Failure::Told => return ExitCode::FAILURE,
            Failure::Interrupted => return ExitCode::from(130),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return ExitCode::from(141);
            }
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Message(_) | Failure::Output(_) | Failure::Client(_) | Failure::Hinted { .. } => {
                ExitCode::FAILURE
            }
        };
        match format {
            Format::Human => eprintln!("{}", prefixed(&self.to_string())),
            Format::Json => eprintln!("{}", self.document()),
        }
        code
    }

    /// The error for programs: its words, and the broker's code where one has answered with it.
    pub fn document(&self) -> serde_json::Value {
        let code = match self {
            Failure::Client(error) => error.code().map(ErrorCode::name),
            Failure::Hinted { error, .. } => error.code().map(ErrorCode::name),
            Failure::Message(_)
            | Failure::Usage(_)
            | Failure::Told
            | Failure::Interrupted
            | Failure::Output(_) => None,
        };
        json!({ "error": { "message": self.to_string(), "code": code } })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Each line says who speaks, but for those that go on with the one before.
fn prefixed(text: &str) -> String {
    let line = |line: &str| match line.starts_with(' ') {
        true => line.to_owned(),
        false => format!("ordain: {line}"),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The error and what can be done about it.
fn advice(error: &ClientError) -> String {
    match error {
        ClientError::Connect { .. } | ClientError::NoBroker { .. } => format!(
            "{error}\n  Is a broker running there? `ordain serve` starts one on 127.0.0.1:9092; \
             --bootstrap HOST:PORT names another."
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_says_who_speaks() {
        assert_eq!(prefixed("one\n  its way out\ntwo"), "ordain: one\n  its way out\nordain: two");
    }
}
