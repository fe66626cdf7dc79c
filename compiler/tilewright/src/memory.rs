//! Device memory of a program's runs, and the machines that ran: a [`Memory`] knows what stands where before a run, and
//! [`Machines`] keeps machines between runs, so that a run takes no memory of its own.

use std::sync::Mutex;

use tilewright_core::emit::image::{ImageError, Packing, constant_bytes, unwritten_bytes};
use tilewright_core::emit::{SegmentKind, Stream};
use tilewright_core::legalize::LegalProgram;
use tilewright_core::loops::ir::Role;
use tilewright_isa::Config;
use tilewright_sim::{Dram, Segment, Simulator};
use tilewright_syntax::Diagnostic;

use crate::fault::internal_error;
use crate::{Arrays, Result};

/// What device memory holds where the program has not written yet, so that an element that it leaves out is no zero by
/// chance.
const UNWRITTEN: i32 = i32::from_ne_bytes([0xA5; 4]);

/// What stands where in device memory.
#[derive(Debug)]
pub(crate) struct Memory {
    /// In the order of the stream.
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// Address and length, in bytes.
    address: u64,
    bytes: usize,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    /// The same in every run before it begins: micro-ops, constants, and temporaries.
    Fixed(Vec<u8>),
    Input(String, Packing),
    /// Written by the program before it reads it, with its bytes before that.
    Output(String, Packing, Vec<u8>),
}

impl Memory {
    pub(crate) fn new(stream: &Stream, legal: &LegalProgram) -> Result<Memory> {
        let mut places = Vec::new();
        for segment in &stream.segments {
            let holds = match segment.kind {
                SegmentKind::Uops => Holds::Fixed(stream.uop_bytes().map_err(|e| broken(e.code(), &e))?),
                SegmentKind::Tensor(id) => {
                    let buffer = legal.program().buffer(id);
                    match (buffer.role, constant_bytes(buffer)) {
                        (_, Some(bytes)) => Holds::Fixed(bytes),
                        (Role::Input, None) => Holds::Input(buffer.user_name().to_string(), Packing::new(buffer)),
                        (Role::Output, None) => {
                            let unwritten = unwritten_bytes(buffer, UNWRITTEN);
                            Holds::Output(buffer.name.clone(), Packing::new(buffer), unwritten)
                        }
                        _ => Holds::Fixed(unwritten_bytes(buffer, UNWRITTEN)),
                    }
                }
            };
            places.push(Place { address: segment.address.into(), bytes: segment.bytes, holds });
        }
        Ok(Memory { places })
    }

    /// Brings device memory into its state before a run.
    fn fill(&self, inputs: &Arrays, dram: &mut Dram) -> Result<()> {
        for place in &self.places {
            let bytes = dram.write(place.address, place.bytes).ok_or_else(|| missing(place))?;
            match &place.holds {
                Holds::Fixed(fixed) | Holds::Output(_, _, fixed) => bytes.copy_from_slice(fixed),
                Holds::Input(name, packing) => packing.pack(&inputs[name], bytes).map_err(image)?,
            }
        }
        Ok(())
    }

    /// The arrays of the outputs.
    pub(crate) fn outputs(&self, dram: &Dram) -> Result<Arrays> {
        let mut outputs = Arrays::new();
        for place in &self.places {
            if let Holds::Output(name, packing, _) = &place.holds {
                let bytes = dram.read(place.address, place.bytes).ok_or_else(|| missing(place))?;
                outputs.insert(name.clone(), packing.unpack(bytes).map_err(image)?);
            }
        }
        Ok(outputs)
    }

    /// All segments back to back, as recordings have them.
    pub(crate) fn image(&self, dram: &Dram) -> Vec<u8> {
        let bytes = self.places.iter().flat_map(|place| dram.read(place.address, place.bytes));
        bytes.flatten().copied().collect()
    }
}

fn missing(place: &Place) -> Vec<Diagnostic> {
    broken("E0463", &format!("there is no device memory at {:#x}", place.address))
}

fn image(error: ImageError) -> Vec<Diagnostic> {
    broken(error.code(), &error)
}

fn broken(code: &'static str, error: &dyn std::fmt::Display) -> Vec<Diagnostic> {
    vec![internal_error(Diagnostic::error(code, error.to_string()))]
}

/// A machine with its device memory.
#[derive(Debug)]
pub(crate) struct Machine {
    pub simulator: Simulator,
    pub dram: Dram,
}

impl Machine {
    fn new(config: &Config, memory: &Memory) -> Result<Machine> {
        let segment = |place: &Place| Segment { address: place.address, bytes: vec![0; place.bytes] };
        let dram = Dram::new(memory.places.iter().map(segment).collect()).map_err(|e| broken(e.code(), &e))?;
        let simulator = Simulator::new(config).map_err(|e| vec![Diagnostic::error(e.code(), e.to_string())])?;
        Ok(Machine { simulator, dram })
    }
}

/// Machines that are not at work.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    idle: Mutex<Vec<Machine>>,
}

impl Machines {
    /// Lets a machine work that is as after power-on, with its device memory as before a run. There are as many machines as
    /// were ever at work at a time; one that fails is not used again.
    pub(crate) fn with<R, E: From<Vec<Diagnostic>>>(
        &self,
        config: &Config,
        memory: &Memory,
        inputs: &Arrays,
        work: impl FnOnce(&mut Machine) -> std::result::Result<R, E>,
    ) -> std::result::Result<R, E> {
        let idle = || self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let idle_one = idle().pop();
        let mut machine = match idle_one {
            Some(mut machine) => {
                machine.simulator.reset();
                machine
            }
            None => Machine::new(config, memory)?,
        };
        memory.fill(inputs, &mut machine.dram)?;
        let result = work(&mut machine)?;
        idle().push(machine);
        Ok(result)
    }
}
