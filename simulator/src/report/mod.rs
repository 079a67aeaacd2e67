//! Outcomes as people see them.
mod page;
mod plots;
mod table;

pub use page::page;
pub use table::{number, table};
