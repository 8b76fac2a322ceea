//! Stepping over values.

use super::super::canonical::fault::{BadJson, Fault, unexpected};
use super::super::canonical::strings::end_of_plain_run;
use super::Reader;

impl<'a> Reader<'a> {
    /// Steps over a value of any depth, which is returned as it is spelled.
    ///
    /// # Errors
    ///
    /// Where it is not what RFC 8259 calls JSON. Members may come twice, and surrogates stand alone.
    pub fn skip(&mut self) -> Result<&'a str, BadJson> {
        self.peek();
        let start = self.at;
        // The brackets that are open, as those that close them.
        let mut open: Vec<u8> = Vec::new();
        loop {
            if !self.begin_value(&mut open)? {
                // An array or object has begun, and its first value is next.
                continue;
            }
            while let Some(&close) = open.last() {
                match self.peek() {
                    Some(b',') => {
                        self.step();
                        if close == b'}' {
                            self.skip_name()?;
                        }
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.step();
                        open.pop();
                    }
                    _ if close == b'}' => return Err(self.unexpected("',' or '}'")),
                    _ => return Err(self.unexpected("',' or ']'")),
                }
            }
            if open.is_empty() {
                return Ok(self.slice(start, self.at));
            }
        }
    }

    /// Steps over a value that somebody else reads, only as far as is needed to find its end: where this is not JSON, what
    /// is returned is not, either.
    pub fn skim(&mut self) -> Result<&'a str, BadJson> {
        let first = self.peek();
        let start = self.at;
        if !matches!(first, Some(b'{' | b'[')) {
            return self.skip();
        }
        let input = self.text.as_bytes();
        let mut depth = 0usize;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.skip_string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth = depth.saturating_add(1),
                Some(b'}' | b']') => depth = depth.saturating_sub(1),
                Some(_) => {}
                None => return Err(unexpected(input, self.at, "the end of the value")),
            }
            self.step();
            if depth == 0 {
                return Ok(self.slice(start, self.at));
            }
        }
    }

    /// Steps over a value that is no container, or an empty one, and says `true`; else up to the first value in it.
    fn begin_value(&mut self, open: &mut Vec<u8>) -> Result<bool, BadJson> {
        let close = match self.peek() {
            Some(b'"') => return self.skip_string().map(|()| true),
            Some(b'-' | b'0'..=b'9') => return self.skip_number().map(|()| true),
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => return self.skip_word().map(|()| true),
        };
        self.step();
        if self.peek() == Some(close) {
            self.step();
            return Ok(true);
        }
        open.push(close);
        if close == b'}' {
            self.skip_name()?;
        }
        Ok(false)
    }

    fn skip_name(&mut self) -> Result<(), BadJson> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member name"));
        }
        self.skip_string()?;
        self.expect(b':', "':'")
    }

    /// Steps over `null`, `true` or `false`.
    fn skip_word(&mut self) -> Result<(), BadJson> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let word = [&b"null"[..], b"true", b"false"].into_iter().find(|word| rest.starts_with(word));
        let word = word.ok_or_else(|| self.unexpected("a value"))?;
        self.at = self.at.saturating_add(word.len());
        Ok(())
    }

    /// Steps over a string (RFC 8259, 7), whose opening quote is next.
    fn skip_string(&mut self) -> Result<(), BadJson> {
        let input = self.text.as_bytes();
        self.step();
        loop {
            self.at = end_of_plain_run(input, self.at);
            let escape = input.get(self.at..).unwrap_or_default();
            match escape {
                [b'"', ..] => {
                    self.step();
                    return Ok(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
                    self.at = self.at.saturating_add(2);
                }
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
                {
                    self.at = self.at.saturating_add(6);
                }
                [b'\\', _, ..] => return Err(Fault::UnknownEscape.at(self.at)),
                [b'\\'] => return Err(unexpected(input, input.len(), "an escape")),
                [control, ..] => return Err(Fault::ControlCharacter(*control).at(self.at)),
                [] => return Err(self.unexpected("the end of the string")),
            }
        }
    }

    /// Steps over a number (RFC 8259, 6).
    fn skip_number(&mut self) -> Result<(), BadJson> {
        if self.byte() == Some(b'-') {
            self.step();
        }
        match self.byte() {
            // No digit follows a zero that leads.
            Some(b'0') => self.step(),
            _ => self.skip_digits()?,
        }
        if self.byte() == Some(b'.') {
            self.step();
            self.skip_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.step();
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    /// Steps over digits, of which there is at least one.
    fn skip_digits(&mut self) -> Result<(), BadJson> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        while let Some(b'0'..=b'9') = self.byte() {
            self.step();
        }
        Ok(())
    }
}
