//! The command `everlink`.
fn main() {}
