//! One artifact and many inputs → many runs on all cores, with their outputs side by side.

use std::collections::BTreeMap;

use ndarray::{ArrayD, Axis, stack};
use tilewright_sim::Report;
use tilewright_syntax::Diagnostic;

use crate::fault::Fault;
use crate::parallel::{self, Progress};
use crate::{Array, Arrays, Artifact, NumberArrays, Numbers, Result, RunOptions};

/// The inputs of many runs. An array of its input's shape is the same in all runs; one with a dimension more, in front, has
/// an array for each run. Inputs without an array are random: run `k` has what the seed plus `k` gives.
///
/// ```
/// use tilewright::batch::{BatchInputs, BatchOptions};
/// use tilewright::{Array, Arrays, Options, Sources, compile};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "kernel k {
///     input x: i32[4]
///     input w: i32[4]
///     output y[i] = i8(x[i] + w[i])
/// }");
/// let artifact = compile(&sources, &Options::default()).unwrap();
/// let of = |shape: &[usize], value| Array::from_elem(shape, value);
/// let arrays = Arrays::from([("x".to_owned(), of(&[3, 4], 1)), ("w".to_owned(), of(&[4], 2))]);
///
/// let inputs = BatchInputs::new(&artifact, arrays, None).unwrap();
/// let batch = artifact.run_batch(&inputs, &BatchOptions::default(), &()).unwrap();
/// assert_eq!((inputs.runs(), batch.outputs["y"].clone()), (3, of(&[3, 4], 3)));
/// assert!(batch.faults.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct BatchInputs {
    runs: usize,
    seed: u64,
    arrays: BTreeMap<String, Given<i32>>,
    numbers: BTreeMap<String, Given<f64>>,
}

/// What is given for an input.
#[derive(Clone, Debug)]
enum Given<T> {
    Shared(ArrayD<T>),
    Each(ArrayD<T>),
}

impl<T: Clone> Given<T> {
    fn new(array: ArrayD<T>, rank: usize) -> Given<T> {
        if array.ndim() > rank { Given::Each(array) } else { Given::Shared(array) }
    }

    fn of_run(&self, run: usize) -> ArrayD<T> {
        match self {
            Given::Shared(array) => array.clone(),
            Given::Each(arrays) => arrays.index_axis(Axis(0), run).to_owned(),
        }
    }

    /// The runs that it has arrays for, if it counts them.
    fn runs(&self) -> Option<usize> {
        match self {
            Given::Shared(_) => None,
            Given::Each(arrays) => Some(arrays.len_of(Axis(0))),
        }
    }
}

impl BatchInputs {
    /// Inputs with a dimension more tell how many runs there are; `runs` has to agree with them, and is needed where there
    /// are none.
    ///
    /// # Errors
    /// Counts of runs that differ, and no count at all. The shapes themselves are checked when they are run.
    pub fn new(artifact: &Artifact, arrays: Arrays, runs: Option<usize>) -> Result<BatchInputs> {
        let rank = |name: &str| artifact.tensor(name).map_or(usize::MAX, |tensor| tensor.shape.len());
        let given = |(name, array): (String, Array)| {
            let rank = rank(&name);
            (name, Given::new(array, rank))
        };
        let arrays: BTreeMap<String, Given<i32>> = arrays.into_iter().map(given).collect();
        let counted = arrays.iter().filter_map(|(name, given)| Some((format!("input `{name}`"), given.runs()?)));
        let mut counts = counted.chain(runs.map(|runs| ("the batch".to_owned(), runs)));
        let Some((first, runs)) = counts.next() else { return Err(vec![no_count()]) };
        if let Some((other, found)) = counts.find(|(_, found)| *found != runs) {
            return Err(vec![disagree((&first, runs), (&other, found))]);
        }
        if runs == 0 {
            return Err(vec![no_count()]);
        }
        Ok(BatchInputs { runs, seed: 0, arrays, numbers: BTreeMap::new() })
    }

