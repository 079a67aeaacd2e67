//! Bytes to structures and back; no state beyond one parse.
pub mod fields;
pub mod http1;
pub mod multipart;
pub mod params;
