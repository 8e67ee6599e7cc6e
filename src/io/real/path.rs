use std::io;
use std::path::{Path, PathBuf};

/// The place of a relative path below `root`.
///
/// # Errors
/// `InvalidInput` for a path that is absolute, leaves the directory (`..`) or has an empty or odd part.
pub(super) fn below(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut full = root.to_path_buf();
    if path.is_empty() {
        return Ok(full);
    }
    for part in path.split('/') {
        if matches!(part, "" | "." | "..") || part.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the path {path:?} does not lead to a place below the data directory"),
            ));
        }
        full.push(part);
    }
    Ok(full)
}

/// The same error with the path in its text; [`crate::io::os_code`] finds the system's in it.
pub(super) fn at(path: &Path, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), At { path: path.to_path_buf(), source })
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
struct At {
    path: PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_data_directory() {
        let root = Path::new("/data");
        assert_eq!(below(root, "").unwrap(), Path::new("/data"));
        assert_eq!(below(root, "a/b").unwrap(), Path::new("/data/a/b"));
        for bad in ["/etc/passwd", "..", "a/../b", "a//b", "a/", ".", "a/./b", "a\0b"] {
            assert_eq!(below(root, bad).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn an_error_with_its_path_is_still_the_systems() {
        let error = at(Path::new("/data/a"), io::Error::from_raw_os_error(libc::EMFILE));
        assert!(error.to_string().starts_with("/data/a: "), "{error}");
        assert_eq!(crate::io::os_code(&error), Some(libc::EMFILE));
        assert!(crate::io::lacks_descriptors(&error));
        let full = at(Path::new("/data/a"), io::Error::from_raw_os_error(libc::ENOSPC));
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(!crate::io::lacks_descriptors(&full));
        assert_eq!(crate::io::os_code(&at(Path::new("a"), io::Error::other("made up"))), None);
    }
}
