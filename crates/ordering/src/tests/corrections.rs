//! One test per correction to the protocol's text, each failing without its repair.
