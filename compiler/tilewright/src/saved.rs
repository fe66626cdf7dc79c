//! Artifacts ↔ bytes: the content of a `.twm` file.
//!
//! | bytes | |
//! |---|---|
//! | 0..8 | [`MAGIC`] |
//! | 8..12 | the version of the form, little-endian: [`VERSION`] |
//! | 12..20 | length of the rest in bytes, little-endian |
//! | 20..28 | checksum of the rest (FNV-1a, 64 bits), little-endian |
//! | 28.. | the content in CBOR: [`Saved`] |
//!
//! The content is the stream as it was compiled, with the origin of each instruction, the legal loop program as text, the
//! sources, and which kernel of them it is. Reading parses the loops and checks the kernel again, so what it means is what the
//! sources say; nothing is scheduled or legalised. Bytes that were made by no writer are refused; a content that contradicts
//! itself is too.

use ciborium::value::Value as Cbor;
use serde::{Deserialize, Serialize};
use tilewright_core::emit::{Segment, SegmentKind, Stream};
use tilewright_core::legalize::{Cx, LegalProgram, seal};
use tilewright_core::loops::ir::{BufferId, Origin, Stmt};
use tilewright_core::loops::parse::parse;
use tilewright_core::loops::print::{PrintOptions, print};
use tilewright_core::pipeline;
use tilewright_isa::{Codec, Config};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::artifact::{Meaning, Parts};
use crate::source_map::SourceMap;
use crate::{Artifact, LoopSource, Options, Result, TensorInfo};

/// What a file of an artifact begins with. The bytes after the name show files that were taken for text on their way.
pub const MAGIC: [u8; 8] = *b"\x89twm\r\n\x1a\n";

/// The version of the form. A change of the content is a new one.
pub const VERSION: u32 = 2;

const HEADER: usize = 28;

/// What is saved of an artifact.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// Names and texts.
    sources: Vec<(String, String)>,
    file: u32,
    meaning: SavedMeaning,
    schedule: String,
    /// As configuration files have it.
    config: String,
    legal: String,
    #[serde(with = "bytes")]
    insns: Vec<u8>,
    #[serde(with = "bytes")]
    uops: Vec<u8>,
    /// Name, address and bytes; the micro-ops have no name.
    segments: Vec<(Option<String>, u32, u64)>,
    statements: Vec<Option<u32>>,
    /// Of each instruction its tensor's line, the directive, and the number of the call.
    origins: Vec<(Option<SavedSpan>, Option<SavedSpan>, u32)>,
    map: SavedMap,
}

/// What the program computes.
#[derive(Debug, Serialize, Deserialize)]
enum SavedMeaning {
    /// A kernel or a program of the file, with these parameters.
    Kernel { params: Vec<(String, i64)>, program: Option<String>, schedule: Option<String> },
    /// What the file says, which is a loop program.
    Loops,
}

/// File, start and end.
type SavedSpan = (u32, u32, u32);

#[derive(Debug, Serialize, Deserialize)]
struct SavedMap {
    kernels: Vec<SavedSpan>,
    schedules: Vec<SavedSpan>,
    copies: Vec<(SavedSpan, SavedSpan)>,
    alternatives: Vec<String>,
}

/// Byte strings instead of lists of numbers.
mod bytes {
    use super::Cbor;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        Cbor::Bytes(bytes.to_vec()).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Cbor::deserialize(from)?.into_bytes().map_err(|_| D::Error::custom("bytes are expected"))
    }
}

