//! I14: what is not destroyed is served: no fetch is answered with an error of the storage unless something of the
//! partition was destroyed, or the disk gave errors. Who asked has looked at that when the answer came.
use crate::scenarios::broker::history::Events;

pub(super) fn storage_errors_have_a_cause(events: &Events) -> Result<(), String> {
    match events.storage_errors.first() {
        Some(error) => Err(format!("{error}, and nothing that was done to the disk explains it")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_cause_is_found() {
        let check = |errors: &[&str]| {
            let storage_errors = errors.iter().map(|error| (*error).to_owned()).collect();
            storage_errors_have_a_cause(&Events { storage_errors, ..Events::default() })
        };
        assert_eq!(check(&[]), Ok(()));
        assert!(check(&["short-0 3"]).unwrap_err().contains("short-0 3"));
    }
}
