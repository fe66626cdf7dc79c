//! `tilewright man FOLDER`: a page of the manual for each command.

use clap::CommandFactory;

use crate::cli::{Cli, ManArgs};
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let mut whole = Cli::command();
    whole.build();
    let mut pages = vec![("tilewright.1".to_owned(), page(whole.clone()))];
    for command in whole.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("tilewright-{}", command.get_name());
        pages.push((format!("{name}.1"), page(command.clone().name(name).disable_help_subcommand(true))));
    }
    let count = pages.len();
    let contents: Vec<(String, Option<Vec<u8>>)> = pages.into_iter().map(|(name, page)| (name, Some(page))).collect();
    files::commit(vec![files::stage_folder(&args.folder, &contents)?])?;
    files::print(&format!("{count} pages in {}\n", args.folder.display()))?;
    Ok(Exit::Success)
}

fn page(command: clap::Command) -> Vec<u8> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).expect("memory takes all");
    page
}
