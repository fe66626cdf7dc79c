//! `tilewright std [MODULE]`: the standard library as it stands in the binary.

use tilewright::{LIBRARY, documentation};
use tilewright_syntax::offered;

use crate::cli::StdArgs;
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &StdArgs) -> Result<Exit, Failure> {
    let names = || LIBRARY.iter().map(|module| module.name);
    let text = match &args.module {
        None if args.page => documentation(),
        None => names().map(|name| format!("{name}\n")).collect(),
        Some(wanted) => match LIBRARY.iter().find(|module| module.name == wanted) {
            Some(module) => module.text.to_owned(),
            None => {
                let others = offered(wanted, &names().collect::<Vec<_>>(), "modules");
                return Err(Failure::Usage(format!("the library has no module `{wanted}`: {others}")));
            }
        },
    };
    files::print_data(&text)?;
    Ok(Exit::Success)
}
