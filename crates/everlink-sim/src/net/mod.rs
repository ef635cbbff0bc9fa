//! The network between the machines.

pub(crate) mod damage;
pub(crate) mod fabric;
pub(crate) mod link;
pub(crate) mod rule;
