//! Makes new inputs of old ones, as fuzzers do, from a seed that repeats them.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Inputs that were worth keeping, at most.
const POOL_MAX: usize = 512;

/// Changes to one input, at most.
const CHANGES_MAX: usize = 6;

/// Bytes and numbers at which readers go wrong.
const EDGES: [u8; 12] = [0, 1, 9, 10, 0x1f, 0x7f, 0x80, 0xc0, 0xc1, 0xdf, 0xfe, 0xff];

/// Inputs, and what further ones are made of.
#[derive(Debug, Clone)]
pub struct Mutator {
    pool: Vec<Vec<u8>>,
    words: &'static [&'static str],
    longest: usize,
}

impl Mutator {
    /// Begins with some inputs.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(seeds: Vec<Vec<u8>>, words: &'static [&'static str], longest: usize) -> Self {
        assert!(!seeds.is_empty(), "there is nothing to begin with");
        Self { pool: seeds, words, longest }
    }

    /// Makes an input.
    pub fn next(&self, random: &mut StdRng) -> Vec<u8> {
        let mut input = self.one(random).clone();
        for _ in 0..random.random_range(1..=CHANGES_MAX) {
            self.change(&mut input, random);
        }
        input.truncate(self.longest);
        input
    }

    /// Keeps an input that came further than most, to make more of it.
    pub fn keep(&mut self, input: Vec<u8>, random: &mut StdRng) {
        if self.pool.len() < POOL_MAX {
            self.pool.push(input);
        } else {
            let at = random.random_range(0..self.pool.len());
            self.pool[at] = input;
        }
    }

    fn one(&self, random: &mut StdRng) -> &Vec<u8> {
        &self.pool[random.random_range(0..self.pool.len())]
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut StdRng) {
        let at = random.random_range(0..=input.len());
        let length = random.random_range(0..=16.min(input.len() - at));
        match random.random_range(0..9) {
            0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            1 if at < input.len() => input[at] = EDGES[random.random_range(0..EDGES.len())],
            2 if at < input.len() => input[at] = random.random(),
            3 => drop(input.drain(at..at + length)),
            4 => {
                let piece = input[at..at + length].to_vec();
                let to = random.random_range(0..=input.len());
                input.splice(to..to, piece);
            }
            5 => {
                let other = self.one(random);
                let from = random.random_range(0..=other.len());
                let piece = other[from..other.len().min(from + 64)].to_vec();
                input.splice(at..at + length, piece);
            }
            6 => {
                // The rest of another input, as if two were one.
                let other = self.one(random);
                let from = random.random_range(0..=other.len());
                let rest = other[from..].to_vec();
                input.truncate(at);
                input.extend(rest);
            }
            7 if !self.words.is_empty() => {
                let word = self.words[random.random_range(0..self.words.len())];
                input.splice(at..at + length, word.bytes());
            }
            _ => {
                let bytes: Vec<u8> = (0..random.random_range(1..5)).map(|_| random.random()).collect();
                input.splice(at..at, bytes);
            }
        }
    }
}
