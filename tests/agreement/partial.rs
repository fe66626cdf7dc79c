//! Schedules that leave parts open: directives are dropped from complete ones, with those that cannot stand without them, and
//! what is left is completed. All engines agree, and the completed schedule, printed, gives the same instructions.

use proptest::prelude::*;
use tilewright::{Options, complete, front};
use tilewright_core::schedule::{Directive, Schedule};
use tilewright_core::scope::Scope;
use tilewright_isa::Config;
use tilewright_syntax::ast::{self, Item};
use tilewright_syntax::{FileId, Sources, Span, Trivia, parse, print};
use tilewright_tests::{Case, engines_agree};

use crate::drawn::{Drawn, drawn_alike, mostly_accepted};
use crate::{examples, random};

/// The schedules of a file, automatic ones where it has none, for one machine.
struct Complete {
    sources: Sources,
    options: Options,
}

impl Complete {
    fn of(path: &str, text: &str, schedule: Option<&str>, config: Config) -> Option<Complete> {
        let mut sources = Sources::default();
        let file = sources.add(path, text);
        let mut example =
            |path: &str| std::fs::read_to_string(examples::folder().join(path)).map_err(|e| e.to_string());
        complete(&mut sources, file, &mut example).ok()?;
        let schedule = schedule.map(str::to_owned);
        Some(Complete { sources, options: Options { file, schedule, config, ..Options::default() } })
    }

    /// A file with the kernel and with those directives of its schedule that are kept and can stand; None where the schedule is
    /// wrong as it is.
    fn partial(&self, keeps: &mut dyn FnMut() -> bool) -> Option<String> {
        let front = front(&self.sources, &self.options).ok()?;
        front.schedule().ok()?;
        let [call] = front.calls() else { return None };
        let name = |id: FileId| {
            ast::UseSource::File(ast::Text { text: self.sources.file(id).name.clone(), span: Span::default() })
        };
        let source = front.source(&name).ok()?;
        let mut schedules =
            source.items.into_iter().filter_map(|item| if let Item::Schedule(s) = item { Some(s) } else { None });
        let mut schedule = schedules.next()?;
        let directives = front.directives(call).ok()?;
        let mut kept: Vec<bool> = directives.iter().map(|_| keeps()).collect();
        loop {
            let mut after = front.unscheduled(call);
            for (directive, kept) in directives.iter().zip(&mut kept).filter(|(_, kept)| **kept) {
                match front.with_directive(call, &after, directive) {
                    Ok(next) => after = next,
                    Err(_) => *kept = false,
                }
            }
            let Some(misplaced) = misplaced(&after) else { break };
            let makes = |d: &Directive| {
                d.text().starts_with(&format!("{misplaced} = "))
                    || d.text().starts_with(&format!("{misplaced}.set_scope"))
            };
            let at = directives.iter().zip(&kept).position(|(d, kept)| *kept && makes(d))?;
            kept[at] = false;
        }
        let mut kept = kept.into_iter();
        schedule.stmts.retain(|_| kept.next().unwrap_or(true));
        schedule.name.name = "partial".to_owned();
        let mut items = self.kernels()?;
        items.push(Item::Schedule(schedule));
        Some(print(&ast::Program { items }, &Trivia::default()))
    }

    /// The items of the file that a kernel may need.
    fn kernels(&self) -> Option<Vec<Item>> {
        let mut items = parse(&self.sources, self.options.file).ok()?.items;
        items.retain(|item| matches!(item, Item::Kernel(_) | Item::Use(_) | Item::Function(_)));
        Some(items)
    }
}

/// A stage for operands of the GEMM core that another one reads, as a folded bias whose fold was dropped: that is no open part,
/// but a mistake.
fn misplaced(s: &Schedule) -> Option<String> {
    let reads = |stage| s.readers(s.stage(stage).tensor).iter().any(|reader| s.compute(*reader).reduction.is_none());
    let found = s.stage_ids().find(|stage| [Scope::Inp, Scope::Wgt].contains(&s.stage(*stage).scope) && reads(*stage));
    found.map(|stage| s.stage_name(stage).to_owned())
}

