//! The command as its users meet it: arguments and files in; standard output, standard error, exit status and files out.

mod accuracy;
mod approx;
mod artifacts;
mod batch;
mod bench;
mod bisect;
mod errors;
mod floats;
mod forms;
mod kept;
mod large;
mod lower;
mod lstm;
mod pictures;
mod profile;
mod recordings;
mod run;
mod several;
mod support;
mod sweep;
mod tests;
mod texts;
mod timing;