impl Artifact {
    /// The artifact as one file, with its sources, so that a profile can charge their lines.
    ///
    /// ```
    /// use tilewright::{Artifact, Options, RunOptions, Sources, compile};
    ///
    /// let mut sources = Sources::default();
    /// sources.add("k.tw", "kernel k {
    ///     input x: i32[16]
    ///     output y[i] = i8(x[i] + 1)
    /// }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let bytes = artifact.to_bytes().unwrap();
    ///
    /// let read = Artifact::from_bytes(&bytes).unwrap();
    /// assert_eq!(read.stream(), artifact.stream());
    /// let inputs = read.random_inputs(0);
    /// let run = read.run(&inputs, &RunOptions::default()).unwrap();
    /// assert_eq!(run.fault(&read.reference(&inputs).unwrap()), None);
    /// assert_eq!(Artifact::from_bytes(&bytes[..99]).unwrap_err()[0].code, "E0667");
    /// ```
    ///
    /// # Errors
    /// An artifact that [`Artifact::of_front`] or its like made of a part of a file (E0668): nothing says which part.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        ciborium::into_writer(&self.saved()?, &mut content).expect("memory can be written to");
        let mut file = Vec::with_capacity(HEADER + content.len());
        file.extend(MAGIC);
        file.extend(VERSION.to_le_bytes());
        file.extend((content.len() as u64).to_le_bytes());
        file.extend(checksum(&content).to_le_bytes());
        file.extend(content);
        Ok(file)
    }

    /// Reads an artifact.
    ///
    /// # Errors
    /// Bytes that are no artifact (E0665), one of another version (E0666), or one that is damaged (E0667).
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact> {
        let content = content(bytes).map_err(|error| vec![error])?;
        let saved: Saved = ciborium::from_reader(content).map_err(|error| damaged(&error.to_string()))?;
        saved.artifact()
    }

    fn saved(&self) -> Result<Saved> {
        let inner = &self.0;
        let stream = &inner.stream;
        let segment = |s: &Segment| {
            let name = matches!(s.kind, SegmentKind::Tensor(_)).then(|| s.name.clone());
            (name, s.address, s.bytes as u64)
        };
        let options = inner.options.as_ref().ok_or_else(|| {
            let error =
                Diagnostic::error("E0668", format!("`{}` cannot be saved: it is a part of its file", self.name()));
            vec![error.help("compile it with `compile`, whose options name it")]
        })?;
        Ok(Saved {
            sources: inner.sources.files().map(|file| (file.name.clone(), file.text.clone())).collect(),
            file: options.file.0,
            meaning: match &inner.meaning {
                Meaning::Kernel(_) => SavedMeaning::Kernel {
                    params: options.params.clone(),
                    program: options.program.clone(),
                    schedule: options.schedule.clone(),
                },
                Meaning::Loops(_) => SavedMeaning::Loops,
            },
            schedule: inner.schedule.clone(),
            config: stream.config.to_json().to_string(),
            legal: print(inner.legal.program(), &PrintOptions::default()),
            insns: Codec::new(&stream.config).encode_stream(&stream.insns).expect("what is emitted can be encoded"),
            uops: stream.uop_bytes().expect("what is emitted can be encoded"),
            segments: stream.segments.iter().map(segment).collect(),
            statements: stream.statements.clone(),
            origins: stream
                .origins
                .iter()
                .map(|o| (o.tensor.map(saved_span), o.directive.map(saved_span), o.call))
                .collect(),
            map: SavedMap {
                kernels: inner.map.kernels.iter().copied().map(saved_span).collect(),
                schedules: inner.map.schedules.iter().copied().map(saved_span).collect(),
                copies: inner.map.copies.iter().map(|(a, b)| (saved_span(*a), saved_span(*b))).collect(),
                alternatives: inner.map.alternatives.clone(),
            },
        })
    }
}

impl Saved {
    fn artifact(self) -> Result<Artifact> {
        let config = Config::from_json(&self.config).map_err(|error| damaged(&error.to_string()))?;
        let mut sources = Sources::default();
        for (name, text) in &self.sources {
            sources.add(name.clone(), text.clone());
        }
        let (file, in_range) = (FileId(self.file), (self.file as usize) < self.sources.len());
        if !in_range {
            return Err(damaged("it names no source"));
        }
        let span = |saved: &SavedSpan| self.span(*saved);
        let map = SourceMap {
            kernels: self.map.kernels.iter().map(span).collect::<Result<_>>()?,
            schedules: self.map.schedules.iter().map(span).collect::<Result<_>>()?,
            copies: self.map.copies.iter().map(|(a, b)| Ok((span(a)?, span(b)?))).collect::<Result<_>>()?,
            alternatives: self.map.alternatives.clone(),
        };
        let (options, meaning) = self.meaning(&sources, file, config)?;
        let program = parse(FileId::default(), &self.legal).map_err(|error| damaged(&error.to_string()))?;
        let legal = seal(program, &Cx { config }).map_err(|error| damaged(&error.to_string()))?;
        let stream = self.stream(config, &legal)?;
        belong_together(&meaning, &legal, &stream)?;
        let (options, schedule, warnings) = (Some(options), self.schedule, Vec::new());
        Ok(Artifact::of_parts(Parts { sources, options, meaning, schedule, warnings, map, legal, stream }))
    }

    /// What it computes, from the sources.
    fn meaning(&self, sources: &Sources, file: FileId, config: Config) -> Result<(Options, Meaning)> {
        let options = Options { file, config, ..Options::default() };
        match &self.meaning {
            SavedMeaning::Loops => {
                let source = LoopSource::read(sources, file).map_err(|errors| damaged(&errors[0].message))?;
                Ok((options, Meaning::Loops(Box::new(source.program))))
            }
            SavedMeaning::Kernel { params, program, schedule } => {
                let (params, program, schedule) = (params.clone(), program.clone(), schedule.clone());
                let options = Options { params, program, schedule, ..options };
                let kernel =
                    pipeline::kernel(&options.request(sources)).map_err(|errors| damaged(&errors[0].message))?;
                Ok((options, Meaning::Kernel(Box::new(kernel))))
            }
        }
    }

    fn span(&self, (file, start, end): SavedSpan) -> Result<Span> {
        let text = self.sources.get(file as usize).map(|(_, text)| text);
        match text.and_then(|text| text.get(start as usize..end as usize)) {
            Some(_) => Ok(Span { file: FileId(file), start, end }),
            None => Err(damaged("a place is outside of its source")),
        }
    }