/// Which directives are kept: so many of a hundred, by bytes that are taken again where there are fewer.
fn keeping(percent: u8, bytes: &[u8]) -> impl FnMut() -> bool + '_ {
    let mut bytes = bytes.iter().cycle();
    move || bytes.next().is_some_and(|byte| byte % 100 < percent)
}

/// A program whose schedule is partial; one that is not accepted as it is stays.
fn drawn_from(program: &Drawn, percent: u8, bytes: &[u8]) -> Drawn {
    let (target, text) = program.0.split_once('\n').expect("a target stands before the program");
    let partial =
        Complete::of("case.tw", text, None, program.config()).and_then(|all| all.partial(&mut keeping(percent, bytes)));
    match partial {
        Some(text) => Drawn(format!("{target}\n{text}")),
        None => program.clone(),
    }
}

fn partial(family: impl Strategy<Value = Drawn>) -> impl Strategy<Value = Drawn> {
    let dropped = (prop_oneof![Just(10), Just(40), Just(70), Just(90)], prop::collection::vec(any::<u8>(), 60));
    (family, dropped).prop_map(|(program, (percent, bytes))| drawn_from(&program, percent, &bytes))
}

/// A few schedules stay refused: what is said may be too large by itself, or leave no layout that all agree on.
fn runs(program: &Drawn) -> bool {
    program.run().is_ok()
}

#[test]
fn what_automatic_schedules_leave_open_is_completed() {
    mostly_accepted(partial(random::unscheduled()), 85, runs);
}

#[test]
fn what_random_schedules_leave_open_is_completed() {
    mostly_accepted(partial(random::scheduled()), 60, runs);
}

#[test]
fn what_is_left_of_the_examples_is_completed() {
    let (mut programs, mut accepted) = (0, 0);
    let drawn = (0..100_u8, prop::collection::vec(any::<u8>(), 60));
    for path in examples::files("tw") {
        let name = path.to_str().expect("a name");
        let (text, config) = (examples::example(name), examples::target(&path));
        let names = text.lines().filter_map(|line| line.strip_prefix("schedule ")?.split([' ', '(']).next());
        for schedule in names {
            let Some(all) = Complete::of(name, &text, Some(schedule), config) else { continue };
            for (percent, bytes) in drawn_alike(drawn.clone(), super::cases().div_ceil(96)) {
                let Some(partial) = all.partial(&mut keeping(percent, &bytes)) else { continue };
                let ran = engines_agree(&Case { path: name, config, ..Case::new(&partial) });
                (programs, accepted) = (programs + 1, accepted + usize::from(ran.is_ok()));
            }
        }
    }
    eprintln!("{accepted} of {programs} were accepted");
    assert!(programs > 20 && accepted * 100 >= programs * 75, "only {accepted} of {programs} were accepted");
}

const MATMUL: &str = "kernel matmul(m = BATCH, k = 256, n = 256) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    D[i, j] = C[i, j] + 1
    output Y[i, j] = i8(D[i, j])
}
";

/// Schedules of a product that say one thing.
#[test]
fn a_schedule_may_say_as_little_as_it_likes() {
    let tiles = "C.split(i, BATCH) -> io, ii\nC.split(j, BLOCK_OUT) -> jo, ji\nC.split(r, BLOCK_IN) -> ro, ri\n\
                 C.reorder(ro, io, jo, ii, ji, ri)";
    let tensorized = format!("{tiles}\nC.tensorize(ii, gemm)");
    let scopes = "X_buf = X.cache_read(inp)\nW_buf = W.cache_read(wgt)\nC.set_scope(acc)\nD.set_scope(acc)";
    for said in [
        "",
        "C.set_scope(acc)",
        "D.set_scope(acc)",
        "X_buf = X.cache_read(inp)",
        "W_buf = W.cache_read(wgt)",
        "Y.split(j, 64) -> jo, ji\nY.reorder(jo, i, ji)",
        "C.split(j, 9223372036854775807) -> jo, ji",
        tiles,
        &tensorized,
        scopes,
        &format!("{scopes}\n{tiles}"),
        &format!("Y.split(j, 64) -> jo, ji\nD.set_scope(acc)\nD.compute_at(Y, jo)\n{tiles}"),
    ] {
        let program = Drawn::new(format!("{MATMUL}\nschedule partial for matmul {{\n{said}\n}}\n"));
        assert!(program.is_accepted(&[]));
    }
}
