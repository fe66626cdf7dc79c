//! The pages in `docs/errors` say what is true: each example gives the page's error, and each fix is accepted.

use ndarray::ArrayD;
use tilewright_core::legalize::Cx;
use tilewright_core::loops::interpret::interpret;
use tilewright_core::loops::ir::Role;
use tilewright_core::loops::parse::parse;
use tilewright_core::loops::verify::{VerifyError, verify};
use tilewright_core::pipeline::legalize;
use tilewright_isa::{Config, Content, lint, text, without_effect};
use tilewright_sim::{Dram, Options as RunOptions, Segment, Simulator};
use tilewright_syntax::{EXPLANATIONS, Explanation, Sources};

use crate::compile::{compile, options, warnings};
use crate::registry::UNREACHED;

/// The block of a language under a heading, if there is one.
fn block<'a>(page: &'a Explanation, heading: &str, language: &str) -> Option<&'a str> {
    let section = page.text.split(&format!("\n## {heading}\n")).nth(1)?;
    let section = section.split("\n## ").next()?;
    let body = section.split(&format!("\n```{language}\n")).nth(1)?;
    body.split("\n```\n").next()
}

/// Pages with an example in a language.
fn pages(language: &'static str) -> impl Iterator<Item = (&'static Explanation, &'static str)> {
    EXPLANATIONS.iter().filter_map(move |page| Some((page, block(page, "Example", language)?)))
}

/// Pages about programs with schedules. Those about syntax and about kernels alone are held to their word where programs
/// are parsed and kernels checked.
fn programs() -> impl Iterator<Item = (&'static Explanation, &'static str)> {
    pages("tilewright").filter(|(page, _)| !page.code.starts_with("E01") && !page.code.starts_with("E02"))
}

/// What is said of a program.
fn of_program(page: &Explanation, text: &str) -> Vec<String> {
    if page.code.starts_with('W') {
        let told = warnings(page.code, text, &options(text));
        return told.into_iter().map(|(code, _)| code.to_owned()).collect();
    }
    let refused = compile(page.code, text, &options(text)).err();
    refused.into_iter().flat_map(|refused| refused.codes).map(str::to_owned).collect()
}

/// What is said of an assembler text, its stream and its run.
fn of_stream(source: &str) -> Vec<String> {
    let program = match text::parse(source) {
        Ok(program) => program,
        Err(error) => return vec![error.kind.code().to_owned()],
    };
    let insns = match program.decode() {
        Ok(insns) => insns,
        Err(at) => return vec![at.error.code().to_owned()],
    };
    let found = lint(&program.config, &insns, |index| program.uop_word(index), [0; 4]);
    let mut codes: Vec<String> = found.iter().map(|finding| finding.code.to_string()).collect();
    let segments = program.segments.iter().map(|s| Segment { address: s.address, bytes: bytes(&s.content) });
    let mut dram = match Dram::new(segments.collect()) {
        Ok(dram) => dram,
        Err(error) => return vec![error.code().to_owned()],
    };
    match Simulator::new(&program.config) {
        Ok(mut simulator) => {
            let options = RunOptions { detect_races: true, ..RunOptions::default() };
            match simulator.run(&insns, &mut dram, &options) {
                Ok(report) if report.races.as_ref().is_some_and(|races| !races.pairs.is_empty()) => {
                    codes.push("E0656".to_owned())
                }
                Ok(_) => {}
                Err(stop) => codes.push(stop.code().to_owned()),
            }
        }
        Err(error) => codes.push(error.code().to_owned()),
    }
    codes
}

fn bytes(content: &Content) -> Vec<u8> {
    match content {
        Content::Unknown(length) => vec![0; *length as usize],
        Content::Bytes(bytes) => bytes.clone(),
        Content::Uops(words) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    }
}

#[test]
fn programs_give_their_error_first_and_fixes_compile() {
    for (page, text) in programs() {
        let codes = of_program(page, text);
        assert_eq!(codes.first().map(String::as_str), Some(page.code), "the example of {}", page.code);
        let fix = block(page, "Fix", "tilewright").unwrap_or_else(|| panic!("{} has no fix", page.code));
        if let Err(refused) = compile(page.code, fix, &options(fix)) {
            panic!("the fix of {} is refused: {}", page.code, refused.text);
        }
        assert!(!page.code.starts_with('W') || of_program(page, fix).is_empty(), "the fix of {}", page.code);
    }
}

