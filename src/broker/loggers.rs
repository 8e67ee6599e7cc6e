//! The levels of what a broker logs, as Kafka's tools see and set them (KIP-412): one logger a module, under
//! the root's. They hold until the process ends; what is logged where is whoever's started it.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How much a logger says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    const ALL: [LogLevel; 6] =
        [LogLevel::Off, LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

    /// As Kafka's tools write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Off => "OFF",
            LogLevel::Error => "ERROR",
            LogLevel::Warn => "WARN",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
            LogLevel::Trace => "TRACE",
        }
    }

    /// `FATAL` is an error here: nothing is graver.
    #[must_use]
    pub fn parse(name: &str) -> Option<LogLevel> {
        if name == "FATAL" {
            return Some(LogLevel::Error);
        }
        LogLevel::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// Why levels are not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoggerError {
    #[error("Logger {0} does not exist!")]
    Unknown(String),
    #[error(
        "Cannot set the log level of {logger} to {level} as it is not a supported log level. Valid log levels are \
         DEBUG, ERROR, FATAL, INFO, OFF, TRACE, WARN"
    )]
    NoLevel { logger: String, level: String },
    #[error("Removing the log level of the root logger is not allowed")]
    Root,
}

/// The logger above all.
const ROOT: &str = "root";

/// One for each module that says something. Kafka's tools take no `::` in a name.
const MODULES: [&str; 10] = [
    "ordain",
    "ordain.broker",
    "ordain.coordinator",
    "ordain.io",
    "ordain.log",
    "ordain.metadata",
    "ordain.partition",
    "ordain.raft",
    "ordain.server",
    "ordain.wire",
];

/// Takes the levels that were set to where lines are written: the root's, and those of modules that differ.
pub type ApplyLevels = Box<dyn Fn(LogLevel, &BTreeMap<&'static str, LogLevel>) + Send + Sync>;

/// The loggers of a process. Cheap to clone.
#[derive(Clone)]
pub struct Loggers {
    inner: Arc<Inner>,
}

struct Inner {
    levels: Mutex<Levels>,
    apply: ApplyLevels,
}

#[derive(Clone)]
struct Levels {
    root: LogLevel,
    of_modules: BTreeMap<&'static str, LogLevel>,
}

/// Changes that have been checked.
pub struct LoggerChanges(Vec<(&'static str, Option<LogLevel>)>);

impl Loggers {
    /// `root` is what is logged so far; `apply` is called on every change.
    #[must_use]
    pub fn new(root: LogLevel, apply: ApplyLevels) -> Loggers {
        let levels = Mutex::new(Levels { root, of_modules: BTreeMap::new() });
        Loggers { inner: Arc::new(Inner { levels, apply }) }
    }

    /// Loggers whose lines go nowhere: the levels are kept, and change nothing.
    #[must_use]
    pub fn detached() -> Loggers {
        Loggers::new(LogLevel::Info, Box::new(|_, _| {}))
    }

    /// The level in force of every logger, by name.
    #[must_use]
    pub fn levels(&self) -> BTreeMap<String, LogLevel> {
        let levels = self.inner.levels.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let of_module = |module: &'static str| {
            let parent = module.split('.').next().unwrap_or(module);
            let set = levels.of_modules.get(module).or_else(|| levels.of_modules.get(parent));
            (module.to_owned(), *set.unwrap_or(&levels.root))
        };
        MODULES.into_iter().map(of_module).chain([(ROOT.to_owned(), levels.root)]).collect()
    }

    /// Checks changes; no level takes a logger's own away.
    ///
    /// # Errors
    /// If a logger or a level is none, or the root's is to be taken away.
    pub fn check(&self, changes: &[(&str, Option<&str>)]) -> Result<LoggerChanges, LoggerError> {
        let mut checked = Vec::with_capacity(changes.len());
        for &(name, level) in changes {
            let known = MODULES.into_iter().chain([ROOT]).find(|known| *known == name);
            let logger = known.ok_or_else(|| LoggerError::Unknown(name.to_owned()))?;
            let level = match level {
                None if logger == ROOT => return Err(LoggerError::Root),
                None => None,
                Some(text) => Some(LogLevel::parse(text).ok_or_else(|| LoggerError::NoLevel {
                    logger: name.to_owned(),
                    level: text.to_owned(),
                })?),
            };
            checked.push((logger, level));
        }
        Ok(LoggerChanges(checked))
    }

    /// Makes the changes.
    pub fn set(&self, LoggerChanges(changes): &LoggerChanges) {
        let mut levels = self.inner.levels.lock().unwrap_or_else(PoisonError::into_inner);
        for &(logger, level) in changes {
            match (logger, level) {
                (ROOT, Some(level)) => levels.root = level,
                (module, Some(level)) => {
                    levels.of_modules.insert(module, level);
                }
                (module, None) => {
                    levels.of_modules.remove(module);
                }
            }
        }
        (self.inner.apply)(levels.root, &levels.of_modules);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(loggers: &Loggers, name: &str) -> LogLevel {
        loggers.levels()[name]
    }

    fn set(loggers: &Loggers, changes: &[(&str, Option<&str>)]) {
        loggers.set(&loggers.check(changes).expect("right"));
    }

    #[test]
    fn a_logger_without_a_level_has_its_parents() {
        let loggers = Loggers::detached();
        set(&loggers, &[("ordain.log", Some("TRACE")), ("ordain", Some("FATAL"))]);
        assert_eq!(level(&loggers, "ordain.log"), LogLevel::Trace);
        assert_eq!(level(&loggers, "ordain.broker"), LogLevel::Error);
        assert_eq!(level(&loggers, "root"), LogLevel::Info);
        set(&loggers, &[("ordain.log", None), ("ordain", None), ("root", Some("WARN"))]);
        assert_eq!(level(&loggers, "ordain.log"), LogLevel::Warn);
    }

    #[test]
    fn every_change_reaches_the_lines() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let apply: ApplyLevels = Box::new(move |root, modules| {
            sink.lock().expect("no panic").push((root, modules.clone()));
        });
        let loggers = Loggers::new(LogLevel::Info, apply);
        set(&loggers, &[("ordain.raft", Some("DEBUG"))]);
        let expected = [(LogLevel::Info, BTreeMap::from([("ordain.raft", LogLevel::Debug)]))];
        assert_eq!(*seen.lock().expect("no panic"), expected);
    }

    #[test]
    fn refusals_are_kafkas() {
        let told = |changes| Loggers::detached().check(changes).err().map(|error| error.to_string());
        assert_eq!(told(&[("no.such", Some("INFO"))]), Some("Logger no.such does not exist!".to_owned()));
        assert!(told(&[("root", Some("LOUD"))]).is_some_and(|text| text.contains("LOUD")));
        assert_eq!(
            told(&[("root", None)]),
            Some("Removing the log level of the root logger is not allowed".to_owned())
        );
    }
}
