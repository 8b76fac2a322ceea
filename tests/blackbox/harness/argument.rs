//! Command arguments: anything that has bytes on the wire.

/// A value that can stand as a command's argument.
pub trait Argument {
    /// The bytes as they are sent; numbers in decimal.
    fn wire_bytes(&self) -> Vec<u8>;
}

impl<T: Argument + ?Sized> Argument for &T {
    fn wire_bytes(&self) -> Vec<u8> {
        (**self).wire_bytes()
    }
}

macro_rules! as_bytes {
    ($($kind:ty),*) => { $(impl Argument for $kind {
        fn wire_bytes(&self) -> Vec<u8> {
            AsRef::<[u8]>::as_ref(self).to_vec()
        }
    })* };
}

macro_rules! in_decimal {
    ($($kind:ty),*) => { $(impl Argument for $kind {
        fn wire_bytes(&self) -> Vec<u8> {
            self.to_string().into_bytes()
        }
    })* };
}

as_bytes!(str, String, [u8], Vec<u8>);
in_decimal!(i32, i64, u16, u64, usize);

impl<const N: usize> Argument for [u8; N] {
    fn wire_bytes(&self) -> Vec<u8> {
        self.to_vec()
    }
}

/// A command as a list of byte arguments: `args!["SET", key, 7]`.
#[macro_export]
macro_rules! args {
    ($($argument:expr),* $(,)?) => {
        Vec::<Vec<u8>>::from([$($crate::harness::Argument::wire_bytes(&$argument)),*])
    };
}

/// Sends one command and returns its reply: `call!(client, "PEXPIRETIME", key)`.
#[macro_export]
macro_rules! call {
    ($client:expr, $($argument:expr),+ $(,)?) => {{
        // First, since an argument may itself be asked of the client.
        let command = $crate::args![$($argument),+];
        $client.call(&command)
    }};
}

/// Sends one subcommand of `CACHE.RESULT` and returns its reply: `cache!(client, "GET", ns, operation, params)`.
#[macro_export]
macro_rules! cache {
    ($client:expr, $($argument:expr),+ $(,)?) => {
        $crate::call!($client, "CACHE.RESULT", $($argument),+)
    };
}
