//! Where the module under test lies.

use std::env;
use std::path::PathBuf;

const FILE: &str = "libredis_result_cache.so";

/// The module's library: what `RESULT_CACHE_MODULE` says, else the newer of those beside the test binary
/// (`target/<profile>/deps`) and one folder up.
pub fn path() -> PathBuf {
    if let Some(path) = env::var_os("RESULT_CACHE_MODULE") {
        let path = PathBuf::from(path);
        let whole = path.canonicalize();
        return whole.unwrap_or_else(|error| panic!("RESULT_CACHE_MODULE is {}: {error}", path.display()));
    }
    let test_binary = env::current_exe().expect("a test binary knows where it is");
    let candidates = test_binary.ancestors().skip(1).take(2).map(|folder| folder.join(FILE));
    candidates
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .unwrap_or_else(|| panic!("no {FILE} beside {}: run `make build` first", test_binary.display()))
        .1
}
