//! The examples, from source to the legal loop program, against the reference evaluation.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use tilewright_core::loops::interpret::{Arrays, Core, interpret};
use tilewright_core::loops::{build, print};
use tilewright_core::pipeline::{Request, front, legalize};
use tilewright_core::tensor::evaluate;
use tilewright_isa::Config;
use tilewright_syntax::{Sources, render};

fn agree(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("example.tw", text);
    let config = Config::default();
    let fail = |d: Vec<tilewright_syntax::Diagnostic>| -> ! {
        panic!("{}", d.iter().map(|d| render(d, &sources, false)).collect::<Vec<_>>().join("\n"))
    };
    let front = front(&Request { sources: &sources, file, params: &[], schedule: None, config: &config })
        .unwrap_or_else(|e| fail(e));
    let schedule = front.schedule(&mut |_| {}).unwrap_or_else(|e| fail(e));
    let loops = build(&schedule).unwrap_or_else(|e| fail(vec![e.diagnostic()]));
    let mut inputs = Vec::new();
    let mut arrays: Arrays = BTreeMap::new();
    let mut next = 1_u32;
    for id in front.kernel.ids().filter(|id| front.kernel.tensor(*id).is_input()) {
        let tensor = front.kernel.tensor(id);
        let shape: Vec<usize> = tensor.shape.iter().map(|n| *n as usize).collect();
        let array = ArrayD::from_shape_fn(IxDyn(&shape), |_| {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (next >> 24) as u8 as i8 as i32
        });
        arrays.insert(tensor.name.clone(), array.clone());
        inputs.push((id, array));
    }
    let expected = evaluate(&front.kernel, &inputs).unwrap();
    let core = Core { batch: 1, block_in: 16, block_out: 16 };
    println!("{}", print::print(&loops, &Default::default()));
    let from_loops = interpret(&loops, core, &arrays).unwrap();
    let mut last = String::new();
    let legal = legalize(loops, front.cx(), &mut |pass| {
        last = print::print(pass.program, &Default::default());
        println!("-- {}\n{last}", pass.name);
        assert_eq!(pass.broken_rules(), Vec::<String>::new(), "after {}", pass.name);
        let found = interpret(pass.program, core, &arrays).unwrap();
        assert_eq!(found, from_loops, "after {}", pass.name);
    })
    .unwrap_or_else(|e| fail(vec![e.diagnostic()]));
    for id in front.kernel.ids().filter(|id| front.kernel.tensor(*id).output) {
        assert_eq!(&from_loops[&front.kernel.tensor(id).name], expected.get(id));
    }
    drop(legal);
    last
}

#[test]
fn matmul() {
    agree(include_str!("../../../dsl-examples/matmul.tw"));
}

#[test]
fn matmul_tiles() {
    agree(include_str!("../../../dsl-examples/matmul_tiles.tw"));
}
