use std::io;
use std::process::ExitCode;

use ordain::client::ClientError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It says what went wrong, with the value, and what to do.
    #[error("{0}")]
    Message(String),
    /// The arguments contradict each other or a value cannot be used.
    #[error("{0}")]
    Usage(String),
    #[error("interrupted")]
    Interrupted,
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("{}", advice(.0))]
    Client(#[from] ClientError),
}

impl Failure {
    /// Tells the user, on standard error, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::Interrupted => ExitCode::from(130),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
            Failure::Usage(_) => {
                eprintln!("ordain: {self}");
                ExitCode::from(2)
            }
            Failure::Message(_) | Failure::Output(_) | Failure::Client(_) => {
                eprintln!("ordain: {self}");
                ExitCode::FAILURE
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
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
