//! Outcomes as people see them.
mod table;

pub use table::{number, table};
