//! What the fuzz targets do with an input, each a function from any bytes that panics at what is wrong.

pub mod arguments;
pub mod canonical;
pub mod records;
