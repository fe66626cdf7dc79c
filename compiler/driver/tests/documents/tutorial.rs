//! What the tutorial shows under each program is what the command prints of it.

use crate::root;
use crate::shown::{hold, shown};

#[test]
fn each_step_shows_what_is_printed() {
    let (mut program, mut steps) = (None, 0);
    hold(&root().join("docs/tutorial.md"), |block| {
        if block.language == "tilewright" {
            program = Some(block.content.to_owned());
            steps += 1;
            return None;
        }
        let program = program.take().expect("each block of output has a program before it");
        Some(shown("run FILE", &program) + &shown("profile FILE", &program))
    });
    assert!(steps >= 5 && program.is_none(), "the tutorial has lost steps, or the last step its output");
}
