//! What an error offers where a name is unknown: the nearest of the valid ones, and a list of them.

use tilewright_isa::suggest::nearest;

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

    /// As [`Diagnostic::offer`], with what is known of the name itself in place of the nearest one.
    pub fn offer_or<S: AsRef<str>>(self, hint: Option<&str>, name: &str, valid: &[S], what: &str) -> Diagnostic {
        match hint {
            Some(hint) => self.help(hint).help(format!("{what}: {}", quoted(valid))),
            None => self.offer(name, valid, what),
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

#[cfg(test)]
mod tests {
    use super::offered;
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
}