    /// Another seed for inputs without an array.
    pub fn with_seed(self, seed: u64) -> BatchInputs {
        BatchInputs { seed, ..self }
    }

    /// The numbers of inputs before they were quantised, for [`BatchOptions::float`]. They have the shapes of the arrays.
    ///
    /// # Errors
    /// Numbers with a dimension more that are not those of every run.
    ///
    /// ```
    /// # use tilewright::batch::BatchInputs;
    /// # use tilewright::{Array, Arrays, NumberArrays, Numbers, Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32.q4[4]
    /// #     output y[i] = sat8.q4(x[i])
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let arrays = Arrays::from([("x".to_owned(), Array::zeros(vec![3, 4]))]);
    /// let inputs = BatchInputs::new(&artifact, arrays, None).unwrap();
    /// let of_two = NumberArrays::from([("x".to_owned(), Numbers::zeros(vec![2, 4]))]);
    /// assert_eq!(inputs.with_numbers(&artifact, of_two).unwrap_err()[0].code, "E0629");
    /// ```
    pub fn with_numbers(self, artifact: &Artifact, numbers: NumberArrays) -> Result<BatchInputs> {
        let given = |(name, array): (String, Numbers)| {
            let rank = artifact.tensor(&name).map_or(usize::MAX, |tensor| tensor.shape.len());
            let given = Given::new(array, rank);
            match given.runs() {
                Some(runs) if runs != self.runs => {
                    Err(vec![disagree(("the batch", self.runs), (&format!("the array of numbers for `{name}`"), runs))])
                }
                _ => Ok((name, given)),
            }
        };
        let numbers = numbers.into_iter().map(given).collect::<Result<_>>()?;
        Ok(BatchInputs { numbers, ..self })
    }

    /// How many runs there are; at least one.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The first so many runs alone.
    pub fn first(self, runs: usize) -> BatchInputs {
        BatchInputs { runs: self.runs.min(runs.max(1)), ..self }
    }

    /// The inputs of one run, counted from 0.
    pub fn of_run(&self, artifact: &Artifact, run: usize) -> Arrays {
        let missing = artifact.inputs().filter(|input| !self.arrays.contains_key(&input.name));
        let seed = self.seed.wrapping_add(run as u64);
        let drawn = missing.map(|input| (input.name.clone(), artifact.random_input(&input.name, seed)));
        self.arrays.iter().map(|(name, given)| (name.clone(), given.of_run(run))).chain(drawn).collect()
    }

    /// The numbers of a run: those that are given, and else those that its integers denote.
    fn numbers_of_run(&self, artifact: &Artifact, arrays: &Arrays, run: usize) -> NumberArrays {
        let mut numbers = artifact.numbers(arrays);
        numbers.extend(self.numbers.iter().map(|(name, given)| (name.clone(), given.of_run(run))));
        numbers
    }
}

/// What a batch is to find out besides its outputs.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Whether every run is compared with the reference.
    pub verify: bool,
    /// Tensors whose values are returned, by the reference.
    pub stages: Vec<String>,
    /// Whether outputs and stages are computed in floating point as well.
    pub float: bool,
}

impl Default for BatchOptions {
    /// Verified, and nothing else.
    fn default() -> BatchOptions {
        BatchOptions { verify: true, stages: Vec::new(), float: false }
    }
}

/// Finished runs. Every array has the runs as its first dimension.
#[derive(Clone, Debug)]
pub struct BatchRun {
    /// How many runs these are: all of the batch, or as many of the first as there were when the progress said that it stops, at
    /// least one.
    pub runs: usize,
    pub outputs: Arrays,
    /// The values of the stages that were asked for.
    pub stages: Arrays,
    /// Outputs and stages in floating point, if that was asked for.
    pub in_float: NumberArrays,
    /// What the accelerator did in one run, which depends on no values.
    pub report: Report,
    /// The runs whose outputs are not to be relied on, from 0, in order.
    pub faults: Vec<(usize, Fault)>,
}

