//! The name that a writer probably meant: a misspelt name and the names that are valid → the nearest of them. Everything that
//! offers names asks here: the language, configurations, timings and assembler texts.

/// Longest name that is compared with others, in bytes.
const MAX_LENGTH: usize = 128;

/// `` (did you mean `LOG_BLOCK`?)``, with the valid name that is most like this one; nothing if none is like it.
pub fn did_you_mean<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, valid).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}

/// The candidate most like `name`, if any is like enough to be offered. Of equally many letters that differ, those count least that
/// stand at the end (Jaro–Winkler similarity); of equals the first wins.
///
/// Names count as alike when few letters differ for their length, whatever their case (Damerau–Levenshtein distance at most a
/// third, and 1 for names of two letters), or when only the case or underscores differ.
///
/// Nothing is offered for what is longer than any name that people write, and nothing that is: the distance takes time and memory
/// with the product of both lengths.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    let likeness = |candidate: &'a str| Some((distance(name, candidate)?, -similarity(candidate), candidate));
    let written = |candidate: &&str| name.len().max(candidate.len()) <= MAX_LENGTH && *candidate != name;
    let alike = candidates.into_iter().filter(written).filter_map(likeness);
    let best = alike.reduce(|best, next| if (next.0, next.1) < (best.0, best.1) { next } else { best });
    best.map(|(_, _, candidate)| candidate)
}

/// How many letters differ, or `None` if too many do. Those that differ in case count for one half together, so that of two
/// names that are equally far the one in the same case is nearer.
fn distance(name: &str, candidate: &str) -> Option<usize> {
    if plain(name) == plain(candidate) {
        return Some(0);
    }
    let length = name.chars().count().max(candidate.chars().count());
    let allowed = if length == 2 { 1 } else { length / 3 };
    let (lower, other) = (name.to_lowercase(), candidate.to_lowercase());
    let distance = strsim::damerau_levenshtein(&lower, &other);
    let case = usize::from(strsim::damerau_levenshtein(name, candidate) > distance);
    (distance <= allowed).then_some(2 * distance + case)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    #[test]
    fn names_that_are_like_it_are_offered() {
        assert_eq!(did_you_mean("log_blok", ["LOG_BATCH", "LOG_BLOCK"]), " (did you mean `LOG_BLOCK`?)");
        assert_eq!(did_you_mean("zebra", ["LOG_BATCH", "LOG_BLOCK"]), "");
        assert_eq!(did_you_mean("zebra", []), "");
    }

    #[test]
    fn a_name_in_the_same_case_is_nearer() {
        assert_eq!(nearest("x_bof", ["X_buf", "x_buf"]), Some("x_buf"));
    }

    #[test]
    fn of_equally_near_names_the_one_with_the_same_beginning_is_offered() {
        assert_eq!(nearest("LOG_BLOCK", ["LOG_BATCH", "LOG_BLOCK_IN"]), Some("LOG_BLOCK_IN"));
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
    fn what_is_no_name_is_not_compared() {
        let long = "a".repeat(100_000);
        assert_eq!(nearest(&format!("{long}b"), [&*long, "aa"]), None);
        assert_eq!(nearest("split_b", [&*long, "split_a"]), Some("split_a"));
    }

    #[test]
    fn the_nearest_wins_and_of_equals_the_first() {
        assert_eq!(nearest("X_bof", ["W_buf", "X_buf"]), Some("X_buf"));
        assert_eq!(nearest("z_buf", ["x_buf", "w_buf"]), Some("x_buf"));
    }
}
