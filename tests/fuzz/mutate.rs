//! Good inputs → spoiled ones: bytes, words and lines are changed, removed, repeated and exchanged between inputs.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers and signs at which things break.
const WORDS: [&str; 26] = [
    "0",
    "1",
    "-1",
    "2",
    "16",
    "255",
    "256",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "..",
    "\"",
    "\n",
    "\u{1b}",
    "é",
    "null",
    "1e999",
];

/// Draws inputs; equal names and seeds draw equal ones.
pub struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: ChaCha8Rng,
}

impl<'a> Mutator<'a> {
    pub fn new(name: &str, seeds: &'a [Vec<u8>]) -> Mutator<'a> {
        let mut seed = [0; 32];
        seed.iter_mut().zip(name.bytes()).for_each(|(seed, byte)| *seed = byte);
        Mutator { seeds, random: ChaCha8Rng::from_seed(seed) }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end.max(1) as u64) as usize
    }

    /// An input that differs from a good one in a few places.
    pub fn draw(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..1 + self.below(4) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.below(8) {
            0 => {
                let at = self.below(input.len());
                let byte = self.random.next_u64() as u8;
                input.splice(at..(at + 1).min(input.len()), [byte]);
            }
            1 => {
                let word = WORDS[self.below(WORDS.len())];
                let at = self.below(input.len() + 1);
                input.splice(at..at, word.bytes());
            }
            2 => {
                let number = self.word(input);
                let word = WORDS[self.below(WORDS.len())];
                input.splice(number, word.bytes());
            }
            3 => {
                let word = self.word(input);
                let other = self.word(input);
                let bytes = input[other].to_vec();
                input.splice(word, bytes);
            }
            4 => drop(input.drain(self.line(input))),
            5 => {
                let (line, other) = (self.line(input), self.line(input));
                let bytes = input[line].to_vec();
                input.splice(other.start..other.start, bytes);
            }
            6 => {
                let seed = self.below(self.seeds.len());
                let other = self.seeds[seed].clone();
                let (line, at) = (self.line(&other), self.line(input).start);
                input.splice(at..at, other[line].iter().copied());
            }
            _ => input.truncate(self.below(input.len() + 1)),
        }
    }

    /// A word or a number of the input.
    fn word(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let at = self.below(input.len());
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let start = input[..at].iter().rposition(|byte| !is_word(byte)).map_or(0, |before| before + 1);
        let length = input[start..].iter().take_while(|byte| is_word(byte)).count();
        start..start + length
    }

    /// A line of the input, its end included.
    fn line(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let at = self.below(input.len());
        let start = input[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
        let end = input[at..].iter().position(|byte| *byte == b'\n').map_or(input.len(), |length| at + length + 1);
        start..end.max(start)
    }
}