/// What is kept of one run.
struct One {
    outputs: Arrays,
    stages: Arrays,
    in_float: NumberArrays,
    report: Report,
    fault: Option<Fault>,
}

impl Artifact {
    /// Runs the program on many inputs, on all cores; `progress` is told of each run, and stops them.
    ///
    /// # Errors
    /// As [`Artifact::run`], and stages that the program does not have.
    pub fn run_batch(&self, inputs: &BatchInputs, options: &BatchOptions, progress: &dyn Progress) -> Result<BatchRun> {
        for name in &options.stages {
            self.stage(name)?;
        }
        self.fits_memory(inputs.runs())?;
        let runs: Vec<usize> = (0..inputs.runs()).collect();
        let all = parallel::map_until(&runs, "runs", progress, |run| self.one_of(inputs, options, *run));
        // Runs are begun in order, and what was begun is finished.
        let mut all = all.into_iter().map_while(|one| one).collect::<Result<Vec<One>>>()?;
        if all.is_empty() {
            all.push(self.one_of(inputs, options, 0)?);
        }
        let stages = options.stages.iter().map(String::as_str);
        let outputs: Vec<&str> = self.outputs().map(|output| output.name.as_str()).collect();
        let in_float =
            if options.float { [&outputs[..], &stages.clone().collect::<Vec<_>>()].concat() } else { Vec::new() };
        let faults = all.iter().enumerate().filter_map(|(run, one)| Some((run, one.fault.clone()?)));
        Ok(BatchRun {
            runs: all.len(),
            outputs: stacked(&all, outputs.iter().copied(), |one| &one.outputs),
            stages: stacked(&all, stages, |one| &one.stages),
            in_float: stacked(&all, in_float.into_iter(), |one| &one.in_float),
            faults: faults.collect(),
            report: all[0].report.clone(),
        })
    }

    fn one_of(&self, inputs: &BatchInputs, options: &BatchOptions, number: usize) -> Result<One> {
        let arrays = inputs.of_run(self, number);
        let run = self.run(&arrays, &RunOptions::default())?;
        let (mut fault, mut stages, mut in_float) = (None, Arrays::new(), NumberArrays::new());
        if options.verify || !options.stages.is_empty() {
            let mut reference = self.reference(&arrays)?;
            fault = run.fault(&reference).filter(|_| options.verify);
            stages = options.stages.iter().filter_map(|name| reference.remove_entry(name)).collect();
        }
        if options.float {
            in_float = self.reference_in_float(&inputs.numbers_of_run(self, &arrays, number))?;
            let is_kept = |name: &String| run.outputs.contains_key(name) || options.stages.contains(name);
            in_float.retain(|name, _| is_kept(name));
        }
        Ok(One { outputs: run.outputs, stages, in_float, report: run.report, fault })
    }
}

/// The arrays of all runs under each name, the runs as the first dimension.
fn stacked<'a, T: Clone>(
    all: &[One],
    names: impl Iterator<Item = &'a str>,
    of: impl Fn(&One) -> &BTreeMap<String, ArrayD<T>>,
) -> BTreeMap<String, ArrayD<T>> {
    let array = |name: &str| {
        let views: Vec<_> = all.iter().map(|one| of(one)[name].view()).collect();
        stack(Axis(0), &views).expect("the arrays of a tensor have one shape")
    };
    names.map(|name| (name.to_owned(), array(name))).collect()
}

fn no_count() -> Diagnostic {
    Diagnostic::error("E0642", "the number of runs of the batch is unknown")
        .note("no input has an array with a dimension more, in front, which counts runs")
        .help("specify it: `--batch 100`, or the number of runs of `BatchInputs`")
}

pub(crate) fn disagree((first, expected): (&str, usize), (other, found): (&str, usize)) -> Diagnostic {
    Diagnostic::error("E0629", format!("{other} has {found} runs, and {first} has {expected}"))
        .note("the first dimension of an array that has one more than its input counts runs")
        .help("all of them must agree; an array of its input's own shape is used in every run")
}
