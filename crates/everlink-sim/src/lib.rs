//! everlink simulator.