    fn stream(&self, config: Config, legal: &LegalProgram) -> Result<Stream> {
        let codec = Codec::new(&config);
        let insns = codec.decode_stream(&self.insns).map_err(|error| damaged(&error.to_string()))?;
        let (words, rest) = self.uops.as_chunks::<4>();
        let uops = words.iter().map(|word| codec.decode_uop(u32::from_le_bytes(*word))).collect::<Vec<_>>();
        let segment = |(name, address, bytes): &(Option<String>, u32, u64)| {
            let buffers = &legal.program().buffers;
            let kind = match name {
                None => Some(SegmentKind::Uops).filter(|_| *bytes == self.uops.len() as u64),
                Some(name) => {
                    let at = buffers.iter().position(|buffer| buffer.name == *name);
                    let fits = |at: &usize| {
                        let buffer = &buffers[*at];
                        buffer.shape.iter().product::<i64>() * buffer.dtype.bytes() as i64 == *bytes as i64
                    };
                    at.filter(fits).map(|at| SegmentKind::Tensor(BufferId(at as u32)))
                }
            };
            let kind = kind.ok_or_else(|| damaged("a segment is that of no buffer"))?;
            let name = name.clone().unwrap_or_else(|| "micro-ops".to_owned());
            Ok(Segment { name, address: *address, bytes: *bytes as usize, kind })
        };
        let segments = self.segments.iter().map(segment).collect::<Result<Vec<_>>>()?;
        if !rest.is_empty() || self.statements.len() != insns.len() || self.origins.len() != insns.len() {
            return Err(damaged("its parts do not belong together"));
        }
        let place = |place: &Option<SavedSpan>| place.map(|saved| self.span(saved)).transpose();
        let origin = |(tensor, directive, call): &(Option<SavedSpan>, Option<SavedSpan>, u32)| {
            Ok(Origin { tensor: place(tensor)?, directive: place(directive)?, call: *call })
        };
        let origins = self.origins.iter().map(origin).collect::<Result<_>>()?;
        Ok(Stream { config, segments, uops, insns, statements: self.statements.clone(), origins })
    }
}

/// Refuses a stream whose arrays are not those of the loops, and loops whose arrays are not those of what is computed.
fn belong_together(meaning: &Meaning, legal: &LegalProgram, stream: &Stream) -> Result<()> {
    let tensors = meaning.tensors();
    let in_memory: Vec<TensorInfo> = legal.program().buffers.iter().filter_map(TensorInfo::of_buffer).collect();
    let is_tensor = |found: &TensorInfo| {
        let alike = |tensor: &TensorInfo| {
            (&tensor.name, tensor.role, &tensor.shape) == (&found.name, found.role, &found.shape)
                && tensor.format.dtype == found.format.dtype
        };
        tensors.iter().any(alike)
    };
    let has_segment = |tensor: &&TensorInfo| stream.segments.iter().filter(|s| s.name == tensor.name).count() == 1;
    let written = tensors
        .iter()
        .filter(|tensor| tensor.is_output())
        .all(|output| in_memory.iter().any(|t| t.name == output.name));
    let statements = count(&legal.program().body);
    let known = stream.statements.iter().flatten().all(|statement| u64::from(*statement) < statements);
    match written && known && in_memory.iter().all(|t| is_tensor(t) && has_segment(&t)) {
        true => Ok(()),
        false => Err(damaged("its parts do not belong together")),
    }
}

/// The statements that become instructions.
fn count(stmts: &[Stmt]) -> u64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::For(inner) => count(&inner.body),
        Stmt::Alloc { .. } => 0,
        _ => 1,
    };
    stmts.iter().map(of).sum()
}

fn saved_span(span: Span) -> SavedSpan {
    (span.file.0, span.start, span.end)
}

/// The content after the header, as it was written.
fn content(bytes: &[u8]) -> std::result::Result<&[u8], Diagnostic> {
    let whole = |at: usize| bytes.get(at..at + 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    if bytes.len() < MAGIC.len() || bytes[..MAGIC.len()] != MAGIC {
        let error = Diagnostic::error("E0665", "this is not an artifact of Tilewright");
        return Err(error.help("`tilewright build FILE -o x.twm` makes one"));
    }
    let version = bytes.get(8..12).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let cut = || damaged("it ends too early").remove(0);
    let version = version.ok_or_else(cut)?;
    if version != VERSION {
        let message = format!("the artifact has version {version}, and this is a Tilewright of version {VERSION}");
        return Err(Diagnostic::error("E0666", message).help("build it again from its sources"));
    }
    let (length, expected) = whole(12).zip(whole(20)).ok_or_else(cut)?;
    let content = &bytes[HEADER..];
    match content.len() as u64 {
        found if found < length => return Err(cut()),
        found if found > length => return Err(damaged("there are bytes after its end").remove(0)),
        _ => {}
    }
    if checksum(content) != expected {
        return Err(damaged("its bytes were changed").remove(0));
    }
    Ok(content)
}

/// FNV-1a of 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn damaged(reason: &str) -> Vec<Diagnostic> {
    let error = Diagnostic::error("E0667", "the artifact is damaged");
    vec![error.note(reason.to_owned()).help("build it again from its sources")]
}
