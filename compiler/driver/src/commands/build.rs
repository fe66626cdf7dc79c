//! `tilewright build FILE -o x.twm`: a program compiled, as one file that other commands take.

use std::path::Path;

use tilewright_syntax::Sources;

use crate::cli::{BuildArgs, MachineOptions};
use crate::error::{DriverError, Exit, Failure};
use crate::files::{self, STANDARD};
use crate::load::{Loaded, Wanted, load};
use crate::report::{FAINT, HEADING, grouped};

pub fn run(args: &BuildArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let to_standard = args.output == Path::new(STANDARD);
    if !to_standard && args.output.extension().is_none_or(|extension| extension != "twm") {
        let (path, endings) = (args.output.clone(), vec!["`.twm`".to_owned()]);
        return Err(DriverError::WrongEnding { path, what: "an artifact", endings }.into());
    }
    let inputs = [&*args.file].into_iter().chain(args.target.target.as_deref());
    files::check_outputs(&[&args.output], inputs)?;
    let machine = MachineOptions { target: args.target.target.clone(), timing: None };
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &machine };
    let Loaded::Program(artifact) = load(&args.file, wanted, sources)?.0 else {
        let message = "an assembler text needs no compilation: `run`, `profile` and `replay` take it as it is";
        return Err(Failure::Usage(message.to_owned()));
    };
    let bytes = artifact.to_bytes()?;
    files::write_bytes_to(&args.output, &bytes, "an artifact")?;
    if !to_standard {
        let (insns, size) = (grouped(artifact.stream().insns.len() as u64), grouped(bytes.len() as u64));
        files::print(&format!(
            "{HEADING}{}{HEADING:#}  {FAINT}{insns} instructions, {size} bytes in{FAINT:#} {}\n",
            artifact.name(),
            args.output.display()
        ))?;
    }
    Ok(Exit::Success)
}