#[test]
fn all_pages_of_schedules_and_legalisation_are_programs() {
    let shown: Vec<&str> = programs().chain(pages("loops")).map(|(page, _)| page.code).collect();
    for page in EXPLANATIONS.iter().filter(|page| page.code.starts_with("E03") || page.code.starts_with("E05")) {
        assert_eq!(shown.contains(&page.code), !UNREACHED.contains(&page.code), "{}", page.code);
    }
}

/// What legalisation says of a loop program.
fn of_loops(text: &str) -> Result<(), &'static str> {
    let mut sources = Sources::default();
    let file = sources.add("page.loops", text);
    let program = parse(file, text).map_err(|error| error.code())?;
    verify(&program).map_err(|_| VerifyError::CODE)?;
    let cx = Cx { config: Config::default() };
    legalize(program, &cx, &mut |_| {}).map(|_| ()).map_err(|error| error.code())
}

#[test]
fn loop_programs_give_their_error_and_fixes_are_legal() {
    for (page, text) in pages("loops").filter(|(page, _)| page.code.starts_with("E05")) {
        assert_eq!(of_loops(text), Err(page.code));
        let fix = block(page, "Fix", "loops").unwrap_or_else(|| panic!("{} has no fix", page.code));
        assert_eq!(of_loops(fix), Ok(()), "the fix of {}", page.code);
    }
}

/// What the interpreter says of a loop program, on inputs of zeros.
fn interpreted(text: &str) -> Result<(), &'static str> {
    let mut sources = Sources::default();
    let program = parse(sources.add("page.loops", text), text).map_err(|error| error.code())?;
    let inputs = program.buffers.iter().filter(|buffer| buffer.role == Role::Input);
    let zeros = |shape: &[i64]| ArrayD::zeros(shape.iter().map(|n| *n as usize).collect::<Vec<_>>());
    let inputs = inputs.map(|buffer| (buffer.name.clone(), zeros(&buffer.shape))).collect();
    let core = Cx { config: Config::default() }.core();
    interpret(&program, core, &inputs).map(drop).map_err(|error| error.code())
}

#[test]
fn loop_programs_without_values_give_their_error_and_fixes_have_values() {
    for (page, text) in pages("loops").filter(|(page, _)| ["E0411", "E0412"].contains(&page.code)) {
        assert_eq!(interpreted(text), Err(page.code));
        let fix = block(page, "Fix", "loops").unwrap_or_else(|| panic!("{} has no fix", page.code));
        assert_eq!(interpreted(fix), Ok(()), "the fix of {}", page.code);
    }
}

#[test]
fn configurations_give_their_error_and_fixes_are_valid() {
    for (page, text) in pages("json").filter(|(page, _)| page.code.starts_with("E070") || page.code == "E0710") {
        assert_eq!(Config::from_json(text).expect_err(page.code).code(), page.code);
        let fix = block(page, "Fix", "json").unwrap_or_else(|| panic!("{} has no fix", page.code));
        assert!(Config::from_json(fix).is_ok(), "the fix of {}", page.code);
    }
}

#[test]
fn keys_without_effect_are_told_and_fixes_have_none() {
    let (page, text) = pages("json").find(|(page, _)| page.code == "W0701").expect("its page");
    let fix = block(page, "Fix", "json").expect("its fix");
    for (text, keys) in [(text, &["HW_FREQ"][..]), (fix, &[])] {
        assert!(Config::from_json(text).is_ok(), "{text}");
        assert_eq!(without_effect(text), keys);
    }
}

#[test]
fn streams_give_their_error_and_fixes_do_not() {
    for (page, text) in pages("asm") {
        // Such an example would have hundreds of equal lines.
        if !text.contains("; ...") {
            assert!(of_stream(text).contains(&page.code.to_owned()), "{}: {:?}", page.code, of_stream(text));
        }
        if let Some(fix) = block(page, "Fix", "asm") {
            let told = of_stream(fix);
            assert!(!told.contains(&page.code.to_owned()) && text::parse(fix).is_ok(), "{}: {told:?}", page.code);
        }
    }
}
