//! Bytes to structures and back; no state beyond one parse.
pub mod http1;
pub mod params;
