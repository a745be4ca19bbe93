//! The negative control.
