use std::fmt::Display;

/// How many names a sentence holds.
const NAMES_MAX: usize = 5;

/// The first names, and how many more there are.
#[must_use]
pub fn first_names(names: impl IntoIterator<Item: Display>) -> String {
    let mut names = names.into_iter().map(|name| name.to_string());
    let first = names.by_ref().take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    match names.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted() {
        assert_eq!(first_names(["a"]), "a");
        assert_eq!(first_names(1..=5), "1, 2, 3, 4, 5");
        assert_eq!(first_names(1..=7), "1, 2, 3, 4, 5 and 2 more");
    }
}
