//! The name that a writer probably meant: a misspelt name and the names that are valid → what an error offers.

use crate::Diagnostic;

impl Diagnostic {
    /// Helps where `name` is none of the valid names: offers the nearest of them, and lists all. `what` says what they are, in
    /// the plural: `stages`.
    pub fn offer<S: AsRef<str>>(self, name: &str, valid: &[S], what: &str) -> Diagnostic {
        let told = self.did_you_mean(name, valid.iter().map(|valid| valid.as_ref()));
        match valid {
            [] => told.help(format!("there are no {what}")),
            _ => told.help(format!("{what}: {}", quoted(valid))),
        }
    }

    /// Offers the nearest of the valid names, where there are too many to list.
    pub fn did_you_mean<'a>(self, name: &str, valid: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(name, valid) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// What [`Diagnostic::offer`] says, for messages of one line.
pub fn offered<S: AsRef<str>>(name: &str, valid: &[S], what: &str) -> String {
    let near = nearest(name, valid.iter().map(|valid| valid.as_ref()));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    match valid {
        [] => format!("there are no {what}"),
        _ => format!("{near}{what}: {}", quoted(valid)),
    }
}

/// `` `a`, `b` ``
pub fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The candidate most like `name`, if any is like enough to be offered. Of equals the first wins.
///
/// Names count as alike when few letters differ for their length (Damerau–Levenshtein distance at most a third, and 1
/// for names of two letters), or when only the case or underscores differ.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &&'a str| distance(name, candidate);
    let (best, _) = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| distance(&candidate).map(|d| (candidate, d)))
        .reduce(|best, next| if next.1 < best.1 { next } else { best })?;
    Some(best)
}

/// How many letters differ, or `None` if too many do.
fn distance(name: &str, candidate: &str) -> Option<usize> {
    if plain(name) == plain(candidate) {
        return Some(0);
    }
    let length = name.chars().count().max(candidate.chars().count());
    let allowed = if length == 2 { 1 } else { length / 3 };
    Some(strsim::damerau_levenshtein(name, candidate)).filter(|distance| *distance <= allowed)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{nearest, offered};
    use crate::Diagnostic;

    #[test]
    fn the_nearest_and_all_are_offered() {
        let help = |name, valid: &[&str]| Diagnostic::error("E0302", "").offer(name, valid, "stages").help;
        assert_eq!(help("X_bof", &["X_buf", "C"]), ["did you mean `X_buf`?", "stages: `X_buf`, `C`"]);
        assert_eq!(help("zz", &["X_buf", "C"]), ["stages: `X_buf`, `C`"]);
        let none = Diagnostic::error("E0302", "").offer::<&str>("zz", &[], "stages");
        assert_eq!(none.help, ["there are no stages"]);
        assert_eq!(offered("X_bof", &["X_buf"], "stages"), "did you mean `X_buf`? stages: `X_buf`");
        assert_eq!(offered("zz", &["X_buf"], "stages"), "stages: `X_buf`");
        assert_eq!(offered::<&str>("zz", &[], "stages"), "there are no stages");
    }

    #[test]
    fn near_names_are_offered() {
        let directives = ["split", "reorder", "compute_at", "cache_read"];
        assert_eq!(nearest("spilt", directives), Some("split"));
        assert_eq!(nearest("compute_ta", directives), Some("compute_at"));
        assert_eq!(nearest("CacheRead", directives), Some("cache_read"));
        assert_eq!(nearest("ri", ["ro", "k"]), Some("ro"));
    }

    #[test]
    fn far_names_are_not() {
        assert_eq!(nearest("vectorize", ["split", "reorder"]), None);
        assert_eq!(nearest("a", ["b", "c"]), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("split", ["split"]), None);
    }

    #[test]
    fn the_nearest_wins_and_of_equals_the_first() {
        assert_eq!(nearest("X_bof", ["W_buf", "X_buf"]), Some("X_buf"));
        assert_eq!(nearest("z_buf", ["x_buf", "w_buf"]), Some("x_buf"));
    }
}
