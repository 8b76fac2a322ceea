//! The digest that a file is known by.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// `sha256:` and the digest, in hex, of all that `bytes` gives. Reads it piece by piece, however long it is.
pub fn digest(mut bytes: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match bytes.read(&mut piece)? {
            0 => break,
            length => hasher.update(&piece[..length]),
        }
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{hex}"))
}
