//! The name that a writer probably meant: a misspelt name and the names that are valid → what an error offers.

/// `` (did you mean `LOG_BLOCK`?)``, with the valid name that is most like this one, whatever its case; nothing if none is like
/// it.
pub fn did_you_mean<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let similarity = |valid: &str| strsim::jaro_winkler(&name.to_lowercase(), &valid.to_lowercase());
    let ranked = valid.into_iter().map(|valid| (similarity(valid), valid));
    match ranked.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((similarity, near)) if similarity > 0.8 => format!(" (did you mean `{near}`?)"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn names_that_are_like_it_are_offered() {
        assert_eq!(did_you_mean("log_blok", ["LOG_BATCH", "LOG_BLOCK"]), " (did you mean `LOG_BLOCK`?)");
        assert_eq!(did_you_mean("zebra", ["LOG_BATCH", "LOG_BLOCK"]), "");
        assert_eq!(did_you_mean("zebra", []), "");
    }
}
