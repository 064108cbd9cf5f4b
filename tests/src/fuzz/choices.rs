//! Bytes as decisions: which of several things comes next. When they are used up, it is always the first.

/// What is left of the bytes.
#[derive(Debug, Clone)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Begins with all of them.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether they are used up.
    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below another.
    pub fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    /// Whether something is so.
    pub fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Some of several, in their order; at least one.
    pub fn some_of<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let bits = self.byte();
        let some: Vec<T> =
            all.iter().enumerate().filter(|(at, _)| bits >> (at % 8) & 1 == 1).map(|(_, one)| *one).collect();
        if some.is_empty() { vec![all[0]] } else { some }
    }

    /// A text of at most so many bytes.
    pub fn text(&mut self, most: usize) -> String {
        let length = self.below(most + 1).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    /// All that is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
