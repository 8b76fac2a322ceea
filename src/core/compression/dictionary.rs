//! Dictionaries: what results of one operation have in common, so that it need not be stored with each.

/// A dictionary of one operation of a namespace.
#[derive(Debug, PartialEq, Eq)]
pub struct Dictionary {
    number: u32,
    operation: Box<str>,
    bytes: Box<[u8]>,
}

impl Dictionary {
    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn operation(&self) -> &str {
        &self.operation
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
